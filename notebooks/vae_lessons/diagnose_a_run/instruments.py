"""What can be measured of a `lab.Run`, and how each measurement is read."""

import copy
from typing import NamedTuple

import torch

from vae_helpers import data, elbo, evaluation

IMAGES = 2000  # of the training and of the validation set


def loss_weights(loss, distortion, rate):
    """The weights w_D and w_R of loss = w_D · distortion + w_R · rate, by least squares: [2].

    loss, distortion, rate: [rows] each, of a log.
    """
    terms = torch.stack([distortion, rate], 1)  # [rows, 2]
    return torch.linalg.lstsq(terms, loss).solution


@torch.no_grad()
def recompute(model, x, eps, *, training_mode):
    """Distortion and rate of `model` on x [n, 784], with the right sampler; nats per image.

    eps: standard normal [n, latent]. training_mode: whether batch norm uses the statistics of x.
    A copy is used, so that the model's mode and running statistics stay as they are.
    """
    model = copy.deepcopy(model).train(training_mode)
    mean, logvar = model.encode(x)  # [n, latent] each
    z = mean + (0.5 * logvar).exp() * eps
    distortion = -elbo.bernoulli_log_prob(x, model.decode(z)).mean()
    return distortion.item(), elbo.gaussian_kl(mean, logvar).mean().item()


def decline(step, neg_elbo):
    """How much −ELBO still falls, per hundred steps: the slope of the last third of a log.

    step, neg_elbo: [rows], the latter in nats per image.
    """
    third = len(step) // 3
    step, neg_elbo = step[-third:], neg_elbo[-third:]
    centred = step - step.mean()
    return -100 * (centred @ neg_elbo / (centred @ centred)).item()


@torch.no_grad()
def pinned_share(model, x):
    """The share of posterior variances that equal the smallest of all, if two latents have it.

    x: [n, 784]. It is 0 if no other latent reaches the smallest variance.
    """
    _mean, logvar = model.encode(x)  # [n, latent]
    is_smallest = logvar == logvar.min()
    latents = is_smallest.any(0).sum()  # latents that reach it for some image
    return is_smallest.float().mean().item() if latents > 1 else 0.0


OURS = loss_weights, recompute, pinned_share, decline  # what `examine` takes, as the lesson has it


@torch.no_grad()
def dead_units(model, x):
    """The number of the encoder's hidden units that are 0 for all images x [n, 784]."""
    last = len(model.encoder) - 1
    return int((model.encoder[:last](x) == 0).all(0).sum())


class Examined(NamedTuple):
    """The measurements of a run; nats per image where `evidence.INSTRUMENTS` says so.

    neg_elbo, rate: of validation images, in evaluation mode. better_than_mean_image: how far the
    distortion is below the mean image's. mode_gap: −ELBO in evaluation mode minus training mode.
    unlogged: the distortion of training images, recomputed, minus the log's last 50 steps.
    gradient: norm over the encoder, of the last 50 steps, divided by the distortion's weight.
    """

    neg_elbo: float
    rate: float
    weight_of_distortion: float
    beta: float
    active: int
    better_than_mean_image: float
    mode_gap: float
    unlogged: float
    decline: float
    dead: int
    pinned: float
    gradient: float


def examine(run, loss_weights, recompute, pinned_share, decline, *, seed=0):
    """The `Examined` of a `lab.Run`, on IMAGES images of training and validation set.

    loss_weights, recompute, pinned_share, decline: functions like those of the same names here.
    seed: of the draws of z.
    """
    digits = data.load_mnist()
    log, model, validation = run.log, run.model, digits.validation_images[:IMAGES]
    spread = len(digits.train_images) // IMAGES  # the first training images are easier than most
    with evaluation.evaluation_mode(model):
        x, x_train = (data.pixels(images[:IMAGES]) for images in (
            validation, digits.train_images[::spread]))  # [IMAGES, 784] each
        eps = data.noise(torch.Generator().manual_seed(seed), IMAGES, model.latent, like=x)
        evaluated, by_batch = (recompute(model, x, eps, training_mode=mode)
                               for mode in (False, True))
        again, _rate = recompute(model, x_train, eps, training_mode=True)
        dead, pinned = dead_units(model, x), pinned_share(model, x)
    w_d, w_r = loss_weights(log["loss"], log["distortion"], log["rate"]).tolist()
    mean_image = evaluation.mean_image_distortion(digits.train_images, validation)
    return Examined(
        sum(evaluated), evaluated[1], w_d, w_r / w_d, evaluation.active_units(model, validation),
        mean_image - evaluated[0], sum(evaluated) - sum(by_batch),
        again - log["distortion"][-5:].mean().item(),
        decline(log["step"], log["distortion"] + log["rate"]), dead, pinned,
        log["encoder"][-5:].mean().item() / w_d)
