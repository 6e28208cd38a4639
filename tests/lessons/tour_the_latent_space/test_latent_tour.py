"""Notebook 09's functions: paths, grids, densities and probes, and what its studies measure."""

import math
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers import data, models, runs
from vae_helpers.files import CACHE_VARIABLE
from vae_lessons.tour_the_latent_space import lab, measures, summaries
from vae_lessons.train_live import tensorboard
from vae_lessons.train_live.tensorboard import LogError, open_projector

NOTEBOOK = Path(__file__).resolve().parents[3] / "notebooks" / "09_tour_the_latent_space.ipynb"


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_grid_s_places_have_equal_probability_between_them():
    places = lab.quantile_grid(9)
    steps = torch.special.ndtr(places).diff()
    assert steps.tolist() == pytest.approx([1 / 9] * 8)
    assert places[4] == pytest.approx(0, abs=1e-12) and places.tolist() == pytest.approx(
        (-places.flip(0)).tolist()
    )


def test_codes_are_counted_in_the_cells_where_they_lie():
    line = lab.quantile_grid(3)
    codes = torch.tensor(
        [[line[0], line[2]], [line[0], line[2]], [line[2], line[1]], [99.0, -99.0]]
    )
    assert lab.cell_counts(codes, 3).tolist() == [[2, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_draws_of_the_prior_fill_every_cell_alike():
    counts = lab.cell_counts(draws(100_000, 2), 10)
    assert counts.sum() == 100_000 and 850 < counts.min() and counts.max() < 1150


def test_the_arc_meets_its_ends_and_turns_evenly():
    first, second = draws(5, 4), 3 * draws(5, 4, seed=1)
    assert torch.allclose(lab.slerp(first, second, 0.0), first)
    assert torch.allclose(lab.slerp(first, second, 1.0), second)
    unit = first / first.norm(dim=1, keepdim=True), second / second.norm(dim=1, keepdim=True)
    third = lab.slerp(*unit, 1 / 3)
    assert torch.allclose(third.norm(dim=1), torch.ones(5, dtype=torch.float64))
    whole, part = ((unit[0] * other).sum(1).acos() for other in (unit[1], third))
    assert torch.allclose(part, whole / 3)


def test_a_move_sets_one_component_and_leaves_the_others():
    codes, direction = draws(6, 4), draws(4, seed=1)
    direction = direction / direction.norm()
    moved = lab.set_along(codes, direction, -3.0)
    assert torch.allclose(moved @ direction, torch.full((6,), -3.0, dtype=torch.float64))
    others = torch.eye(4, dtype=torch.float64) - torch.outer(direction, direction)
    assert torch.allclose(moved @ others, codes @ others)


def test_codes_spread_as_the_prior_is_are_as_dense_as_it():
    zero = torch.zeros(7, 3, dtype=torch.float64)
    assert torch.allclose(lab.log_prior_ratio(draws(9, 3), zero, zero),
                          torch.zeros(9, dtype=torch.float64), atol=1e-12)


def test_the_density_of_codes_is_the_average_of_theirs():
    z, mean, logvar = draws(6, 3), draws(5, 3, seed=1), draws(5, 3, seed=2)
    q = torch.distributions.Normal(mean, (0.5 * logvar).exp()).log_prob(z[:, None]).sum(-1)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    expected = torch.logsumexp(q, 1) - math.log(5) - prior
    assert torch.allclose(lab.log_prior_ratio(z, mean, logvar), expected)


def stroke(lean, width=1.5, right=14.0):
    """A soft stroke [1, 28, 28] that leans to the right by `lean` pixels for each one upwards."""
    row, column = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    across = column - right - lean * (14 - row)
    return ((across.abs() < width) & (row > 5) & (row < 23)).float()[None]


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.3, 0.6])
def test_a_stroke_that_leans_has_that_slant(lean):
    assert lab.slant(stroke(lean)).item() == pytest.approx(lean, abs=0.03)
    assert lab.slant(stroke(lean, right=11.0)) == pytest.approx(lab.slant(stroke(lean)), abs=0.03)
    assert lab.slant(0.5 * stroke(lean)) == pytest.approx(lab.slant(stroke(lean)), abs=1e-5)


@pytest.mark.parametrize("half, wide", [(1.6, 3), (3.6, 7)])
def test_the_stroke_width_is_twice_the_ink_over_the_edge(half, wide):
    tall = 17
    expected = 2 * wide * tall / (2 * (wide + tall))
    assert lab.stroke_width(stroke(0.0, half)).item() == pytest.approx(expected, rel=0.02)


def test_the_axes_of_a_map_hold_its_cells():
    codes = draws(50, 2).float()
    even, far = (lab.map_axes(codes, kind) for kind in ("equal probability", "equal distance"))
    assert even["edges"].tolist() == pytest.approx([k / 20 for k in range(21)])
    assert (even["places"] >= 0).all() and (even["places"] <= 1).all() and even["marks"][0.5] == 0
    assert far["edges"][[0, 10, 20]].tolist() == [-4, 0, 4]
    assert np.array_equal(far["places"], codes.numpy())


def test_ranks_count_from_the_nearest_code():
    codes = draws(40, 5)
    assert (lab.neighbour_ranks(codes, codes) == 1).all()
    assert lab.neighbour_ranks(codes, draws(40, 2, seed=1)).double().mean() > 5


def test_distances_that_are_all_kept_correlate_fully():
    codes = draws(30, 4)
    turned = torch.linalg.qr(draws(4, 4, seed=1)).Q
    assert lab.distance_correlation(codes, 3 * codes @ turned + 1) == pytest.approx(1)
    assert abs(lab.distance_correlation(codes, draws(30, 2, seed=5))) < 0.3


def test_a_probe_finds_what_a_plane_can_part_and_no_more():
    labels = torch.arange(600) % 3
    corners = torch.eye(3)[labels]
    parted = corners + 0.05 * draws(600, 3).float()
    assert lab.linear_probe(parted[:300], labels[:300], parted[300:], labels[300:]) == 1
    inside = labels % 2  # a ring around a heap: no line parts them
    angle = 2 * math.pi * torch.arange(600) / 600 * 7
    ring = (1 - inside.float())[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    found = lab.linear_probe(ring[:300], inside[:300], ring[300:], inside[300:])
    assert found < 0.75


@pytest.fixture
def small(monkeypatch):
    """The study's measures on few digits, with models that know nothing."""
    for name, value in {"WALKED": 20, "PAIRS": 30, "DRAWN": 50, "REAL": 60, "MAPPED": 150,
                        "COUNTED": 80, "PROBED": 200}.items():
        monkeypatch.setattr(measures, name, value)
    classifier = models.dense([784, 8, 10]).requires_grad_(False)
    return models.VAE(2, (8,), seed=0), models.VAE(5, (8,), seed=0), classifier


def blind(model):
    """A model whose q is the prior, whatever it sees."""
    for parameter in model.encoder[-1].parameters():
        torch.nn.init.zeros_(parameter)
    return model


def test_codes_of_a_q_that_is_the_prior_fill_the_map(small):
    plane, classifier = blind(small[0]), small[2]
    found = measures.plane_measures(
        plane, classifier, 1, quantile_grid=lab.quantile_grid, cell_counts=lab.cell_counts,
        log_prior_ratio=lab.log_prior_ratio)
    assert sum(found["class_share"]) == pytest.approx(1)
    assert found["thin"] < 0.02 and found["crowded"] < 0.01
    assert found["marginal_kl"] == pytest.approx(0, abs=1e-6) and found["rate"] == 0


def test_a_tenth_of_the_prior_s_draws_lies_beyond_the_map(small):
    found = measures.beyond_the_map(blind(small[0]), 1, quantile_grid=lab.quantile_grid)
    assert found["share"] == pytest.approx(1 - 0.95**2, abs=0.01) and math.isfinite(found["cost"])


def test_moving_along_a_direction_is_measured_for_every_latent(small):
    _, large, classifier = small
    found = measures.traversal_measures(large, classifier, 1, set_along=lab.set_along)
    for kind in ("axes", "random"):
        assert len(found[kind]["changed"]) == len(found[kind]["moved"]) == 5
        assert all(0 <= share <= 1 for share in found[kind]["changed"])
    assert len(found["rate_per_latent"]) == 5


def test_a_direction_that_decides_a_measure_correlates_fully(small):
    _, large, _ = small
    codes, axis = draws(30, 5).float(), torch.eye(5)[2]
    weights = draws(5, seed=3).float()

    def brightness(pictures):  # rises with every step along the axis
        return pictures.mean((1, 2))

    large.decode = lambda z: z[:, 2:3].expand(-1, 784)  # every pixel follows the third latent
    assert measures.turned(large, codes, axis, brightness, lab.set_along) > 0.95
    other = torch.eye(5)[1]
    assert math.isnan(measures.turned(large, codes, other, brightness, lab.set_along))
    direction, explained = measures.regression(codes, 2 + codes @ weights)
    assert explained == pytest.approx(1, abs=1e-6)
    assert torch.allclose(direction, weights / weights.norm(), atol=1e-4)


def test_meaning_is_measured_for_latents_random_directions_and_a_fit(small):
    found = measures.meaning_measures(
        small[1], 1, {"slant": lab.slant, "stroke_width": lab.stroke_width},
        set_along=lab.set_along)
    for values in found.values():
        assert len(values["axes"]) == len(values["random"]) == len(values["single"]) == 5
        assert 0 <= values["explained"] <= 1 and abs(values["fitted"]) <= 1
    best = summaries.best_directions(found)
    assert best[summaries.MEANING["slant"]]["best of ten latents"] == pytest.approx(
        max(map(abs, found["slant"]["axes"])))


def test_the_stretched_middle_has_the_length_of_its_ends(small):
    _, large, classifier = small
    found = measures.path_measures(large, classifier, 1, slerp=lab.slerp)
    assert found["linear"]["norm"] < found["spherical"]["norm"]
    assert found["stretched"]["norm"] == pytest.approx(found["ends"]["norm"], rel=0.2)
    assert found["prior × 2"]["norm"] == pytest.approx(2 * found["prior × 1"]["norm"])


def test_the_paths_are_made_by_the_function_that_is_given(small):
    _, large, classifier = small
    found = measures.path_measures(large, classifier, 1, slerp=torch.lerp)
    assert found["spherical"] == found["linear"]


def test_fifths_go_from_scarce_to_dense(small):
    large, classifier = blind(small[1]), small[2]
    found = measures.prior_measures(large, classifier, 1, log_prior_ratio=lab.log_prior_ratio)
    assert all(len(values) == 5 for values in found["by_fifth"].values())
    assert found["missed"] == 0 and found["ratio_of_prior"] == pytest.approx(0, abs=1e-5)


def test_clear_examples_have_their_own_digit():
    labels = torch.arange(20) % 10
    mean = 9 * torch.eye(10)[labels]  # [20, 10]
    mean[:10] = 0  # of these the classifier is not confident
    model = torch.nn.Linear(10, 784)
    model.decode = lambda z: torch.cat([z, torch.zeros(len(z), 774)], 1)

    def classifier(pictures):
        return 9 * (pictures[:, :10] > 0.9).float()

    assert lab.clear_examples(classifier, model, mean, labels) == {d: 10 + d for d in range(10)}


def test_flattening_keeps_what_it_says(small):
    codes = draws(150, 5).float()
    planes = lab.flattened(codes, 1)
    found = measures.flat_measures(planes)
    assert planes["PCA"].shape == planes["t-SNE"].shape == (150, 2)
    assert torch.equal(planes["t-SNE"], lab.flattened(codes, 1)["t-SNE"]), "the seed decides"
    assert 0.3 < found["distances"]["PCA"] < 1 and set(found["widths"]) == {"codes", "PCA", "t-SNE"}


def test_one_gaussian_has_groups_at_a_small_perplexity(small, monkeypatch):
    monkeypatch.setattr(measures, "MAPPED", 400)
    found = measures.lump_measures(5, 1)
    assert found["t-SNE"] < 0.8 * found["plane"]


def test_all_maps_are_kept(small):
    _, large, _ = small
    places = measures.maps(large, [5, 20], 1).places
    assert places.shape == (2, 2, 150, 2) and places.std((2, 3)).min() > 0


@pytest.fixture
def embedded(monkeypatch, tmp_path):
    """The folder that the notebook's own cell writes for the projector, and what it was given."""
    digits = data.load_mnist()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (cell,) = (cell for cell in cells if "projector" in cell.metadata.get("tags", []))
    _guard, setup, *_ = (cell for cell in cells if cell.cell_type == "code")
    scope = {}
    exec(setup.source, scope)
    scope |= {"images": digits.test_images, "labels": digits.test_labels,
              "large_mean": draws(10_000, 3), "large_codes": draws(10_000, 3, seed=1)}
    exec(cell.source, scope)
    return scope["folder"], scope


def test_the_projector_s_files_hold_what_was_given(embedded, capsys):
    folder, given = embedded
    config = (folder / "projector_config.pbtxt").read_text()
    for tag, codes in (("means", given["large_mean"]), ("draws", given["large_codes"])):
        place = folder / "00000" / tag
        written = np.loadtxt(place / "tensors.tsv", delimiter="\t")
        np.testing.assert_allclose(written, codes[:1000].numpy(), rtol=1e-6)
        labels = [int(line) for line in (place / "metadata.tsv").read_text().split()]
        assert labels == given["labels"][:1000].tolist()
        sprite = np.asarray(Image.open(place / "sprite.png"))[..., 0]  # 32 digits to a row
        assert sprite.shape == (32 * 28, 32 * 28)
        for k in (0, 31, 32, 999):
            row, column = divmod(k, 32)
            drawn = sprite[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
            ink = given["images"][k].numpy().astype(int)
            assert np.abs(255 - ink - drawn).max() <= 1, "dark on white"
        for file in ("tensors.tsv", "metadata.tsv", "sprite.png"):
            assert f'"00000/{tag}/{file}"' in config
    assert config.count("single_image_dim: 28") == 4


def test_writing_the_projector_s_files_again_replaces_them(embedded):
    folder, given = embedded
    again = {name: given[name] for name in given}
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (cell,) = (cell for cell in cells if "projector" in cell.metadata.get("tags", []))
    exec(cell.source, again)
    assert again["folder"] == folder and len(runs.stored(given["NOTEBOOK"])) == 1


@pytest.mark.parametrize("proxy, address, port", [
    (None, "/", 4321),
    ("/user/ann/proxy/%PORT%/", "/user/ann/proxy/4321/", 0),  # as JupyterHub and Binder set it
    ("https://hub.example/tensorboard/", "https://hub.example/tensorboard/", 0),
])
def test_the_projector_is_opened_at_its_own_page(monkeypatch, tmp_path, proxy, address, port):
    monkeypatch.delenv("TENSORBOARD_PROXY_URL", raising=False)
    if proxy is not None:
        monkeypatch.setenv("TENSORBOARD_PROXY_URL", proxy)
    shown = []
    place = SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))
    monkeypatch.setattr(tensorboard, "display", lambda bundle, **_: shown.append(bundle) or place)
    started = tensorboard.manager.StartLaunched(info=SimpleNamespace(port=4321))
    asked = []
    monkeypatch.setattr(tensorboard.manager, "start", lambda words: asked.append(words) or started)
    open_projector(tmp_path / "a b")
    first, second = shown
    assert first == {"text/plain": "Launching TensorBoard..."}
    assert "tensorboard-frame" in second["text/html"], "what `make notebooks` looks for"
    assert f'new URL("{address}", window.location)' in second["text/html"]
    assert f"if ({port}) address.port = {port};" in second["text/html"]
    assert 'address.hash = "projector"' in second["text/html"]
    assert asked[0][:2] == ["--logdir", str(tmp_path / "a b")]


def test_a_tensorboard_that_does_not_start_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(tensorboard, "display", lambda bundle, **_: None)
    monkeypatch.setattr(tensorboard.manager, "start", lambda words: 
                        tensorboard.manager.StartTimedOut(pid=7))
    with pytest.raises(LogError, match="TensorBoard did not start.*--logdir"):
        open_projector(tmp_path)


def test_the_picture_of_the_projector_is_small():
    pixels = lab.picture_of_projector()
    assert pixels.dtype == np.uint8 and pixels.shape[1] == 960
    assert (Path(lab.__file__).parent / "projector.png").stat().st_size < 100_000
