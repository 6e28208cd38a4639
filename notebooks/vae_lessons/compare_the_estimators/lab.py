"""The estimators that notebook 02 adds, their gradients draw by draw, and the exact variances.

Exact where q and the posterior are Gaussian: the posterior is N(posterior_mean, posterior_sd²)
in one dimension, q is N(mean, sd²), and the prior N(0, 1). Values are in nats², gradients in
nats² per unit². Everything broadcasts. Derived by writing z = mean + sd·ε and reading off the
coefficients of ε and ε².
"""

import copy
import functools
from typing import NamedTuple

import torch

from vae_helpers import arguments, data, elbo, evaluation
from vae_helpers.elbo import gaussian_log_prob, reparameterize


def path_derivative_form(log_joint, mean, logvar, eps):
    """The value of `monte_carlo_form`, with the gradient through z alone: [draws, batch].

    The score ∂ log q/∂(mean, logvar) at fixed z has expectation zero and is left out, so the
    gradient's variance vanishes where q is the posterior (Roeder, Wu & Duvenaud 2017).
    """
    z = reparameterize(mean, logvar, eps)
    return log_joint(z) - gaussian_log_prob(z, mean.detach(), logvar.detach())


def score_function_surrogate(log_joint, mean, logvar, eps, baseline=0.0):
    """A quantity whose gradient is the score-function estimate: [draws, batch].

    No gradient goes through z; it is (f − baseline) · ∂ log q(z|x), with f = log p(x, z) −
    log q(z|x) held fixed (REINFORCE; Kingma & Welling 2013, section 2.2). A baseline, a number
    or [batch], that does not depend on the draw leaves the average as it is and can take most
    of the noise. The value means nothing. For the decoder's gradient use another form.
    """
    z = reparameterize(mean, logvar, eps).detach()
    log_q = gaussian_log_prob(z, mean, logvar)
    return (log_joint(z) - log_q - baseline).detach() * log_q


def dreg_surrogate(log_joint, mean, logvar, eps):
    """A quantity whose gradient for mean and logvar is DReG's estimate: [batch].

    Σ_k ŵ_k² log w_k with the normalised weights ŵ held fixed and the score left out; at K = 1
    it is the path derivative. The value means nothing (`iwae_bound` has it); the decoder's
    gradient must come from `iwae_bound`. Tucker et al. 2018.
    """
    log_weights = path_derivative_form(log_joint, mean, logvar, eps)  # [K, batch]
    normalised = torch.softmax(log_weights.detach(), dim=0)
    return (normalised**2 * log_weights).sum(0)


REPEATED = 60_000  # draws at a time


class Estimator(NamedTuple):
    """A form of `elbo`, and whether it takes log p(x, z) or log p(x|z)."""

    form: object
    takes_joint: bool


ESTIMATORS = {
    "Monte Carlo": Estimator(elbo.monte_carlo_form, True),
    "entropy": Estimator(elbo.entropy_form, True),
    "KL": Estimator(elbo.kl_form, False),
    "path derivative": Estimator(path_derivative_form, True),
    "score function": Estimator(score_function_surrogate, True),
}


def one_draw_gradients(form, log_density, mean, logvar, eps):
    """The gradient for q's parameters that each draw gives by itself.

    mean, logvar: [1, latent]; eps: [draws, 1, latent]; log_density as `form` takes it.
    Returns the gradients for mean and for logvar, [draws, latent] each.
    """
    draws = len(eps)
    # One copy of q for each draw: the gradient of the sum keeps the draws apart.
    parameters = [p.expand(draws, -1).clone().requires_grad_() for p in (mean, logvar)]
    values = form(log_density, *parameters, eps.transpose(0, 1))  # eps [1, draws, latent]
    return torch.autograd.grad(values.sum(), parameters)


def noise_of_layers(model, images, *, draws, seed):
    """How much of each encoder layer's gradient is noise, for each estimator.

    The gradient of the mean one-draw ELBO over `images` (uint8 [n, 28, 28]), `draws` times over
    with new noise, in double precision on a copy of the model. Besides `ESTIMATORS` there is
    the "centred score function", whose baseline is each image's average over all the draws.
    Returns {estimator: [layers]}: the variances of a layer's weights, summed, from input to
    output.
    """
    draws = arguments.whole_number(draws, "draws", least=2)  # a variance needs two
    model = copy.deepcopy(model).double().eval()
    x = evaluation.rows(model, images)
    noise = data.noise(arguments.generator(seed), draws, 1, len(x), model.latent, like=x)
    weights = [p for name, p in model.encoder.named_parameters() if name.endswith("weight")]
    with torch.no_grad():
        baseline = sum(one_draw(model, x, ESTIMATORS["Monte Carlo"], eps) for eps in noise) / draws
    centred = functools.partial(score_function_surrogate, baseline=baseline)  # [1, n]
    estimators = ESTIMATORS | {"centred score function": Estimator(centred, True)}
    return {
        name: _summed_variances(
            torch.autograd.grad(one_draw(model, x, estimator, eps).mean(), weights) for eps in noise
        )
        for name, estimator in estimators.items()
    }


def one_draw(model, x, estimator, eps):
    """What `estimator` makes of one draw an image: x [n, pixels], eps [1, n, latent] to [1, n]."""
    mean, logvar = model.encode(x)

    def log_likelihood(z):
        return elbo.bernoulli_log_prob(x, model.decode(z))

    def log_joint(z):
        return log_likelihood(z) + elbo.prior_log_prob(z)

    return estimator.form(log_joint if estimator.takes_joint else log_likelihood, mean, logvar, eps)


def bound_gradients(model, x, mean, logvar, samples, *, repetitions, seed):
    """Gradients of the importance-weighted bound with K = `samples`, over and over.

    model: an `LinearGaussian` with one latent; x, mean, logvar: [1, 1].
    Returns {gradient: [repetitions]}: "inference" for q's mean, "DReG" the same by
    `dreg_surrogate`, "generative" for the model's bias (Rainforth et al. 2018).
    """
    samples = arguments.whole_number(samples, "samples", most=REPEATED)
    repetitions = arguments.whole_number(repetitions, "repetitions")
    generator = arguments.generator(seed)
    found = {"inference": [], "DReG": [], "generative": []}
    for first in range(0, repetitions, REPEATED // samples):
        count = min(REPEATED // samples, repetitions - first)
        eps = data.noise(generator, samples, count, 1, like=x)
        # One copy of x and q for each repetition: the sum's gradient keeps them apart.
        xs, means, logvars = (t.expand(count, 1).clone() for t in (x, mean, logvar))
        for parameter in (xs, means):
            parameter.requires_grad_()

        def log_joint(z):
            return model.log_joint(xs, z)

        bound = elbo.iwae_bound(elbo.monte_carlo_form(log_joint, means, logvars, eps))
        inference, by_x = torch.autograd.grad(bound.sum(), [means, xs])
        surrogate = dreg_surrogate(log_joint, means, logvars, eps)
        dreg, = torch.autograd.grad(surrogate.sum(), means)
        # Only x − bias occurs in the model, so ∂/∂bias = −∂/∂x.
        for name, gradient in zip(found, (inference, dreg, -by_x)):
            found[name].append(gradient[:, 0])
    return {name: torch.cat(parts) for name, parts in found.items()}


def signal_to_noise(model, x, mean, logvar, samples, *, repetitions, seed):
    """|mean| / standard deviation of `bound_gradients`, {gradient: [K]}, for each K in samples."""
    found = {}
    for k in samples:
        drawn = bound_gradients(model, x, mean, logvar, k, repetitions=repetitions, seed=seed)
        for name, gradient in drawn.items():
            found.setdefault(name, []).append((gradient.mean().abs() / gradient.std()).item())
    return found


def log_slope(places, values):
    """The slope of the least-squares line through log values against log places."""
    x, y = (torch.as_tensor(side, dtype=torch.float64).log() for side in (places, values))
    x = x - x.mean()
    return ((x * y).sum() / (x * x).sum()).item()


def _summed_variances(gradients):
    """[draws][layers] gradients, as they come, to each layer's variance summed over weights."""
    count, totals, squares = 0, None, 0
    for layers in gradients:  # kept one at a time: all of them would be 200 MB
        count += 1
        totals = [layer + total for layer, total in zip(layers, totals or [0] * len(layers))]
        squares = squares + torch.stack([layer.square().sum() for layer in layers])
    return (squares - torch.stack([t.square().sum() for t in totals]) / count) / (count - 1)


DRAWN = 50_000  # draws at a time
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

    model: an `LinearGaussian`; x: [1, pixels]; mean, logvar: [1, latent]; eps:
    [draws, 1, latent]. Gradients' variances are summed over latents.
    """
    def log_joint(z):
        return model.log_joint(x, z)

    def log_likelihood(z):
        return model.log_likelihood(x, z)

    found = {"value": {}, "gradient for mean": {}, "gradient for logvar": {}}
    for name in ("Monte Carlo", "entropy", "KL", "path derivative"):
        form, takes_joint = ESTIMATORS[name]
        of_z = log_joint if takes_joint else log_likelihood
        if name != "path derivative":  # its value is that of Monte Carlo
            values = [form(of_z, mean, logvar, some) for some in eps.split(DRAWN)]
            found["value"][name] = torch.cat(values).var().item()
        if name != "entropy":  # its gradient is that of Monte Carlo
            parts = [one_draw_gradients(form, of_z, mean, logvar, some)
                     for some in eps.split(DRAWN)]
            by_mean, by_logvar = map(torch.cat, zip(*parts))
            key = TOTAL if name == "Monte Carlo" else name
            found["gradient for mean"][key] = by_mean.var(0).sum().item()
            found["gradient for logvar"][key] = by_logvar.var(0).sum().item()
    return found


def deviation(drawn, exact):
    """The largest relative difference between two {form: variance}.

    Where a law is 0, or below a thousandth, a ratio says nothing; there the drawn variance itself
    is taken.
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
