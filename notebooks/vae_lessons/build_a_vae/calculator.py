"""The calculator of notebook 03: which KL weight β does the code of a loss imply?"""

import math
from typing import NamedTuple

from ipywidgets import Dropdown, FloatText, Layout

from vae_helpers.widgets import View
from vae_lessons.build_a_vae import figures

RECONSTRUCTIONS = {  # the code of each reconstruction error, to be completed by its reduction
    "bernoulli": "F.binary_cross_entropy_with_logits(logits, x{})",
    "gaussian": "F.mse_loss(x_hat, x{})",
    "laplace": "F.l1_loss(x_hat, x{})",
}
# How code reduces a term [batch, pixel] or [batch, latent] to one number.
REDUCTIONS = ("mean", "sum / len(x)", "sum")


def effective_beta(weight, pixels, latents, *, reconstruction, kl, likelihood, batch=None,
                   variance=1.0, scale=1.0):
    """The effective β of the loss ``reduced reconstruction + weight * reduced kl``.

    pixels: P, counting all colour channels; latents: J; batch: B, images per batch.
    reconstruction, kl: how the code reduces each term: "mean" averages over batch and pixels (or
    latents), "sum / len(x)" averages over the batch and sums over the rest, "sum" sums over all.
    likelihood: the likelihood to which the reconstruction error belongs: "bernoulli" (cross
    entropy), "gaussian" (squared error, variance σ²) or "laplace" (absolute error, scale b).

    β = weight · (B·P, B or 1) / (B·J, B or 1), divided by 2σ² for a Gaussian and by b for a
    Laplace. B cancels unless exactly one term is "sum"; only then `batch` is needed. Raises
    `ValueError` for other arguments. On σ²: Rybkin et al. 2021 (arXiv 2006.13202).
    """
    _check(weight, pixels, latents, reconstruction, kl, likelihood, batch, variance, scale)
    if batch is None:
        if not batch_cancels(reconstruction, kl):
            raise ValueError(
                "batch is missing: one term is averaged over the batch and the other is summed, "
                "so β depends on the batch size. Pass the number of images in a batch.")
        batch = 1
    # The ratio of the reconstruction error to the distortion, up to an additive constant.
    error = {"bernoulli": 1, "gaussian": 2 * variance, "laplace": scale}[likelihood]
    divisor = _divisor(reconstruction, pixels, batch)
    return weight * divisor / (_divisor(kl, latents, batch) * error)


def _divisor(reduction, count, batch):
    """The divisor of the sum over the batch and over `count` pixels or latents."""
    return {"mean": batch * count, "sum / len(x)": batch, "sum": 1}[reduction]


def batch_cancels(reconstruction, kl):
    """Whether β is the same for every batch size: both terms are averaged over it, or neither."""
    return (reconstruction == "sum") == (kl == "sum")


def loss_line(weight, pixels, latents, *, reconstruction, kl, likelihood, batch=None,
              variance=1.0, scale=1.0):
    """The loss as four lines of PyTorch, which assign ``reconstruction``, ``kl`` and ``loss``.

    Arguments as for `effective_beta`. The lines use ``F``, ``x`` [batch, pixel], ``mean`` and
    ``logvar`` [batch, latent], and the decoder's ``logits``, or ``x_hat`` if not Bernoulli.
    """
    _check(weight, pixels, latents, reconstruction, kl, likelihood, batch, variance, scale)
    size = "the batch size" if batch is None else f"the batch size B = {batch:.0f}"
    if batch_cancels(reconstruction, kl):
        effect = f"{size} cancels"
    else:
        effect = f"β {'grows' if kl == 'sum' else 'falls'} with {size}"
    rate = {"mean": "kl.mean()", "sum / len(x)": "kl.sum() / len(x)", "sum": "kl.sum()"}[kl]
    return "\n".join([
        f"{_shapes(pixels, latents)}{_noise(likelihood, variance, scale)}; {effect}",
        f"reconstruction = {_error(likelihood, reconstruction)}",
        "kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)",
        f"loss = reconstruction + {_exact(weight)} * {rate}",
    ])


def _shapes(pixels, latents):
    return f"# x [batch, {pixels:.0f}], mean and logvar [batch, {latents:.0f}]"


def _noise(likelihood, variance, scale):
    return {"bernoulli": "", "gaussian": f", σ² = {_exact(variance)}",
            "laplace": f", b = {_exact(scale)}"}[likelihood]


def _error(likelihood, reduction):
    setting = "" if reduction == "mean" else ', reduction="sum"'
    divided = " / len(x)" if reduction == "sum / len(x)" else ""
    return RECONSTRUCTIONS[likelihood].format(setting) + divided


def _exact(number):
    """The shortest text that Python reads back as the same number: "1", not "1.0"."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def _check(weight, pixels, latents, reconstruction, kl, likelihood, batch, variance, scale):
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"The KL's weight must be a finite number of at least 0, got {weight}.")
    for name, count in (("pixels", pixels), ("latents", latents), ("batch", batch)):
        if count is not None and not (math.isfinite(count) and count == int(count) and count >= 1):
            raise ValueError(f"{name} must be a whole number of at least 1, got {count}.")
    for name, value, known in (("reconstruction", reconstruction, REDUCTIONS),
                               ("kl", kl, REDUCTIONS), ("likelihood", likelihood, RECONSTRUCTIONS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}.")
    for name, value in (("variance", variance), ("scale", scale)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number above 0, got {value}.")


class Preset(NamedTuple):
    """A published loss: its arguments of `effective_beta`, and its source."""

    arguments: dict
    source: str


def _preset(weight, pixels, latents, batch, reconstruction, kl, likelihood, source):
    noise = {"bernoulli": {}, "gaussian": {"variance": 1.0}, "laplace": {"scale": 1.0}}
    return Preset({
        "weight": weight, "pixels": pixels, "latents": latents, "batch": batch,
        "reconstruction": reconstruction, "kl": kl, "likelihood": likelihood, **noise[likelihood],
    }, source)


_LATENT_DIFFUSION = ("https://github.com/CompVis/latent-diffusion/blob/"
                     "a506df5756472e2ebaf9078affdde2c4f1502cd4/")
# Code with a squared error does not state σ²; it is taken as 1, in the code's units of a pixel.
PRESETS = {
    "the original recipe": _preset(
        0.1, 784, 8, 800, "mean", "mean", "bernoulli",
        "the note that this series grew out of"),
    "PyTorch's example": _preset(
        1.0, 784, 20, 128, "sum", "sum", "bernoulli",
        "https://github.com/pytorch/examples/blob/"
        "cd01f93000a6679e768700dd29e417a1e5fd10e5/vae/main.py"),
    # The code divided both terms by batch · 784, which gives β = 1. The issue proposed to divide
    # the KL by batch · 20.
    "issue 290's proposal for PyTorch's example": _preset(
        1.0, 784, 20, 128, "mean", "mean", "bernoulli",
        "https://github.com/pytorch/examples/issues/290"),
    # Every z was decoded to the same picture (issue 3373), until the mean was replaced.
    "Keras' example before its repair": _preset(
        1.0, 784, 2, 100, "mean", "sum / len(x)", "bernoulli",
        "https://github.com/keras-team/keras/pull/3383"),
    "Deep Learning with Python, 2nd edition": _preset(
        1.0, 784, 2, 128, "sum / len(x)", "mean", "bernoulli",
        "https://github.com/fchollet/deep-learning-with-python-notebooks/blob/"
        "1bb759b55fc2433504525a3648154df69219556d/chapter12_part04_variational-autoencoders.ipynb"),
    # Faces of 64 · 64 pixels in three colours.
    "PyTorch-VAE": _preset(
        0.00025, 12288, 128, 64, "mean", "sum / len(x)", "gaussian",
        "https://github.com/AntixK/PyTorch-VAE/blob/"
        "a6896b944c918dd7030e7d795a8c13e5c6345ec7/configs/vae.yaml"),
    # Faces of 128 · 128 pixels in three colours, from −1 to 1.
    "podgorskiy/VAE": _preset(
        0.1, 49152, 512, 128, "mean", "mean", "gaussian",
        "https://github.com/podgorskiy/VAE/blob/bb69ffc45b5e4d11bcb1e86c9ea6e6a9521f63ee/VAE.py"),
    # 64 · 64 pixels in three colours; the error is multiplied by 10, which is a weight of 0.1.
    # Its users saw a KL of 3.8e-7.
    "WorldModels in Keras": _preset(
        0.1, 12288, 32, 32, "mean", "mean", "gaussian",
        "https://github.com/AppliedDataSciencePartners/WorldModels/issues/12"),
    # `vae_loss` in mmvae/trainers/ExampleTrainer.py at the commit before the pull request
    # (b0744312): 256 features and 64 latents (models/ExampleModel.py), batches of 32
    # (get-started/example.py). The pull request saw the KL drop to 0 within a few epochs.
    "MMVAE before its repair": _preset(
        1.0, 256, 64, 32, "mean", "sum", "gaussian",
        "https://github.com/zdebruine/MMVAE/pull/19 (its function vae_loss alone)"),
    # 256 · 256 pixels in three colours, from −1 to 1, and 32 · 32 · 4 latents. The absolute error
    # is divided by exp(logvar). No optimiser is given this logvar (ldm/models/autoencoder.py,
    # `configure_optimizers`), so it keeps its first value 0 and b = 1.
    "latent diffusion's autoencoder": _preset(
        1e-6, 196608, 4096, 12, "sum / len(x)", "sum / len(x)", "laplace",
        f"{_LATENT_DIFFUSION}configs/autoencoder/autoencoder_kl_32x32x4.yaml and "
        f"{_LATENT_DIFFUSION}ldm/modules/losses/contperceptual.py "
        "(without its perceptual and adversarial terms)"),
}
RECONSTRUCTION_OPTIONS = {
    "mean over batch and pixels, PyTorch's default": "mean",
    'reduction="sum", then / len(x)': "sum / len(x)",
    'reduction="sum"': "sum",
}
KL_OPTIONS = {"kl.mean()": "mean", "kl.sum() / len(x)": "sum / len(x)", "kl.sum()": "sum"}
LIKELIHOOD_OPTIONS = {"Bernoulli (cross entropy)": {"likelihood": "bernoulli"}} | {
    f"Gaussian (squared error), σ² = {variance:g}": {"likelihood": "gaussian", "variance": variance}
    for variance in (1.0, 0.5, 0.1, 0.01)
} | {
    f"Laplace (absolute error), b = {scale:g}": {"likelihood": "laplace", "scale": scale}
    for scale in (1.0, 0.5, 0.1, 0.01)
}
OWN = "a loss of your own"
START = "PyTorch's example"  # its β is 1, so the first picture does not reveal an answer


class BetaCalculator(View):
    """A view with controls for a loss; the picture shows its effective β and its code.

    Choosing a preset sets the other controls. Moving one of these switches the preset to "a loss
    of your own", so that the same preset can be chosen again. Numbers have text boxes without
    limits or steps, so that they are used exactly as typed. prediction: as for `View`.
    """

    def __init__(self, prediction=None):
        wide = {"layout": Layout(width="480px", max_width="100%"),
                "style": {"description_width": "110px"}}
        start = PRESETS[START].arguments
        controls = {
            "preset": Dropdown(options=[*PRESETS, OWN], value=START,
                               description="recipe", **wide),
            "likelihood": Dropdown(options=LIKELIHOOD_OPTIONS, description="likelihood", **wide),
            "reconstruction": Dropdown(
                options=RECONSTRUCTION_OPTIONS, value=start["reconstruction"],
                description="reconstruction", **wide),
            "kl": Dropdown(options=KL_OPTIONS, value=start["kl"], description="KL", **wide),
            "weight": FloatText(start["weight"], description="KL's weight w", **wide),
            "pixels": FloatText(start["pixels"], description="pixels P", **wide),
            "latents": FloatText(start["latents"], description="latents J", **wide),
            "batch": FloatText(start["batch"], description="batch size B", **wide),
        }
        self._moving = False  # True while a preset sets the controls
        for name, control in controls.items():
            follower = self._follow_preset if name == "preset" else self._leave_preset
            control.observe(follower, "value")
        super().__init__("hidden β", figures.hidden_beta, controls, _compute, prediction,
                         axes=["preset"])

    def figure_at(self, preset, **settings):
        """The figure of a preset with its own settings, or of a loss with these settings."""
        return super().figure_at(preset=preset, **settings | _settings(preset))

    def _follow_preset(self, change):
        self._moving = True
        try:
            for name, value in _settings(change["new"]).items():
                self.controls[name].value = value
        finally:
            self._moving = False

    def _leave_preset(self, _change):
        if not self._moving:
            self.controls["preset"].value = OWN

    def _changed(self, _change):
        if not self._moving:  # a preset is drawn once, after all controls are set
            super()._changed(_change)


def _settings(preset):
    """The values of the other controls that a preset sets."""
    if preset == OWN:
        return {}
    arguments = dict(PRESETS[preset].arguments)
    noise = [name for name in ("likelihood", "variance", "scale") if name in arguments]
    arguments["likelihood"] = {name: arguments.pop(name) for name in noise}
    return arguments


def _compute(preset, likelihood, **settings):
    arguments = settings | likelihood
    source = "" if preset == OWN else PRESETS[preset].source
    if source and likelihood["likelihood"] == "gaussian":
        source += " (it names no σ²; 1 is assumed)"
    return {
        "beta": effective_beta(**arguments),
        "line": loss_line(**arguments),
        "name": preset,
        "source": source,
    }
