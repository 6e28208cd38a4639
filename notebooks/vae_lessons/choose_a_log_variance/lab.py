"""Parametrising a scale, a small network that learns one, and a VAE whose decoder has one.

A network gives any number a; a variance must be positive. Errors e are what is left when the
mean has been taken off, e ~ N(0, σ²). Everything broadcasts; NLLs are in nats per error.
"""

import math
from typing import Callable, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import arguments, data, elbo, models, threads
from vae_helpers.elbo import LOG_2PI
from vae_helpers.training import TrainingDiverged

FLOOR = 1e-6  # the least variance that the guard and the softplus give


class Parametrisation(NamedTuple):
    """How a network's output becomes a variance: `variance` of an output, and its inverse."""

    variance: Callable
    output: Callable


def guarded(a):
    """σ² = max(a, FLOOR): the variance itself, with a guard. Below it no gradient passes."""
    return a.clamp(min=FLOOR)


def softplus_with_floor(a):
    """σ² = log(1 + eᵃ) + FLOOR (Lakshminarayanan et al. 2017, arXiv 1612.01474)."""
    return F.softplus(a) + FLOOR


def _inverse_softplus(variance):
    softplus = variance - FLOOR
    return softplus + torch.log(-torch.expm1(-softplus))  # log(eˢ − 1), which does not overflow


PARAMETRISATIONS = {
    "variance": Parametrisation(guarded, lambda variance: variance),
    "log variance": Parametrisation(torch.exp, torch.log),
    "softplus": Parametrisation(softplus_with_floor, _inverse_softplus),
}


def nll(error, variance):
    """−log N(error; 0, variance)."""
    return 0.5 * (LOG_2PI + variance.log() + error**2 / variance)


def variance_gradient(error, variance):
    """∂ nll / ∂σ² = (1 − e²/σ²) / 2σ². Like −e²/2σ⁴ as σ² → 0."""
    return (1 - error**2 / variance) / (2 * variance)


def logvar_gradient(error, variance):
    """∂ nll / ∂ log σ² = ½ (1 − e²/σ²). Like −e²/2σ² as σ² → 0; never above ½."""
    return 0.5 * (1 - error**2 / variance)


def gradient_laws(true_variance, variance):
    """Mean and standard deviation of both gradients over e ~ N(0, true_variance).

    {parametrisation: (mean, standard deviation)}. e² is true_variance times a χ² with one
    degree of freedom, whose mean is 1 and whose variance is 2.
    """
    ratio = true_variance / variance
    mean, sd = 0.5 * (1 - ratio), ratio / math.sqrt(2)
    return {"variance": (mean / variance, sd / variance), "log variance": (mean, sd)}


def excess_nll(true_variance, variance):
    """How many nats an error costs beyond the least possible: KL( N(0, true) ‖ N(0, variance) ).

    It depends on the two variances' ratio alone, and so on no unit.
    """
    ratio = true_variance / variance
    return 0.5 * (ratio - 1 - ratio.log())


def variance_of_estimate(variance, n):
    """Var(s²) = 2σ⁴/(n − 1), s² being the sample variance of n Gaussian numbers."""
    _require_sample(n)
    return 2 * variance**2 / (n - 1)


def variance_of_log_estimate(n):
    """Var(log s²) = ψ₁((n − 1)/2), whatever σ²: the trigamma function, about 2/(n − 1)."""
    _require_sample(n)
    return torch.special.polygamma(1, torch.tensor((n - 1) / 2, dtype=torch.float64)).item()


def crossover(n):
    """The σ² at which Var(s²) and Var(log s²) are the same; below it the logarithm's is larger."""
    return math.sqrt(0.5 * (n - 1) * variance_of_log_estimate(n))


def draw_estimates(variance, n, draws, generator):
    """`draws` sample variances s² of n numbers from N(0, variance): [draws], float64."""
    _require_sample(n)
    numbers = torch.randn(draws, n, generator=generator, dtype=torch.float64)
    return (math.sqrt(variance) * numbers).var(1)  # [draws, n] -> [draws]


def drawn_spreads(variance, n, draws, generator):
    """What `variance_of_estimate` and `variance_of_log_estimate` say, measured: two numbers."""
    estimates = draw_estimates(variance, n, draws, generator)
    return estimates.var().item(), estimates.log().var().item()


def drawn_gradients(true_variance, variance, draws, generator):
    """What `gradient_laws` says, measured: {parametrisation: (mean, standard deviation)}."""
    error = math.sqrt(true_variance) * torch.randn(
        draws, generator=generator, dtype=torch.float64)
    gradients = {"variance": variance_gradient(error, variance),
                 "log variance": logvar_gradient(error, variance)}
    return {name: (values.mean().item(), values.std().item())
            for name, values in gradients.items()}


def _require_sample(n):
    if n != int(n) or n < 2:
        raise ValueError(f"A sample variance needs a whole number n of at least 2, got {n}.")


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

    parametrisation: a name in `PARAMETRISATIONS`. x, error: [count, 1]. optimizer: a
    name in `OPTIMIZERS`. The output's bias makes every parametrisation begin near σ² = 1.
    seed: fixes the other weights and the order of the errors, the same for each
    parametrisation. Raises `ValueError` for a name that is not known.
    """

    def __init__(self, parametrisation, x, error, *, optimizer, learning_rate, batch_size, seed):
        for name, known in ((parametrisation, PARAMETRISATIONS), (optimizer, OPTIMIZERS)):
            if name not in known:
                raise ValueError(f"{name!r} is not known. Choose one of: {', '.join(known)}.")
        self._to_variance, to_output = PARAMETRISATIONS[parametrisation]
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
        loss = nll(self._error[batch], self._to_variance(self.net(self._x[batch]))).mean()
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
    return excess_nll(variance, variance.mean()).mean().item()


def fit_scale(parametrisation, *, span, unit, count, steps, seed, **settings):
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


def measure_fit(fitted, span, unit):
    """What a `ScaleFit` is worth on `grid`, against the truth.

    log_variance: log₁₀ σ², [points]; excess: nats per error above the least possible, see
    `excess_nll`; stuck: see `ScaleFit.stuck`.
    """
    x = grid()
    variance = fitted.variance(x).double()
    excess = excess_nll(true_variance(x.double(), span, unit), variance)
    return {"log_variance": variance.log10().flatten().tolist(), "excess": excess.mean().item(),
            "stuck": fitted.stuck(x)}


class SigmaVAE(models.VAE):
    """p(x|z) = N(sigmoid(logits), exp(noise) · I), with one log variance `noise` for all pixels.

    noise: where it begins. learned: whether training moves it, by the gradient (the σ-VAE of
    Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202); `LearnedScaleVAE` finds it by a
    formula instead. Sizes and seed as in `models.VAE`. Raises `ValueError` for a noise that is
    not finite.
    """

    def __init__(self, latent, hidden=(400,), *, noise, learned, seed):
        super().__init__(latent, hidden, seed=seed)
        if not math.isfinite(noise):
            raise ValueError(f"noise is a log variance and must be finite, got {noise}.")
        self.noise = nn.Parameter(torch.tensor(float(noise)), requires_grad=learned)

    @property
    def variance(self):
        """σ² of a pixel, as `LearnedScaleVAE` has it."""
        return self.noise.exp()

    def elbo_parts(self, x, eps):
        """As `models.GaussianVAE.elbo_parts`; the distortion is the Gaussian's −log p(x|z).

        That is a density, so that it may be negative.
        """
        mean, logvar = self.encode(x)
        image = self.decode(elbo.reparameterize(mean, logvar, eps)).sigmoid()  # [batch, pixels]
        distortion = -elbo.gaussian_log_prob(x, image, self.noise.expand(self.pixels))
        return distortion, elbo.gaussian_kl_per_latent(mean, logvar)


def distortion(squared_error, variance, pixels=784):
    """−log p(x|z) in nats per image, from a pixel's mean squared error and the decoder's σ²."""
    return 0.5 * pixels * (squared_error / variance + elbo.LOG_2PI + math.log(variance))


def squared_error(model, distortion):
    """The inverse: the mean squared error of a pixel at which `model` has this distortion."""
    variance = model.variance.item()
    return (2 * distortion / model.pixels - elbo.LOG_2PI - math.log(variance)) * variance
