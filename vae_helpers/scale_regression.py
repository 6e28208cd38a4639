"""A small network learns how large the errors are at each x: the laboratory of notebook 08."""

import math
from typing import NamedTuple

import torch
from torch import nn

from vae_helpers import arguments, data, scales, threads
from vae_helpers.training import TrainingDiverged

HIDDEN = 32  # units in each of two layers
OPTIMIZERS = {"Adam": torch.optim.Adam, "SGD": torch.optim.SGD}  # without momentum


class Step(NamedTuple):
    """What one step saw: the NLL of its minibatch, in nats per error."""

    nll: float

    @property
    def elbo(self):
        """Without latents nothing is bounded: the log likelihood itself."""
        return -self.nll


def true_variance(x, span, unit):
    """σ²(x) = (unit · 10^(½ span sin πx))²: σ runs over `span` decades for x from −1 to 1."""
    return (unit * 10 ** (0.5 * span * torch.sin(math.pi * x))) ** 2


def draw_errors(span, unit, count, seed):
    """x, uniform from −1 to 1, and an error for each: [count, 1] both.

    Another unit gives the same errors in that unit. Raises `ValueError` for one that is not
    positive.
    """
    if not (math.isfinite(unit) and unit > 0):
        raise ValueError(f"The unit must be a positive number, got {unit}.")
    count, generator = arguments.whole_number(count, "count"), arguments.generator(seed)
    x = 2 * torch.rand(count, 1, generator=generator) - 1
    return x, true_variance(x, span, unit).sqrt() * torch.randn(count, 1, generator=generator)


class ScaleFit:
    """Learns the variance of errors at each x, in one parametrisation.

    parametrisation: a name in `scales.PARAMETRISATIONS`. x, error: [count, 1]. optimizer: a
    name in `OPTIMIZERS`. The output's bias makes every parametrisation begin near σ² = 1.
    seed: fixes the other weights and the order of the errors, the same for each
    parametrisation. Raises `ValueError` for a name that is not known.
    """

    def __init__(self, parametrisation, x, error, *, optimizer, learning_rate, batch_size, seed):
        for name, known in ((parametrisation, scales.PARAMETRISATIONS), (optimizer, OPTIMIZERS)):
            if name not in known:
                raise ValueError(f"{name!r} is not known. Choose one of: {', '.join(known)}.")
        self._to_variance, to_output = scales.PARAMETRISATIONS[parametrisation]
        self._x, self._error = x, error
        self._batch_size = arguments.whole_number(batch_size, "batch_size")
        self._generator = arguments.generator(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = nn.Sequential(
                nn.Linear(1, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(),
                nn.Linear(HIDDEN, 1))
        with torch.no_grad():
            self.net[-1].bias.copy_(to_output(torch.ones(1)))
        self._optimizer = OPTIMIZERS[optimizer](self.net.parameters(), learning_rate, fused=True)
        self._batches = []

    @threads.one_thread()  # so small a network gains nothing by more
    def step(self):
        """One update on a minibatch; returns its `Step`.

        Raises `TrainingDiverged` where the loss or its gradient is not finite; the network
        then stays as it is.
        """
        if not self._batches:
            order = data.minibatches(len(self._x), self._batch_size, self._generator)
            self._batches = list(order)
        batch = self._batches.pop()
        loss = scales.nll(self._error[batch], self._to_variance(self.net(self._x[batch]))).mean()
        self._optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in self.net.parameters()])
        if not (loss.isfinite() and norm.isfinite()):
            raise TrainingDiverged(
                f"The loss is {loss.item()} and its gradient's norm {norm.item()}. Lower the "
                "learning rate, or bring the errors nearer to 1.")
        self._optimizer.step()
        return Step(loss.item())

    @torch.no_grad()
    def variance(self, x):
        """σ² at x [n, 1]: [n, 1]."""
        return self._to_variance(self.net(x))

    def stuck(self, x):
        """The share of x [n, 1] at which no gradient passes from the variance to the network."""
        output = self.net(x).detach().requires_grad_()
        slope, = torch.autograd.grad(self._to_variance(output).sum(), output)
        return (slope == 0).double().mean().item()


def grid(points=25):
    """Evenly spaced x at which fits are compared: [points, 1]."""
    return torch.linspace(-1, 1, points)[:, None]


def constant_excess(span):
    """The excess NLL of the best constant variance: what knowing nothing of x costs, in nats.

    The best constant is the mean of σ². The same for every unit.
    """
    variance = true_variance(grid(), span, 1.0)
    return scales.excess_nll(variance, variance.mean()).mean().item()


def fit(parametrisation, *, span, unit, count, steps, seed, **settings):
    """Train one fit, as far as it goes: the `ScaleFit`, and the step at which it diverged or None.

    settings: `optimizer`, `learning_rate` and `batch_size` of `ScaleFit`.
    """
    found = ScaleFit(parametrisation, *draw_errors(span, unit, count, seed), seed=seed, **settings)
    for step in range(arguments.whole_number(steps, "steps")):
        try:
            found.step()
        except TrainingDiverged:
            return found, step
    return found, None


def measure(fitted, span, unit):
    """What a `ScaleFit` is worth on `grid`, against the truth.

    log_variance: log₁₀ σ², [points]; excess: nats per error above the least possible, see
    `scales.excess_nll`; stuck: see `ScaleFit.stuck`.
    """
    x = grid()
    variance = fitted.variance(x).double()
    excess = scales.excess_nll(true_variance(x.double(), span, unit), variance)
    return {"log_variance": variance.log10().flatten().tolist(), "excess": excess.mean().item(),
            "stuck": fitted.stuck(x)}
