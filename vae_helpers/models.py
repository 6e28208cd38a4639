"""Variational autoencoders of dense layers."""

import math

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


class _DenseVAE(GaussianVAE):
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


class VAE(_DenseVAE):
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


class BurdaVAE(_DenseVAE):
    """The network with one stochastic layer of Burda, Grosse & Salakhutdinov 2015, section 5.

    Two layers of tanh on either side of the latents, Glorot's weights, and a decoder whose
    first biases draw `average`, the mean of the training pixels ([pixels], in [0, 1]).
    arXiv 1509.00519. Raises `ValueError` for sizes below 1, or another shape of `average`.
    """

    activation = nn.Tanh

    def __init__(self, average, latent=50, hidden=(200, 200), *, seed):
        if average.ndim != 1:
            raise ValueError(f"average must be [pixels], got shape {list(average.shape)}.")
        super().__init__(latent, hidden, len(average), heads=2, seed=seed)
        with torch.no_grad():  # a pixel that is always dark would have −∞
            self.decoder[-1].bias.copy_(average.clamp(0.001, 0.999).logit())

    encode = VAE.encode

    def _begin(self):
        self.apply(_glorot)


def dense(widths, activation=nn.ReLU):
    """Dense layers of the given widths, with an activation after each but the last."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Coder(identity.Described, nn.Sequential):
    """For each width of `units` batch normalisation, a dense layer and ReLU; then one layer more.

    The layer more is dense, of the last width; its activation `last` is "relu" or "linear".
    x [batch, inputs] to [batch, units[-1]]. In training mode the batch's own statistics
    normalise it, in evaluation mode the running ones.
    init: "glorot", uniform weights and zero biases as in TensorFlow (Glorot & Bengio 2010,
    equation 16), or "pytorch", that library's own. eps, momentum: of batch normalisation, as
    PyTorch counts them: TensorFlow's defaults are 1e-3 and 0.01, PyTorch's 1e-5 and 0.1.
    Raises `ValueError` for widths below 1 or another word for `last` or `init`.
    """

    def __init__(
        self, inputs, units, *, last, batch_norm=True, init="glorot", eps=1e-3, momentum=0.01
    ):
        if not units or min(inputs, *units) < 1:
            raise ValueError(f"Sizes must be at least 1, got {inputs=}, {units=}.")
        _require_one_of(("relu", "linear"), last=last)
        _require_one_of(("glorot", "pytorch"), init=init)
        layers = []
        for width in units:
            if batch_norm:
                layers.append(nn.BatchNorm1d(inputs, eps=eps, momentum=momentum))
            layers += [nn.Linear(inputs, width), nn.ReLU()]
            inputs = width
        layers.append(nn.Linear(inputs, inputs))
        if last == "relu":
            layers.append(nn.ReLU())
        super().__init__(*layers)
        if init == "glorot":
            self.apply(_glorot)


class CoderVAE(GaussianVAE):
    """A VAE of three coders: two separate ones for mean and logvar, one for the logits.

    encoder, decoder: widths of the coders; `latent` is the encoder's last width, `pixels` the
    decoder's, and the decoder ends linear. heads: how mean and logvar end, "linear" or
    "relu"; with "relu" no mean is negative and no variance below the prior's. batch_norm,
    init, eps, momentum: as in `Coder`. seed: fixes the initial weights, whatever was drawn
    before. Raises `ValueError` as `Coder` does.
    """

    def __init__(
        self, encoder=(196, 64, 32, 16, 8), decoder=(32, 64, 196, 784), *, heads, seed, **settings
    ):
        super().__init__()
        self.latent, self.pixels = encoder[-1], decoder[-1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.mean = Coder(self.pixels, encoder, last=heads, **settings)
            self.logvar = Coder(self.pixels, encoder, last=heads, **settings)
            self.logits = Coder(self.latent, decoder, last="linear", **settings)

    def encode(self, x):
        """Parameters of q(z|x): x [batch, pixels] to mean and logvar, [batch, latent] each."""
        return self.mean(x), self.logvar(x)

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels].

        In training mode all leading axes together are the batch that is normalised.
        """
        rows = z.reshape(-1, self.latent)  # [..., latent] -> [rows, latent]
        return self.logits(rows).reshape(*z.shape[:-1], self.pixels)


class Autoencoder(_DenseVAE):
    """A VAE without noise: q(z|x) is a point, its logvar −∞, and z is the mean.

    What is left of the KL is ½ mean², of which β = 0 takes nothing, a plain autoencoder, and
    β > 0 makes codes small: RAE with an L2 penalty on the codes, Ghosh et al. 2020 (arXiv
    1903.12436), section 3. No KL and no bound: the parts are in nats by name alone.
    Sizes and seed as in `VAE`. Raises `ValueError` for sizes below 1.
    """

    def __init__(self, latent, hidden=(400,), pixels=784, *, seed):
        super().__init__(latent, hidden, pixels, heads=1, seed=seed)

    def encode(self, x):
        """The code as a posterior of no width: x [batch, pixels] to [batch, latent] twice."""
        mean = self.encoder(x)
        return mean, torch.full_like(mean, -math.inf)

    def elbo_parts(self, x, eps):
        """Cross entropy [batch] and ½ mean² [batch, latent]; `eps` is not used."""
        mean, _ = self.encode(x)
        return -elbo.bernoulli_log_prob(x, self.decode(mean)), 0.5 * mean**2


class LearnedScaleVAE(VAE):
    """A VAE with a Gaussian decoder whose variance is learned: p(x|z) = N(output, variance · I).

    The output is the sigmoid of `decode`'s logits for pixels, `decode` itself for `codes`. The
    variance that is best for a batch is its mean squared error, so that no gradient need look
    for it (Rybkin et al. 2021, arXiv 2006.13202, "optimal σ"); training mode takes the batch's,
    evaluation mode the running average of the last twenty or so. Dai & Wipf 2019 (arXiv
    1903.05789) learn one such γ in both of their stages. Sizes and seed as in `VAE`.
    """

    def __init__(self, latent, hidden=(400,), pixels=784, *, codes=False, seed):
        super().__init__(latent, hidden, pixels, seed=seed)
        self.codes = codes
        self.register_buffer("variance", torch.ones(()))

    def elbo_parts(self, x, eps):
        """As `GaussianVAE.elbo_parts`, with the Gaussian's −log p(x|z) as distortion."""
        mean, logvar = self.encode(x)
        output = self.decode(elbo.reparameterize(mean, logvar, eps))
        squared = (x - (output if self.codes else output.sigmoid())) ** 2  # [batch, pixels]
        variance = self.variance
        if self.training:
            variance = squared.detach().mean()
            self.variance.lerp_(variance, 0.05)
        distortion = 0.5 * (squared / variance + variance.log() + elbo.LOG_2PI).sum(-1)
        return distortion, elbo.gaussian_kl_per_latent(mean, logvar)


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

    def exact_elbo_parts(self, covariance):
        """`elbo_parts` averaged over a whole data set and over z, in closed form.

        Both parts are quadratic in x and z, so that the data's covariance [pixels, pixels]
        about `average` is all they depend on. Returns the distortion, a number, and the rate
        [latent]; gradients flow through both.
        """
        variance = self.logvar.exp()
        projected = self.V @ covariance  # [latent, pixels]
        spread = projected @ self.V.T  # [latent, latent], the codes' covariance
        squared = (
            covariance.trace() - 2 * (self.W.T * projected).sum()
            + (self.W.T @ self.W * (spread + variance.diag())).sum()
        )
        rate = 0.5 * (spread.diagonal() + variance - 1 - self.logvar)  # [latent]
        return self._gaussian_distortion(squared), rate

    def _gaussian_distortion(self, squared):
        """−log N(x; image, noise_variance · I), from the squared distance."""
        constant = self.pixels * (elbo.LOG_2PI + math.log(self.noise_variance))
        return 0.5 * (squared / self.noise_variance + constant)


def _glorot(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def _require_sizes(latent, hidden, pixels):
    if isinstance(hidden, int):
        raise ValueError(f"hidden must be a list of widths, got {hidden!r}: write [{hidden}].")
    if latent < 1 or pixels < 1 or any(width < 1 for width in hidden):
        raise ValueError(f"Sizes must be at least 1, got {latent=}, {hidden=}, {pixels=}.")


def _require_one_of(allowed, **named):
    (name, value), = named.items()
    if value not in allowed:
        raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {value!r}.")
