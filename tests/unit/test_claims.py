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
    with pytest.raises(TypeError, match="the text '0.5'"):
        claim("t.value", "0.5", 0, 1, "nats")
    with pytest.raises(ClaimFailed):
        claim("t.value", math.inf, 0, math.inf, "nats")
