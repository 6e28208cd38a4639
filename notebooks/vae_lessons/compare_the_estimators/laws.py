"""Exact variances ("laws") of one-draw estimates when q and the posterior are Gaussian.

In one dimension the posterior is N(posterior_mean, posterior_sd²), q is N(mean, sd²) and the
prior is N(0, 1). Variances of values are in nats², of gradients in nats² per squared unit of the
parameter. All arguments broadcast. To derive a law, write z = mean + sd·ε and collect the
coefficients of ε and ε², whose variances are 1 and 2 and whose covariance is 0.
"""

import torch

TOTAL = "total derivative"  # the gradient of the Monte Carlo and of the entropy form


def value_variances(mean, sd, posterior_mean, posterior_sd):
    """Variance of the value of each form, {form: tensor}."""
    a, b, A, B = _relative(mean, sd, posterior_mean, posterior_sd)
    return {
        "Monte Carlo": a**2 * b**2 + (1 - b**2) ** 2 / 2,
        "entropy": a**2 * b**2 + b**4 / 2,
        "KL": A**2 * B**2 + B**4 / 2,
    }


def mean_gradient_variances(mean, sd, posterior_mean, posterior_sd):
    """Variance of each form's gradient with respect to q's mean, {form: tensor}."""
    b, precision = sd / posterior_sd, 1 / posterior_sd**2 - 1
    return {
        TOTAL: (b / posterior_sd) ** 2,
        "KL": (precision * sd) ** 2,
        "path derivative": ((1 / b - b) / posterior_sd) ** 2,
    }


def logvar_gradient_variances(mean, sd, posterior_mean, posterior_sd):
    """Variance of each form's gradient with respect to q's log variance, {form: tensor}.

    With respect to log sd it is 4 times larger. Path derivative: Roeder, Wu & Duvenaud 2017.
    """
    a, b, A, B = _relative(mean, sd, posterior_mean, posterior_sd)
    return {
        TOTAL: (a**2 * b**2 + 2 * b**4) / 4,
        "KL": (A**2 * B**2 + 2 * B**4) / 4,
        "path derivative": (a**2 * b**2 + 2 * (1 - b**2) ** 2) / 4,
    }


def exact_variances(mean, sd, posterior_mean, posterior_sd):
    """All three laws: {quantity: {form: tensor}}."""
    place = mean, sd, posterior_mean, posterior_sd
    return {
        "value": value_variances(*place),
        "gradient for m": mean_gradient_variances(*place),
        "gradient for logvar": logvar_gradient_variances(*place),
    }


def factorised_variances(precision, shift, sd):
    """The laws in d dimensions, for a correlated posterior and a q with independent latents.

    precision: Λ [d, d], of the posterior; shift: [d], q's mean minus the posterior's; sd: [d].
    Returns {"value": {form: variance}, "gradient": {form: variance}}, where the gradient is with
    respect to q's mean and its variances are summed over latents. In the comments S = diag(sd),
    M = SΛS and h = SΛ·shift.
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


def deviation(drawn, exact):
    """The largest relative difference between two {form: variance}.

    If the exact variance is below 0.001, the measured variance itself is used instead of the
    relative difference.
    """
    return max(
        abs(drawn[form] / float(law) - 1) if law > 1e-3 else abs(drawn[form] - float(law))
        for form, law in exact.items()
    )


def _relative(mean, sd, posterior_mean, posterior_sd):
    """q's shift and width in units of the posterior, a and b, and of the likelihood, A and B."""
    precision = 1 / posterior_sd**2 - 1  # of the likelihood; the prior's precision is 1
    peak = posterior_mean / (1 - posterior_sd**2)  # where the likelihood is highest
    return (
        (mean - posterior_mean) / posterior_sd, sd / posterior_sd,
        (mean - peak) * precision**0.5, sd * precision**0.5,
    )
