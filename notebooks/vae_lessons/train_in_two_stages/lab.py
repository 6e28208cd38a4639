"""Two stages: an autoencoder of the images, then a shallow VAE of its standardised codes."""

import math

import torch

from vae_helpers import arguments, data, elbo, evaluation, models, training
from vae_helpers.models import VAE, DenseVAE
from vae_helpers.study import on_one_thread
from vae_helpers.threads import one_thread


class Autoencoder(DenseVAE):
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
    """A VAE with a Gaussian decoder of learned variance: p(x|z) = N(output, variance · I).

    The output is the sigmoid of `decode`'s logits for pixels, and `decode` itself for `codes`.
    The best variance for a batch is its mean squared error, so no gradient is needed to find it
    (Rybkin et al. 2021, arXiv 2006.13202, "optimal σ"). Training mode takes the variance of the
    batch, evaluation mode a running average over about twenty batches. Dai & Wipf 2019 (arXiv
    1903.05789) learn such a variance γ in both of their stages. Sizes and seed as in `VAE`.
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


class CodeVAE(LearnedScaleVAE):
    """The second stage: a VAE of codes [n, size], with the latent w and a learned σ² (`variance`).

    latent: of w; hidden: widths of the encoder's hidden layers, and in reverse of the decoder's.
    """

    def __init__(self, latent, hidden, size, *, seed):
        super().__init__(latent, hidden, size, codes=True, seed=seed)


def standardise(codes, reference):
    """Codes [n, latent], shifted and scaled so that `reference` has mean 0 and variance 1.

    reference: [m, latent], the codes of the training images, whatever images `codes` are of.
    """
    return (codes - reference.mean(0)) / reference.std(0)


@torch.no_grad()
def sample(first, second, reference, w, eps):
    """Logits of sampled images [n, pixels]: from w to a code, and from the code to an image.

    first: decodes codes to logits; second: a `CodeVAE` of codes standardised by `reference`
    [m, latent]; w [n, second.latent] and eps [n, latent]: standard normal draws.
    """
    code = second.decode(w) + second.variance.sqrt() * eps
    return first.decode(code * reference.std(0) + reference.mean(0))


@torch.no_grad()
def codes_of(model, images, *, seed):
    """One draw from q(z|x) for each of `images` (uint8 [n, 28, 28]): [n, latent].

    Draws, because it is draws that the decoder of a VAE has learned to read (Dai & Wipf 2019,
    arXiv 1903.05789, section 4). An autoencoder's draw is its code.
    """
    generator, draws = arguments.generator(seed), []
    with evaluation.evaluation_mode(model):
        for x in evaluation.chunks(model, images):
            mean, logvar = model.encode(x)
            eps = data.noise(generator, *mean.shape, like=mean)
            draws.append(elbo.reparameterize(mean, logvar, eps))
    return torch.cat(draws)


def require_codes(codes):
    """`codes` as they are, for a trainer's `rows`: float [n, latent], else a `TypeError`."""
    if not (isinstance(codes, torch.Tensor) and codes.is_floating_point() and codes.ndim == 2):
        kind = f"{type(codes).__name__} {list(getattr(codes, 'shape', []))}"
        raise TypeError(f"Codes are a float tensor [n, latent], got {kind}. Images are trained "
                        "on without rows=require_codes.")
    return codes


class TwoStage(models.GaussianVAE):
    """Both stages as one generative model: w ~ N(0, I), code | w by `second`, x | code by `first`.

    first: an `Autoencoder` or a VAE; second: a `CodeVAE` of the standardised codes;
    codes: [n, latent], those of the training images, in `first`'s own units. The latents of
    the whole are w and the noise ε of the code's Gaussian, side by side: [w, ε]. Encoding sets
    ε's posterior to its prior, so `elbo_parts` bounds log p(x) of the whole (with a Bernoulli
    p(x|z)). The bound may be loose: nothing was trained for it.
    """

    def __init__(self, first, second, codes):
        super().__init__()
        self.first, self.second = first, second
        self.latent, self.pixels = second.latent + first.latent, first.pixels
        self.register_buffer("mean", codes.mean(0))
        self.register_buffer("sd", codes.std(0))

    def encode(self, x):
        """q(w|x) of the mean code, and ε's prior: x [batch, pixels] to [batch, latent] twice."""
        code, _ = self.first.encode(x)
        of_w = self.second.encode((code - self.mean) / self.sd)
        return tuple(torch.cat([part, torch.zeros_like(code)], -1) for part in of_w)

    def decode(self, z):
        """Logits of the pixels: z = [w, ε] [..., latent] to [..., pixels]."""
        w, eps = z.split([self.second.latent, self.first.latent], -1)
        standard = self.second.decode(w) + self.second.variance.sqrt() * eps
        return self.first.decode(standard * self.sd + self.mean)


class OneGaussian(models.GaussianVAE):
    """The simplest second stage: one Gaussian with the mean and the covariance of the codes.

    Nothing is trained; decoding gives z ~ N(0, I) this mean and covariance. Ghosh et al. 2020
    (arXiv 1903.12436), section 4, fit densities to codes after training, among them this one.
    """

    def __init__(self, first, codes):
        super().__init__()
        self.first, self.latent, self.pixels = first, first.latent, first.pixels
        self.register_buffer("mean", codes.mean(0))
        self.register_buffer("root", torch.linalg.cholesky(torch.cov(codes.T)))

    def encode(self, x):
        """The z of the mean code, with no width: x [batch, pixels] to [batch, latent] twice."""
        centred = (self.first.encode(x)[0] - self.mean).T  # [latent, batch]
        z = torch.linalg.solve_triangular(self.root, centred, upper=False).T
        return z, torch.full_like(z, -math.inf)

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels]."""
        return self.first.decode(z @ self.root.T + self.mean)


def code_trainer(first, images, *, latent, hidden, batch_size, learning_rate, seed):
    """The second stage, ready to be trained: its trainer, and the codes of `images` [n, latent].

    The trainer's model is a `CodeVAE` with as many outputs as `first` has latents.
    """
    codes = codes_of(first, images, seed=seed)
    model = CodeVAE(latent, hidden, first.latent, seed=seed)
    return training.Trainer(
        model, standardise(codes, codes), batch_size=batch_size, learning_rate=learning_rate,
        seed=seed, rows=require_codes,
    ), codes


@torch.no_grad()
def mean_code_distortion(model, images):
    """Distortion of `images` (uint8 [n, 28, 28]) decoded from their mean codes, nats per image.

    No noise is drawn, so models with a noisy code and without one can be compared.
    """
    total = 0.0
    with evaluation.evaluation_mode(model):
        for x in evaluation.chunks(model, images):
            total -= elbo.bernoulli_log_prob(x, model.decode(model.encode(x)[0])).sum().item()
    return total / len(images)


@torch.no_grad()
def code_elbo(second, codes, *, unit, seed):
    """The second stage's ELBO on standardised `codes` [n, latent], all numbers times `unit`.

    Codes, outputs and standard deviation are multiplied by it, so nothing changes but the unit
    of measurement. Nats per image, one draw of w each.
    """
    with evaluation.evaluation_mode(second):
        mean, logvar = second.encode(codes)
        eps = data.noise(arguments.generator(seed), *mean.shape, like=mean)
        output = unit * second.decode(elbo.reparameterize(mean, logvar, eps))
    logvar_of_code = (second.variance * unit**2).log().expand_as(output)
    fit = elbo.gaussian_log_prob(unit * codes, output, logvar_of_code)
    return (fit - elbo.gaussian_kl(mean, logvar)).mean().item()


@torch.no_grad()
def sample_in_unit(first, second, reference, w, eps, *, unit):
    """As `sample`, with the second stage's codes multiplied by `unit` and divided for `first`."""
    sd = second.variance.sqrt() * unit
    code = second.decode(w) * unit + sd * eps  # [n, latent]
    return first.decode(code * (reference.std(0) / unit) + reference.mean(0))


SAMPLES = 2000  # samples of a model, and as many real digits beside them
# What the stored results call both ways, and other ways to spend the middle budget.
AT_ONCE, STAGES = "at once", "two stages"
SMALL_CODES, ON_VAE, ON_SCALED = "small codes", "on a VAE", "on a learned scale"
SCALED, ONE_GAUSSIAN = "learned scale, at once", "one Gaussian"


def joint_trainer(seed, *, latent, joint_hidden, joint_learning_rate, batch_size, **_other):
    """A trainer of the single VAE that the two stages are compared with."""
    model = models.VAE(latent, joint_hidden, seed=seed)
    return _image_trainer(model, seed, batch_size, joint_learning_rate)


def first_trainer(
    seed, *, latent, hidden, batch_size, learning_rate, beta=0.0, kind=Autoencoder, **_other
):
    """A trainer of a first stage of class `kind`; β > 0 keeps an autoencoder's codes small."""
    return _image_trainer(kind(latent, hidden, seed=seed), seed, batch_size, learning_rate, beta)


def _image_trainer(model, seed, batch_size, learning_rate, beta=1.0):
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size, beta=beta,
        learning_rate=learning_rate, seed=seed,
    ))


@one_thread()
def second_trainer(first, seed, *, latent, second_hidden, batch_size, learning_rate, **_other):
    """A trainer of the second stage upon `first`, and the training images' codes [n, latent]."""
    trainer, codes = code_trainer(
        first, data.load_mnist().train_images, latent=latent, hidden=second_hidden,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    )
    return on_one_thread(trainer), codes


def samples(model, seed):
    """Samples of a model: pixels [2000, 784] in [0, 1], decoded from draws of its prior."""
    generator = torch.Generator().manual_seed(seed)
    return evaluation.decode(model, torch.randn(SAMPLES, model.latent, generator=generator))


@torch.no_grad()
def by_confidence(pictures, classifier, threshold, count=10):
    """`count` of the pictures [n, 784], evenly spaced from the least to the most confident.

    The classifier's confidence in a picture is its largest probability. Returns the pictures
    [count, 28, 28] and whether each confidence exceeds the threshold [count], both for NumPy.
    """
    confidence = classifier(pictures).softmax(-1).amax(-1)  # [n]
    order = confidence.argsort()
    places = order[((torch.arange(count) + 0.5) / count * len(order)).long()]
    shown = pictures[places].reshape(count, 28, 28)
    return shown.numpy(), (confidence[places] > threshold).tolist()
