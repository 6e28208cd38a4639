"""The latent plane of notebook 00: all digits can be told apart."""

import numpy as np
from matplotlib.collections import LineCollection

from vae_lessons.start_here.figures import SHAPES, own_places, plane_growth


def growth():
    random = np.random.default_rng(1)
    return {"codes": random.normal(size=(1, 50, 2)), "labels": random.integers(0, 10, 50)}


def test_numerals_away_from_their_class_are_tied_to_it():
    """Classes in the same place have their numerals beside it, connected by lines."""
    data = growth()
    crowded, apart = data["codes"][0], data["codes"][0] + 6 * data["labels"][:, None]
    for codes, tied in ((crowded, True), (apart, False)):
        fig = plane_growth(codes[None], data["labels"], [0], "")
        (leaders,) = (c for c in fig.axes[0].collections if isinstance(c, LineCollection))
        places = own_places(codes, data["labels"])
        assert bool(leaders.get_segments()) == tied
        for line in leaders.get_segments():
            assert any(np.allclose(line[0], place) for place in places)


def test_a_class_is_labelled_where_it_is_the_most_frequent():
    """The numeral is not at the class median if other digits are more frequent there."""
    random = np.random.default_rng(0)
    eights, hidden, alone = (random.normal(at, 0.1, (n, 2))
                             for at, n in (((0, 0), 90), ((0, 0), 40), ((-2, 1), 20)))
    codes, labels = np.concatenate([eights, hidden, alone]), np.repeat([8, 5], [90, 60])
    places = own_places(codes, labels)
    np.testing.assert_allclose(places[5], np.median(alone, axis=0))
    np.testing.assert_allclose(places[8], np.median(eights, axis=0))
    buried = own_places(codes[:130], labels[:130])
    np.testing.assert_allclose(buried[5], np.median(hidden, axis=0))


def test_digits_of_like_colours_differ_in_shape():
    assert len({id(SHAPES[digit]) for digit in (1, 4, 7)}) == 3
    assert SHAPES[5] is not SHAPES[8] and SHAPES[1] is not SHAPES[9]
    fig = plane_growth(np.eye(10, 2)[None], np.arange(10), [0], "")
    paths = fig.axes[0].collections[0].get_paths()
    assert [path.vertices.tolist() for path in paths] == [s.vertices.tolist() for s in SHAPES]
