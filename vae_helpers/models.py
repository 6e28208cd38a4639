"""Variational autoencoders of dense layers."""

import torch
from torch import nn

from vae_helpers import elbo, identity


class GaussianVAE(identity.Described, nn.Module):
    """Base class of all VAEs here: q(z|x) is Gaussian, the prior p(z) is N(0, I).

    p(x|z) is Bernoulli, unless a subclass overrides `elbo_parts`. A subclass defines the sizes
    `latent` and `pixels`, `encode` (x [batch, pixels] to mean and logvar, [batch, latent] each)
    and `decode` (z [..., latent] to logits [..., pixels]).
    """

    def elbo_parts(self, x, eps):
        """The distortion, and the rate of each latent: the parts of the negative ELBO, in nats.

        x: [batch, pixels] in [0, 1]; eps: standard normal [batch, latent].
        Returns distortion −log p(x|z) [batch], and rate KL(q(z_j|x) ‖ p(z_j))
        [batch, latent]. Kingma & Welling 2013, equation 7 (the KL form).
        """
        mean, logvar = self.encode(x)
        logits = self.decode(elbo.reparameterize(mean, logvar, eps))
        return -elbo.bernoulli_log_prob(x, logits), elbo.gaussian_kl_per_latent(mean, logvar)

    def forward(self, x, eps):
        """Distortion and rate, [batch] each; their sum is a one-draw estimate of −ELBO.

        Arguments as for `elbo_parts`.
        """
        distortion, rates = self.elbo_parts(x, eps)
        return distortion, rates.sum(-1)  # [batch, latent] -> [batch]


class DenseVAE(GaussianVAE):
    """A VAE of dense layers, whose encoder returns `heads` numbers for each latent.

    The last layer of the encoder computes all heads at once, one after the other in its output.
    """

    activation = nn.ReLU

    def __init__(self, latent, hidden, pixels, *, heads, seed):
        super().__init__()
        _require_sizes(latent, hidden, pixels)
        self.latent, self.pixels = latent, pixels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = dense([pixels, *hidden, heads * latent], self.activation)
            self.decoder = dense([latent, *reversed(hidden), pixels], self.activation)
            self._begin()

    def _begin(self):
        """Hook for a subclass to change the initial weights; the seed is already set."""

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels]."""
        return self.decoder(z)


class VAE(DenseVAE):
    """A VAE whose encoder is one stack of dense layers that returns mean and logvar.

    hidden: widths of the encoder's hidden layers; the decoder has them in reverse order.
    seed: fixes the initial weights, independently of PyTorch's global generator.
    Kingma & Welling 2013, section 3 and appendix C. Raises `ValueError` for sizes below 1, or if
    `hidden` is not a list.
    """

    def __init__(self, latent, hidden=(400,), pixels=784, *, seed):
        super().__init__(latent, hidden, pixels, heads=2, seed=seed)

    def encode(self, x):
        """Parameters of q(z|x): x [batch, pixels] to mean and logvar, [batch, latent] each."""
        return self.encoder(x).chunk(2, dim=-1)  # [batch, 2 * latent] -> 2 x [batch, latent]


def dense(widths, activation=nn.ReLU):
    """Dense layers of the given widths, with an activation after each but the last."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def _require_sizes(latent, hidden, pixels):
    if isinstance(hidden, int):
        raise ValueError(f"hidden must be a list of widths, got {hidden!r}: write [{hidden}].")
    if latent < 1 or pixels < 1 or any(width < 1 for width in hidden):
        raise ValueError(f"Sizes must be at least 1, got {latent=}, {hidden=}, {pixels=}.")


