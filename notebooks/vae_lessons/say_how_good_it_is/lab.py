"""Log p(x) by importance sampling, training on such a bound, kinds of digits, choosing runs."""

import functools
import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import softplus

from vae_helpers import arguments, data, elbo, evaluation, training
from vae_helpers.models import VAE, DenseVAE
from vae_lessons.build_a_vae.lab import glorot
from vae_lessons.derive_the_elbo.lab import evidence_by_quadrature


class Mean(NamedTuple):
    """A mean over images and half the width of its 95 % interval, in nats per image."""

    value: float
    half_width: float


def binarize(x, generator):
    """Sample each pixel as 0 or 1 with its grey value as the probability of a 1.

    x: float in [0, 1], any shape; the result has the same shape and type. Sampling anew for
    every batch is called dynamic binarisation (Burda et al. 2015, section 5).
    Raises `ValueError` for values outside [0, 1] and `TypeError` for x that is not floats.
    """
    data.require_unit_interval(x, "x")
    return torch.bernoulli(x, generator=generator)


def binarized(images, *, seed):
    """Black and white images, each pixel sampled once with its grey as probability of white.

    uint8 [n, 28, 28] to uint8 of 0 and 255, the same shape, by `seed`. Dynamic binarisation
    samples anew for every minibatch (`binarize`).
    """
    data.require_images(images)
    generator = arguments.generator(seed)
    found = torch.empty_like(images)
    for place, chunk in zip(found.split(evaluation.CHUNK), images.split(evaluation.CHUNK)):
        white = binarize(data.pixels(chunk), generator)  # [chunk, 784]
        place.copy_(255 * white.reshape(chunk.shape))  # -> [chunk, 28, 28]
    return found


def log_weights(model, x, eps):
    """log p(x, z) − log q(z|x) of each draw of z from q(z|x): [K, n], in nats.

    x: [n, pixels], 0 or 1; eps: standard normal [K, n, latent]. Burda, Grosse & Salakhutdinov
    2015, section 3.
    """
    mean, logvar = model.encode(x)  # [n, latent] each
    z = elbo.reparameterize(mean, logvar, eps)  # [K, n, latent]
    logits = model.decode(z)  # [K, n, pixels]
    # As `elbo.bernoulli_log_prob` has it, in half the time: Σ x · logit − Σ log(1 + exp(logit)).
    log_likelihood = torch.einsum("dnp,np->dn", logits, x) - softplus(logits).sum(-1)
    return log_likelihood + elbo.prior_log_prob(z) - elbo.gaussian_log_prob(z, mean, logvar)


def widened(factor):
    """`log_weights` of draws from a Gaussian whose standard deviation is `factor` times q's."""
    def weigh(model, x, eps):
        mean, logvar = model.encode(x)  # [n, latent] each
        logvar = logvar + 2 * math.log(factor)
        z = elbo.reparameterize(mean, logvar, eps)  # [K, n, latent]
        log_likelihood = elbo.bernoulli_log_prob(x, model.decode(z))  # [K, n]
        return log_likelihood + elbo.prior_log_prob(z) - elbo.gaussian_log_prob(z, mean, logvar)

    return weigh


def grouped_bounds(log_weights, draws):
    """Every estimate of the IWAE bound with K = `draws` in [total, n] log weights: [total / K, n].

    log (1/K) Σ_k w_k of each group of K; the groups share no draw. Burda et al. 2015, section 3.
    Raises `ValueError` unless `total` is a multiple of K, and as `elbo.iwae_bound` does.
    """
    elbo.require_log_weights(log_weights)
    total, draws = len(log_weights), arguments.whole_number(draws, "draws")
    if total % draws:
        raise ValueError(f"{total} draws do not make whole groups of {draws}.")
    groups = log_weights.reshape(total // draws, draws, -1)  # [groups, K, n]
    return torch.logsumexp(groups, dim=1) - math.log(draws)


def draw_log_weights(weigh, model, images, draws, generator):
    """Log weights of black and white images, uint8 [n, 28, 28]: [draws, n].

    weigh: a function like `log_weights`. Raises `ValueError` for images that hold greys: no bound
    on them bounds a log probability.
    """
    data.require_images(images)
    draws = arguments.whole_number(draws, "draws")
    if not ((images == 0) | (images == 255)).all():
        raise ValueError("The images hold greys: make them black and white first, by "
                         "lab.binarized.")
    # One image at a time: all draws of it fit the cache. Small results kept between large
    # temporary ones would cut the memory to pieces, so there is one place for all.
    weights = torch.empty(draws, len(images))
    with evaluation.evaluation_mode(model), torch.no_grad():
        for place, x in zip(weights.split(1, dim=1), evaluation.rows(model, images).split(1)):
            mean, _logvar = model.encode(x)  # [1, latent]
            place.copy_(weigh(model, x, data.noise(generator, draws, *mean.shape, like=mean)))
    return weights


def bounds(weigh, group, model, images, draws, *, seed):
    """The IWAE bound of each black and white image, for every K of `draws`: {K: [n]}.

    weigh, group: functions like `log_weights` and `grouped_bounds`; images: uint8 [n, 28, 28].
    All from the same draws, as many as the largest K, of which the others must be divisors;
    the mean of all groups of K. Raises `ValueError` as `draw_log_weights` does.
    """
    data.require_images(images)
    found, generator = {k: [] for k in draws}, arguments.generator(seed)
    for chunk in images.split(evaluation.CHUNK):
        weights = draw_log_weights(weigh, model, chunk, max(draws), generator)  # [draws, chunk]
        for k in draws:
            found[k].append(group(weights, k).mean(0))
    return {k: torch.cat(values) for k, values in found.items()}


def mean_of(values):
    """The mean of values [n], one an image, with its 95 % interval."""
    half_width = 1.96 * values.std().item() / math.sqrt(len(values))
    return Mean(values.mean().item(), half_width)


ESTIMATORS = ("iwae", "path", "dreg")
FIRST_RATE = 2e-3  # 1e-3 in Burda et al. 2015, whose batches have 20 images


def negative_bound(model, x, eps, estimator):
    """Minus the IWAE bound, averaged over x, with the gradient of `estimator`.

    x: [batch, pixels], 0 or 1; eps: standard normal [K, batch, latent]. Returns the loss, and
    beside it distortion and rate, of which no gradient is taken; in nats per image.
    "iwae": the total derivative (Burda et al. 2015, arXiv 1509.00519, section 3). "path":
    without the score of q (Roeder, Wu & Duvenaud 2017, arXiv 1703.09194); biased for K > 1.
    "dreg": doubly reparameterised, unbiased for every K (Tucker et al. 2018, arXiv 1810.04152,
    section 3); at K = 1 it is "path". Raises `ValueError` for another estimator.
    """
    _require_known(estimator)
    mean, logvar = model.encode(x)
    rate = elbo.gaussian_kl(mean, logvar).mean().detach()
    z = elbo.reparameterize(mean, logvar, eps)  # [K, batch, latent]
    if estimator != "iwae":
        mean, logvar = mean.detach(), logvar.detach()
    log_likelihood = elbo.bernoulli_log_prob(x, model.decode(z))  # [K, batch]
    log_weights = log_likelihood + elbo.prior_log_prob(z) - elbo.gaussian_log_prob(z, mean, logvar)
    if estimator == "dreg":
        # The bound's gradient with respect to log w is the normalised weight; for the encoder,
        # and for it alone, DReG takes the weight's square.
        normalised = torch.softmax(log_weights.detach(), dim=0)[..., None]  # [K, batch, 1]
        z.register_hook(lambda gradient: normalised * gradient)
    return -elbo.iwae_bound(log_weights).mean(), -log_likelihood.mean().detach(), rate


def _require_known(estimator):
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {ESTIMATORS}, got {estimator!r}.")


def burda_rate(epoch):
    """The learning rate of an epoch: FIRST_RATE · 10^(−i/7) for 3^i epochs, i = 0, 1, …, 7.

    Burda et al. 2015, section 5. After 3,280 epochs the last one stays.
    """
    i, left = 0, epoch
    while left >= 3**i and i < 7:
        left -= 3**i
        i += 1
    return FIRST_RATE * 10 ** (-i / 7)


def _bound_objective(model, x, generator, *, draws, estimator, **_of_elbo):
    x = binarize(x, generator)
    eps = data.noise(generator, draws, len(x), model.latent, like=x)
    return *negative_bound(model, x, eps, estimator), eps.new_empty(0)  # no rate per latent


class BoundTrainer(training.Trainer):
    """A `training.Trainer` that maximises the IWAE bound, with dynamic binarisation and β = 1.

    draws: K. estimator: of the gradient, see `negative_bound`. The learning rate follows
    `burda_rate`, and Adam's ε is 1e-4 as there. Records keep distortion and rate, from which
    their ELBO is that of K = 1, and no rate per latent. Raises `ValueError` for other draws
    or estimators, and what `training.Trainer` does.
    """

    def __init__(self, model, images, *, draws, estimator="iwae", batch_size=100, seed):
        draws = arguments.whole_number(draws, "draws")
        _require_known(estimator)
        super().__init__(
            model, images, batch_size=batch_size, learning_rate=burda_rate(0), seed=seed,
            objective=functools.partial(_bound_objective, draws=draws, estimator=estimator),
        )
        self.optimizer.param_groups[0]["eps"] = 1e-4
        self.settings |= {"draws": draws, "estimator": estimator}

    def step(self):
        """As `training.Trainer.step`, at the epoch's learning rate."""
        self.learning_rate = burda_rate(len(self.records) // self.steps_per_epoch)
        return super().step()


class BurdaVAE(DenseVAE):
    """The network with one stochastic layer of Burda, Grosse & Salakhutdinov 2015, section 5.

    Two layers of tanh on either side of the latents, Glorot's weights, and a decoder whose
    first biases draw `average`, the mean of the training pixels ([pixels], in [0, 1]).
    arXiv 1509.00519. Raises `ValueError` for sizes below 1, or another shape of `average`.
    """

    activation = nn.Tanh

    def __init__(self, average, latent=50, hidden=(200, 200), *, seed):
        if average.ndim != 1:
            raise ValueError(f"average must be [pixels], got shape {list(average.shape)}.")
        super().__init__(latent, hidden, len(average), heads=2, seed=seed)
        with torch.no_grad():  # a pixel that is always dark would have −∞
            self.decoder[-1].bias.copy_(average.clamp(0.001, 0.999).logit())

    encode = VAE.encode

    def _begin(self):
        self.apply(glorot)


SHOWN = ("grey-scale", "binarised", "thresholded")  # what a model is tested on
TRAINED = ("grey-scale", "dynamic", "fixed", "thresholded")


def digits_as(kind, images, *, seed):
    """The images as one of `SHOWN`: as they are, `binarized` by `seed`, or white above one half."""
    if kind == "binarised":
        return binarized(images, seed=seed)
    return 255 * (images > 127).to(torch.uint8) if kind == "thresholded" else images


def train_on(kind, trainer, epochs):
    """Train a fresh trainer for `epochs` on its images made into one of `TRAINED`.

    "dynamic" samples the pixels anew for each epoch, in which each image is met once; "fixed"
    samples them once. Returns the model.
    """
    images = trainer.images
    shown = "binarised" if kind in ("dynamic", "fixed") else kind
    for epoch in range(epochs):
        trainer.images = digits_as(shown, images, seed=epoch if kind == "dynamic" else 0)
        training.train(trainer, (epoch + 1) * trainer.steps_per_epoch)
    return trainer.model


def compare_kinds(model):
    """−ELBO of the test digits made in each of the three ways, {kind: nats per image}."""
    images = data.load_mnist().test_images
    return {kind: -evaluation.evaluate(model, digits_as(kind, images, seed=0), seed=0).elbo
            for kind in SHOWN}


@torch.no_grad()
def neg_elbo(model, images, *, seed):
    """−ELBO of each image, uint8 [n, 28, 28], with one draw of z: [n], in nats.

    Two models that are given the same images and the same `seed` meet the same noise.
    """
    data.require_images(images)
    found, noise = [], arguments.generator(seed)
    with evaluation.evaluation_mode(model):
        for part in images.split(evaluation.CHUNK):
            x = evaluation.rows(model, part)  # [chunk, 784]
            mean, logvar = model.encode(x)
            z = elbo.reparameterize(mean, logvar, data.noise(noise, *mean.shape, like=mean))
            log_likelihood = elbo.bernoulli_log_prob(x, model.decode(z))
            found.append(elbo.gaussian_kl(mean, logvar) - log_likelihood)
    return torch.cat(found)


def compare_bounds(weigh, group, model, images, draws):
    """What a model with 2 latents gives for black and white images [n, 28, 28], in nats.

    weigh, group: functions like `log_weights` and `grouped_bounds`. Returns log p(x) by
    quadrature [n], and {K: every estimate of the IWAE bound, [groups, n]}.
    """
    weights = draw_log_weights(weigh, model, images, max(draws), arguments.generator(0))
    estimates = {k: group(weights, k) for k in draws}  # from [draws, n]
    # The grid has 160,801 places: 50 images at a time keep it small.
    parts = [evidence_by_quadrature(model, chunk) for chunk in images.split(50)]
    return torch.cat(parts), estimates


def gap_of(log_evidence, estimates):
    """The gap between log p(x) and the IWAE bound, summed up: {name: number}, nats per image.

    mean and half_width: over images; median; worst: the share of the mean that comes from the
    worst twentieth of the images; above: the share of single estimates above log p(x).
    """
    gap = log_evidence - estimates.mean(0)  # [n]
    worst = gap.sort(descending=True).values[: math.ceil(len(gap) / 20)]
    mean, half_width = mean_of(gap)
    return {
        "mean": mean, "half_width": half_width, "median": gap.quantile(0.5).item(),
        "worst": (worst.sum() / gap.sum()).item(),
        "above": (estimates > log_evidence).double().mean().item(),
    }


def selection_bias(report, validation, test, sizes, runs, *, repeats=1000):
    """How much better a run looks that test images have chosen: {n of them: nats per image}.

    report: a function of two score tables [runs, images], of which the first chooses a run and
    the second is reported for it. validation, test: −ELBO, [all runs, blocks] of means over 100
    images each. sizes: the numbers n of test images, and of validation images that choose for
    comparison. The `runs` runs and the blocks are drawn at random, `repeats` times.
    """
    generator, found = torch.Generator().manual_seed(0), {}
    for n in sizes:
        differences = []
        for _ in range(repeats):
            some = torch.randperm(len(test), generator=generator)[:runs]
            for_choice, for_report = (
                table[some][:, torch.randperm(table.shape[1], generator=generator)[: n // 100]]
                for table in (validation, test))  # [runs, n / 100] each
            honest, biased = report(for_choice, for_report), report(for_report, for_report)
            differences.append(float(honest - biased))
        found[n] = sum(differences) / repeats
    return found
