"""Claims hold inside their band and nowhere else."""

import math

import pytest
import torch

from vae_helpers.claims import ClaimFailed, claim, measured


def test_a_claim_that_holds_prints_its_band(capsys):
    claim("t.value", torch.tensor(150.123), 140, 160, "nats per image")
    printed = capsys.readouterr().out
    assert printed == "claim t.value: ⟨150⟩ nats per image, within 140 … 160: holds\n"


@pytest.mark.parametrize("value", [140, 160])
def test_the_ends_belong_to_the_band(value):
    claim("t.value", value, 140, 160, "nats")


@pytest.mark.parametrize("value", [139.999, 160.001, math.nan, math.inf, -math.inf])
def test_a_claim_outside_its_band_raises(value, capsys):
    with pytest.raises(ClaimFailed, match=r"t.value.*140 … 160"):
        claim("t.value", value, 140, 160, "nats")
    assert capsys.readouterr().out == ""


def test_measured_figures_are_marked():
    assert measured(1234.5, "nats") == "⟨1,230⟩ nats"
    assert measured(-150.96) == "⟨-151⟩"
    assert measured(1.5e-7) == "⟨1.5e-07⟩"
    assert measured(0.12345) == "⟨0.123⟩"


def test_what_is_no_band_or_no_number_is_refused():
    with pytest.raises(ValueError, match="no band"):
        claim("t.value", 1, 2, 0, "nats")
    with pytest.raises(ValueError, match="no band"):
        claim("t.value", 1, math.nan, 2, "nats")
    for wrong in ("0.5", [0.5, "0.5"], torch.zeros(2, 2)):
        with pytest.raises(TypeError, match="or one for each seed"):
            claim("t.value", wrong, 0, 1, "nats")
    with pytest.raises(ValueError, match="got none at all"):
        claim("t.value", [], 0, 1, "nats")
    with pytest.raises(ValueError, match="of='mean'"):
        claim("t.value", [0.5], 0, 1, "nats", of="mean")
    with pytest.raises(ClaimFailed):
        claim("t.value", math.inf, 0, math.inf, "nats")


@pytest.mark.parametrize("value", [torch.tensor([2.0]), torch.tensor([[2.0]]), [2.0]])
def test_an_array_of_one_number_has_no_spread(value, capsys):
    claim("t.value", value, 1, 9, "nats")
    assert capsys.readouterr().out == "claim t.value: ⟨2⟩ nats, within 1 … 9: holds\n"


@pytest.mark.parametrize("seeds", [[3.0, 1.25, 2.0, 9.0], (3, 1.25, 2, 9),
                                   torch.tensor([3, 1.25, 2, 9]), [torch.tensor(3.0), 1.25, 2, 9]])
def test_one_value_a_seed_shows_median_and_spread(seeds, capsys):
    claim("t.value", seeds, 1, 9, "nats")
    claim("t.value", seeds, 2, 3, "nats", of="median")
    assert capsys.readouterr().out.splitlines() == [
        "claim t.value: ⟨2.5⟩ (⟨1.25⟩ … ⟨9⟩, 4 seeds) nats, all within 1 … 9: holds",
        "claim t.value: ⟨2.5⟩ (⟨1.25⟩ … ⟨9⟩, 4 seeds) nats, median within 2 … 3: holds",
    ]


@pytest.mark.parametrize(("seeds", "of"), [
    ([1, 2, 3.1], "all"), ([0.9, 2, 3], "all"), ([1, 1, 4], "all"), ([3.1, 4, 1], "median"),
    ([2, 2, math.nan], "all"), ([2, 2, math.nan], "median"), ([2, 2, math.inf], "median"),
])
def test_one_seed_outside_is_enough_unless_the_median_is_claimed(seeds, of, capsys):
    with pytest.raises(ClaimFailed, match="expected 1 … 3"):
        claim("t.value", seeds, 1, 3, "nats", of=of)
    assert capsys.readouterr().out == ""
