"""The evidence lower bound (ELBO): log densities, forms of the ELBO, and the IWAE bound.

Everything is in nats. Log densities are summed over the last axis (pixels or latents), which
gives one number for each image. The leading axes broadcast.

Shapes: x [batch, pixels]; mean and logvar [batch, latent]; eps, the standard normal noise,
[draws, batch, latent]. The batch axis may be left out for a single image. Estimates of the ELBO
have shape [draws, batch], one value per draw; average them over the draws. `log_joint` and
`log_likelihood` are functions of z [draws, batch, latent] that return log p(x, z) and
log p(x|z), [draws, batch].

For an image [batch, channels, height, width], a sum over the last axis would cover only one row of
pixels. Every density here therefore raises `ValueError` for more axes than those above: flatten
images and feature maps first.
"""

import math
import warnings

import torch
from torch.nn import functional as F

from vae_helpers.data import require_unit_interval

LOG_2PI = math.log(2 * math.pi)
FEW = 64  # this few logits may all lie in [0, 1] by chance


def gaussian_log_prob(z, mean, logvar):
    """log N(z; mean, exp(logvar)), independent in each dimension.

    z: [draws, batch, latent] or [batch, latent]; mean, logvar: [batch, latent]; the three
    broadcast. Returns z's shape without the last axis, in nats. Kingma & Welling 2013,
    appendix B. Raises `ValueError` for more axes or if the last axes differ.
    """
    _require_axes({"mean": mean, "logvar": logvar}, drawn={"z": z})
    return -0.5 * (LOG_2PI + logvar + (z - mean) ** 2 / logvar.exp()).sum(-1)


def prior_log_prob(z):
    """log N(z; 0, I), the prior: z [draws, batch, latent] to [draws, batch], in nats.

    The axis of draws may be left out. Raises `ValueError` for more axes.
    """
    _require_axes({}, drawn={"z": z})
    return -0.5 * (LOG_2PI + z**2).sum(-1)


def bernoulli_log_prob(x, logits):
    """log p(x) of independent Bernoulli pixels whose log odds are `logits`.

    x: [batch, pixels] in [0, 1]; logits: [batch, pixels] or [draws, batch, pixels].
    Returns logits' shape without the last axis, in nats. For grey-scale x this is minus the cross
    entropy, not a log probability. Kingma & Welling 2013, appendix C.1. Raises `ValueError` for
    more axes, for x outside [0, 1] or if the last axes differ, and `TypeError` for x or logits
    that are not floats. Warns if all logits lie in [0, 1], as probabilities do. On a GPU the
    values are not checked, since reading them would make the GPU wait.
    """
    _require_axes({"x": x}, drawn={"logits": logits})
    if logits.device.type == "cpu":
        require_unit_interval(x, "x")
        _look_at_logits(logits)
    return (x * logits - _softplus(logits)).sum(-1)


def gaussian_kl(mean, logvar):
    """KL( N(mean, exp(logvar)) ‖ N(0, I) ), summed over latents.

    mean, logvar: [batch, latent]; returns [batch] in nats. Kingma & Welling 2013, appendix B.
    Raises `ValueError` for more axes or if the last axes differ.
    """
    return gaussian_kl_per_latent(mean, logvar).sum(-1)


def gaussian_kl_per_latent(mean, logvar):
    """The terms of `gaussian_kl`, one for each latent: [batch, latent] to [batch, latent]."""
    _require_axes({"mean": mean, "logvar": logvar})
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar)


def gaussian_entropy(logvar):
    """The entropy of N(mean, exp(logvar)), ½ Σ (log 2π + 1 + logvar): [batch, latent] to [batch].

    Raises `ValueError` for more axes.
    """
    _require_axes({"logvar": logvar})
    return 0.5 * (LOG_2PI + 1 + logvar).sum(-1)


def reparameterize(mean, logvar, eps):
    """A draw z = mean + exp(½ logvar) · eps, through which gradients reach mean and logvar.

    mean, logvar: [batch, latent]; eps: standard normal, [batch, latent] or
    [draws, batch, latent]; returns eps's shape. Kingma & Welling 2013, section 2.4.
    Raises `ValueError` if the last axes differ.
    """
    _require_same_last_axis({"mean": mean, "logvar": logvar, "eps": eps})
    return mean + (0.5 * logvar).exp() * eps


def monte_carlo_form(log_joint, mean, logvar, eps):
    """The Monte Carlo form of the ELBO, log p(x, z) − log q(z|x) for each draw: [draws, batch].

    Kingma & Welling 2013, equation 2. Its gradient is the total derivative: it flows through z
    and through the parameters of log q.
    """
    z = reparameterize(mean, logvar, eps)
    return log_joint(z) - gaussian_log_prob(z, mean, logvar)


def entropy_form(log_joint, mean, logvar, eps):
    """The entropy form of the ELBO, log p(x, z) + H[q] with H[q] exact: [draws, batch]."""
    z = reparameterize(mean, logvar, eps)
    return log_joint(z) + gaussian_entropy(logvar)


def kl_form(log_likelihood, mean, logvar, eps):
    """The KL form of the ELBO, log p(x|z) − KL(q(z|x) ‖ p(z)) with the KL exact: [draws, batch].

    Most code uses this form. Kingma & Welling 2013, equation 3.
    """
    z = reparameterize(mean, logvar, eps)
    return log_likelihood(z) - gaussian_kl(mean, logvar)


def iwae_bound(log_weights):
    """The IWAE bound (importance-weighted bound), log (1/K) Σ_k w_k: [K, batch] to [batch].

    log_weights: log p(x, z_k) − log q(z_k|x), which `monte_carlo_form` returns. K = 1 gives the
    ELBO. Burda, Grosse & Salakhutdinov 2015, section 3. Raises `ValueError` for more axes.
    """
    require_log_weights(log_weights)
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))


def require_log_weights(log_weights):
    """Raise unless `log_weights` is a tensor [K, batch], or [K] for a single image."""
    if not isinstance(log_weights, torch.Tensor):
        raise TypeError(f"log_weights must be a tensor, got {type(log_weights).__name__}.")
    if not 1 <= log_weights.ndim <= 2:
        raise ValueError(f"log_weights must be [K, batch], got {list(log_weights.shape)}: one "
                         "number for each draw and image, summed over all pixels and latents.")


def _require_axes(rows, drawn={}):
    """Raise unless `rows` {name: tensor} have at most the axes [batch, n], `drawn` one more.

    n must be the same for all. A tensor with more axes holds images or feature maps.
    """
    _require_same_last_axis(rows | drawn)
    for tensors, most, axes in ((rows, 2, "[batch, n]"), (drawn, 3, "[draws, batch, n]")):
        for name, tensor in tensors.items():
            if tensor.ndim > most:
                raise ValueError(
                    f"{name} must have at most the axes {axes}, got {list(tensor.shape)}. Flatten "
                    "images first, so that the last axis holds all pixels or latents of one image.")


def _require_same_last_axis(tensors):
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}: "
                            "convert it with torch.as_tensor.")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len({shape[-1:] for shape in shapes.values()}) > 1:
        named = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"The last axes must be equal, got {named}.")


def _softplus(logits):
    """log(1 + exp(logits)), three times faster than PyTorch's softplus; error below 1e-6."""
    if logits.element_size() < 4:  # half precision has too few digits for this sum
        return F.softplus(logits)
    beyond = (logits - 40).relu()
    return (1 + (logits - beyond).exp()).log() + beyond


def _look_at_logits(logits):
    """Raise unless the logits are floats; warn if they look like probabilities."""
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floats, got {logits.dtype}: use logits.float().")
    if logits.numel() < FEW:
        return
    low, high = torch.aminmax(logits.detach())
    # A decoder with all weights 0 gives the same logit for all pixels: that is no mistake.
    if 0 <= low < high <= 1:
        warnings.warn(
            "All logits lie in [0, 1]. Are they probabilities? Pass the decoder's output "
            "before the sigmoid; p.logit() turns probabilities back into logits.", stacklevel=3)
