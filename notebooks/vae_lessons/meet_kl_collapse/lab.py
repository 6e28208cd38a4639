"""A sweep over β, remedies against posterior collapse, and the linear VAE.

What a linear VAE learns follows from the eigenvalues of the data alone. Model: z ~ N(0, I), x | z
~ N(Wz + b, σ² I). Its best W has the data's principal directions as columns, of squared length λᵢ
− σ², as long as λᵢ > σ²; the other columns are 0 (Tipping & Bishop 1999, section 3.2). A linear
VAE has the same optimum (Lucas et al. 2019, arXiv 1911.02469, section 4). All in nats per image.
"""

import math
from typing import NamedTuple

import torch
from torch import nn

from vae_helpers import arguments, data, elbo, evaluation, models, results, schedules, training
from vae_helpers.models import GaussianVAE
from vae_helpers.study import dense_trainer, on_one_thread


class Optimum(NamedTuple):
    """A linear VAE at its best: distortion and rate, and how far its used latents spread."""

    distortion: float
    rate: float
    spreads: torch.Tensor  # [used]: A_u, the variance over images of each posterior mean


def covariance(images):
    """The pixels' covariance over uint8 images [n, 28, 28], in pixels from 0 to 1: [784, 784]."""
    average = evaluation.mean_image(images).float()  # [784]
    products = torch.zeros(len(average), len(average), dtype=torch.float64)
    for chunk in images.split(evaluation.CHUNK):
        centred = data.pixels(chunk) - average  # [chunk, 784]
        products += centred.T @ centred
    return (products / len(images)).float()


def eigenvalues(covariance):
    """The variances along the principal directions, descending: [pixels, pixels] to [pixels]."""
    return torch.linalg.eigvalsh(covariance.double()).flip(0)


def surviving(eigenvalues, noise_variance):
    """How many dimensions the best linear VAE uses: the eigenvalues above σ²."""
    _require_positive(noise_variance)
    return int((eigenvalues > noise_variance).sum())


def counted(eigenvalues, noise_variance, threshold=0.01):
    """How many of those the rule A_u > threshold sees, since A_u = 1 − σ²/λ."""
    return int((optimum(eigenvalues, noise_variance).spreads > threshold).sum())


def optimum(eigenvalues, noise_variance):
    """The `Optimum` for data with these eigenvalues [pixels] and decoder noise σ².

    A direction in use costs ½ log(λ/σ²) of rate and leaves a squared error of σ²; one that is
    not leaves λ.
    """
    _require_positive(noise_variance)
    used = eigenvalues[eigenvalues > noise_variance]
    squared = eigenvalues.clamp(max=noise_variance).sum()
    distortion = 0.5 * (
        squared / noise_variance + len(eigenvalues) * math.log(2 * math.pi * noise_variance)
    )
    rate = 0.5 * (used / noise_variance).log().sum()
    return Optimum(distortion.item(), rate.item(), 1 - noise_variance / used)


def exact_elbo_parts(model, covariance):
    """Distortion (a number) and rate [latent] of a `LinearVAE`, averaged over all data and over z.

    Both are quadratic in x and z, so the data's covariance [pixels, pixels] about the model's
    `average` is all that they depend on. Gradients flow through both.
    """
    W, V, variance = model.W, model.V, model.logvar.exp()
    projected = V @ covariance  # [latent, pixels]
    codes = projected @ V.T  # [latent, latent], the covariance of the posterior means
    squared = (covariance.trace() - 2 * (W.T * projected).sum()
               + (W.T @ W * (codes + variance.diag())).sum())  # E|x − decoded|²
    constant = model.pixels * math.log(2 * math.pi * model.noise_variance)
    distortion = 0.5 * (squared / model.noise_variance + constant)
    rate = 0.5 * (codes.diagonal() + variance - 1 - model.logvar)  # [latent]
    return distortion, rate


def fit_linear_vae(model, covariance, steps, parts, learning_rate=1e-2):
    """Train a `LinearVAE` on all images at once: its exact −ELBO, by Adam.

    parts: a function as `exact_elbo_parts`. There is no noise and no minibatch, so training
    converges in a thousand steps. The learning rate falls to 0 in the second half of them.
    """
    steps = arguments.whole_number(steps, "steps")
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * min(1.0, 2 * (1 - step / steps))
        distortion, rate = parts(model, covariance)
        optimizer.zero_grad()
        (distortion + rate.sum()).backward()
        optimizer.step()


@torch.no_grad()
def spreads(model, covariance):
    """A_u of a `LinearVAE`: the variance over images of each posterior mean, [latent]."""
    return ((model.V @ covariance) * model.V).sum(1)


def _require_positive(noise_variance):
    if not (math.isfinite(noise_variance) and noise_variance > 0):
        raise ValueError(f"noise_variance must be positive, got {noise_variance}.")


class LinearVAE(GaussianVAE):
    """A VAE with one matrix each way: p(x|z) = N(Wz + average, noise_variance · I).

    q(z|x) = N(V(x − average), diag(exp(logvar))), with one logvar for all images. At its best
    the decoder is that of probabilistic PCA. Lucas et al. 2019 (arXiv 1911.02469), section 4.
    average: of the data, [pixels], which is the best bias there is. seed: fixes the initial
    weights. Raises `ValueError` for sizes below 1 or a noise variance that is not positive.
    """

    def __init__(self, latent, average, *, noise_variance, seed):
        super().__init__()
        if latent < 1 or average.ndim != 1:
            raise ValueError(
                "latent must be at least 1 and average [pixels], got "
                f"{latent=} and an average of shape {list(average.shape)}."
            )
        if not (math.isfinite(noise_variance) and noise_variance > 0):
            raise ValueError(f"noise_variance must be positive, got {noise_variance}.")
        self.latent, self.pixels, self.noise_variance = latent, len(average), noise_variance
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.V = nn.Parameter(0.03 * torch.randn(latent, self.pixels))
            self.W = nn.Parameter(0.03 * torch.randn(self.pixels, latent))
        self.logvar = nn.Parameter(torch.zeros(latent))
        self.register_buffer("average", average)

    def encode(self, x):
        """Parameters of q(z|x): x [batch, pixels] to mean and logvar, [batch, latent] each."""
        mean = (x - self.average) @ self.V.T  # [batch, latent]
        return mean, self.logvar.expand_as(mean)

    def decode(self, z):
        """The mean image, not logits: z [..., latent] to [..., pixels]."""
        return z @ self.W.T + self.average

    def elbo_parts(self, x, eps):
        """As `GaussianVAE.elbo_parts`, with the Gaussian's −log p(x|z) as distortion."""
        mean, logvar = self.encode(x)
        residual = x - self.decode(elbo.reparameterize(mean, logvar, eps))  # [batch, pixels]
        distortion = self._gaussian_distortion((residual**2).sum(-1))
        return distortion, elbo.gaussian_kl_per_latent(mean, logvar)

    def _gaussian_distortion(self, squared):
        """−log N(x; image, noise_variance · I), from the squared distance."""
        constant = self.pixels * math.log(2 * math.pi * self.noise_variance)
        return 0.5 * (squared / self.noise_variance + constant)


def new_trainer(loss, seed, *, latent, hidden, batch_size, learning_rate, beta, free_bits=None):
    """A trainer of a dense VAE on MNIST that minimises `loss`, on one thread.

    loss: a function of distortion [batch], rates [batch, latent] and β to one number; with
    free_bits, which then follow β. beta: a number, or a schedule.
    """
    bits = () if free_bits is None else (free_bits,)

    def objective(model, x, generator, *, beta, free_bits):
        eps = data.noise(generator, len(x), model.latent, like=x)
        distortion, rates = model.elbo_parts(x, eps)  # [batch], [batch, latent]
        return (loss(distortion, rates, beta, *bits), distortion.mean(), rates.sum(-1).mean(),
                rates.mean(0))

    return on_one_thread(training.Trainer(
        models.VAE(latent, hidden, seed=seed), data.load_mnist().train_images, seed=seed,
        batch_size=batch_size, learning_rate=learning_rate, beta=beta, objective=objective))


def sweep_trainer(seed, beta, **settings):
    """A trainer of the sweep's model at one β."""
    trainer = dense_trainer(seed, **settings)
    trainer.beta = beta
    return trainer


def train_with_annealing(trainer, epochs):
    """Train for `epochs`: half at the trainer's learning rate, half while it falls to 0.

    The noise of minibatches keeps a run from its minimum; a falling learning rate removes it.
    """
    whole = trainer.learning_rate
    for epoch in range(epochs):
        trainer.learning_rate = whole * min(1.0, 2 * (epochs - epoch) / (epochs + 2))
        training.train(trainer, len(trainer.records) + trainer.steps_per_epoch)


def pixel_entropy(images):
    """The lowest distortion that a Bernoulli decoder can have, nats per image.

    It gives each grey pixel its own brightness as probability. images: uint8 [n, 28, 28].
    """
    parts = (data.pixels(chunk).double() for chunk in images.split(evaluation.CHUNK))
    return -sum((torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).sum().item()
                for x in parts) / len(images)


@torch.no_grad()
def posterior_moments(model, images):
    """Averages over images of mean² and variance of q(z|x): [2, latent], float64."""
    total = torch.zeros(2, model.latent, dtype=torch.float64)
    with evaluation.evaluation_mode(model):
        for x in evaluation.chunks(model, images):
            mean, logvar = model.encode(x)  # [chunk, latent] each
            total += torch.stack([mean**2, logvar.exp()]).double().sum(1)
    return total / len(images)


def chosen_beta(validation, betas):
    """The β of the lowest −ELBO: `validation` [β, 2], distortion and rate of validation images."""
    return results.choose({beta: [{"validation": parts}]
                           for beta, parts in zip(betas, validation)}, sum)


SMALLER = "learning rate 0.001"  # with constant β
REMEDIES = ("constant", SMALLER, "warm-up", "cyclical", "free bits")
LONGER = "constant, twice the steps"


def remedy_trainer(remedy, seed, *, beta, learning_rate, steps, free_bits, **settings):
    """A trainer that applies one of `REMEDIES` to a run that tends to collapse.

    Warm-up raises β from 0 to `beta` over half of `steps`, cyclical annealing does so four times,
    each over an eighth; with free bits each latent's rate counts as at least `free_bits` nats.
    """
    trainer = dense_trainer(
        seed, learning_rate=1e-3 if remedy == SMALLER else learning_rate, **settings)
    trainer.beta = {
        "warm-up": schedules.warm_up(steps // 2, beta=beta),
        "cyclical": schedules.cyclical(steps // 4, beta=beta),
    }.get(remedy, beta)
    trainer.free_bits = free_bits if remedy == "free bits" else 0.0
    return trainer


def end_of(model, seed, active_units):
    """What is measured of a trained model: nats per test image, active latents, dead units.

    active_units: a function of the model and images, as `evaluation.active_units`.
    """
    images = data.load_mnist().test_images
    result = evaluation.evaluate(model, images, seed=seed)
    first = model.encoder[:2](data.pixels(images)).detach()  # [image, unit], after the ReLU
    return {"distortion": result.distortion, "rate": result.rate,
            "active": active_units(model, images), "dead": int((first == 0).all(0).sum())}
