"""What the stored runs of notebook 07 say: one value a seed, by way, budget and variant."""

import torch

from vae_helpers import results
from vae_lessons.train_in_two_stages import lab, study

ONE_VAE, TWO_STAGES = "one VAE", "two stages"  # as figures and text call both ways
WAYS = {ONE_VAE: lab.AT_ONCE, TWO_STAGES: lab.STAGES}
ON_VAE, ONE_GAUSSIAN = "second stage on the VAE", "one Gaussian on the autoencoder"
SCALED, ON_SCALED = "VAE with learned σ²", "second stage on VAE with learned σ²"
SMALL_CODES = "two stages, small codes"
VARIANTS = {  # other ways to spend 12 seconds, and their names in the stored file
    SCALED: lab.SCALED, ONE_GAUSSIAN: lab.ONE_GAUSSIAN, ON_VAE: lab.ON_VAE,
    ON_SCALED: lab.ON_SCALED, SMALL_CODES: lab.SMALL_CODES,
    "two stages, 11 + 1 s": "11 + 1 s", "two stages, 4 + 8 s": "4 + 8 s",
}


class Race:
    """The study `two_stage`: ten seeds of both ways, measured after each budget of seconds."""

    def __init__(self):
        stored = results.load("two_stage")
        self.settings, self._runs = stored["settings"], list(stored["runs"].values())
        self.budgets = self.settings["budgets"]

    def of(self, measure):
        """{way: [seed, budget]}."""
        return {label: torch.tensor([[found[measure] for found in run["ways"][way]]
                                     for run in self._runs]) for label, way in WAYS.items()}

    def after(self, seconds, measure):
        """{way: [seed]}, after a budget."""
        at = self.budgets.index(seconds)
        return {label: values[:, at] for label, values in self.of(measure).items()}

    def less(self, measure):
        """Two stages minus one VAE, seed by seed: [seed, budget]."""
        found = self.of(measure)
        return found[TWO_STAGES] - found[ONE_VAE]

    def farther(self):
        """How many times as large the Fréchet distance of one VAE is: [seed, budget]."""
        found = self.of("frechet")
        return found[ONE_VAE] / found[TWO_STAGES]

    def steps(self, way):
        """Training steps of each stage of a way: [seed, budget, stage]."""
        return self.of("steps")[way]

    def median_steps(self, seconds):
        """{way: training steps of each stage in the median seed}, after a budget."""
        at = self.budgets.index(seconds)
        return {way: self.steps(way)[:, at].double().quantile(0.5, 0).int().tolist()
                for way in WAYS}

    def samples(self, seconds):
        """{way: ten samples of seed 1 after a budget, [10, 28, 28] in [0, 1]}."""
        kept = results.load_model("two_stage", "pictures", study.Pictures(
            len(self.budgets), self.settings["pictures"])).samples
        at = self.budgets.index(seconds)
        return {way: kept[number, at].reshape(-1, 28, 28).numpy()
                for number, way in enumerate(WAYS)}

    def variants(self, measure):
        """{one VAE, two stages, each variant: [seed]}, after the middle budget."""
        found = self.after(self.settings["middle"], measure)
        stored = [run["variants"] for run in self._runs]
        return {ONE_VAE: found[ONE_VAE]} | {
            label: torch.tensor([of_seed[name][measure] for of_seed in stored])
            for label, name in VARIANTS.items() if stored[0][name][measure] is not None
        } | {TWO_STAGES: found[TWO_STAGES]}

    def share_of_gain(self, variant):
        """How much of the gain of two stages over one VAE a variant has, in logs: [seed]."""
        frechet = self.variants("frechet")
        whole = (frechet[ONE_VAE] / frechet[TWO_STAGES]).log()
        return (frechet[ONE_VAE] / frechet[variant]).log() / whole


class Rates:
    """The study `step_sizes`: four learning rates of the one VAE and of the first stage."""

    WAYS = {ONE_VAE: lab.AT_ONCE, "autoencoder": study.FIRST}

    def __init__(self):
        stored = results.load("step_sizes")
        self.budgets = stored["settings"]["budgets"]
        self._runs = [run["ways"] for run in stored["runs"].values()]

    def of(self, measure, way, rate):
        """[seed, budget], of the way with that learning rate."""
        of_way = self.WAYS[way]
        return torch.tensor([[stop[measure] for stop in run[of_way][rate]] for run in self._runs])

    def tried(self, way):
        """The learning rates tried, as the stored file writes them."""
        return list(self._runs[0][self.WAYS[way]])

    def chosen(self):
        """{way: the learning rate that the validation images choose after the last budget}."""
        return {way: results.choose({rate: [run[name][rate][-1] for run in self._runs]
                                     for rate in self.tried(way)}, float)
                for way, name in self.WAYS.items()}

    def best(self, measure, way):
        """The lowest value over the learning rates, seed by seed: [seed, budget]."""
        return torch.stack([self.of(measure, way, rate) for rate in self.tried(way)]).amin(0)
