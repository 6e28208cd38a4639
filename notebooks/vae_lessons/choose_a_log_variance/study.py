"""Notebook 08: parametrisations of a scale, and a decoder whose noise is fixed or learned."""

import itertools
import math
from typing import NamedTuple

import torch

from vae_helpers import data, evaluation, training
from vae_helpers.study import PREFIX, Study, dense_trainer, on_one_thread, prefix
from vae_helpers.threads import one_thread
from vae_lessons.choose_a_log_variance import lab, not_finite
from vae_lessons.choose_a_log_variance.noise import (
    ImageSigmaVAE,
    make_model,
    measure_image_noise,
    measure_variant,
)
from vae_lessons.choose_a_log_variance.summaries import AXES


def run_fits(seed, *, fits, variances, sizes, ratios, draws, **settings):
    """The fits of one seed, flat in the order of `AXES`, and moments of drawn numbers.

    spreads: [variance][size]: variances of σ̂² and of log σ̂². gradients: [variance][ratio]:
    mean and standard deviation of the gradients with respect to the variance and to its
    logarithm, where the candidate is ratio · variance.
    """
    found = {key: [] for key in ("log_variance", "excess", "stuck", "diverged")}
    for optimizer, parametrisation, span, learning_rate, unit in places(fits):
        fitted, diverged = lab.fit_scale(
            parametrisation, decades=span, scale=unit, seed=seed, optimizer=optimizer,
            learning_rate=learning_rate, **settings)
        measured = lab.measure_fit(fitted, span, unit) | {"diverged": diverged}
        for key, values in found.items():
            values.append(_storable(measured[key]))
    generator = torch.Generator().manual_seed(seed)
    return found | {
        "spreads": [[lab.drawn_spreads(variance, n, draws, generator) for n in sizes]
                    for variance in variances],
        "gradients": [[lab.drawn_gradients(variance, ratio * variance, draws, generator)
                       for ratio in ratios] for variance in variances],
        "prefix_neg_elbo": _fit_by_log_variance(seed, fits=fits, **settings).losses(),
    }


def places(fits):
    """Every combination of the settings in `fits`, {axis: values}, in the order of `AXES`."""
    return itertools.product(*(fits[axis] for axis in AXES))


def _storable(value):
    """Rounded to what a picture shows; what is not finite becomes None, which JSON has."""
    if isinstance(value, list):
        return [_storable(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


class Step(NamedTuple):
    """What one step saw. Without latents there is no bound: `elbo` is the log likelihood."""

    elbo: float


class LogVarianceTrainer:
    """The fit by log variance, step by step: its first losses tell this study from another."""

    def __init__(self, seed, span, unit, *, count, batch_size, **_other):
        self._data = lab.draw_residuals(span, unit, count, seed)
        self._net = lab.small_net(0.0, seed)
        self._optimizer = torch.optim.Adam(self._net.parameters(), 1e-2, fused=True)
        self._batches = lab.minibatches(count, batch_size, PREFIX, seed)

    def step(self):
        """One training step; returns its `Step`."""
        with one_thread():
            loss, = lab.train_variance(self._net, torch.exp, *self._data, [next(self._batches)],
                                       self._optimizer)
        return Step(-loss)

    def losses(self):
        """The losses of the first `PREFIX` steps, in nats per residual."""
        return [-self.step().elbo for _step in range(PREFIX)]


def _fit_by_log_variance(seed, *, fits, **settings):
    return LogVarianceTrainer(seed, max(fits["spans"]), 1.0, **settings)


LOG_VARIANCE = Study(
    "Which parametrisation of a scale learns it, in which units, at which learning rates?",
    run_fits,
    _fit_by_log_variance,
    {"fits": {"optimizers": ["Adam", "SGD"],
              "parametrisations": ["variance", "log variance", "softplus"], "spans": [0.5, 2.0],
              "learning_rates": [1e-3, 1e-2, 1e-1], "units": [0.01, 0.1, 1.0, 10.0, 100.0]},
     "count": 1000, "batch_size": 50, "steps": 1000,
     "variances": [1e-4, 1e-2, 1.0, 1e2, 1e4], "sizes": [3, 10, 50], "ratios": [0.1, 1.0, 10.0],
     "draws": 100_000},
)


def run_standardised(seed, *, spans, unit, optimizers, learning_rate, count, **settings):
    """Fits whose residuals were given a root mean square of 1 first, {optimizer: {…}}.

    The innermost is {parametrisation: excess NLL for each span}, None where training stopped.
    """
    found = {optimizer: {name: [] for name in lab.PARAMETRISATIONS} for optimizer in optimizers}
    for span, optimizer, name in itertools.product(spans, optimizers, lab.PARAMETRISATIONS):
        x, r = lab.draw_residuals(span, unit, count, seed)
        excess = standardised_excess(name, x, r, span, unit, optimizer=optimizer, seed=seed,
                                     learning_rate=learning_rate, **settings)
        found[optimizer][name].append(_storable(excess))
    return {"excess": found,
            "prefix_neg_elbo": _in_large_units(
                seed, spans=spans, unit=unit, count=count, **settings).losses()}


def standardised_excess(name, x, r, span, unit, *, steps, **settings):
    """The excess NLL of one such fit in nats, infinite where training stopped."""
    def fit(x, r):
        found = lab.fit_residuals(name, x, r, steps=steps, **settings)
        stopped = len(found.losses) < steps
        return found.variance(lab.grid()).log() + (math.inf if stopped else 0.0)

    with one_thread():
        variance = lab.in_any_unit(fit, x, r).double().exp()
    truth = lab.true_variance(lab.grid().double(), span, unit)
    return lab.excess_nll(truth, variance).mean().item()


def _in_large_units(seed, *, spans, unit, **settings):
    return LogVarianceTrainer(seed, max(spans), unit, **settings)


STANDARDISED = Study(
    "Which parametrisation learns a scale once the residuals' root mean square is 1?",
    run_standardised,
    _in_large_units,
    {"spans": [0.5, 2.0], "unit": 100.0, "optimizers": ["Adam", "SGD"], "learning_rate": 1e-2,
     "count": 1000, "batch_size": 50, "steps": 1000},
)


def sigma_trainer(seed, sigma, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of one variant (see `noise.make_model`), on one thread."""
    return on_one_thread(training.Trainer(
        make_model(seed, sigma, latent, hidden), data.load_mnist().train_images,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    ))


def run_sigmas(seed, *, sigmas, epochs, model_seed, **settings):
    """Every variant of one seed, {name: numbers}; the models themselves for `model_seed` alone."""
    found, kept = {}, {}
    for sigma in sigmas:
        trainer = sigma_trainer(seed, sigma, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        found[str(sigma)] = measure_variant(trainer.model, seed)
        kept[str(sigma)] = trainer.model
    found = {"variants": found, "prefix_neg_elbo": prefix(trainer)}  # of the last variant
    return found | ({"models": kept} if seed == model_seed else {})


def _last_sigma(seed, *, sigmas, **settings):
    return sigma_trainer(seed, sigmas[-1], **settings)


SIGMA_VAE = Study(
    "What does a Gaussian decoder gain by finding its own noise?",
    run_sigmas,
    _last_sigma,
    {"latent": 20, "hidden": [100], "batch_size": 125, "learning_rate": 3e-3, "epochs": 4,
     "sigmas": [1.0, 0.3, 0.15, 0.1, 0.03, "learned", "optimal"], "model_seed": 1},
)


def trainer_from(start, seed, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of a decoder whose σ is learned and begins at `start`, on one thread."""
    model = lab.SigmaVAE(
        latent, hidden, noise=2 * math.log(start), learned=True, seed=seed)
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size,
        learning_rate=learning_rate, seed=seed))


def run_starts(seed, *, starts, epochs, **settings):
    """Where training ends from each start, {start: numbers}, see `measure_variant`."""
    found = {}
    for start in starts:
        trainer = trainer_from(start, seed, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        found[f"{start:g}"] = measure_variant(trainer.model, seed)
    return {"starts": found, "prefix_neg_elbo": prefix(trainer)}  # of the last start


def _last_start(seed, *, starts, **settings):
    return trainer_from(starts[-1], seed, **settings)


LEARNED_SIGMA = Study(
    "Where should a decoder's noise begin that is learned by the gradient?",
    run_starts,
    _last_start,
    {key: SIGMA_VAE.settings[key] for key in
     ("latent", "hidden", "batch_size", "learning_rate", "epochs")} | {"starts": [0.1, 0.5, 0.2]},
)


def candidate_trainer(seed, kind, *, start, latent, hidden, batch_size, learning_rate):
    """A trainer of one candidate of `IMAGE_SIGMA`, on one thread.

    kind: "each image" or "all images", a σ that is learned from `start`; or "optimal".
    """
    model = (ImageSigmaVAE(latent, hidden, noise=2 * math.log(start), seed=seed)
             if kind == "each image" else
             lab.SigmaVAE(latent, hidden, noise=2 * math.log(start), learned=True, seed=seed)
             if kind == "all images" else make_model(seed, kind, latent, hidden))
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size,
        learning_rate=learning_rate, seed=seed))


def run_candidates(seed, *, candidates, epochs, **settings):
    """[{"test": numbers, "validation": numbers}] of each candidate, (kind, learning rate)."""
    digits, found = data.load_mnist(), []
    for kind, learning_rate in candidates:
        trainer = candidate_trainer(seed, kind, learning_rate=learning_rate, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        model, parts = trainer.model, {}
        for name in ("test", "validation"):
            images = getattr(digits, f"{name}_images")
            parts[name] = evaluation.evaluate(model, images, seed=seed)._asdict()
            parts[name] |= (
                measure_image_noise(model, images, seed) if kind == "each image" else
                {"squared_error": lab.squared_error(model, parts[name]["distortion"])})
        found.append(parts)
    return {"candidates": found, "prefix_neg_elbo": prefix(trainer)}  # of the last candidate


def _last_candidate(seed, *, candidates, epochs, **settings):
    kind, learning_rate = candidates[-1]
    return candidate_trainer(seed, kind, learning_rate=learning_rate, **settings)


IMAGE_SIGMA = Study(
    "What does a decoder gain that learns one σ for each image?",
    run_candidates,
    _last_candidate,
    {key: SIGMA_VAE.settings[key] for key in ("latent", "hidden", "batch_size", "epochs")}
    | {"start": 0.5, "candidates": [["all images", 6e-3], ["optimal", 6e-3],
                                    ["each image", 3e-3], ["each image", 6e-3]]},
    range(1, 6),
)


def run_causes(seed, *, steps, **settings):
    """{cause: {remedy: `not_finite.Stop` as a list}}, and the first steps of a healthy run."""
    found = {}
    for cause, remedy, how in not_finite.trials():
        stop = not_finite.train(
            not_finite.quantities, not_finite.first_not_finite, seed, steps=steps, **how)
        found.setdefault(cause, {})[remedy] = list(stop)
    trainer = dense_trainer(seed, **settings)
    training.train(trainer, PREFIX)
    return {"stops": found, "prefix_neg_elbo": prefix(trainer)}


NOT_FINITE = Study(
    "What makes the loss of a VAE NaN, and what helps?",
    run_causes,
    dense_trainer,
    {"steps": 300, "latent": 20, "hidden": [400], "batch_size": 100, "learning_rate": 1e-3},
)

STUDIES = {"log_variance": LOG_VARIANCE, "standardised": STANDARDISED, "sigma_vae": SIGMA_VAE,
           "learned_sigma": LEARNED_SIGMA, "image_sigma": IMAGE_SIGMA, "not_finite": NOT_FINITE}
