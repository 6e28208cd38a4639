"""The hidden-β calculator: presets fit its controls, and every control acts."""

import pytest

from vae_helpers import hidden_beta
from vae_helpers.calculator import OWN, BetaCalculator


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
    assert calculator.data["name"] == "a loss of your own" == calculator.controls["preset"].value
    assert calculator.data["source"] == ""
    assert calculator.data["beta"] == pytest.approx(4.9)
    calculator.controls["reduction"].value = ("sum", "sum")
    assert calculator.data["beta"] == pytest.approx(0.1)
    calculator.controls["likelihood"].value = ("gaussian", 0.1)
    assert calculator.data["beta"] == pytest.approx(0.5)


def test_the_same_preset_can_be_chosen_again(calculator):
    for _ in range(2):
        calculator.controls["preset"].value = "PyTorch's example"
        assert calculator.controls["preset"].value == calculator.data["name"] == "PyTorch's example"
        assert calculator.data["beta"] == pytest.approx(1)
        calculator.controls["weight"].value = 10.0
        assert calculator.data["beta"] == pytest.approx(10)


def test_a_loss_of_one_s_own_leaves_the_controls_where_they_are(calculator):
    calculator.controls["preset"].value = "PyTorch-VAE"
    assert calculator.data["source"].startswith("https://") and "σ²" in calculator.data["source"]
    calculator.controls["preset"].value = OWN
    assert calculator.data["beta"] == pytest.approx(1.536) and calculator.data["name"] == OWN
