"""The calculator of the effective β: its presets, the effect of controls, and no rounding."""

import math

import ipywidgets
import pytest

from vae_lessons.build_a_vae.calculator import (
    KL_OPTIONS,
    LIKELIHOOD_OPTIONS,
    OWN,
    PRESETS,
    RECONSTRUCTION_OPTIONS,
    RECONSTRUCTIONS,
    REDUCTIONS,
    START,
    BetaCalculator,
    effective_beta,
)


@pytest.fixture(scope="module")
def calculator():
    return BetaCalculator()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_shown_as_it_is(calculator, preset):
    calculator.controls["preset"].value = preset
    shows(calculator, preset)


def shows(calculator, preset):
    arguments = PRESETS[preset].arguments
    values = {name: control.value for name, control in calculator.controls.items()}
    assert values.pop("preset") == preset == calculator.data["name"]
    likelihood = values.pop("likelihood")
    assert values | likelihood == arguments
    assert calculator.data["beta"] == effective_beta(**arguments)


@pytest.mark.parametrize("name, value", [
    ("weight", 1e-6), ("weight", 0.00025), ("weight", 0.123456789), ("weight", 0.0),
    ("weight", 1e9), ("pixels", 4096), ("pixels", 60664), ("latents", 4096), ("latents", 3),
    ("batch", 12), ("batch", 65536),
])
def test_a_number_is_used_as_it_was_typed(calculator, name, value):
    """Controls have no limits, steps or options that change a number."""
    control = calculator.controls[name]
    assert type(control) is ipywidgets.FloatText
    control.value = value
    assert control.value == value
    if name != "batch":
        settings = {name: calculator.controls[name].value
                    for name in ("weight", "pixels", "latents", "reconstruction", "kl", "batch")}
        assert calculator.data["beta"] == effective_beta(
            **settings, **calculator.controls["likelihood"].value)
    calculator.controls["preset"].value = "the original recipe"


@pytest.mark.parametrize("name, value, words", [
    ("pixels", 0, "pixels must be a whole number of at least 1"),
    ("latents", 2.5, "latents must be a whole number of at least 1, got 2.5"),
    ("batch", -3, "batch must be a whole number of at least 1"),
    ("weight", -0.1, "weight must be a finite number of at least 0, got -0.1"),
])
def test_a_number_that_no_loss_can_have_is_refused_in_words(name, value, words):
    calculator = BetaCalculator()
    with pytest.raises(ValueError, match=words):
        calculator.controls[name].value = value
    assert words in calculator._picture.caption
    calculator.controls[name].value = 2
    assert calculator.data["name"] == OWN and calculator.data["beta"] > 0


def test_a_preset_can_be_chosen_after_an_impossible_number():
    calculator = BetaCalculator()
    with pytest.raises(ValueError, match="latents must be"):
        calculator.controls["latents"].value = 0
    calculator.controls["preset"].value = "WorldModels in Keras"
    assert calculator.data["beta"] == pytest.approx(19.2)


def test_the_batch_size_of_the_commonest_mistake(calculator):
    for name, value in {"preset": "the original recipe", "weight": 1, "batch": 128, "kl": "sum",
                        "likelihood": LIKELIHOOD_OPTIONS[
                            "Gaussian (squared error), σ² = 1"]}.items():
        calculator.controls[name].value = value
    assert calculator.data["beta"] == 50_176
    assert "β grows with the batch size B = 128" in calculator.data["line"]
    calculator.controls["batch"].value = 64
    assert calculator.data["beta"] == 25_088
    calculator.controls["kl"].value = "sum / len(x)"
    assert calculator.data["beta"] == 392
    assert "the batch size B = 64 cancels" in calculator.data["line"]


def test_every_choice_can_be_made(calculator):
    """The controls offer every reduction and likelihood of `effective_beta`."""
    for reconstruction in RECONSTRUCTION_OPTIONS.values():
        for kl in KL_OPTIONS.values():
            for likelihood in LIKELIHOOD_OPTIONS.values():
                for name, value in (("reconstruction", reconstruction), ("kl", kl),
                                    ("likelihood", likelihood)):
                    calculator.controls[name].value = value
                assert math.isfinite(calculator.data["beta"])
    assert {*RECONSTRUCTION_OPTIONS.values()} == {*KL_OPTIONS.values()} == {*REDUCTIONS}
    named = {one["likelihood"] for one in LIKELIHOOD_OPTIONS.values()}
    assert named == {*RECONSTRUCTIONS}


def test_the_first_picture_answers_no_prediction():
    calculator = BetaCalculator()
    shows(calculator, START)
    assert calculator.data["beta"] == pytest.approx(1)
    calculator.controls["preset"].value = "the original recipe"
    shows(calculator, "the original recipe")
    assert calculator.data["beta"] == pytest.approx(9.8)


def test_a_preset_is_drawn_once(monkeypatch):
    calculator, drawn = BetaCalculator(), []
    monkeypatch.setattr(calculator, "draw", lambda **data: drawn.append(data["beta"]))
    calculator.controls["preset"].value = "MMVAE before its repair"
    assert drawn == [4096]


def test_moving_a_control_makes_it_a_loss_of_one_s_own(calculator):
    calculator.controls["preset"].value = "the original recipe"
    calculator.controls["latents"].value = 16
    assert calculator.data["name"] == "a loss of your own" == calculator.controls["preset"].value
    assert calculator.data["source"] == ""
    assert calculator.data["beta"] == pytest.approx(4.9)
    for name in ("reconstruction", "kl"):
        calculator.controls[name].value = "sum"
    assert calculator.data["beta"] == pytest.approx(0.1)
    calculator.controls["likelihood"].value = {"likelihood": "gaussian", "variance": 0.1}
    assert calculator.data["beta"] == pytest.approx(0.5)
    calculator.controls["likelihood"].value = {"likelihood": "laplace", "scale": 0.1}
    assert calculator.data["beta"] == pytest.approx(1)


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
