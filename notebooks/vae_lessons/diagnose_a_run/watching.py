"""Records of a training function: what goes in and out of its model, and the gradients.

The function's source is never read, so that it may be written in any style.
"""

import math
from typing import NamedTuple

import torch

from vae_helpers import models


class Enough(BaseException):
    """Raised inside a training function when enough of its passes are recorded."""


class Pass:
    """A pass through the model: what went in and came out, and the gradients of the loss.

    inputs [batch, pixels]; mean, logvar [batch, latent]; z and logits: lists of [rows, latent] and
    [rows, pixels], one for each call of `decode`. `gradients` has the gradients by these names.
    """

    def __init__(self, inputs, mean, logvar):
        self.gradients, self.z, self.logits = {}, [], []
        self.inputs = _copy(inputs)
        self.mean, self.logvar = self._note(mean, "mean"), self._note(logvar, "logvar")

    def decoded(self, z, logits):
        """Record one call of `decode`."""
        number = len(self.z)
        self.z.append(self._note(z, ("z", number)).reshape(-1, z.shape[-1]))
        self.logits.append(self._note(logits, ("logits", number)).reshape(-1, logits.shape[-1]))

    def gradient(self, name, like):
        """The gradient with respect to `name`, in the shape of `like`; 0 where none came."""
        return self.gradients.get(name, torch.zeros_like(like)).reshape(like.shape)

    def owners(self):
        """For each row of z the number of its image [rows]; empty if that is unknown.

        Several draws of z may stand one batch after another or one image after another.
        """
        images, found = torch.arange(len(self.mean)), [torch.arange(0)]
        for z in self.z:
            draws = len(z) // max(1, len(images))
            orders = images.repeat(draws), images.repeat_interleave(draws)
            if len(orders[0]) != len(z):
                return torch.arange(0)
            found.append(min(orders, key=lambda order: (z - self.mean[order]).norm()))
        return torch.cat(found)

    def _note(self, tensor, name):
        def note(gradient):  # a second backward through the same tensor adds to the first
            self.gradients[name] = self.gradients.get(name, 0) + _copy(gradient)

        if tensor.requires_grad:
            tensor.register_hook(note)
        return _copy(tensor)


class Watch:
    """The record of a training: some passes through the model, counted steps and gradients.

    A pass is recorded if its number is above `after` and a multiple of `every`; the training is
    stopped before pass `stop`. With `closely` every optimiser step is examined as well.
    """

    def __init__(self, model, *, after=0, every=1, stop=math.inf, closely=False):
        self.parameters = list(model.parameters())
        self.after, self.every, self.stop, self.closely = after, every, stop, closely
        self.passes, self.now, self.count = [], None, 0
        self.steps = dict.fromkeys(map(id, self.parameters), 0)
        self.kept = []  # for each step: the share of the gradients before it that it still uses
        self.moved = []  # for each step: the largest change of a weight
        self._fresh, self._used, self._weights = {}, None, _joined(self.parameters)
        if closely:
            for parameter in self.parameters:
                parameter.register_hook(self._adder(id(parameter)))

    def __deepcopy__(self, _memo):
        """None: a copy of the model is not watched."""

    def encoded(self, x, mean, logvar):
        """Begin the record of a pass."""
        self.count += 1
        if self.count > self.stop:
            raise Enough
        wanted = self.count > self.after and self.count % self.every == 0
        self.now = Pass(x, mean, logvar) if wanted else None
        if wanted:
            self.passes.append(self.now)

    def stepped(self, optimizer, _arguments, _named):
        """Count an optimiser's step; a hook that PyTorch calls after every step."""
        given = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for name in given & set(self.steps):
            self.steps[name] += 1
        if self.closely and given & set(self.steps):
            self._examine()

    def _adder(self, name):
        def add(gradient):
            self._fresh[name] = self._fresh.get(name, 0) + gradient.detach()

        return add

    def _examine(self):
        """Compare the gradients that a step used with those that came since the step before."""
        used = _joined(p.grad if p.grad is not None else torch.zeros_like(p)
                       for p in self.parameters)
        fresh = _joined(self._fresh.get(id(p), torch.zeros_like(p)) for p in self.parameters)
        if self._used is not None and fresh.any() and fit(used, fresh).left > 0.05:
            self.kept.append(fit(used, fresh, self._used).factors[1])
        else:
            self.kept.append(0.0)
        weights = _joined(self.parameters)
        self.moved.append((weights - self._weights).abs().max().item())
        self._fresh, self._used, self._weights = {}, used, weights


class Watched(models.VAE):
    """A VAE whose passes are recorded by `watch`, unless that is None."""

    watch = None

    def encode(self, x):
        """As the base class."""
        mean, logvar = super().encode(x)
        if self.watch and mean.requires_grad:
            self.watch.encoded(x, mean, logvar)
        return mean, logvar

    def decode(self, z):
        """As the base class."""
        if not (self.watch and self.watch.now and torch.is_grad_enabled()):
            return super().decode(z)
        z = z.clone()  # only the decoder uses the copy, so its gradient is the decoder's alone
        logits = super().decode(z)
        self.watch.now.decoded(z, logits)
        return logits


class Fit(NamedTuple):
    """A least-squares fit: the factor of each column, and the share of the target left over."""

    factors: list
    left: float


def fit(target, *columns):
    """The `Fit` of the tensor `target` by a sum of the tensors `columns`, all of one shape."""
    flat = torch.stack([column.flatten() for column in columns], 1).double()  # [numbers, columns]
    wanted = target.flatten().double()
    if not (flat.isfinite().all() and wanted.isfinite().all()):
        return Fit([math.nan] * len(columns), math.nan)
    sizes = flat.norm(dim=0).clamp(min=1e-30)  # [columns]
    factors = torch.linalg.lstsq(flat / sizes, wanted[:, None]).solution[:, 0] / sizes
    left = (wanted - flat @ factors).norm() / wanted.norm().clamp(min=1e-30)
    return Fit(factors.tolist(), left.item())


SCALES = {  # logarithms of what z may spread by around the mean
    "right": lambda logvar: 0.5 * logvar,
    "variance": lambda logvar: logvar,
    "floor": lambda logvar: 0.5 * logvar.relu(),
}


def likelihood(one):
    """Of the distortion: its weight for each image, and factor and offset of its targets.

    The gradient of w · cross entropy with respect to the logits is w · (sigmoid(logits) − target),
    and the targets are factor · inputs + offset. NaN if the loss is no such cross entropy.
    """
    owners, unknown = one.owners(), (math.nan, math.nan, math.nan)
    if not len(owners):
        return unknown
    logits = torch.cat(one.logits)  # [rows, pixels]
    gradient = torch.cat([one.gradient(("logits", k), part) for k, part in enumerate(one.logits)])
    inputs = one.inputs[owners].reshape(logits.shape)  # [rows, pixels]
    (weight, slope, constant), left = fit(
        gradient, logits.sigmoid(), inputs, torch.ones_like(inputs))
    if not (weight and left < 0.5):
        return unknown
    return weight * len(logits) / len(one.mean), -slope / weight, -constant / weight


def targets(one):
    """The lowest and the highest target of the likelihood; NaN if unknown."""
    _, factor, offset = likelihood(one)
    ends = factor * one.inputs.min().item() + offset, factor * one.inputs.max().item() + offset
    return min(ends), max(ends)


def pull(one):
    """The effective β of a pass, and how much of two gradients reaches the encoder: three numbers.

    The gradient with respect to the mean is that with respect to z, summed over draws, plus the
    KL's, which is its weight · mean. So a fit gives β and the share of the decoder's gradient that
    reaches the mean. The third number is the share of the KL's gradient, ½ (exp(logvar) − 1) times
    its weight, that reaches a negative logvar. NaN if unknown.
    """
    owners, weight = one.owners(), likelihood(one)[0]
    if not len(owners):
        return math.nan, math.nan, math.nan
    away = torch.cat(one.z) - one.mean[owners]  # [rows, latent]
    through = torch.cat([one.gradient(("z", k), z) for k, z in enumerate(one.z)])

    def of_image(parts):  # [rows, latent] -> [batch, latent]
        return torch.zeros_like(one.mean).index_add(0, owners, parts)

    (kl, reached), left = fit(one.gradient("mean", one.mean), one.mean, of_image(through))
    if not (kl and left < 0.5):
        return math.nan, math.nan, math.nan
    negative = one.logvar < 0
    by_kl = one.gradient("logvar", one.logvar) - of_image(0.5 * away * through)
    (narrowed,), _ = fit(by_kl[negative], 0.5 * (one.logvar[negative].exp() - 1))
    return kl / weight, reached, narrowed / kl


def noise_of(passes):
    """What z spreads by around the mean, and, of the narrowest latent, two standard deviations.

    The first is a name in SCALES, or "none", "other" or "unknown". The second is that of z around
    the mean, the third that of q(z|x).
    """
    passes = [one for one in passes if len(one.owners())]
    if not passes:
        return "unknown", math.nan, math.nan
    drawn = [(torch.cat(one.z) - one.mean[one.owners()], one.logvar[one.owners()])
             for one in passes]  # [rows, latent] each
    away, logvar = (torch.cat(parts) for parts in zip(*drawn))
    narrow = logvar.mean(0).argmin()
    size = away.square().mean(0).sqrt()  # [latent]
    kind = "other" if size.any() else "none"
    for name, scale in SCALES.items():
        ratio = (away / scale(logvar).exp()).square().mean(0).sqrt()  # [latent]
        if kind == "other" and ((ratio - 1).abs() < 0.15).all():
            kind = name
    return kind, size[narrow].item(), (0.5 * logvar[:, narrow]).exp().mean().item()


def _joined(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def _copy(tensor):
    return tensor.detach().clone()
