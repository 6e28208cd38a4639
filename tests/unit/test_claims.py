"""Claims hold exactly inside their band, and their display says whether they hold."""

import json
import math

import numpy as np
import pytest
import torch

from vae_helpers.claims import claim, claims, measured


def made(value, low=140, high=160, unit="nats per image", **of):
    return claim("t.value", "The −ELBO after training", value, low, high, unit, **of)


def test_a_claim_that_holds_shows_value_and_band():
    shown = claims(made(torch.tensor(150.123)))
    assert repr(shown).splitlines() == [
        "✓ 1 measured claim holds",
        "✓ t.value: The −ELBO after training: ⟨150⟩ within 140 … 160 nats per image"]
    text, metadata = shown._repr_mimebundle_()
    assert text["text/plain"] == repr(shown)
    for part in ("<summary>✓ 1 measured claim holds</summary>", "<td>The −ELBO after training</td>",
                 "<td>⟨150⟩</td>", "<td>140 … 160 nats per image</td>"):
        assert part in text["text/html"]
    assert metadata == {"claims": [{
        "id": "t.value", "sentence": "The −ELBO after training", "value": pytest.approx(150.123),
        "least": pytest.approx(150.123), "most": pytest.approx(150.123), "seeds": 0, "low": 140.0,
        "high": 160.0, "unit": "nats per image", "of": "all", "holds": True}]}


@pytest.mark.parametrize("value", [140, 160])
def test_the_ends_belong_to_the_band(value):
    assert made(value).holds


@pytest.mark.parametrize("value", [139.999, 160.001, math.nan, math.inf, -math.inf])
def test_a_claim_outside_its_band_says_so_and_raises_nothing(value):
    shown = claims(made(150), made(value)._replace(id="t.other"))
    verdict = "✗ 1 of 2 measured claims outside their bands: t.other"
    assert repr(shown).splitlines()[0] == verdict and "\n✗ t.other" in repr(shown)
    text, metadata = shown._repr_mimebundle_()
    assert f"<summary>{verdict}</summary>" in text["text/html"]
    assert [row["holds"] for row in metadata["claims"]] == [True, False]
    json.dumps(metadata, allow_nan=False)  # as the kernel sends it


def test_an_infinite_value_is_within_no_band():
    assert not made(math.inf, 0, math.inf).holds


def test_measured_figures_are_marked():
    assert measured(1234.5, "nats") == "⟨1,230⟩ nats"
    assert measured(-150.96) == "⟨-151⟩"
    assert measured(1.5e-7) == "⟨1.5e-07⟩"
    assert measured(0.12345) == "⟨0.123⟩"


def test_empty_bands_and_values_that_are_not_numbers_are_refused():
    for low, high in ((2, 0), (math.nan, 2)):
        with pytest.raises(ValueError, match="is empty"):
            made(1, low, high)
    for wrong in ("0.5", [0.5, "0.5"], torch.zeros(2, 2)):
        with pytest.raises(TypeError, match="or one for each seed"):
            made(wrong)
    with pytest.raises(ValueError, match="got an empty list"):
        made([])
    with pytest.raises(ValueError, match="of='mean'"):
        made([0.5], of="mean")


@pytest.mark.parametrize("value", [torch.tensor([2.0]), torch.tensor([[2.0]]), [2.0],
                                   np.array([2.0])])
def test_an_array_of_one_number_has_no_spread(value):
    row = made(value, 1, 9, "nats")
    assert (row.value, row.seeds, row.spread, row.band) == (2, 0, "", "1 … 9 nats")


@pytest.mark.parametrize("seeds", [[3.0, 1.25, 2.0, 9.0], (3, 1.25, 2, 9),
                                   torch.tensor([3, 1.25, 2, 9]), [torch.tensor(3.0), 1.25, 2, 9]])
def test_one_value_a_seed_shows_median_and_range(seeds):
    row = made(seeds, 1, 9, "nats")
    assert row.holds and (row.value, row.least, row.most, row.seeds) == (2.5, 1.25, 9, 4)
    assert (row.spread, row.band) == ("⟨1.25⟩ … ⟨9⟩", "1 … 9 nats (all 4 seeds)")
    assert "⟨2.5⟩ (⟨1.25⟩ … ⟨9⟩) within 1 … 9 nats (all 4 seeds)" in repr(claims(row))
    median = made(seeds, 2, 3, "nats", of="median")
    assert median.holds and median.band == "2 … 3 nats (median of 4 seeds)"


@pytest.mark.parametrize(("seeds", "of"), [
    ([1, 2, 3.1], "all"), ([0.9, 2, 3], "all"), ([1, 1, 4], "all"), ([3.1, 4, 1], "median"),
    ([2, 2, math.nan], "all"), ([2, 2, math.nan], "median"), ([2, 2, math.inf], "median"),
])
def test_one_seed_outside_is_enough_unless_the_median_is_claimed(seeds, of):
    assert not made(seeds, 1, 3, "nats", of=of).holds


@pytest.mark.parametrize(("low", "high", "band"), [
    (0, 0, "0 of 10"), (5, math.inf, "at least 5 of 10"), (-math.inf, 1234, "at most 1,234 of 10"),
])
def test_a_band_is_said_in_words(low, high, band):
    assert made(1, low, high, "of 10").band == band


def test_markup_in_a_sentence_is_text():
    assert "<b>" not in claims(made(1)._replace(sentence="a <b> c"))._repr_html_()
