"""Common mistakes in log p(x, z) − log q(z|x), for the checks of notebooks 01 and 02."""

from torch.nn import functional as F

from vae_helpers import elbo
from vae_helpers.check.exercise import Mistake
from vae_helpers.check.laboratory import mistakes_of_normal


def small_joint(z):
    """log p(x, z) of a small model: x | z ~ N(Σz, 1) at x = 1.3, z ~ N(0, I)."""
    return elbo.prior_log_prob(z) - 0.5 * ((1.3 - z.sum(-1)) ** 2 + elbo.LOG_2PI)


def mistakes_of_weights(reduce):
    """Mistakes in log p(x, z) − log q(z|x) [draws, batch], each followed by `reduce`."""
    return [
        Mistake(lambda *a: -reduce(elbo.monte_carlo_form(*a)),
                "The sign is flipped: this is −ELBO, the loss. The ELBO itself is asked for."),
        *_mistakes_of_z(reduce),
        *_mistakes_of_logvar(reduce),
        *_mistakes_of_log_q(reduce),
        Mistake(lambda f, m, s, e: reduce(elbo.kl_form(f, m, s, e)),
                "You subtracted the KL to the prior from log p(x, z), which counts the prior "
                "twice. Subtract log q(z|x)."),
        *mistakes_of_normal(lambda f, m, s, e: (m, s)),
    ]


def _mistakes_of_z(reduce):
    """Mistakes in z = mean + exp(½ logvar) · eps."""
    def with_z(z_of):
        def wrong(log_joint, mean, logvar, eps):
            z = z_of(mean, logvar, eps)
            return reduce(log_joint(z) - elbo.gaussian_log_prob(z, mean, logvar))

        return wrong

    return [
        Mistake(with_z(lambda m, s, e: m + s.exp() * e),
                "You scaled the noise by exp(logvar), the variance. The standard deviation is "
                "exp(½ logvar)."),
        Mistake(with_z(lambda m, s, e: m + s * e),
                "You scaled the noise by logvar. The standard deviation is exp(½ logvar)."),
        Mistake(with_z(lambda m, s, e: m + F.softplus(s) * e),
                "You scaled the noise by softplus(logvar), which does not undo a log. The standard "
                "deviation is exp(½ logvar)."),
        Mistake(with_z(lambda m, s, e: m + s.abs() * e),
                "You scaled the noise by |logvar|. The logarithm must be undone: the standard "
                "deviation is exp(½ logvar)."),
        Mistake(with_z(lambda m, s, e: e),
                "You used the noise itself as z. Shift it by the mean and scale it first."),
        Mistake(with_z(lambda m, s, e: m.expand_as(e)),
                "The noise is not used: z is always the mean."),
        Mistake(with_z(lambda m, s, e: m + e),
                "The noise is not scaled. Multiply it by the standard deviation, exp(½ logvar)."),
        Mistake(with_z(lambda m, s, e: (0.5 * s).exp() * e), "The mean is missing from z."),
    ]


def _mistakes_of_logvar(reduce):
    """The same mistake about logvar in z and in log q."""
    def with_logvar(change):
        return lambda f, m, s, e: reduce(elbo.monte_carlo_form(f, m, change(s), e))

    return [
        Mistake(with_logvar(lambda s: 2 * s),
                "You took exp(logvar) for the standard deviation throughout. It is the variance."),
        Mistake(with_logvar(lambda s: s / 2),
                "You took exp(½ logvar) for the variance throughout. The variance is exp(logvar)."),
        Mistake(with_logvar(lambda s: F.softplus(s).log()),
                "You took softplus(logvar) for the variance. softplus does not undo a log: the "
                "variance is exp(logvar)."),
        Mistake(with_logvar(lambda s: 2 * F.softplus(s).log()),
                "You took softplus(logvar) for the standard deviation. softplus does not undo a "
                "log: the standard deviation is exp(½ logvar)."),
        Mistake(with_logvar(lambda s: s.abs().log()),
                "You took |logvar| for the variance. The logarithm must be undone: the variance is "
                "exp(logvar)."),
        Mistake(with_logvar(lambda s: 2 * s.abs().log()),
                "You took |logvar| for the standard deviation. The logarithm must be undone: the "
                "standard deviation is exp(½ logvar)."),
    ]


def _mistakes_of_log_q(reduce):
    """Mistakes in log q(z|x), with the right z."""
    def with_log_q(log_q):
        def wrong(log_joint, mean, logvar, eps):
            z = elbo.reparameterize(mean, logvar, eps)
            return reduce(log_joint(z) - log_q(z, mean, logvar, eps))

        return wrong

    density = elbo.gaussian_log_prob
    return [
        Mistake(with_log_q(lambda z, m, s, e: 0), "The term −log q(z|x) is missing."),
        Mistake(with_log_q(lambda z, m, s, e: -density(z, m, s)),
                "log q(z|x) is added. It must be subtracted."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, m, 2 * s)),
                "log q(z|x) got exp(logvar) as its standard deviation. That is the variance: "
                "Normal wants exp(½ logvar)."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, m, s / 2)),
                "log q(z|x) got the log of the standard deviation where it needs logvar."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, m, (0.5 * s).exp())),
                "log q(z|x) got the standard deviation where it needs logvar."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, m, s.exp())),
                "log q(z|x) got the variance where it needs its logarithm, logvar."),
        Mistake(with_log_q(lambda z, m, s, e: density(e, m, s)),
                "log q was evaluated at the noise eps. It must be evaluated at z."),
        Mistake(with_log_q(lambda z, m, s, e: elbo.prior_log_prob(e)),
                "The log-determinant is missing: log q(z|x) holds −½ logvar for each latent. "
                "(The density of eps is not the density of z.)"),
        Mistake(with_log_q(lambda z, m, s, e: elbo.prior_log_prob(z)),
                "You subtracted the prior's log density. Subtract q's."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, s, m)),
                "mean and logvar are exchanged in log q(z|x)."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, m, s) / z.shape[-1]),
                "log q(z|x) was averaged over the latents. Sum over them."),
        Mistake(with_log_q(lambda z, m, s, e: density(z, m, s) + 0.5 * z.shape[-1] * elbo.LOG_2PI),
                "The constant ½ log 2π is missing from log q(z|x), once for each latent."),
    ]
