"""Two stages: an autoencoder of the images, then a shallow VAE of its standardised codes."""

import math

import torch

from vae_helpers import arguments, data, elbo, evaluation, models, training


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


class CodeTrainer(training.Trainer):
    """A `training.Trainer` whose examples are codes, float [n, latent], in place of images.

    Raises `TypeError` for other examples.
    """

    @staticmethod
    def _require_examples(codes):
        if not (isinstance(codes, torch.Tensor) and codes.is_floating_point() and codes.ndim == 2):
            kind = f"{type(codes).__name__} {list(getattr(codes, 'shape', []))}"
            raise TypeError(f"Codes are a float tensor [n, latent], got {kind}. Images are "
                            "trained on by training.Trainer.")

    @staticmethod
    def _rows(codes):
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


def second_trainer(first, images, *, latent, hidden, batch_size, learning_rate, seed):
    """The second stage, ready to be trained: its trainer, and the codes of `images` [n, latent].

    The trainer's model is a `LearnedScaleVAE` with as many outputs as `first` has latents.
    """
    codes = codes_of(first, images, seed=seed)
    model = models.LearnedScaleVAE(latent, hidden, first.latent, codes=True, seed=seed)
    return CodeTrainer(
        model, standardise(codes, codes), batch_size=batch_size, learning_rate=learning_rate,
        seed=seed,
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
