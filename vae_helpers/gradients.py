"""Gradients of the ELBO's estimators, draw by draw: what notebook 02 compares."""

import copy
import functools
from typing import NamedTuple

import torch

from vae_helpers import arguments, data, elbo, evaluation

CHUNK = 60_000  # draws at a time


class Estimator(NamedTuple):
    """A form of `elbo`, and whether it takes log p(x, z) or log p(x|z)."""

    form: object
    takes_joint: bool


ESTIMATORS = {
    "Monte Carlo": Estimator(elbo.monte_carlo_form, True),
    "entropy": Estimator(elbo.entropy_form, True),
    "KL": Estimator(elbo.kl_form, False),
    "path derivative": Estimator(elbo.path_derivative_form, True),
    "score function": Estimator(elbo.score_function_surrogate, True),
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
    centred = functools.partial(elbo.score_function_surrogate, baseline=baseline)  # [1, n]
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

    model: an `exact.LinearGaussian` with one latent; x, mean, logvar: [1, 1].
    Returns {gradient: [repetitions]}: "inference" for q's mean, "DReG" the same by
    `elbo.dreg_surrogate`, "generative" for the model's bias (Rainforth et al. 2018).
    """
    samples = arguments.whole_number(samples, "samples", most=CHUNK)
    repetitions = arguments.whole_number(repetitions, "repetitions")
    generator = arguments.generator(seed)
    found = {"inference": [], "DReG": [], "generative": []}
    for first in range(0, repetitions, CHUNK // samples):
        count = min(CHUNK // samples, repetitions - first)
        eps = data.noise(generator, samples, count, 1, like=x)
        # One copy of x and q for each repetition: the sum's gradient keeps them apart.
        xs, means, logvars = (t.expand(count, 1).clone() for t in (x, mean, logvar))
        for parameter in (xs, means):
            parameter.requires_grad_()

        def log_joint(z):
            return model.log_joint(xs, z)

        bound = elbo.iwae_bound(elbo.monte_carlo_form(log_joint, means, logvars, eps))
        inference, by_x = torch.autograd.grad(bound.sum(), [means, xs])
        surrogate = elbo.dreg_surrogate(log_joint, means, logvars, eps)
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
