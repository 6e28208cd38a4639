"""How close generated digits are to real ones, measured on the images, whatever made them."""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from vae_helpers import arguments, data, evaluation, models
from vae_helpers.threads import one_thread

CONFIDENT = 0.9  # probability of one digit above which the classifier counts as confident


def train_classifier(images, labels, *, hidden, epochs, batch_size, learning_rate, seed):
    """A classifier of real digits, of dense layers: pixels [n, 784] to logits [n, 10].

    images: uint8 [n, 28, 28] with labels [n]. Adam's learning rate falls linearly to 0.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = models.dense([784, *hidden, 10])
    generator = arguments.generator(seed)
    epochs = arguments.whole_number(epochs, "epochs")
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    batches = [batch for _ in range(epochs)
               for batch in data.minibatches(len(images), batch_size, generator)]
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / len(batches))
        x = evaluation.rows(classifier, images[batch])
        loss = F.cross_entropy(classifier(x), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return classifier.requires_grad_(False)


def accuracy(classifier, images, labels):
    """The share of `images` (uint8 [n, 28, 28]) whose likeliest digit is their label [n]."""
    digits = classifier(evaluation.rows(classifier, images)).argmax(1)
    return (digits == labels).double().mean().item()


def confident_share(classifier, pictures):
    """The share of pictures [n, 784] in which the classifier gives one digit over 0.9."""
    return (classifier(pictures).softmax(-1).amax(-1) > CONFIDENT).double().mean().item()


def frechet_distance(features_a, features_b):
    """The Fréchet distance of two sets of features [n, features], each taken for a Gaussian.

    |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁C₂)^½), Heusel et al. 2017 (arXiv 1706.08500), equation 6.
    With the features of the Inception network it is the FID.
    """
    a, b = features_a.double(), features_b.double()
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    cov_a, cov_b = torch.atleast_2d(torch.cov(a.T)), torch.atleast_2d(torch.cov(b.T))
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    product = torch.linalg.eigvalsh(root @ cov_b @ root)  # its eigenvalues are those of C₁C₂
    return (shift + cov_a.trace() + cov_b.trace() - 2 * product.clamp(min=0).sqrt().sum()).item()


def covered(points, by, k=3):
    """The share of `points` within a ball around one of `by`, out to its k-th nearest neighbour.

    points [n, features]; by [m, features], whose neighbours are counted among themselves.
    covered(samples, real) is precision and covered(real, samples) is recall: Kynkäänniemi et
    al. 2019 (arXiv 1904.06991), section 2. They take a classifier's features, here we take pixels.
    """
    k = arguments.whole_number(k, "k", most=len(by) - 1)
    radii = torch.cdist(by, by).kthvalue(k + 1, dim=1).values  # [m]: the first is itself
    return (torch.cdist(points, by) <= radii).any(1).double().mean().item()


class Quality(NamedTuple):
    """How close a set of pictures is to real digits; see `picture_quality`."""

    frechet: float
    confident_share: float
    precision: float
    recall: float


@torch.no_grad()
def picture_quality(pictures, real, classifier, *, distance):
    """The `Quality` of pictures [n, 784] beside real digits [m, 784], all in [0, 1].

    frechet: the `distance` of features, which are the classifier's last hidden layer; see
    `frechet_distance`. precision and recall: `covered`, in pixels. Both depend on n and m, so
    compare them only for equal n and m.
    """
    features = classifier[:-1]
    return Quality(
        distance(features(pictures), features(real)), confident_share(classifier, pictures),
        covered(pictures, real), covered(real, pictures),
    )


@one_thread()
def make_classifier(**settings):
    """The classifier that measures all pictures, the same for every seed."""
    digits = data.load_mnist()
    return train_classifier(digits.train_images, digits.train_labels, **settings)
