"""The hidden-β calculator of notebook 03."""

from ipywidgets import Dropdown, FloatText, Layout

from vae_helpers import hidden_beta, plots
from vae_helpers.widgets import View

RECONSTRUCTIONS = {
    "mean over batch and pixels, PyTorch's default": "mean",
    'reduction="sum", then / len(x)': "sum / len(x)",
    'reduction="sum"': "sum",
}
KLS = {"kl.mean()": "mean", "kl.sum() / len(x)": "sum / len(x)", "kl.sum()": "sum"}
LIKELIHOODS = {"Bernoulli (cross entropy)": {"likelihood": "bernoulli"}} | {
    f"Gaussian (squared error), σ² = {variance:g}": {"likelihood": "gaussian", "variance": variance}
    for variance in (1.0, 0.5, 0.1, 0.01)
} | {
    f"Laplace (absolute error), b = {scale:g}": {"likelihood": "laplace", "scale": scale}
    for scale in (1.0, 0.5, 0.1, 0.01)
}
OWN = "a loss of your own"
START = "PyTorch's example"  # its β is 1, so that the first picture answers no prediction


class BetaCalculator(View):
    """Controls for a loss of code; the picture shows the β it optimises, and the code.

    A preset moves the other controls. Moving one of them makes it a loss of the learner's
    own, so that the same preset can be chosen again. The numbers stand in boxes without
    bounds or steps, so that each is used as it was typed. prediction: as for `View`.
    """

    def __init__(self, prediction=None):
        wide = {"layout": Layout(width="480px", max_width="100%"),
                "style": {"description_width": "110px"}}
        start = hidden_beta.PRESETS[START].arguments
        controls = {
            "preset": Dropdown(options=[*hidden_beta.PRESETS, OWN], value=START,
                               description="recipe", **wide),
            "likelihood": Dropdown(options=LIKELIHOODS, description="likelihood", **wide),
            "reconstruction": Dropdown(options=RECONSTRUCTIONS, value=start["reconstruction"],
                                       description="reconstruction", **wide),
            "kl": Dropdown(options=KLS, value=start["kl"], description="KL", **wide),
            "weight": FloatText(start["weight"], description="KL's weight w", **wide),
            "pixels": FloatText(start["pixels"], description="pixels D", **wide),
            "latents": FloatText(start["latents"], description="latents d", **wide),
            "batch": FloatText(start["batch"], description="batch size B", **wide),
        }
        self._moving = False  # while a preset moves the controls
        for name, control in controls.items():
            follower = self._follow_preset if name == "preset" else self._leave_preset
            control.observe(follower, "value")
        super().__init__("hidden β", plots.hidden_beta, controls, _compute, prediction)

    def _follow_preset(self, change):
        if change["new"] == OWN:
            return
        arguments = dict(hidden_beta.PRESETS[change["new"]].arguments)
        noise = [name for name in ("likelihood", "variance", "scale") if name in arguments]
        arguments["likelihood"] = {name: arguments.pop(name) for name in noise}
        self._moving = True
        try:
            for name, value in arguments.items():
                self.controls[name].value = value
        finally:
            self._moving = False

    def _leave_preset(self, _change):
        if not self._moving:
            self.controls["preset"].value = OWN

    def _refresh(self, _change=None):
        if not self._moving:  # a preset is drawn once, when all its values stand
            super()._refresh()


def _compute(preset, likelihood, **settings):
    arguments = settings | likelihood
    source = "" if preset == OWN else hidden_beta.PRESETS[preset].source
    if source and likelihood["likelihood"] == "gaussian":
        source += " (it names no σ²; 1 is assumed)"
    return {
        "beta": hidden_beta.effective_beta(**arguments),
        "line": hidden_beta.loss_line(**arguments),
        "name": preset,
        "source": source,
    }
