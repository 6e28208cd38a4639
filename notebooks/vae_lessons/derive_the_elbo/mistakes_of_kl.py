"""Common mistakes in KL(N(mean, exp(logvar)) ‖ N(0, I)), for the check of notebook 01."""

import math

from torch.nn import functional as F

from vae_helpers import elbo
from vae_helpers.check.exercise import Mistake
from vae_helpers.check.laboratory import mistakes_of_normal


def _reverse_kl(mean, logvar):
    """KL( N(0, I) ‖ N(mean, exp(logvar)) )."""
    return 0.5 * ((1 + mean**2) / logvar.exp() - 1 + logvar).sum(-1)


_MEAN_OF_ALL = (
    "You took the mean over the batch and over the latents, as in −0.5 * torch.mean(1 + logvar − "
    "…) of much public code. Sum over the latents: one number for each image is expected. With d "
    "latents that mean gives the KL a hidden weight, β = 1/d. The mean over the batch hides "
    "nothing more, if the reconstruction is averaged over the batch as well."
)
MISTAKES_OF_KL = [
    Mistake(lambda m, s: -elbo.gaussian_kl(m, s),
            "The sign is flipped. A KL divergence is never negative."),
    Mistake(lambda m, s: 2 * elbo.gaussian_kl(m, s), "A factor ½ is missing."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s) / m.shape[-1],
            "You took the mean over the latents. Sum over them: each one costs its own nats. "
            "With d latents a mean gives the KL a hidden weight, β = 1/d."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).mean(-1) * 2,
            "You took the mean over the latents, and the ½ is missing."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s).mean() / m.shape[-1], _MEAN_OF_ALL),
    Mistake(lambda m, s: 2 * elbo.gaussian_kl(m, s).mean() / m.shape[-1],
            "The ½ is missing. " + _MEAN_OF_ALL),
    Mistake(lambda m, s: -elbo.gaussian_kl(m, s).mean() / m.shape[-1],
            "The sign is flipped. " + _MEAN_OF_ALL),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).mean(0),
            "You averaged over the batch. Sum over the last axis, the latents."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s).mean(),
            "You averaged over the batch. One number for each image is expected."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s).sum(),
            "You summed over the batch as well. One number for each image is expected."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).sum(0),
            "You summed over the batch. Sum over the last axis, the latents."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s),
            "The sum over the latents is missing: one number for each image is expected."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, 2 * s),
            "You took exp(logvar) for the standard deviation and squared it. It is the "
            "variance already: logvar is the log of the variance."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s / 2),
            "You took exp(½ logvar), the standard deviation, where the variance belongs."),
    Mistake(lambda m, s: 0.5 * (m**2 + s - 1 - s.log()).sum(-1),  # recognised by NaN for s < 0
            "You took logvar for the variance itself. The variance is exp(logvar)."),
    Mistake(lambda m, s: 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1),
            "You took logvar for the standard deviation. The variance is exp(logvar)."),
    Mistake(lambda m, s: 0.5 * (m**2 + s**2 - 1 - (s**2).log()).sum(-1),
            "You took logvar for the standard deviation. The variance is exp(logvar)."),
    Mistake(_reverse_kl,
            "This is KL(p ‖ q), the other direction. Here q comes first: the average of "
            "log q − log p is taken under q."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - s).sum(-1),
            "The −1 is missing. At q = prior the KL must be 0."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1).sum(-1),
            "The −logvar is missing: the log-determinant of the Gaussian's normaliser."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 + s).sum(-1),
            "The sign of logvar is wrong: log q holds −½ logvar."),
    Mistake(lambda m, s: 0.5 * (m + s.exp() - 1 - s).sum(-1),
            "The mean must be squared."),
    Mistake(lambda m, s: 0.5 * (m.abs() + s.exp() - 1 - s).sum(-1),
            "You took |mean| for mean². The mean must be squared."),
    Mistake(lambda m, s: 0.5 * (m.sum(-1) ** 2 + (s.exp() - 1 - s).sum(-1)),
            "You summed the means and squared the sum. Square each mean first."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, F.softplus(s).log()),
            "You took softplus(logvar) for the variance. softplus does not undo a log: the "
            "variance is exp(logvar)."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, 2 * F.softplus(s).log()),
            "You took softplus(logvar) for the standard deviation. softplus does not undo a "
            "log: the standard deviation is exp(½ logvar)."),
    Mistake(lambda m, s: 0.5 * (m**2 + F.softplus(s) - 1 - s).sum(-1),
            "You took softplus(logvar) for the variance in one place. softplus does not undo a "
            "log: the variance is exp(logvar)."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s.abs().log()),
            "You took |logvar| for the variance. The logarithm must be undone: the variance is "
            "exp(logvar)."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s.abs()).sum(-1),
            "You took |logvar| in the last term. A log variance may be negative: keep its "
            "sign."),
    Mistake(lambda m, s: 0.5 * (m**2 + s - 1 - s).sum(-1),
            "You took logvar for the variance in one place: the variance is exp(logvar)."),
    Mistake(lambda m, s: (0.5 * m**2 + s.exp() - 1 - s).sum(-1),
            "The ½ multiplies all four terms; you multiplied only mean²."),
    Mistake(lambda m, s: 0.5 * ((m**2 + s.exp() - s).sum(-1) - 1),
            "The −1 occurs once for each latent; you subtracted it only once."),
    Mistake(lambda m, s: 0.5 * (-(m**2) + s.exp() - 1 - s).sum(-1),
            "The sign of mean² is wrong: a shift in either direction costs nats."),
    Mistake(lambda m, s: 0.5 * (m**2 + (2 * s).exp() - 1 - s).sum(-1),
            "You squared exp(logvar). It is the variance already."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - 2 * s).sum(-1),
            "The last term has a factor 2 too many: −logvar, not −2 logvar."),
    Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - 0.5 * s).sum(-1),
            "The last term is halved twice: ½ (… − logvar), with one ½ outside."),
    Mistake(lambda m, s: 0.5 * (m**2 + (0.5 * s).exp() - 1 - s).sum(-1),
            "You took exp(½ logvar), the standard deviation, where the variance belongs."),
    Mistake(lambda m, s: 0.5 * (s.exp() - 1 - s).sum(-1),
            "The mean² is missing: a shift costs nats too."),
    Mistake(lambda m, s: 0.5 * (m**2 / s.exp() + s.exp() - 1 - s).sum(-1),
            "You divided mean² by q's variance. It is measured in the prior's, which is 1."),
    Mistake(lambda m, s: elbo.gaussian_kl(m, s) / math.log(2),
            "This is in bits. Nats are expected: the natural logarithm."),
    *mistakes_of_normal(lambda m, s: (m, s)),
]
