"""The estimators that notebook 02 adds, and its experiments on their values and gradients.

Every estimator here has the arguments log_joint, mean, logvar, eps, as `elbo.monte_carlo_form`
has them, and returns one value for each draw and image, [draws, batch].
"""

import copy
import math

import torch

from vae_helpers import arguments, data, elbo, evaluation
from vae_helpers.elbo import gaussian_log_prob, reparameterize
from vae_lessons.compare_the_estimators import laws


def kl_form(log_joint, mean, logvar, eps):
    """`elbo.kl_form` from log p(x, z), of which it takes the log prior off: [draws, batch]."""
    def log_likelihood(z):
        return log_joint(z) - elbo.prior_log_prob(z)

    return elbo.kl_form(log_likelihood, mean, logvar, eps)


def path_derivative_form(log_joint, mean, logvar, eps):
    """The value of `monte_carlo_form`, with the gradient through z alone: [draws, batch].

    The score ∂ log q/∂(mean, logvar) at fixed z has expectation zero and is left out, so the
    gradient's variance vanishes where q is the posterior (Roeder, Wu & Duvenaud 2017).
    """
    z = reparameterize(mean, logvar, eps)
    return log_joint(z) - gaussian_log_prob(z, mean.detach(), logvar.detach())


def score_function_surrogate(log_joint, mean, logvar, eps):
    """A quantity whose gradient is the score-function estimate: [draws, batch].

    No gradient goes through z; it is f · ∂ log q(z|x), with f = log p(x, z) − log q(z|x) held
    fixed (REINFORCE, Williams 1992; Kingma & Welling 2013, section 2.2). The value means
    nothing. For the decoder's gradient use another form.
    """
    z = reparameterize(mean, logvar, eps).detach()
    log_q = gaussian_log_prob(z, mean, logvar)
    return (log_joint(z) - log_q).detach() * log_q


def score_with_baseline(log_joint, mean, logvar, eps):
    """`score_function_surrogate` with a baseline for f: the average over the image's other draws.

    It does not depend on the draw itself, so the gradient stays unbiased. Two draws or more.
    Kool, van Hoof & Welling 2019.
    """
    z = reparameterize(mean, logvar, eps).detach()
    log_q = gaussian_log_prob(z, mean, logvar)
    f = (log_joint(z) - log_q).detach()  # [draws, batch]
    baseline = (f.sum(0) - f) / (len(f) - 1)
    return (f - baseline) * log_q


def dreg_surrogate(log_joint, mean, logvar, eps):
    """A quantity whose gradient for mean and logvar is DReG's estimate: [batch].

    Σ_k ŵ_k² log w_k with the normalised weights ŵ held fixed and the score left out; at K = 1
    it is the path derivative. The value means nothing (`iwae_bound` has it); the decoder's
    gradient must come from `iwae_bound`. Tucker et al. 2019.
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
    """The gradient for q's parameters that each estimate would give by itself.

    mean, logvar: [1, latent]; eps: [estimates, L, latent], L draws an estimate.
    Returns the gradients for mean and for logvar, [estimates, latent] each.
    """
    # One copy of q for each estimate: the gradient of the sum keeps the estimates apart.
    own = [p.expand(len(eps), -1).clone().requires_grad_() for p in (mean, logvar)]
    values = form(log_joint, *own, eps.transpose(0, 1))  # [L, estimates]
    return torch.autograd.grad(values.mean(0).sum(), own)


def worst_deviation(law, drawn, means, widths):
    """The largest deviation of drawn(m, s) from law(m, s), {form: variance} each, over a grid."""
    return max(laws.deviation(drawn(m, s), law(m, s)) for m in means for s in widths)


def bisect(lead, low, high):
    """Where lead(place) goes from positive at `low` to negative at `high`."""
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if lead(middle) > 0 else (low, middle)
    return (low + high) / 2


def share_won(law, form, shifts, widths):
    """The share of places (shift, width) at which `form` has the smallest variance by the law.

    law: a function of m and s that gives {form: tensor}; shifts: [n, 1], means of q; widths: [k].
    """
    by_form = law(shifts, widths)
    least = torch.stack([torch.broadcast_to(v, (len(shifts), len(widths)))
                         for v in by_form.values()]).amin(0)
    return (by_form[form] <= least).double().mean().item()


DRAWN = 50_000  # draws at a time


def drawn_variances(forms, gradients, log_joint, mean, logvar, eps):
    """Variances of values and gradients, from draws: {quantity: {form: float}}.

    forms: {name: form}, "Monte Carlo" and "entropy" among them, whose gradients are the same;
    gradients: `gradient_of_each`; mean, logvar: [1, latent]; eps: [draws, 1, latent]. Gradients'
    variances are summed over latents.
    """
    found = {"value": {}, "gradient for m": {}, "gradient for logvar": {}}
    for name, form in forms.items():
        if name != "path derivative":  # its value is that of Monte Carlo
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
    """{quantity: largest deviation of drawn variances from their laws over a grid of q}.

    model: a `LinearGaussian` with one latent; widths, shifts: of q, standard deviations and
    distances of its mean from the posterior's, in units of z.
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
    """How much of each encoder layer's gradient is noise, for each estimator.

    forms: {name: form}; with_baseline: `score_with_baseline`, whose baseline is made of all the
    draws. The gradient of the mean one-draw ELBO over `images` (uint8 [n, 28, 28]), `draws`
    times over with new noise, in double precision on a copy of the model.
    Returns {estimator: [layers]}, the variances of a layer's weights, summed, from input to
    output; that of `with_baseline` is `WITH_BASELINE`.
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
    """What `form` makes of a VAE's draws: x [n, pixels], eps [draws, n, latent] to [draws, n]."""
    def log_joint(z):
        return elbo.bernoulli_log_prob(x, model.decode(z)) + elbo.prior_log_prob(z)

    return form(log_joint, *model.encode(x), eps)


def _summed_variances(gradients):
    """[draws][layers] gradients, as they come, to each layer's variance summed over weights."""
    count, totals, squares = 0, None, 0
    for layers in gradients:  # kept one at a time: all of them would be 200 MB
        count += 1
        totals = [layer + total for layer, total in zip(layers, totals or [0] * len(layers))]
        squares = squares + torch.stack([layer.square().sum() for layer in layers])
    return (squares - torch.stack([t.square().sum() for t in totals]) / count) / (count - 1)


def train_pair(model, x, form, *, correlated, steps=500, learning_rate=0.02, runs=10, seed=0):
    """KL(q ‖ posterior) in nats while a Gaussian q of two latents is trained: [steps, runs].

    form: a function of log_joint, mean [runs, 2], factor [runs, 2, 2] (a Cholesky factor of q's
    covariance) and eps [runs, 2] that gives [runs]. Gradient ascent, one draw a step, `runs` side
    by side with noise of their own. correlated: whether the factor's corner is trained too; it
    starts at 0.
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
    """KL(N(mean, factor factorᵀ) ‖ posterior), exactly: [runs], in nats."""
    posterior = model.posterior(x)
    shift = mean - posterior.mean  # [runs, latent]
    turned = posterior.precision @ factor @ factor.mT  # [runs, latent, latent]
    trace = turned.diagonal(dim1=-2, dim2=-1).sum(-1)
    quadratic = ((shift @ posterior.precision) * shift).sum(-1)
    return 0.5 * (trace + quadratic - mean.shape[-1] - torch.logdet(turned))


REPEATED = 60_000  # draws at a time


def bound_gradients(bound, surrogate, model, x, mean, logvar, samples, *, repetitions, seed):
    """Gradients of the importance-weighted bound with K = `samples`, over and over.

    bound: `elbo.iwae_bound`; surrogate: `dreg_surrogate`; model: a `LinearGaussian` with one
    latent; x, mean, logvar: [1, 1].
    Returns {gradient: [repetitions]}: "encoder" for q's mean, "encoder, DReG" the same by
    `surrogate`, "decoder" for the model's bias (Rainforth et al. 2018).
    """
    samples = arguments.whole_number(samples, "samples", most=REPEATED)
    repetitions = arguments.whole_number(repetitions, "repetitions")
    generator = arguments.generator(seed)
    found = {name: x.new_empty(repetitions) for name in ("encoder", "encoder, DReG", "decoder")}
    for first in range(0, repetitions, REPEATED // samples):
        count = min(REPEATED // samples, repetitions - first)
        eps = data.noise(generator, samples, count, 1, like=x)
        # One copy of x and q for each repetition: the sum's gradient keeps them apart.
        xs, means, logvars = (t.expand(count, 1).clone() for t in (x, mean, logvar))
        for parameter in (xs, means):
            parameter.requires_grad_()

        def log_joint(z):
            return model.log_joint(xs, z)

        value = bound(elbo.monte_carlo_form(log_joint, means, logvars, eps))
        encoder, by_x = torch.autograd.grad(value.sum(), [means, xs])
        dreg, = torch.autograd.grad(surrogate(log_joint, means, logvars, eps).sum(), means)
        # Only x − bias occurs in the model, so ∂/∂bias = −∂/∂x.
        for name, gradient in zip(found, (encoder, dreg, -by_x)):
            found[name][first:first + count] = gradient[:, 0]
    return found


def signal_to_noise(bound, surrogate, model, x, mean, logvar, samples, *, repetitions, seed):
    """|mean| / standard deviation of `bound_gradients`, {gradient: [K]}, for each K in samples."""
    found = {}
    for k in samples:
        drawn = bound_gradients(bound, surrogate, model, x, mean, logvar, k,
                                repetitions=repetitions, seed=seed)
        for name, gradient in drawn.items():
            found.setdefault(name, []).append((gradient.mean().abs() / gradient.std()).item())
    return found


def log_slope(places, values):
    """The slope of the least-squares line through log values against log places."""
    x, y = (torch.as_tensor(side, dtype=torch.float64).log() for side in (places, values))
    x = x - x.mean()
    return ((x * y).sum() / (x * x).sum()).item()
