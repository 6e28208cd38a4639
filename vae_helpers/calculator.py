"""The hidden-β calculator of notebook 03."""

from ipywidgets import Dropdown, FloatLogSlider, Layout, SelectionSlider

from vae_helpers import hidden_beta, plots
from vae_helpers.widgets import View

PIXELS = [64, 784, 1024, 3072, 12288, 49152]
LATENTS = [1, 2, 8, 16, 20, 32, 64, 128, 256, 512]
REDUCTIONS = {
    f"{over_pixels} over pixels, {over_latents} over latents": (over_pixels, over_latents)
    for over_pixels in hidden_beta.REDUCTIONS for over_latents in hidden_beta.REDUCTIONS
}
LIKELIHOODS = {"Bernoulli": ("bernoulli", 1.0)} | {
    f"Gaussian, σ² = {variance:g}": ("gaussian", variance) for variance in (1.0, 0.5, 0.1, 0.01)
}


class BetaCalculator(View):
    """Controls for a loss of code; the picture shows the β it optimises, and the code.

    A preset moves the other controls. prediction: as for `View`.
    """

    def __init__(self, prediction=None):
        wide = {"layout": Layout(width="480px", max_width="100%"),
                "style": {"description_width": "110px"}}
        controls = {
            "preset": Dropdown(options=list(hidden_beta.PRESETS), description="recipe", **wide),
            "reduction": Dropdown(options=REDUCTIONS, description="reduction", **wide),
            "pixels": SelectionSlider(options=PIXELS, value=784, description="pixels D", **wide),
            "latents": SelectionSlider(options=LATENTS, value=8, description="latents d", **wide),
            "weight": FloatLogSlider(0.1, min=-4, max=2, step=0.05, description="KL's weight w",
                                     readout_format=".3g", **wide),
            "likelihood": SelectionSlider(options=LIKELIHOODS, description="likelihood", **wide),
        }
        controls["preset"].observe(lambda change: _move(controls, change["new"]), "value")
        super().__init__("hidden β", plots.hidden_beta, controls, _compute, prediction)


def _move(controls, preset):
    """Put the controls where `preset` has them."""
    arguments = dict(hidden_beta.PRESETS[preset].arguments)
    controls["reduction"].value = arguments.pop("over_pixels"), arguments.pop("over_latents")
    controls["likelihood"].value = arguments.pop("likelihood"), arguments.pop("variance")
    for name, value in arguments.items():
        controls[name].value = value


def _compute(preset, reduction, likelihood, **settings):
    over_pixels, over_latents = reduction
    kind, variance = likelihood
    arguments = settings | {"over_pixels": over_pixels, "over_latents": over_latents,
                            "likelihood": kind, "variance": variance}
    known = arguments == hidden_beta.PRESETS[preset].arguments
    return {
        "beta": hidden_beta.effective_beta(**arguments),
        "line": hidden_beta.loss_line(**arguments),
        "name": preset if known else "a loss of your own",
    }
