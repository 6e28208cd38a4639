"""Variational autoencoders of dense layers."""

import torch
from torch import nn

from vae_helpers import elbo, identity


class GaussianVAE(identity.Described, nn.Module):
    """What every VAE here shares: q(z|x) Gaussian, and the prior p(z) = N(0, I).

    p(x|z) is Bernoulli, unless a subclass has an `elbo_parts` of its own.
    A subclass has the sizes `latent` and `pixels`, `encode` (x [batch, pixels] to mean and
    logvar, [batch, latent] each) and `decode` (z [..., latent] to logits [..., pixels]).
    """

    def elbo_parts(self, x, eps):
        """Both parts of the negative ELBO, the rate split over the latents; in nats.

        x: [batch, pixels] in [0, 1]; eps: standard normal [batch, latent].
        Returns distortion −log p(x|z) [batch], and rate KL(q(z_j|x) ‖ p(z_j))
        [batch, latent]. Kingma & Welling 2013, equation 7 (the KL form).
        """
        mean, logvar = self.encode(x)
        logits = self.decode(elbo.reparameterize(mean, logvar, eps))
        return -elbo.bernoulli_log_prob(x, logits), elbo.gaussian_kl_per_latent(mean, logvar)

    def forward(self, x, eps):
        """As `elbo_parts`, with the rate summed over latents: distortion and rate, [batch] each.

        Their sum is a one-draw estimate of −ELBO.
        """
        distortion, rates = self.elbo_parts(x, eps)
        return distortion, rates.sum(-1)  # [batch, latent] -> [batch]


class DenseVAE(GaussianVAE):
    """Dense layers from pixels to `heads` numbers for each latent, and from latents to pixels.

    The encoder gives all heads side by side, in one product.
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
        """What a subclass changes about the first weights; their seed is set."""

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels]."""
        return self.decoder(z)


class VAE(DenseVAE):
    """A VAE whose encoder gives mean and logvar from one stack of dense layers.

    hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
    seed: fixes the initial weights, whatever was drawn before.
    Kingma & Welling 2013, section 3 and appendix C. Raises `ValueError` for sizes below 1, or a
    `hidden` that is no list.
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


