"""Two stages: an autoencoder of the images, then a shallow VAE of its standardised codes."""

import math

import torch

from vae_helpers import arguments, data, elbo, evaluation, models, results, training
from vae_helpers.models import VAE, DenseVAE
from vae_helpers.study import on_one_thread
from vae_helpers.threads import one_thread
from vae_lessons.see_through_the_noise.lab import knn_purity
from vae_lessons.train_in_two_stages import realism


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


def standardise(codes, reference):
    """Codes [n, latent] in units in which those of `reference` have mean 0 and variance 1.

    reference: [m, latent], the codes of the training images, whatever images `codes` are of.
    """
    return (codes - reference.mean(0)) / reference.std(0)


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
    """Both stages as one generative model: u ~ N(0, I), code | u by `second`, x | code by `first`.

    first: an `Autoencoder` or a VAE; second: a `LearnedScaleVAE` of the standardised codes;
    codes: [n, latent], those of the training images, in `first`'s own units. The latents of
    the whole are u and the noise ε of the code's Gaussian, side by side: [u, ε]. Encoding sets
    ε's posterior to its prior, so that `elbo_parts` bounds log p(x) of the whole (a Bernoulli
    p(x|z)), if loosely: nothing was trained for it.
    """

    def __init__(self, first, second, codes):
        super().__init__()
        self.first, self.second = first, second
        self.latent, self.pixels = second.latent + first.latent, first.pixels
        self.register_buffer("mean", codes.mean(0))
        self.register_buffer("sd", codes.std(0))

    def encode(self, x):
        """q(u|x) of the mean code, and ε's prior: x [batch, pixels] to [batch, latent] twice."""
        code, _ = self.first.encode(x)
        of_u = self.second.encode((code - self.mean) / self.sd)
        return tuple(torch.cat([part, torch.zeros_like(code)], -1) for part in of_u)

    def decode(self, z):
        """Logits of the pixels: z = [u, ε] [..., latent] to [..., pixels]."""
        u, eps = z.split([self.second.latent, self.first.latent], -1)
        standard = self.second.decode(u) + self.second.variance.sqrt() * eps
        return self.first.decode(standard * self.sd + self.mean)


class OneGaussian(models.GaussianVAE):
    """The shortest second stage: one Gaussian with the mean and the covariance of the codes.

    Nothing is trained; decoding takes z ~ N(0, I) to the codes' place and shape. Ghosh et al.
    2020 (arXiv 1903.12436), section 4, fit a density to codes after training, this one too.
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

    The trainer's model is a `LearnedScaleVAE` with as many outputs as `first` has latents.
    """
    codes = codes_of(first, images, seed=seed)
    model = LearnedScaleVAE(latent, hidden, first.latent, codes=True, seed=seed)
    return training.Trainer(
        model, standardise(codes, codes), batch_size=batch_size, learning_rate=learning_rate,
        seed=seed, rows=require_codes,
    ), codes


@torch.no_grad()
def mean_code_distortion(model, images):
    """Cross entropy of `images` (uint8 [n, 28, 28]) with what comes back from their mean codes.

    In nats per image. No noise is drawn, so that models with a noisy code and without one can
    be compared.
    """
    total = 0.0
    with evaluation.evaluation_mode(model):
        for x in evaluation.chunks(model, images):
            total -= elbo.bernoulli_log_prob(x, model.decode(model.encode(x)[0])).sum().item()
    return total / len(images)


@torch.no_grad()
def code_elbo(second, codes, *, unit, seed):
    """The second stage's ELBO on standardised `codes` [n, latent], told in another unit of code.

    unit: the number of new units in an old one: codes, outputs and standard deviation are all
    multiplied by it, so that nothing changes but the numbers. In nats per image, one draw each.
    """
    with evaluation.evaluation_mode(second):
        mean, logvar = second.encode(codes)
        eps = data.noise(arguments.generator(seed), *mean.shape, like=mean)
        output = unit * second.decode(elbo.reparameterize(mean, logvar, eps))
    logvar_of_code = (second.variance * unit**2).log().expand_as(output)
    fit = elbo.gaussian_log_prob(unit * codes, output, logvar_of_code)
    return (fit - elbo.gaussian_kl(mean, logvar)).mean().item()


DRAWN = 2000  # pictures that a model draws, and real ones beside them
AT_ONCE, STAGES = "at once", "two stages"
# Other things to do with the middle budget, beside another split of it.
SMALL_CODES, ON_VAE, ON_SCALED = "small codes", "on a VAE", "on a learned scale"
SCALED, ONE_GAUSSIAN = "learned scale, at once", "one Gaussian"


def joint_trainer(seed, *, latent, joint_hidden, joint_learning_rate, batch_size, **_other):
    """A trainer of the VAE that learns all at once."""
    model = models.VAE(latent, joint_hidden, seed=seed)
    return _image_trainer(model, seed, batch_size, joint_learning_rate)


def first_trainer(
    seed, *, latent, hidden, batch_size, learning_rate, beta=0.0, kind=Autoencoder, **_other
):
    """A trainer of a first stage; β > 0 makes an autoencoder's codes small."""
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


def drawn(model, seed):
    """What a model draws from its prior: [2000, 784] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return evaluation.decode(model, torch.randn(DRAWN, model.latent, generator=generator))


def labelled_codes(model):
    """Standardised mean codes of the first 2000 test images, [2000, latent], and their labels."""
    digits = data.load_mnist()
    codes = evaluation.posterior_means(model, digits.test_images[:DRAWN])
    return standardise(codes, codes), digits.test_labels[:DRAWN]


def chosen_rates(stored, stop):
    """{way: the learning rate that validation images choose}, of `step_sizes` at a stop's place."""
    ways = [run["ways"] for run in stored["runs"].values()]
    return {way: results.choose({rate: [of_seed[way][rate][stop] for of_seed in ways]
                                 for rate in tried}, float)
            for way, tried in ways[0].items()}


def worth(model, first, classifier, seed):
    """All that is measured of a generative `model` whose codes are those of `first`.

    `of_codes` and `of_whole`: cross entropy of the test images with what comes back from the
    codes and from the whole model's latents; `neg_elbo`: of the whole, None unless it is one
    of grey pixels that is finite. Nats per image.
    """
    digits = data.load_mnist()
    images = digits.test_images
    codes, labels = labelled_codes(first)
    bounded = isinstance(model, (models.VAE, TwoStage)) and not isinstance(
        model, LearnedScaleVAE)
    quality = realism.picture_quality(drawn(model, seed), data.pixels(images[:DRAWN]), classifier)
    return quality._asdict() | {
        "of_codes": mean_code_distortion(first, images),
        "of_whole": mean_code_distortion(model, images),
        "neg_elbo": -evaluation.evaluate(model, images, seed=seed).elbo if bounded else None,
        "purity": knn_purity(codes, labels),
    }
