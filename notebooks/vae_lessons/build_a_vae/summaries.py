"""Summaries of the stored runs of notebook 03: values per seed, medians, gains and speed."""

from statistics import median

from vae_helpers import results
from vae_lessons.build_a_vae.lab import better, first_reach

# {changes to the original recipe: the name in the stored file}.
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
        """The values of `key` by epoch, a list for each seed. mode: "renewed" or "evaluation"."""
        return [run["recipes"][NAMES[name]][mode][key] for run in self.runs]

    def after(self, name, epoch, key="neg_elbo", mode="renewed"):
        """The values of `key` after that epoch, one per seed."""
        return [seed[epoch - 1] for seed in self.curves(name, key, mode)]

    def gains(self, before, now, key="neg_elbo", mode="renewed"):
        """The difference `before` − `now` after ten epochs, one value per seed."""
        return [a - b for a, b in zip(self.after(before, 10, key, mode),
                                      self.after(now, 10, key, mode))]

    def lags(self, name, epoch):
        """−ELBO with running statistics minus −ELBO with recomputed ones, one value per seed."""
        return [a - b for a, b in zip(self.after(name, epoch, mode="evaluation"),
                                      self.after(name, epoch))]

    def three_ways(self, name):
        """One recipe's values for `figures_of_batch_norm.statistics_lag`: medians by epoch."""
        ways = {mode: self.curves(name, mode=mode) for mode in ("evaluation", "renewed")}
        ways["training"] = [run["recipes"][NAMES[name]]["in_training"] for run in self.runs]
        ways["lag"] = [[a - b for a, b in zip(*pair)]
                       for pair in zip(ways["evaluation"], ways["renewed"])]
        return {mode: [median(epoch) for epoch in zip(*seeds)] for mode, seeds in ways.items()}

    def lag_panels(self, lagging, mended):
        """The arguments of `figures_of_batch_norm.statistics_lag`.

        lagging, mended: −ELBO of the live run after the first epoch, with running statistics and
        with recomputed ones.
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
        """The numbers of the heads' 16 outputs that are 0 for all test images: (mean, logvar)."""
        return self.after(name, epoch, "dead")

    def race(self, recipes, without, mode="renewed"):
        """The arguments of `figures_of_batch_norm.learning_curves`. recipes: {label: name}."""
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
        """The one of two recipes with the lower −ELBO on the validation images."""
        best = better(NAMES[one], NAMES[other], self.runs)
        return next(name for name, key in NAMES.items() if key == best)


def faster(race, key, label):
    """The speed-up of `label` over the slower recipe of the race, one value per seed.

    It is the time in which the slower recipe reaches its final −ELBO, divided by the time in which
    `label` reaches the same value. key: "epochs" or "seconds".
    """
    slow = race["curves"][race["without"]]
    whole = [seconds[-1] if key == "seconds" else len(seconds) for seconds in slow["seconds"]]
    return [a / b for a, b in zip(whole, race["reached"][label][key])]


def epoch_cost(race, label):
    """The seconds of `label` divided by those of the race's slower recipe, one value per seed."""
    one, other = (race["curves"][name]["seconds"] for name in (label, race["without"]))
    return [a[-1] / b[-1] for a, b in zip(one, other)]


class Control:
    """The runs of the study `batch_norm_control`: ten seeds of each arm, after each epoch."""

    def __init__(self):
        self.runs = list(results.load("batch_norm_control")["runs"].values())

    def curves(self, arm, *keys):
        """The sum of the counts `keys` for each seed, a list over epochs."""
        return [[sum(epoch) for epoch in zip(*(run["arms"][arm][key] for key in keys))]
                for run in self.runs]

    def end(self, arm, *keys):
        """The sum of the counts `keys` after the last epoch, one value per seed."""
        return [seed[-1] for seed in self.curves(arm, *keys)]

    def silence(self, arms):
        """The arguments of `figures_of_batch_norm.dead_units`. arms: {label: arm}."""
        return {label: {"hidden": self.curves(arm, "hidden"),
                        "heads": self.curves(arm, "mean", "logvar")}
                for label, arm in arms.items()}
