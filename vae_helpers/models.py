"""The variational autoencoder of dense layers."""

import torch
from torch import nn

from vae_helpers import elbo


def dense(widths):
    """Dense layers of the given widths, with a ReLU after each but the last."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class VAE(nn.Module):
    """Gaussian encoder q(z|x), standard normal prior p(z), Bernoulli decoder p(x|z).

    hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
    seed: fixes the initial weights, whatever was drawn before.
    Kingma & Welling 2013, section 3 and appendix C.
    """

    def __init__(self, latent, hidden=(400,), pixels=784, *, seed):
        super().__init__()
        if latent < 1 or pixels < 1 or any(width < 1 for width in hidden):
            raise ValueError(f"Sizes must be at least 1, got {latent=}, {hidden=}, {pixels=}.")
        self.latent, self.pixels = latent, pixels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # One layer gives mean and logvar side by side: two heads in one product.
            self.encoder = dense([pixels, *hidden, 2 * latent])
            self.decoder = dense([latent, *reversed(hidden), pixels])

    def encode(self, x):
        """Parameters of q(z|x): x [batch, pixels] to mean and logvar, [batch, latent] each."""
        return self.encoder(x).chunk(2, dim=-1)  # [batch, 2 * latent] -> 2 x [batch, latent]

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels]."""
        return self.decoder(z)

    def forward(self, x, eps):
        """Both parts of the negative ELBO for each image, in nats.

        x: [batch, pixels] in [0, 1]; eps: standard normal [batch, latent].
        Returns distortion −log p(x|z) and rate KL(q(z|x) ‖ p(z)), [batch] each; their sum is
        a one-draw estimate of −ELBO in the KL form (Kingma & Welling 2013, equation 7).
        """
        mean, logvar = self.encode(x)
        logits = self.decode(elbo.reparameterize(mean, logvar, eps))
        return -elbo.bernoulli_log_prob(x, logits), elbo.gaussian_kl(mean, logvar)
