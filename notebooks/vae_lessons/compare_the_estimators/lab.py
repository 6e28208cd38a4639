"""The estimators that notebook 02 adds, and its experiments on their values and gradients.

Every estimator has the arguments log_joint, mean, logvar, eps of `elbo.monte_carlo_form`, and
returns one value for each draw and image, [draws, batch].
"""

import copy
import math

import torch

from vae_helpers import arguments, data, elbo, evaluation
from vae_helpers.elbo import gaussian_log_prob, reparameterize
from vae_lessons.compare_the_estimators import laws


def kl_form(log_joint, mean, logvar, eps):
    """`elbo.kl_form` with log p(x|z) computed as log p(x, z) − log p(z): [draws, batch]."""
    def log_likelihood(z):
        return log_joint(z) - elbo.prior_log_prob(z)

    return elbo.kl_form(log_likelihood, mean, logvar, eps)


def path_derivative_form(log_joint, mean, logvar, eps):
    """The path derivative: the value of `monte_carlo_form`, the gradient only through z.

    The score ∂ log q/∂(mean, logvar) at fixed z has expectation zero and is left out. The
    gradient's variance is then 0 where q is the posterior (Roeder, Wu & Duvenaud 2017).
    """
    z = reparameterize(mean, logvar, eps)
    return log_joint(z) - gaussian_log_prob(z, mean.detach(), logvar.detach())


def score_function_surrogate(log_joint, mean, logvar, eps):
    """A quantity whose gradient is the score-function estimate: [draws, batch].

    The gradient is f · ∂ log q(z|x), where z and f = log p(x, z) − log q(z|x) are detached
    (REINFORCE, Williams 1992; Kingma & Welling 2013, section 2.2). The value itself has no
    meaning. For the decoder's gradient use another form.
    """
    z = reparameterize(mean, logvar, eps).detach()
    log_q = gaussian_log_prob(z, mean, logvar)
    return (log_joint(z) - log_q).detach() * log_q


def score_with_baseline(log_joint, mean, logvar, eps):
    """`score_function_surrogate` with a baseline: the average of f over the image's other draws.

    The baseline does not depend on the draw itself, so the gradient stays unbiased. Needs two
    draws or more. Kool, van Hoof & Welling 2019.
    """
    z = reparameterize(mean, logvar, eps).detach()
    log_q = gaussian_log_prob(z, mean, logvar)
    f = (log_joint(z) - log_q).detach()  # [draws, batch]
    baseline = (f.sum(0) - f) / (len(f) - 1)
    return (f - baseline) * log_q


def dreg_surrogate(log_joint, mean, logvar, eps):
    """A quantity whose gradient with respect to mean and logvar is the DReG estimate: [batch].

    It is Σ_k ŵ_k² log w_k with the normalised weights ŵ detached and the score left out; for
    K = 1 it is the path derivative. The value itself has no meaning: use `iwae_bound` for the
    value of the bound and for the decoder's gradient. Tucker et al. 2019.
    """
    log_weights = path_derivative_form(log_joint, mean, logvar, eps)  # [K, batch]
    normalised = torch.softmax(log_weights.detach(), dim=0)
    return (normalised**2 * log_weights).sum(0)


ESTIMATORS = {
    "Monte Carlo": elbo.monte_carlo_form,
    "entropy": elbo.entropy_form,
    "KL": kl_form,
    "path derivative": path_derivative_form,
    "score function": score_function_surrogate,
}
WITH_BASELINE = "score function with baseline"


def gradient_of_each(form, log_joint, mean, logvar, eps):
    """The gradient of each estimate with respect to q's parameters.

    mean, logvar: [1, latent]; eps: [estimates, L, latent], L draws per estimate.
    Returns the gradients with respect to mean and logvar, [estimates, latent] each.
    """
    # Each estimate has its own copy of q, so one gradient of the sum gives all gradients.
    own = [p.expand(len(eps), -1).clone().requires_grad_() for p in (mean, logvar)]
    values = form(log_joint, *own, eps.transpose(0, 1))  # [L, estimates]
    return torch.autograd.grad(values.mean(0).sum(), own)


def worst_deviation(law, drawn, means, widths):
    """The largest `laws.deviation` of drawn(m, s) from law(m, s) over a grid of q."""
    return max(laws.deviation(drawn(m, s), law(m, s)) for m in means for s in widths)


def bisect(lead, low, high):
    """The zero of the function `lead`, positive at `low` and negative at `high`, by bisection."""
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if lead(middle) > 0 else (low, middle)
    return (low + high) / 2


def share_won(law, form, shifts, widths):
    """The share of pairs (shift, width) for which `form` has the smallest variance.

    law: a function of m and s that returns {form: variance}; shifts: [n, 1], means of q; widths:
    [k], its standard deviations.
    """
    by_form = law(shifts, widths)
    least = torch.stack([torch.broadcast_to(v, (len(shifts), len(widths)))
                         for v in by_form.values()]).amin(0)
    return (by_form[form] <= least).double().mean().item()


DRAWN = 50_000  # draws at a time


def drawn_variances(forms, gradients, log_joint, mean, logvar, eps):
    """Variances of values and gradients, measured with draws: {quantity: {form: float}}.

    forms: {name: form}, including "Monte Carlo" and "entropy", whose gradients are the same;
    gradients: `gradient_of_each`; mean, logvar: [1, latent]; eps: [draws, 1, latent]. The
    variances of gradients are summed over latents.
    """
    found = {"value": {}, "gradient for m": {}, "gradient for logvar": {}}
    for name, form in forms.items():
        if name != "path derivative":  # its value equals that of Monte Carlo
            values = [form(log_joint, mean, logvar, some) for some in eps.split(DRAWN)]
            found["value"][name] = torch.cat(values).var().item()
        if name != "entropy":
            parts = [gradients(form, log_joint, mean, logvar, some) for some in eps.split(DRAWN)]
            for_mean, for_logvar = map(torch.cat, zip(*parts))
            key = laws.TOTAL if name == "Monte Carlo" else name
            found["gradient for m"][key] = for_mean.var(0).sum().item()
            found["gradient for logvar"][key] = for_logvar.var(0).sum().item()
    return found


def worst_of_laws(forms, gradients, model, x, *, widths, shifts, draws, seed):
    """The largest deviation of measured from exact variances over a grid of q, {quantity: float}.

    model: a `LinearGaussian` with one latent; widths: standard deviations of q; shifts: distances
    of its mean from the posterior's, in units of z.
    """
    posterior = model.posterior(x)
    mu, tau = posterior.mean.item(), posterior.precision.item() ** -0.5
    eps = torch.randn(draws, 1, 1, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
    worst = dict.fromkeys(laws.exact_variances(mu, tau, mu, tau), 0.0)
    for sd in widths:
        for shift in shifts:
            q = x.new_tensor([[mu + shift]]), x.new_tensor([[2 * math.log(sd)]])
            drawn = drawn_variances(forms, gradients, lambda z: model.log_joint(x, z), *q, eps)
            for quantity, law in laws.exact_variances(mu + shift, sd, mu, tau).items():
                worst[quantity] = max(worst[quantity], laws.deviation(drawn[quantity], law))
    return worst


def noise_of_layers(model, images, *, forms, with_baseline, draws, seed):
    """The gradient variance of each encoder layer, for each estimator: {estimator: [layers]}.

    forms: {name: form}; with_baseline: `score_with_baseline`, whose baseline uses all draws; its
    key is `WITH_BASELINE`. The gradient of the one-draw ELBO, averaged over `images` (uint8
    [n, 28, 28]), is computed `draws` times with new noise, in double precision on a copy of the
    model. Its variances are summed over the weights of a layer; the first layer is at the input.
    """
    draws = arguments.whole_number(draws, "draws", least=2)  # a variance needs two
    model = copy.deepcopy(model).double().eval()
    x = evaluation.rows(model, images)
    noise = data.noise(arguments.generator(seed), draws, len(x), model.latent, like=x)
    weights = [p for name, p in model.encoder.named_parameters() if name.endswith("weight")]
    for parameter in model.decoder.parameters():
        parameter.requires_grad_(False)
    found = {
        name: _summed_variances(
            torch.autograd.grad(estimates(model, x, form, eps[None]).mean(), weights)
            for eps in noise)
        for name, form in forms.items()
    }
    of_draws = estimates(model, x, with_baseline, noise).mean(1)  # [draws]
    found[WITH_BASELINE] = _summed_variances(
        torch.autograd.grad(one, weights, retain_graph=True) for one in of_draws)
    return found


def estimates(model, x, form, eps):
    """Estimates of a VAE's ELBO by `form`: x [n, pixels], eps [draws, n, latent] to [draws, n]."""
    def log_joint(z):
        return elbo.bernoulli_log_prob(x, model.decode(z)) + elbo.prior_log_prob(z)

    return form(log_joint, *model.encode(x), eps)


def _summed_variances(gradients):
    """Each layer's gradient variance, summed over weights, from an iterable over draws of
    lists of gradients, one per layer."""
    count, totals, squares = 0, None, 0
    for layers in gradients:  # one draw at a time: all of them would take 200 MB
        count += 1
        totals = [layer + total for layer, total in zip(layers, totals or [0] * len(layers))]
        squares = squares + torch.stack([layer.square().sum() for layer in layers])
    return (squares - torch.stack([t.square().sum() for t in totals]) / count) / (count - 1)


def train_pair(model, x, form, *, correlated, steps=500, learning_rate=0.02, runs=10, seed=0):
    """KL(q ‖ posterior) in nats during the training of a Gaussian q of two latents: [steps, runs].

    form: a function of log_joint, mean [runs, 2], factor [runs, 2, 2] (the Cholesky factor of q's
    covariance) and eps [runs, 2] that returns [runs]. Training is gradient ascent with one draw
    per step; the runs differ in their noise. correlated: whether the off-diagonal element of
    factor is trained too; it starts at 0.
    """
    generator = arguments.generator(seed)
    like = {"dtype": x.dtype, "requires_grad": True}
    mean, log_sd = torch.ones(runs, 2, **like), torch.zeros(runs, 2, **like)
    corner = torch.zeros(runs, 1, 1, **like)
    place = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=x.dtype)
    parameters = [mean, log_sd, corner] if correlated else [mean, log_sd]
    gaps = []
    for _ in range(steps):
        factor = torch.diag_embed(log_sd.exp()) + corner * place  # [runs, 2, 2]
        with torch.no_grad():
            gaps.append(kl_of_pair(model, x, mean, factor))
        eps = data.noise(generator, runs, 2, like=x)
        value = form(lambda z: model.log_joint(x, z), mean, factor, eps)
        gradients = torch.autograd.grad(value.sum(), parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter += learning_rate * gradient
    return torch.stack(gaps)


def kl_of_pair(model, x, mean, factor):
    """The exact KL(N(mean, factor factorᵀ) ‖ posterior): [runs], in nats."""
    posterior = model.posterior(x)
    shift = mean - posterior.mean  # [runs, latent]
    turned = posterior.precision @ factor @ factor.mT  # [runs, latent, latent]
    trace = turned.diagonal(dim1=-2, dim2=-1).sum(-1)
    quadratic = ((shift @ posterior.precision) * shift).sum(-1)
    return 0.5 * (trace + quadratic - mean.shape[-1] - torch.logdet(turned))


REPEATED = 60_000  # draws at a time


def bound_gradients(bound, surrogate, model, x, mean, logvar, samples, *, repetitions, seed):
    """Repeated estimates of the gradients of the IWAE bound with K = `samples`.

    bound: `elbo.iwae_bound`; surrogate: `dreg_surrogate`; model: a `LinearGaussian` with one
    latent; x, mean, logvar: [1, 1].
    Returns {gradient: [repetitions]}: "encoder" with respect to q's mean, "encoder, DReG" the same
    from `surrogate`, "decoder" with respect to the model's bias (Rainforth et al. 2018).
    """
    samples = arguments.whole_number(samples, "samples", most=REPEATED)
    repetitions = arguments.whole_number(repetitions, "repetitions")
    generator = arguments.generator(seed)
    found = {name: x.new_empty(repetitions) for name in ("encoder", "encoder, DReG", "decoder")}
    for first in range(0, repetitions, REPEATED // samples):
        count = min(REPEATED // samples, repetitions - first)
        eps = data.noise(generator, samples, count, 1, like=x)
        # Each repetition has its own copy of x and q, so one gradient of the sum gives all.
        xs, means, logvars = (t.expand(count, 1).clone() for t in (x, mean, logvar))
        for parameter in (xs, means):
            parameter.requires_grad_()

        def log_joint(z):
            return model.log_joint(xs, z)

        value = bound(elbo.monte_carlo_form(log_joint, means, logvars, eps))
        encoder, by_x = torch.autograd.grad(value.sum(), [means, xs])
        dreg, = torch.autograd.grad(surrogate(log_joint, means, logvars, eps).sum(), means)
        # The model depends on x and bias only through x − bias, so ∂/∂bias = −∂/∂x.
        for name, gradient in zip(found, (encoder, dreg, -by_x)):
            found[name][first:first + count] = gradient[:, 0]
    return found


def signal_to_noise(bound, surrogate, model, x, mean, logvar, samples, *, repetitions, seed):
    """Signal-to-noise ratio |mean| / standard deviation of `bound_gradients` for each K in samples.

    Returns {gradient: list}.
    """
    found = {}
    for k in samples:
        drawn = bound_gradients(bound, surrogate, model, x, mean, logvar, k,
                                repetitions=repetitions, seed=seed)
        for name, gradient in drawn.items():
            found.setdefault(name, []).append((gradient.mean().abs() / gradient.std()).item())
    return found


def log_slope(places, values):
    """The slope of the least-squares line through log `values` against log `places`."""
    x, y = (torch.as_tensor(side, dtype=torch.float64).log() for side in (places, values))
    x = x - x.mean()
    return ((x * y).sum() / (x * x).sum()).item()
