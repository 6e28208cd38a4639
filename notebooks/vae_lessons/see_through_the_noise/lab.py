"""What early codes tell of the labels, the plateau of the mean image, and how to leave it."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from vae_helpers import arguments, data, evaluation
from vae_lessons.build_a_vae.lab import CoderVAE, renew_statistics

LEAST_ACTIVE = 0.01  # A_u of an active latent: Burda, Grosse & Salakhutdinov 2015, section 5.2
LARGEST_GAIN = 1.0  # nats per image
BETA = 9.8  # the KL weight that the loss of the original recipe hides: notebook 03
BUDGET = 150  # training steps


@torch.no_grad()
def encode_as_in_training(model, images):
    """What training sees of `images` (uint8 [n, 28, 28]): mean and logvar of q, [n, latent] each.

    Batch normalisation uses these images' own statistics: its running ones lag behind a
    young model. The model itself is left as it is.
    """
    return copy.deepcopy(model).train().encode(evaluation.rows(model, images))


def signal_to_noise(mean, logvar):
    """Each latent's variance of the mean over images by its mean posterior variance: [latent].

    mean, logvar: [n, latent]. At 1 an image's own place varies as much as the draws around it.
    """
    return mean.var(0) / logvar.exp().mean(0)


def knn_purity(codes, labels):
    """The share of codes [n, latent] whose nearest other code has the same label [n]."""
    distance = torch.cdist(codes, codes)  # [n, n]
    distance.fill_diagonal_(torch.inf)  # a code is not its own neighbour
    return (labels[distance.argmin(1)] == labels).double().mean().item()


def chance_purity(labels):
    """The purity to expect of codes that know nothing of the labels [n]."""
    counts = labels.bincount().double()
    return ((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1))).item()


def early_history(posteriors, purities, noises, signal_to_noise):
    """One run's early codes: {"sampled", "means": [stages], "signal_to_noise": [stages, latent]}.

    posteriors: {steps: (mean, logvar)}; purities: {steps: [at each of `noises`]}, of which 1
    gives draws and 0 the means; signal_to_noise: the function of that name.
    """
    return {"sampled": [at[noises.index(1)] for at in purities.values()],
            "means": [at[noises.index(0)] for at in purities.values()],
            "signal_to_noise": torch.stack([signal_to_noise(*q) for q in posteriors.values()])}


def swap_probability(mean, logvar, other):
    """How probably a draw from N(mean, exp(logvar)) lies nearer to `other` than to its own mean.

    mean, logvar, other: [..., latent]; returns [...]. The draw swaps when its component along
    the way to `other`, which is Gaussian, passes the middle.
    """
    way = other - mean
    spread = (way**2 * logvar.exp()).sum(-1).sqrt()  # of z · way
    return torch.special.ndtr(-0.5 * (way**2).sum(-1) / spread)


class Recent(NamedTuple):
    """Averages of the last minibatches, in nats per image."""

    rate: float
    distortion: float


def recent(records, count=50):
    """What the last `count` of a trainer's records say on average."""
    last = records[-arguments.whole_number(count, "count"):]
    return Recent(*(sum(getattr(record, part) for record in last) / len(last)
                    for part in Recent._fields))


def is_collapsed(active, distortion, mean_image_D):
    """Whether a VAE ignores its code: no active latent, and no better than the mean image.

    active: how many latents have A_u > 0.01; distortion: nats per image, `mean_image_D` the
    mean image's on the same images. Within 1 nat counts as no better.
    """
    return active == 0 and distortion > mean_image_D - LARGEST_GAIN


def active_units(mean):
    """How many latents are active: A_u, the variance over images of `mean` [n, latent], > 0.01."""
    return int((mean.var(0) > LEAST_ACTIVE).sum())


def varying_outputs(model, images):
    """How many latents' mean, and how many's log variance, differ between any of the images.

    images: uint8 [n, 28, 28], encoded as in training; returns two numbers. Where no mean
    differs, the ReLUs before it are 0 for every image, and no gradient passes them.
    """
    encoded = encode_as_in_training(model, images)  # 2 x [n, latent]
    return tuple(int((head.std(0) > 1e-6).sum()) for head in encoded)


def train_recipe(
    images, seed, *, logvar=0.0, warm_up=0, batch_norm=False, learning_rate=0.01, beta=BETA,
    steps=300
):
    """Notebook 03's VAE with linear heads, trained for `steps` steps on batches of 200 images.

    images: uint8 [n, 28, 28]. logvar: where the log variances of q(z|x) begin; warm_up: steps
    over which the KL weight rises from 0 to `beta`. seed: fixes the weights, batches and noise.
    """
    model = CoderVAE(heads="linear", batch_norm=batch_norm, seed=seed).train()
    nn.init.constant_(model.logvar[-1].bias, logvar)  # where the log variances begin
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        batch = torch.randint(len(images), (200,), generator=generator)
        x = data.pixels(images[batch])  # [200, 784]
        eps = torch.randn(200, 8, generator=generator)
        distortion, rate = model(x, eps)  # [200] each
        weight = beta
        if step < warm_up:
            weight = beta * (step / warm_up)
        optimizer.zero_grad()
        (distortion + weight * rate).mean().backward()
        optimizer.step()
    return model


def judge_recipe(model, training_images, images, seed):
    """What a trained `CoderVAE` reaches on `images`: distortion, rate and active latents.

    In evaluation mode, batch norm's statistics recomputed on twenty batches of training images,
    since running averages lag (notebook 03). In nats per image.
    """
    model = renew_statistics(model, training_images[:4000], batch_size=200, seed=seed)
    found = evaluation.evaluate(model, images, seed=seed)
    return {"distortion": found.distortion, "rate": found.rate,
            "active": evaluation.active_units(model, images)}


def threshold(images):
    """The β below which a VAE with a Bernoulli decoder can leave the plateau by small steps.

    images: uint8 [n, 28, 28]. It is the largest eigenvalue of the pixels' covariance, each
    divided by its Bernoulli spread √(x̄(1 − x̄)), x̄ the mean image: to second order in small
    decoder weights v and encoder weights a, a latent that begins to be used changes the
    objective by −aᵀCv + ½ vᵀVv + ½ β aᵀCa, with C the covariance and V = diag(x̄(1 − x̄)).
    Pixels that are dark (or bright) in every image say nothing and are left out.
    """
    x = data.pixels(images)  # [n, 784]
    mean = x.mean(0)
    varying = (mean > 0) & (mean < 1)
    x = x.sub_(mean).div_((mean * (1 - mean)).sqrt())[:, varying]  # [n, pixels that vary]
    return torch.linalg.eigvalsh(x.T @ x / len(x))[-1].item()


def relu_threshold(images, *, starts=12, rounds=40, seed=0):
    """`threshold` for an encoder whose means a ReLU keeps from being negative.

    The largest E[max(0, xᵀv)²] over unit vectors v, x the pixels as in `threshold`: repeated
    v ← E[max(0, xᵀv) x] climbs to a maximum, and the best of `starts` is taken.
    """
    x, _mean = _standardised(images)
    v = torch.randn(x.shape[1], starts, generator=torch.Generator().manual_seed(seed))
    for _round in range(rounds):
        passed = (x @ (v / v.norm(dim=0))).clamp(min=0)  # [n, starts]
        v = x.T @ passed / len(x)
    return passed.square().mean(0).max().item()


def _standardised(images):
    """Pixels that vary, centred and divided by their Bernoulli spread [n, pixels]; their mean."""
    x = data.pixels(images)  # [n, 784]
    mean = x.mean(0)
    varying = (mean > 0) & (mean < 1)
    mean = mean[varying]
    return x[:, varying].sub_(mean).div_((mean * (1 - mean)).sqrt()), mean


NODES = 9  # of Gauss–Hermite quadrature over z


def ridge(images, betas, scales):
    """The change of D + βR along the best way off the plateau: β*, and losses [betas, scales].

    One latent. Its decoder adds t z v₁ to the logits of the mean image x̄; v₁ is the direction in
    which the loss falls fastest, with v₁ᵀVv₁ = 1. Its encoder has the mean (x − x̄)ᵀv₁ t/β and the
    variance 1/(1 + t²/β), the best there are to second order. The expectation over z is
    Gauss–Hermite quadrature. images: uint8 [n, 28, 28]; in nats per image.
    """
    standard, x_bar = (part.double() for part in _standardised(images))
    values, vectors = torch.linalg.eigh(standard.T @ standard / len(standard))
    signal = standard @ vectors[:, -1]  # [n]: (x − x̄)ᵀv₁
    v1 = vectors[:, -1] / (x_bar * (1 - x_bar)).sqrt()  # [pixels]
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    reach = 1.0 + max(abs(t) * (abs(t) / beta * signal.abs().max().item() + abs(nodes[-1]))
                      for t in scales for beta in betas)
    grid = np.linspace(-reach, reach, 4001)
    # What the pixels' log(1 + exp(logit)) add up to at a step y along v₁, less their value at 0
    # and their slope x̄: the part of the distortion that is not linear in y.
    curve = np.array([float(softplus(x_bar.logit() + y * v1).sum() - y * (x_bar @ v1))
                      for y in grid])
    curve -= np.interp(0.0, grid, curve)
    losses = np.empty((len(betas), len(scales)))
    for row, beta in enumerate(betas):
        for column, t in enumerate(scales):
            mean, variance = signal.numpy() * t / beta, 1 / (1 + t**2 / beta)
            y = t * (mean[:, None] + variance**0.5 * nodes)  # [n, nodes]
            bend = np.interp(y, grid, curve) @ weights / weights.sum()  # [n]
            rate = 0.5 * (mean**2 + variance - 1 - np.log(variance))
            losses[row, column] = (bend - t * mean * signal.numpy() + beta * rate).mean()
    return values[-1].item(), losses
