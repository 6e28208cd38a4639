"""What a young latent space knows, and the plateau on which training starts."""

import copy
from typing import NamedTuple

import torch
from torch import nn

from vae_helpers import arguments, data, evaluation


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
    distance.fill_diagonal_(torch.inf)  # nobody is a neighbour of itself
    return (labels[distance.argmin(1)] == labels).double().mean().item()


def chance_purity(labels):
    """The purity to expect of codes that know nothing of the labels [n]."""
    counts = labels.bincount().double()
    return ((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1))).item()


def swap_probability(mean, logvar, other):
    """How probably a draw from N(mean, exp(logvar)) lies nearer to `other` than to its own mean.

    mean, logvar, other: [..., latent]; returns [...]. The draw swaps when its component along
    the way to `other`, which is Gaussian, passes the middle.
    """
    way = other - mean
    spread = (way**2 * logvar.exp()).sum(-1).sqrt()  # of z · way
    return torch.special.ndtr(-0.5 * (way**2).sum(-1) / spread)


LARGEST_RATE = 0.1  # nats per image
LARGEST_GAIN = 1.0  # nats per image


class Recent(NamedTuple):
    """Averages of the last minibatches, in nats per image."""

    rate: float
    distortion: float


def recent(records, count=50):
    """What the last `count` of a trainer's records say on average."""
    last = records[-arguments.whole_number(count, "count"):]
    return Recent(*(sum(getattr(record, part) for record in last) / len(last)
                    for part in Recent._fields))


def is_collapsed(rate, distortion, mean_image):
    """The series' rule for a run that stands on the plateau.

    The rate is below 0.1 nats, and the distortion at most 1 nat below that of the mean image.
    """
    return rate < LARGEST_RATE and distortion > mean_image - LARGEST_GAIN


def speaking_latents(model, images):
    """How many latents' mean, and how many's log variance, differ between any of the images.

    images: uint8 [n, 28, 28], encoded as in training; returns two numbers. Where no mean
    differs, ReLUs before it are 0 for every image: the encoder is silent, and no gradient
    passes them that could wake it.
    """
    encoded = encode_as_in_training(model, images)  # 2 x [n, latent]
    return tuple(int((head.std(0) > 1e-6).sum()) for head in encoded)


def threshold(images):
    """The β below which a VAE with a Bernoulli decoder can leave the plateau by small steps.

    images: uint8 [n, 28, 28]. It is the largest eigenvalue of the pixels' covariance, each
    divided by its Bernoulli spread √(μ(1 − μ)), μ the mean image: to second order in small
    decoder weights w and encoder weights a, a latent that begins to be used changes the
    objective by −aᵀCw + ½ wᵀVw + ½ β aᵀCa, with C the covariance and V = diag(μ(1 − μ)).
    Pixels that are dark (or bright) in every image say nothing and are left out.
    """
    x = data.pixels(images)  # [n, 784]
    mean = x.mean(0)
    varying = (mean > 0) & (mean < 1)
    x = x.sub_(mean).div_((mean * (1 - mean)).sqrt())[:, varying]  # [n, pixels that vary]
    return torch.linalg.eigvalsh(x.T @ x / len(x))[-1].item()


def set_initial_logvar(model, value):
    """Let every q(z|x) of an untrained `CoderVAE` begin with log variance near `value`.

    Raises `ValueError` for a head that ends in a ReLU, which lets no negative number through.
    """
    last = model.logvar[-1]
    if not isinstance(last, nn.Linear):
        raise ValueError(
            f"The head of the log variance ends in {type(last).__name__}, so that no bias makes "
            'it negative. Build the model with heads="linear".'
        )
    nn.init.constant_(last.bias, value)
