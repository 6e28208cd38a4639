"""What the stored runs of notebook 03 say: values by seed, medians, gains, and races."""

from statistics import median

from vae_helpers import results
from vae_lessons.build_a_vae.lab import better, first_reach

# What a recipe changes in the original one, and its name in the stored file.
NAMES = {
    "original": "as written",
    "linear heads": "linear heads",
    "β = 1": "a true β, ReLU heads",
    "both": "and a true β",
    "both, rate 0.001": "and a smaller step",
    "both, rate 0.001, PyTorch's settings": "cured, PyTorch's batch norm",
    "both, rate 0.001, no batch norm": "cured, no batch norm",
    "both, no batch norm": "large step, no batch norm",
}


class Recipes:
    """The runs of the study `build_vae`: six seeds of each recipe, measured after each epoch."""

    def __init__(self):
        self.runs = list(results.load("build_vae")["runs"].values())

    def curves(self, name, key="neg_elbo", mode="renewed"):
        """A list over epochs for each seed. mode: "renewed" or "evaluation" statistics."""
        return [run["recipes"][NAMES[name]][mode][key] for run in self.runs]

    def after(self, name, epoch, key="neg_elbo", mode="renewed"):
        """One value a seed, after that epoch."""
        return [seed[epoch - 1] for seed in self.curves(name, key, mode)]

    def gains(self, before, now, key="neg_elbo", mode="renewed"):
        """By how much `now` is lower than `before` after ten epochs, one value a seed."""
        return [a - b for a, b in zip(self.after(before, 10, key, mode),
                                      self.after(now, 10, key, mode))]

    def lags(self, name, epoch):
        """−ELBO with running statistics minus −ELBO with recomputed ones, one value a seed."""
        return [a - b for a, b in zip(self.after(name, epoch, mode="evaluation"),
                                      self.after(name, epoch))]

    def three_ways(self, name):
        """What `figures_of_batch_norm.statistics_lag` draws of a recipe: medians by epoch."""
        ways = {mode: self.curves(name, mode=mode) for mode in ("evaluation", "renewed")}
        ways["training"] = [run["recipes"][NAMES[name]]["in_training"] for run in self.runs]
        ways["lag"] = [[a - b for a, b in zip(*pair)]
                       for pair in zip(ways["evaluation"], ways["renewed"])]
        return {mode: [median(epoch) for epoch in zip(*seeds)] for mode, seeds in ways.items()}

    def lag_panels(self, lagging, mended):
        """What `figures_of_batch_norm.statistics_lag` draws. lagging, mended: one live run's
        −ELBO after the first epoch, with running and with recomputed statistics.
        """
        names = {"TensorFlow's momentum,\nlearning rate 0.001": "both, rate 0.001",
                 "TensorFlow's momentum,\nlearning rate 0.01": "both",
                 "PyTorch's settings,\nlearning rate 0.001": "both, rate 0.001, PyTorch's settings"}
        return {"runs": {label: self.three_ways(name) for label, name in names.items()},
                "live": {next(iter(names)): {"evaluation": lagging, "renewed": mended}}}

    def combinations(self):
        """−ELBO after ten epochs of each combination of the two repairs: {label: [seeds]}."""
        names = {"original recipe:\nβ = 9.8, ReLU heads": "original", "β = 1, ReLU heads": "β = 1",
                 "β = 9.8, linear heads": "linear heads",
                 "both repairs:\nβ = 1, linear heads": "both"}
        return {label: self.after(name, 10) for label, name in names.items()}

    def silent(self, name, epoch):
        """How many of the 16 outputs of the heads are 0 for all test images: (mean, logvar)."""
        return self.after(name, epoch, "dead")

    def race(self, recipes, without, mode="renewed"):
        """What `figures_of_batch_norm.learning_curves` draws. recipes: {label: name}."""
        curves = {label: {
            "neg_elbo": self.curves(name, mode=mode),
            "seconds": [run["recipes"][NAMES[name]]["seconds"] for run in self.runs],
        } for label, name in recipes.items()}
        ends = [seed[-1] for seed in curves[without]["neg_elbo"]]
        reached = {label: {
            "epochs": [first_reach(list(range(1, len(seed) + 1)), seed, end)
                       for seed, end in zip(curve["neg_elbo"], ends)],
            "seconds": [first_reach(seconds, seed, end) for seconds, seed, end
                        in zip(curve["seconds"], curve["neg_elbo"], ends)],
        } for label, curve in curves.items() if label != without}
        return {"curves": curves, "reached": reached, "without": without}

    def chosen(self, one, other):
        """Which of two recipes has the lower −ELBO on the validation images."""
        best = better(NAMES[one], NAMES[other], self.runs)
        return next(name for name, key in NAMES.items() if key == best)


def faster(race, key, label):
    """How many times sooner `label` is where the race's slow runner ends, one value a seed.

    key: "epochs" or "seconds".
    """
    slow = race["curves"][race["without"]]
    whole = [seconds[-1] if key == "seconds" else len(seconds) for seconds in slow["seconds"]]
    return [a / b for a, b in zip(whole, race["reached"][label][key])]


def epoch_cost(race, label):
    """The seconds of `label` over those of the race's slow runner, one value a seed."""
    one, other = (race["curves"][name]["seconds"] for name in (label, race["without"]))
    return [a[-1] / b[-1] for a, b in zip(one, other)]


class Control:
    """The runs of the study `batch_norm_control`: ten seeds of each arm, after each epoch."""

    def __init__(self):
        self.runs = list(results.load("batch_norm_control")["runs"].values())

    def curves(self, arm, *keys):
        """The sum of these counts, a list over epochs for each seed."""
        return [[sum(epoch) for epoch in zip(*(run["arms"][arm][key] for key in keys))]
                for run in self.runs]

    def end(self, arm, *keys):
        """The sum of these counts after the last epoch, one value a seed."""
        return [seed[-1] for seed in self.curves(arm, *keys)]

    def silence(self, arms):
        """What `figures_of_batch_norm.dead_units` draws. arms: {label: arm}."""
        return {label: {"hidden": self.curves(arm, "hidden"),
                        "heads": self.curves(arm, "mean", "logvar")}
                for label, arm in arms.items()}
