"""Three VAEs as other people write them, and short training runs of them, for `test_clinic`."""

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import data
from vae_helpers.threads import one_thread


class Tutorial(nn.Module):
    """The VAE of pytorch/examples, vae/main.py: functional ReLUs, a sigmoid, [n, 784]."""

    def __init__(self, relu_heads=False, wrong_sampler=False):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)
        self.relu_heads, self.wrong_sampler = relu_heads, wrong_sampler

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        logvar = self.fc22(h1)
        return self.fc21(h1), F.relu(logvar) if self.relu_heads else logvar

    def reparameterize(self, mu, logvar):
        std = torch.exp(logvar) if self.wrong_sampler else torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))


class Convolutional(nn.Module):
    """Convolutions with batch norm: [n, 1, 28, 28] in, z among the outputs, logits out."""

    def __init__(self, momentum=0.1):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.BatchNorm2d(8, momentum=momentum), nn.ReLU(),
            nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16, momentum=momentum), nn.ReLU(),
            nn.Flatten())
        self.mean, self.logvar = nn.Linear(784, 8), nn.Linear(784, 8)
        self.grow = nn.Sequential(
            nn.Linear(8, 784), nn.Unflatten(1, (16, 7, 7)), nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.BatchNorm2d(8, momentum=momentum), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, 2, 1))

    def encode(self, x):
        features = self.features(x)
        mean, logvar = self.mean(features), self.logvar(features)
        return mean + (0.5 * logvar).exp() * torch.randn_like(mean), mean, logvar

    def decode(self, z):
        return self.grow(z)


class Linear(nn.Module):
    """One linear layer each way, for a squared error; encode returns both heads in one tensor."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(784, 16), nn.Linear(8, 784)

    def encode(self, x):
        return self.down(x)

    def decode(self, z):
        return self.up(z)


def cross_entropy(x, out):
    """Summed over pixels, averaged over the batch; from probabilities if all are in [0, 1]."""
    probabilities = bool(out.min() >= 0) and bool(out.max() <= 1)
    loss = F.binary_cross_entropy if probabilities else F.binary_cross_entropy_with_logits
    return loss(out, x, reduction="sum") / len(x)


def squared_error(x, out):
    """Averaged over pixels and batch, as `F.mse_loss` does without further arguments."""
    return F.mse_loss(out, x)


@one_thread()
def train(model, steps, *, reconstruct, weight=1.0, kl="sum", learning_rate=1e-3, change=None):
    """Train on MNIST and return the log, {name: list}. `change` is applied to the pixels first."""
    draws, log = torch.Generator().manual_seed(0), {"loss": [], "recon": [], "kld": []}
    images = data.load_mnist().train_images
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    model.train()
    for _ in range(steps):
        x = data.pixels(images[torch.randint(len(images), (100,), generator=draws)])
        x = x if change is None else change(x)
        shaped = x.reshape(-1, 1, 28, 28) if isinstance(model, Convolutional) else x
        heads = model.encode(shaped)
        *_, mean, logvar = heads.chunk(2, 1) if isinstance(heads, torch.Tensor) else heads
        sample = getattr(model, "reparameterize", lambda mean, logvar: mean + (
            0.5 * logvar).exp() * torch.randn_like(mean))
        out = model.decode(sample(mean, logvar)).flatten(1)  # [100, …] -> [100, 784]
        terms = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # [100, latent]
        rate = terms.sum(1).mean() if kl == "sum" else terms.mean()
        distortion = reconstruct(x, out)
        loss = distortion + weight * rate
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for name, value in (("loss", loss), ("recon", distortion), ("kld", rate)):
            log[name].append(value.item())
    return log
