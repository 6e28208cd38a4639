"""The hidden-β calculator: presets fit its controls, and every control acts."""

import pytest

from vae_helpers import hidden_beta
from vae_helpers.calculator import BetaCalculator


@pytest.fixture(scope="module")
def calculator():
    return BetaCalculator()


@pytest.mark.parametrize("preset", hidden_beta.PRESETS)
def test_every_preset_can_be_shown(calculator, preset):
    calculator.controls["preset"].value = preset
    data = calculator.data
    assert data["name"] == preset
    assert data["beta"] == pytest.approx(
        hidden_beta.effective_beta(**hidden_beta.PRESETS[preset].arguments))


def test_the_patient_comes_first_and_has_ten_times_the_elbo_s_kl():
    assert BetaCalculator().data["beta"] == pytest.approx(9.8)


def test_moving_a_control_makes_it_a_loss_of_one_s_own(calculator):
    calculator.controls["preset"].value = "this series' patient"
    calculator.controls["latents"].value = 16
    assert calculator.data["name"] == "a loss of your own"
    assert calculator.data["beta"] == pytest.approx(4.9)
    calculator.controls["reduction"].value = ("sum", "sum")
    assert calculator.data["beta"] == pytest.approx(0.1)
    calculator.controls["likelihood"].value = ("gaussian", 0.1)
    assert calculator.data["beta"] == pytest.approx(0.5)
