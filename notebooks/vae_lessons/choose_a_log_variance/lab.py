"""Ways for a network to output a variance, a small network that learns one, and a VAE with one.

A network outputs any number; a variance must be positive. A residual r is what is left of a value
when the predicted mean has been taken off: r ~ N(0, σ²). NLLs are in nats per residual.
"""

import math
from typing import Callable, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import arguments, data, elbo, models, threads
from vae_helpers.elbo import LOG_2PI

FLOOR = 1e-6  # the smallest variance that the clamp and softplus give


class Parametrisation(NamedTuple):
    """How a network's output becomes a variance, and the output that gives a wanted variance."""

    variance: Callable
    output: Callable


def clamped(output):
    """σ² = max(output, FLOOR): the variance itself. Below the floor its gradient is 0."""
    return output.clamp(min=FLOOR)


def softplus_with_floor(output):
    """σ² = log(1 + exp(output)) + FLOOR (Lakshminarayanan et al. 2017, arXiv 1612.01474)."""
    return F.softplus(output) + FLOOR


def floored_logvar(output):
    """log(exp(output) + FLOOR), which does not overflow and passes a gradient below the floor too.

    The gradient fades far below: at an output of −20 the slope is 0.002.
    """
    return torch.logaddexp(output, torch.full_like(output, math.log(FLOOR)))


def _inverse_softplus(variance):
    softplus = variance - FLOOR
    return softplus + torch.log(-torch.expm1(-softplus))  # log(exp(s) − 1), which never overflows


PARAMETRISATIONS = {
    "variance": Parametrisation(clamped, lambda variance: variance),
    "log variance": Parametrisation(torch.exp, torch.log),
    "softplus": Parametrisation(softplus_with_floor, _inverse_softplus),
}


def nll(r, variance):
    """−log N(r; 0, variance), for each residual."""
    return 0.5 * (LOG_2PI + variance.log() + r**2 / variance)


def variance_gradient(r, variance):
    """∂ nll / ∂σ² = (1 − r²/σ²) / (2σ²). It grows like −r²/(2σ⁴) as σ² → 0."""
    return (1 - r**2 / variance) / (2 * variance)


def logvar_gradient(r, logvar):
    """∂ nll / ∂ log σ² = ½ (1 − r²/σ²). It grows like −r²/(2σ²) as σ² → 0, and never exceeds ½."""
    return 0.5 * (1 - r**2 * (-logvar).exp())


def gradient_laws(true_variance, variance):
    """Mean and standard deviation of both gradients over r ~ N(0, true_variance).

    {parametrisation: (mean, standard deviation)}. r² is true_variance times a χ² variable with
    one degree of freedom, whose mean is 1 and whose variance is 2.
    """
    ratio = true_variance / variance
    mean, sd = 0.5 * (1 - ratio), ratio / math.sqrt(2)
    return {"variance": (mean / variance, sd / variance), "log variance": (mean, sd)}


def excess_nll(true_variance, variance):
    """Nats per residual above the least possible NLL: KL( N(0, true) ‖ N(0, variance) ).

    It depends only on the ratio of the two variances, so a change of unit has no influence.
    """
    ratio = true_variance / variance
    return 0.5 * (ratio - 1 - ratio.log())


def variance_of_estimate(variance, n):
    """Var(σ̂²) = 2σ⁴/(n − 1), where σ̂² is the sample variance of n Gaussian numbers."""
    _require_sample(n)
    return 2 * variance**2 / (n - 1)


def variance_of_log_estimate(n):
    """Var(log σ̂²) = ψ₁((n − 1)/2) for every σ²: the trigamma function, about 2/(n − 1)."""
    _require_sample(n)
    return torch.special.polygamma(1, torch.tensor((n - 1) / 2, dtype=torch.float64)).item()


def crossover(n):
    """The σ² at which Var(σ̂²) = Var(log σ̂²); below it the logarithm's variance is larger."""
    return math.sqrt(0.5 * (n - 1) * variance_of_log_estimate(n))


def draw_estimates(variance, n, draws, generator):
    """`draws` sample variances σ̂² of n numbers from N(0, variance): [draws], float64."""
    _require_sample(n)
    numbers = torch.randn(draws, n, generator=generator, dtype=torch.float64)
    return (math.sqrt(variance) * numbers).var(1)  # [draws, n] -> [draws]


def drawn_spreads(variance, n, draws, generator):
    """`variance_of_estimate` and `variance_of_log_estimate`, measured: two numbers."""
    estimates = draw_estimates(variance, n, draws, generator)
    return estimates.var().item(), estimates.log().var().item()


def drawn_gradients(true_variance, variance, draws, generator):
    """`gradient_laws`, measured: {parametrisation: (mean, standard deviation)}."""
    r = math.sqrt(true_variance) * torch.randn(draws, generator=generator, dtype=torch.float64)
    gradients = {"variance": variance_gradient(r, variance),
                 "log variance": 0.5 * (1 - r**2 / variance)}
    return {name: (values.mean().item(), values.std().item())
            for name, values in gradients.items()}


def _require_sample(n):
    if n != int(n) or n < 2:
        raise ValueError(f"A sample variance needs a whole number n of at least 2, got {n}.")


HIDDEN = 32  # units in each of two layers
OPTIMIZERS = {"Adam": torch.optim.Adam, "SGD": torch.optim.SGD}  # SGD without momentum


def true_variance(x, decades, scale):
    """σ²(x) = (scale · 10^(½ decades sin πx))², for x from −1 to 1.

    σ covers `decades` powers of ten; `scale` is the middle of them.
    """
    return (scale * 10 ** (0.5 * decades * torch.sin(math.pi * x))) ** 2


def draw_residuals(decades, scale, count, seed):
    """x, uniform from −1 to 1, and a residual for each: [count, 1] both.

    Another scale gives the same residuals in another unit. Raises `ValueError` for one that is
    not positive.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"The scale must be a positive number, got {scale}.")
    count, generator = arguments.whole_number(count, "count"), arguments.generator(seed)
    x = 2 * torch.rand(count, 1, generator=generator) - 1
    return x, true_variance(x, decades, scale).sqrt() * torch.randn(count, 1, generator=generator)


def small_net(bias, seed):
    """1 → 32 → 32 → 1 with tanh; `bias` is the last layer's, `seed` fixes all other weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(1, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(),
                            nn.Linear(HIDDEN, 1))
    with torch.no_grad():
        net[-1].bias.fill_(bias)
    return net


def minibatches(count, batch_size, steps, seed):
    """Index tensors for `steps` training steps; each epoch visits 0 … count−1 in a new order."""
    batch_size = arguments.whole_number(batch_size, "batch_size")
    generator, epoch = arguments.generator(seed), []
    for _step in range(arguments.whole_number(steps, "steps")):
        epoch = epoch or list(data.minibatches(count, batch_size, generator))
        yield epoch.pop()


def train_variance(net, to_variance, x, r, batches, optimizer):
    """Train `net` to output the variance of the residuals r at x; the losses of all steps.

    to_variance: from the network's output to σ². x, r: [count, 1]. batches: index tensors. It
    stops before an update that would not be finite, so that the network stays as it is.
    """
    losses = []
    for batch in batches:
        loss = nll(r[batch], to_variance(net(x[batch]))).mean()  # nats per residual
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in net.parameters()])
        if not (loss + norm).isfinite():
            break
        optimizer.step()
        losses.append(loss.item())
    return losses


class Fit(NamedTuple):
    """A trained network, how its output becomes σ², and its losses in nats per residual."""

    net: nn.Module
    to_variance: Callable
    losses: list

    @torch.no_grad()
    def variance(self, x):
        """σ² at x [n, 1]: [n, 1]."""
        return self.to_variance(self.net(x))

    def stuck(self, x):
        """The share of x [n, 1] at which no gradient passes from the variance to the network."""
        output = self.net(x).detach().requires_grad_()
        slope, = torch.autograd.grad(self.to_variance(output).sum(), output)
        return (slope == 0).double().mean().item()


@threads.one_thread()  # so small a network gains nothing by more
def fit_residuals(parametrisation, x, r, *, optimizer, learning_rate, batch_size, steps, seed):
    """The `Fit` of residuals r at x, [count, 1] each, which begins near σ² = 1.

    parametrisation: a name in `PARAMETRISATIONS`; optimizer: a name in `OPTIMIZERS`. Raises
    `ValueError` for a name that is not known.
    """
    for name, known in ((parametrisation, PARAMETRISATIONS), (optimizer, OPTIMIZERS)):
        if name not in known:
            raise ValueError(f"{name!r} is not known. Choose one of: {', '.join(known)}.")
    to_variance, to_output = PARAMETRISATIONS[parametrisation]
    net = small_net(to_output(torch.ones(())).item(), seed)
    made = OPTIMIZERS[optimizer](net.parameters(), learning_rate, fused=True)
    batches = minibatches(len(x), batch_size, steps, seed)
    return Fit(net, to_variance, train_variance(net, to_variance, x, r, batches, made))


def fit_scale(parametrisation, *, decades, scale, count, steps, seed, **settings):
    """Train one fit, as far as it goes: the `Fit`, and the step at which it stopped or None.

    settings: `optimizer`, `learning_rate` and `batch_size` of `fit_residuals`.
    """
    x, r = draw_residuals(decades, scale, count, seed)
    fit = fit_residuals(parametrisation, x, r, steps=steps, seed=seed, **settings)
    return fit, len(fit.losses) if len(fit.losses) < steps else None


def in_any_unit(fit, x, r):
    """log σ² of residuals r [count, 1], fitted after their root mean square was made 1.

    fit(x, r): trains a network and returns its log σ², [points, 1].
    """
    rms = r.square().mean().sqrt()
    return fit(x, r / rms) + 2 * rms.log()


def grid(points=25):
    """Evenly spaced x at which fits are compared: [points, 1]."""
    return torch.linspace(-1, 1, points)[:, None]


def constant_excess(decades):
    """The excess NLL in nats of the best constant variance, which knows nothing of x.

    The best constant is the mean of σ². The same for every scale.
    """
    variance = true_variance(grid(), decades, 1.0)
    return excess_nll(variance, variance.mean()).mean().item()


def measure_fit(fit, decades, scale):
    """How far a `Fit` is from the truth on `grid`.

    log_variance: log₁₀ σ², [points]; excess: nats per residual above the least possible, see
    `excess_nll`; stuck: see `Fit.stuck`.
    """
    x = grid()
    variance = fit.variance(x).double()
    excess = excess_nll(true_variance(x.double(), decades, scale), variance)
    return {"log_variance": variance.log10().flatten().tolist(), "excess": excess.mean().item(),
            "stuck": fit.stuck(x)}


class SigmaVAE(models.VAE):
    """p(x|z) = N(sigmoid(logits), σ² I), with one log variance `noise` for all pixels.

    noise: where it begins. learned: whether training moves it, by the gradient (the σ-VAE of
    Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202). Sizes and seed as in `models.VAE`.
    Raises `ValueError` for a noise that is not finite.
    """

    def __init__(self, latent, hidden=(400,), *, noise, learned, seed):
        super().__init__(latent, hidden, seed=seed)
        if not math.isfinite(noise):
            raise ValueError(f"noise is a log variance and must be finite, got {noise}.")
        self.noise = nn.Parameter(torch.tensor(float(noise)), requires_grad=learned)

    @property
    def variance(self):
        """σ² of a pixel."""
        return self.noise.exp()

    def log_variance(self, x, image):
        """log σ² for images x and what the decoder makes of them, [batch, pixels] each."""
        return self.noise

    def elbo_parts(self, x, eps):
        """As `models.GaussianVAE.elbo_parts`; the distortion is the Gaussian's −log p(x|z).

        That is a density, so it may be negative.
        """
        mean, logvar = self.encode(x)
        image = self.decode(elbo.reparameterize(mean, logvar, eps)).sigmoid()  # [batch, pixels]
        noise = self.log_variance(x, image).expand(self.pixels)
        return -elbo.gaussian_log_prob(x, image, noise), elbo.gaussian_kl_per_latent(mean, logvar)


def best_logvar(x, image):
    """The one log variance that makes the NLL of all pixels lowest; [batch, pixels] each."""
    return (x - image).square().mean().log()


def distortion(squared_error, variance, pixels=784):
    """−log p(x|z) in nats per image, from a pixel's mean squared error and the decoder's σ²."""
    return 0.5 * pixels * (squared_error / variance + elbo.LOG_2PI + math.log(variance))


def squared_error(model, distortion):
    """The inverse: the mean squared error of a pixel at which `model` has this distortion."""
    variance = model.variance.item()
    return (2 * distortion / model.pixels - elbo.LOG_2PI - math.log(variance)) * variance
