"""What the stored studies of notebook 08 say, as arrays for its figures and claims."""

import math

import numpy as np
import torch

from vae_helpers import results
from vae_lessons.choose_a_log_variance import lab, noise, not_finite

AXES = ("optimizers", "parametrisations", "spans", "learning_rates", "units")  # as stored
NAMES = ("optimizer", "parametrisation", "decades", "learning_rate", "scale")  # of AXES
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def table(runs, key, fits):
    """What `runs` ({seed: results}) hold under `key`, with NaN for None: [seed, *AXES, …].

    fits: {axis: values}, the settings of the fits.
    """
    values = np.array([run[key] for run in runs.values()], dtype=float)  # [seed, place, …]
    lengths = [len(fits[axis]) for axis in AXES]
    return values.reshape(len(values), *lengths, *values.shape[2:])


class Fits:
    """The stored fits of a scale; a fit is chosen by {name: value}, names of `NAMES`.

    excess, failed, stopped, stuck: [seed, *AXES]; curves: log₁₀ σ² [seed, *AXES, points]. A fit
    fails if it stopped, or if it ends no better than the best constant variance.
    """

    def __init__(self):
        stored = results.load("log_variance")
        self.settings, self.runs = stored["settings"], stored["runs"]
        self.axes = {name: self.settings["fits"][axis] for name, axis in zip(NAMES, AXES)}
        self.excess = np.nan_to_num(self._table("excess"), nan=np.inf)
        self.steps = self._table("diverged")  # the step at which it stopped, or NaN
        self.stopped = np.isfinite(self.steps)
        self.constant = np.array([lab.constant_excess(wide) for wide in self.axes["decades"]])
        self.failed = self.stopped | ~(self.excess < self.constant[:, None, None])
        self.stuck, self.curves = self._table("stuck"), self._table("log_variance")

    def _table(self, key):
        return table(self.runs, key, self.settings["fits"])

    def of(self, values, **chosen):
        """The part of `values` [seed, *AXES, …] at the chosen value, or values, of each axis."""
        for axis, name in reversed(list(enumerate(NAMES, 1))):
            if name in chosen:
                wanted, known = chosen[name], self.axes[name]
                place = ([known.index(one) for one in wanted] if isinstance(wanted, list)
                         else known.index(wanted))
                values = np.take(values, place, axis=axis)
        return values

    def panels(self, optimizer="Adam", **chosen):
        """What `figures_of_fits.fitted_scales` draws, but for this run's curves."""
        def split(values):
            return {name: self.of(values, parametrisation=name, optimizer=optimizer, **chosen)
                    for name in self.axes["parametrisation"]}

        truth = lab.true_variance(lab.grid(), chosen["decades"], chosen["scale"])
        return {"x": lab.grid()[:, 0].numpy(), "truth": truth.log10()[:, 0].numpy(),
                "stored": split(self.curves), "excess": split(self.excess),
                "failures": {name: int(bad.sum()) for name, bad in split(self.failed).items()},
                "settings": f"Scale {chosen['scale']:g}, learning rate "
                            f"{chosen['learning_rate']:g}, {optimizer}"}

    def map(self, optimizer, ranges):
        """What `figures_of_fits.failure_maps` draws: failed fits over `ranges` and seeds."""
        counts = {}
        for name in self.axes["parametrisation"]:
            bad = self.of(self.failed, optimizer=optimizer, parametrisation=name,
                          decades=ranges)
            counts[name] = bad.sum((0, 1))  # [learning rate, scale]
        return {"failures": counts, "of": len(self.runs) * len(ranges), "optimizer": optimizer,
                "learning_rates": self.axes["learning_rate"], "scales": self.axes["scale"]}

    def count(self, values, **chosen):
        """How many of the chosen fits are True, for each seed: [seed]."""
        return self.of(values, **chosen).reshape(len(self.runs), -1).sum(1)

    def law_misses(self):
        """How far both gradients' moments are from their laws, in standard deviations: [seed]."""
        return [max(self._misses(run)) for run in self.runs.values()]

    def _misses(self, run):
        for variance, row in zip(self.settings["variances"], run["gradients"]):
            for ratio, drawn in zip(self.settings["ratios"], row):
                laws = lab.gradient_laws(variance, ratio * variance)
                for kind, (mean, sd) in laws.items():
                    yield max(abs(drawn[kind][0] - mean), abs(drawn[kind][1] - sd)) / sd

    def spread_misses(self):
        """Relative distance of the measured spreads of σ̂² and log σ̂² from their laws: [seed, 2]."""
        found = torch.tensor([run["spreads"] for run in self.runs.values()])  # [seed, σ², n, 2]
        law = torch.tensor([[[lab.variance_of_estimate(v, n), lab.variance_of_log_estimate(n)]
                             for n in self.settings["sizes"]] for v in self.settings["variances"]])
        return (found / law - 1).abs().amax((1, 2))

    def output_spreads(self):
        """Variance over seeds of the output as σ² and as log σ², by scale: {name: [scale]}.

        Of the fits by log variance (Adam, mild range, learning rate 0.01), median over x.
        """
        output = math.log(10) * self.of(self.curves, optimizer="Adam", decades=0.5,
                                        parametrisation="log variance", learning_rate=1e-2)
        return {"σ²": np.median(np.exp(output).var(0, ddof=1), 1),
                "log σ²": np.median(output.var(0, ddof=1), 1)}


class Sweep:
    """The stored VAEs with a Gaussian decoder, by variant: their ends, one for each seed."""

    def __init__(self):
        stored = results.load("sigma_vae")
        self.settings = stored["settings"]
        self.variants = self.settings["sigmas"]
        self.fixed = [sigma for sigma in self.variants if not isinstance(sigma, str)]
        self.ends = {sigma: [run["variants"][str(sigma)] for run in stored["runs"].values()]
                     for sigma in self.variants}
        begun = results.load("learned_sigma")
        self.starts = {1.0: self.ends["learned"]} | {
            start: [run["starts"][f"{start:g}"] for run in begun["runs"].values()]
            for start in sorted(begun["settings"]["starts"], reverse=True)}

    def chosen(self):
        """The fixed σ with the lowest −ELBO on the validation images."""
        return results.choose({sigma: self.ends[sigma] for sigma in self.fixed}, noise.neg_elbo)

    def above(self, ends, value=noise.neg_elbo):
        """−ELBO of `ends` less that of the optimal σ of the same seed: [seed], nats."""
        return [value(a) - value(b) for a, b in zip(ends, self.ends["optimal"])]

    def of(self, sigma, key):
        """What one variant ends with under `key`, for each seed."""
        return [end[key] for end in self.ends[sigma]]

    def betas(self, sigma):
        """σ² over the mean squared error of a training pixel: the hidden β, for each seed."""
        return [end["variance"] / end["train_error"] for end in self.ends[sigma]]

    def curve(self):
        """What `figures_of_noise.noise_sweep` draws of all variants."""
        return {"sigmas": self.fixed, "chosen": self.chosen(),
                "own": self._above_optimal(noise.neg_elbo),
                "refitted": self._above_optimal(noise.neg_elbo_refitted),
                "learned": ([end["variance"]**0.5 for end in self.ends["learned"]],
                            self.above(self.ends["learned"])),
                "optimal": [end["variance"]**0.5 for end in self.ends["optimal"]]}

    def _above_optimal(self, value):
        return np.array([self.above(self.ends[sigma], value) for sigma in self.fixed]).T

    def shown(self, sigma, model, images, seed):
        """What the figure shows of one stored model, whose run is the first."""
        end = self.ends[sigma][0]
        name = f"{sigma} σ" if isinstance(sigma, str) else f"σ = {sigma:g}"
        return {"name": name, "originals": images.numpy() / 255,
                "reconstructions": noise.reconstructed(model, images, seed),
                "samples": noise.sampled(model, len(images), seed),
                "here": (math.sqrt(end["variance"]), self.above(self.ends[sigma])[0]),
                "numbers": f"hidden β {end['variance'] / end['train_error']:.2g}, rate "
                           f"{end['rate']:.0f} nats, {end['active']} of 20 latents active"}


class ImageSigma:
    """The stored candidates of the open task's worked example, and those of `Sweep`, by seed.

    ends: {(kind, learning rate): what each seed ends with}; kinds as in `study.candidate_trainer`.
    """

    def __init__(self):
        stored, sweep = results.load("image_sigma"), Sweep()
        self.ends = {tuple(name): [run["candidates"][place]["test"]
                                   | {"validation": run["candidates"][place]["validation"]}
                                   for run in stored["runs"].values()]
                     for place, name in enumerate(stored["settings"]["candidates"])}
        seeds = len(stored["runs"])  # the first of the sweep's
        slow = sweep.settings["learning_rate"]
        self.ends["optimal", slow] = sweep.ends["optimal"][:seeds]
        self.ends["all images", slow] = sweep.starts[stored["settings"]["start"]][:seeds]

    def validation(self, kind, learning_rate):
        """−ELBO of the validation images, for each seed: [seed], nats."""
        return [noise.neg_elbo(end["validation"]) for end in self.ends[kind, learning_rate]]

    def chosen(self, kind):
        """The learning rate of this kind with the lowest −ELBO on the validation images."""
        candidates = {rate: ends for (name, rate), ends in self.ends.items() if name == kind}
        return results.choose(candidates, noise.neg_elbo)

    def best(self, kind, key=None):
        """−ELBO of the test images at the chosen learning rate, or another number: [seed]."""
        return np.array([end[key] if key else noise.neg_elbo(end)
                         for end in self.ends[kind, self.chosen(kind)]])


class Standardised:
    """The stored fits of residuals whose root mean square was made 1 first."""

    def __init__(self):
        stored = results.load("standardised")
        self.ranges, self._runs = stored["settings"]["spans"], stored["runs"].values()

    def excess(self, optimizer, name):
        """Excess NLL in nats per residual, infinite where training stopped: [seed, decades]."""
        found = np.array([run["excess"][optimizer][name] for run in self._runs], dtype=float)
        return np.nan_to_num(found, nan=np.inf)

    def failures(self, optimizer, names, ranges=None):
        """How many of the named parametrisations' fits fail, for each seed: [seed]."""
        limits = np.array([lab.constant_excess(decades) for decades in self.ranges])
        wanted = [self.ranges.index(decades) for decades in ranges or self.ranges]
        return sum((self.excess(optimizer, name) >= limits)[:, wanted].sum(1) for name in names)

    def lead(self, optimizer, decades=2.0):
        """Excess NLL of softplus less that of the log variance, for each seed: [seed]."""
        softplus, log = (self.excess(optimizer, name) for name in ("softplus", "log variance"))
        return (softplus - log)[:, self.ranges.index(decades)]


class Causes:
    """The stored runs that stop at a number that is not finite."""

    def __init__(self):
        stored = results.load("not_finite")
        self.steps = stored["settings"]["steps"]
        self.runs = [run["stops"] for run in stored["runs"].values()]

    def stops(self, cause, remedy):
        """`not_finite.Stop` of each seed; remedy: a name of `REMEDIES` or "cure"."""
        cure = dict(zip(not_finite.CAUSES, not_finite.CURES))[cause]
        return [not_finite.Stop(*run[cause][cure if remedy == "cure" else remedy])
                for run in self.runs]

    def count(self, cause, remedy):
        """How many seeds stop."""
        return sum(stop.step is not None for stop in self.stops(cause, remedy))

    def table(self):
        """{cause: {remedy: how many seeds stop}}, each cause's own cure last."""
        return {cause: {remedy: self.count(cause, remedy)
                        for remedy in (*not_finite.REMEDIES, "cure")}
                for cause in not_finite.CAUSES}

    def notes(self):
        """{(cause, remedy): words}: the cures' names, and losses that no cross entropy can have."""
        found = {(cause, "cure"): name
                 for cause, name in zip(not_finite.CAUSES, not_finite.CURES)}
        for cause, remedies in self.table().items():
            for remedy in remedies:
                losses = [stop.loss for stop in self.stops(cause, remedy) if stop.step is None]
                if losses and max(losses) < 0:
                    power = str(round(math.log10(-np.median(losses)))).translate(SUPERSCRIPT)
                    found[cause, remedy] = f"but a loss of −10{power} nats"
        return found
