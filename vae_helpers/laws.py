"""The variances of one-draw estimates where q and the posterior are Gaussian: exact, and drawn.

The posterior is N(posterior_mean, posterior_sd²) in one dimension, q is N(mean, sd²), and the
prior N(0, 1). Values are in nats², gradients in nats² per unit². Everything broadcasts.
Derived by writing z = mean + sd·ε and reading off the coefficients of ε and ε².
"""

import torch

from vae_helpers import gradients

CHUNK = 50_000  # draws at a time
TOTAL = "Monte Carlo, entropy"  # two forms with one and the same gradient


def value_variances(mean, sd, posterior_mean, posterior_sd):
    """Variance of the value of each form, {form: tensor}."""
    a, b, likelihood_a2, likelihood_b2 = _relative(mean, sd, posterior_mean, posterior_sd)
    linear = a**2 * b**2
    return {
        "Monte Carlo": linear + (1 - b**2) ** 2 / 2,
        "entropy": linear + b**4 / 2,
        "KL": likelihood_a2 * likelihood_b2 + likelihood_b2**2 / 2,
    }


def mean_gradient_variances(mean, sd, posterior_mean, posterior_sd):
    """Variance of each form's gradient for q's mean, {form: tensor}."""
    _, b, _, likelihood_b2 = _relative(mean, sd, posterior_mean, posterior_sd)
    return {
        TOTAL: (b / posterior_sd) ** 2,
        "KL": likelihood_b2**2 / sd**2,
        "path derivative": ((1 / b - b) / posterior_sd) ** 2,
    }


def logvar_gradient_variances(mean, sd, posterior_mean, posterior_sd):
    """Variance of each form's gradient for q's log variance, {form: tensor}.

    For the gradient by log sd multiply by 4. The path derivative: Roeder, Wu & Duvenaud 2017.
    """
    a, b, likelihood_a2, likelihood_b2 = _relative(mean, sd, posterior_mean, posterior_sd)
    linear = a**2 * b**2
    return {
        TOTAL: (linear + 2 * b**4) / 4,
        "KL": (likelihood_a2 * likelihood_b2 + 2 * likelihood_b2**2) / 4,
        "path derivative": (linear + 2 * (1 - b**2) ** 2) / 4,
    }


def factorised_variances(precision, shift, sd):
    """The same in d dimensions: a correlated posterior, a q with independent latents.

    precision Λ: [d, d], of the posterior; shift: [d], q's mean less the posterior's; sd: [d].
    Returns {"value": {form: variance}, "gradient": {form: variance}}, the gradient being that
    for q's mean, its variances summed over latents. With S = diag(sd), M = SΛS, h = SΛ·shift.
    """
    scaled = sd[:, None] * precision * sd  # M
    linear = (sd * (precision @ shift)).square().sum()  # |h|²
    identity = torch.eye(len(sd), dtype=sd.dtype)
    total = precision * sd  # ΛS: ∂/∂mean of log p(x, z) is −ΛS ε and a constant
    return {
        "value": {
            "Monte Carlo": linear + (scaled - identity).square().sum() / 2,
            "entropy": linear + scaled.square().sum() / 2,
        },
        "gradient": {
            TOTAL: total.square().sum(),
            "path derivative": (total - torch.diag(1 / sd)).square().sum(),
        },
    }


def exact_variances(mean, sd, posterior_mean, posterior_sd):
    """All three laws: {quantity: {form: tensor}}."""
    place = mean, sd, posterior_mean, posterior_sd
    return {
        "value": value_variances(*place),
        "gradient for mean": mean_gradient_variances(*place),
        "gradient for logvar": logvar_gradient_variances(*place),
    }


def drawn_variances(model, x, mean, logvar, eps):
    """The same, from draws: {quantity: {form: float}}.

    model: an `exact.LinearGaussian`; x: [1, pixels]; mean, logvar: [1, latent]; eps:
    [draws, 1, latent]. Gradients' variances are summed over latents.
    """
    def log_joint(z):
        return model.log_joint(x, z)

    def log_likelihood(z):
        return model.log_likelihood(x, z)

    found = {"value": {}, "gradient for mean": {}, "gradient for logvar": {}}
    for name in ("Monte Carlo", "entropy", "KL", "path derivative"):
        form, takes_joint = gradients.ESTIMATORS[name]
        of_z = log_joint if takes_joint else log_likelihood
        if name != "path derivative":  # its value is that of Monte Carlo
            values = [form(of_z, mean, logvar, some) for some in eps.split(CHUNK)]
            found["value"][name] = torch.cat(values).var().item()
        if name != "entropy":  # its gradient is that of Monte Carlo
            parts = [gradients.one_draw_gradients(form, of_z, mean, logvar, some)
                     for some in eps.split(CHUNK)]
            by_mean, by_logvar = map(torch.cat, zip(*parts))
            key = TOTAL if name == "Monte Carlo" else name
            found["gradient for mean"][key] = by_mean.var(0).sum().item()
            found["gradient for logvar"][key] = by_logvar.var(0).sum().item()
    return found


def deviation(drawn, exact):
    """The largest relative difference between two {form: variance}.

    Where a law is 0, or below a thousandth, a ratio says nothing; there the drawn variance itself is taken.
    """
    return max(
        abs(drawn[form] / float(law) - 1) if law > 1e-3 else abs(drawn[form] - float(law))
        for form, law in exact.items()
    )


def _relative(mean, sd, posterior_mean, posterior_sd):
    """q's shift a and width b in posterior widths, and squared, in widths of the likelihood."""
    mean, sd = torch.as_tensor(mean), torch.as_tensor(sd)
    likelihood_precision = 1 / posterior_sd**2 - 1  # what is left when the prior's 1 is taken off
    peak = posterior_mean / (1 - posterior_sd**2)  # where the likelihood is highest
    return (
        (mean - posterior_mean) / posterior_sd, sd / posterior_sd,
        likelihood_precision * (mean - peak) ** 2, likelihood_precision * sd**2,
    )
