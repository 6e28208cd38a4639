"""Two short training functions with three planted faults each, and the same functions repaired."""

import torch
from torch.nn import functional as F

from vae_helpers import arguments, data, models

STEPS = 400  # training steps, one for each minibatch
BATCH_SIZE = 200  # images in a minibatch
LATENT, HIDDEN = 10, 200


def new_model(seed, kind=models.VAE):
    """The untrained VAE of the repairs, of the class `kind`; `seed` fixes its first weights."""
    return kind(LATENT, [HIDDEN], seed=seed)


class Minibatches:
    """The minibatches x [200, 784] of one training, float32 pixels in [0, 1].

    images: uint8 [n, 28, 28]; every epoch has them in another random order, which `seed` fixes.
    The number of minibatches is ``len()``. Each pass over the object gives the same minibatches.
    """

    def __init__(self, images, *, seed):
        self._images, self._seed = images, seed

    def __len__(self):
        return STEPS

    def __iter__(self):
        generator, given = arguments.generator(self._seed), 0
        while given < STEPS:
            for rows in data.minibatches(len(self._images), BATCH_SIZE, generator):
                if given == STEPS or len(rows) < BATCH_SIZE:
                    break  # a minibatch at the end of an epoch that is too short is left out
                given += 1
                yield data.pixels(self._images[rows])


def faulty_training_1(model, batches, generator):
    """Train `model` on the minibatches x [200, 784], pixels in [0, 1], and return it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x in batches:  # [200, 784], pixels in [0, 1]
        x = (x - 0.5) / 0.5
        mean, logvar = model.encode(x)  # [200, 10] each
        std = logvar.exp()
        z = mean + std * torch.randn(mean.shape, generator=generator)  # [200, 10]
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
        distortion = bce.mean()  # [200, 784] -> a number
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # [200, 10]
        loss = distortion + kl.sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def repaired_training_1(model, batches, generator):
    """Train `model` on the minibatches x [200, 784], pixels in [0, 1], and return it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x in batches:  # [200, 784], pixels in [0, 1]
        mean, logvar = model.encode(x)  # [200, 10] each
        std = (0.5 * logvar).exp()
        z = mean + std * torch.randn(mean.shape, generator=generator)  # [200, 10]
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
        distortion = bce.sum(-1).mean()  # [200, 784] -> a number
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # [200, 10]
        loss = distortion + kl.sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def faulty_training_2(model, batches, generator):
    """Train `model` on the minibatches x [200, 784], pixels in [0, 1], and return it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x in batches:  # [200, 784], pixels in [0, 1]
        mean, logvar = model.encode(x)  # [200, 10] each
        logvar = F.relu(logvar)
        std = (0.5 * logvar).exp()
        z = torch.normal(mean, std, generator=generator)  # [200, 10]
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
        distortion = bce.sum(-1)  # [200, 784] -> [200]
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(-1)
        loss = (distortion + kl).mean()
        loss.backward()
        optimizer.step()
    return model


def repaired_training_2(model, batches, generator):
    """Train `model` on the minibatches x [200, 784], pixels in [0, 1], and return it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x in batches:  # [200, 784], pixels in [0, 1]
        mean, logvar = model.encode(x)  # [200, 10] each
        std = (0.5 * logvar).exp()
        z = mean + std * torch.randn(mean.shape, generator=generator)  # [200, 10]
        bce = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
        distortion = bce.sum(-1)  # [200, 784] -> [200]
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(-1)
        loss = (distortion + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
