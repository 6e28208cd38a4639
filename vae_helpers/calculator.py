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
OWN = "a loss of your own"


class BetaCalculator(View):
    """Controls for a loss of code; the picture shows the β it optimises, and the code.

    A preset moves the other controls. Moving one of them makes it a loss of the learner's
    own, so that the same preset can be chosen again. prediction: as for `View`.
    """

    def __init__(self, prediction=None):
        wide = {"layout": Layout(width="480px", max_width="100%"),
                "style": {"description_width": "110px"}}
        controls = {
            "preset": Dropdown(options=[*hidden_beta.PRESETS, OWN], description="recipe", **wide),
            "reduction": Dropdown(options=REDUCTIONS, description="reduction", **wide),
            "pixels": SelectionSlider(options=PIXELS, value=784, description="pixels D", **wide),
            "latents": SelectionSlider(options=LATENTS, value=8, description="latents d", **wide),
            "weight": FloatLogSlider(0.1, min=-4, max=2, step=0.05, description="KL's weight w",
                                     readout_format=".3g", **wide),
            "likelihood": SelectionSlider(options=LIKELIHOODS, description="likelihood", **wide),
        }
        self._moving = False  # while a preset moves the controls
        for name, control in controls.items():
            control.observe(self._follow_preset if name == "preset" else self._leave_preset, "value")
        super().__init__("hidden β", plots.hidden_beta, controls, _compute, prediction)

    def _follow_preset(self, change):
        if change["new"] == OWN:
            return
        arguments = dict(hidden_beta.PRESETS[change["new"]].arguments)
        arguments["reduction"] = arguments.pop("over_pixels"), arguments.pop("over_latents")
        arguments["likelihood"] = arguments.pop("likelihood"), arguments.pop("variance")
        self._moving = True
        try:
            for name, value in arguments.items():
                self.controls[name].value = value
        finally:
            self._moving = False

    def _leave_preset(self, _change):
        if not self._moving:
            self.controls["preset"].value = OWN


def _compute(preset, reduction, likelihood, **settings):
    over_pixels, over_latents = reduction
    kind, variance = likelihood
    arguments = settings | {"over_pixels": over_pixels, "over_latents": over_latents,
                            "likelihood": kind, "variance": variance}
    source = "" if preset == OWN else hidden_beta.PRESETS[preset].source
    if source and kind == "gaussian":
        source += " (it names no σ²; 1 is assumed)"
    return {
        "beta": hidden_beta.effective_beta(**arguments),
        "line": hidden_beta.loss_line(**arguments),
        "name": preset,
        "source": source,
    }
