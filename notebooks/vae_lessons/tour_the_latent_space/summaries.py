"""The stored seeds of notebook 09, in the shapes that its figures and claims ask for."""

import functools
import operator

import torch

from vae_helpers import models, results
from vae_lessons.tour_the_latent_space import contrast, lab

PATHS = {  # rows of the figure of paths: {name: key of what is stored}
    "reconstruction of\nthe first end": "ends", "average of the two\nreconstructions": "faded",
    "linear middle": "linear", "spherical middle": "spherical",
}
LENGTHS = {"half as long": "prior × 0.5", "draws of the prior": "prior × 1",
           "1.5 times as long": "prior × 1.5", "twice as long": "prior × 2"}
PICTURE = {"confident": "classifier is confident (share of pictures)",
           "nearest": "distance to the nearest real digit (pixel values)"}
MEANING = {"slant": "|correlation| of slant and value along the path",
           "stroke_width": "|correlation| of width and value along the path"}
PATH_TITLES = {PICTURE["confident"]: "Spherical middles: confident more often",
               PICTURE["nearest"]: "Spherical middles: no nearer to real digits"}
LENGTH_TITLES = {PICTURE["confident"]: "Longer draws: confident more often",
                 PICTURE["nearest"]: "Longer draws: farther from real digits"}
MEANING_TITLES = {MEANING["slant"]: "Slant: random directions do as well",
                  MEANING["stroke_width"]: "Stroke width: regression does better"}
DIRECTIONS = ("best of ten latents", "best of ten random directions",
              "direction found by regression")
KEPT = {"purity": "k-NN purity", "probe": "accuracy of a linear probe"}
KEPT_TITLES = {KEPT["purity"]: "Ten means have nearly the pixels' purity",
               KEPT["probe"]: "A linear classifier does better on pixels"}


class Tour:
    """The studies: `of(*keys)`, `meaning(*keys)`, `moved(*keys)` have one row for each seed."""

    def __init__(self):
        self._tour, self._meaning = results.load("latent_tour"), results.load("latent_meaning")
        self.perplexities = self._tour["settings"]["perplexities"]

    def settings(self):
        """What `lab.make_models` needs to train the two models as the studies did."""
        return self._meaning["settings"]

    def classifier(self):
        """The stored classifier of real digits."""
        found = results.load_model("latent_tour", "classifier", models.dense([784, 256, 64, 10]))
        return found.requires_grad_(False)

    def of(self, *keys):
        """What `latent_tour` stored under these keys: [seeds, ...]."""
        return _collect(self._tour, keys)

    def meaning(self, *keys):
        """What `latent_meaning` stored under these keys: [seeds, ...]."""
        return _collect(self._meaning, keys)

    def moved(self, *keys):
        """What `latent_contrast` stored under "moved" and these keys: [seeds, ...]."""
        return _collect(results.load("latent_contrast"), ("moved", *keys))

    def contrasts(self, live):
        """The scores of `contrast.KINDS` for `figures.kinds_compared`.

        live: what `contrast.contrast_measures` returns.
        """
        stored = {text: self.moved(kind, "score").tolist() for kind, text in contrast.KINDS.items()}
        here = {text: live[kind]["score"] for kind, text in contrast.KINDS.items()}
        return {"stored": {contrast.SCORE: stored}, "live": {contrast.SCORE: here},
                "titles": {contrast.SCORE: "A contrast of two groups beats the best latent"}}

    def class_shares(self):
        """The share of the grid that each digit has, in per cent: {digit: values [seeds]}."""
        shares = 100 * self.of("plane", "class_share")  # [seeds, 10]
        return {str(digit): column.tolist() for digit, column in enumerate(shares.T)}

    def directions(self):
        """The largest correlations of each kind over seeds: {measure: {kind: values [seeds]}}."""
        return {MEANING[name]: dict(zip(DIRECTIONS, self.best(name))) for name in MEANING}

    def best(self, name):
        """The largest |correlation| of latents, random directions and the fitted one: [seeds]."""
        return [values.tolist() for values in _best(
            *(self.meaning("meaning", name, kind) for kind in ("axes", "random", "fitted")))]

    def pictures(self, rows, *, live):
        """The measures of `PICTURE` of stored and live pictures, for `figures.kinds_compared`.

        rows: {name of a row: key of what is stored}; live: what `measures.path_measures` returns.
        """
        stored = {text: {row: self.of("paths", key, name).tolist() for row, key in rows.items()}
                  for name, text in PICTURE.items()}
        return {"stored": stored, "live": {text: {row: live[key][name] for row, key in rows.items()}
                                           for name, text in PICTURE.items()}}

    def kept(self, live):
        """k-NN purity and linear probe, stored and live, for `figures.kinds_compared`."""
        stored = {text: {kind: self.of("kept", name, kind).tolist() for kind in live[name]}
                  for name, text in KEPT.items()}
        return {"stored": stored, "live": {text: live[name] for name, text in KEPT.items()}}

    def fifths(self, live):
        """Measures of pictures by fifth of the prior's draws, for `figures.scarce_codes`."""
        return {"by_fifth": {name: self.of("prior", "by_fifth", name).numpy() for name in PICTURE},
                "of_codes": {name: self.of("prior", "of_codes", name).numpy() for name in PICTURE},
                "live": {name: live["by_fifth"][name] for name in PICTURE}}

    def gap(self, first, second, name):
        """By how much a measure of `PICTURE` is larger for `first` than for `second`: [seeds]."""
        return self.of("paths", first, name) - self.of("paths", second, name)

    def tsne_planes(self, perplexity):
        """t-SNE's planes of stored codes and of draws from one Gaussian: [1000, 2] each."""
        kept = results.load_model("latent_tour", "maps", lab.Maps(len(self.perplexities), 1000))
        return kept.places[:, self.perplexities.index(perplexity)]

    def closeness(self, plane):
        """The median nearest distance in a plane [n, 2], over that of a Gaussian in 2-D."""
        return lab.nearest_distance(plane) / self.of("lumps", "plane")[0].item()


def best_directions(found):
    """The largest correlations of each kind in one run: {measure: {kind: value}}.

    found: what `measures.meaning_measures` returns.
    """
    best = {name: _best(*(torch.tensor(found[name][kind]) for kind in ("axes", "random", "fitted")))
            for name in MEANING}
    return {MEANING[name]: dict(zip(DIRECTIONS, [value.item() for value in values]))
            for name, values in best.items()}


def _best(axes, random, fitted):
    return axes.abs().amax(-1), random.abs().amax(-1), fitted.abs()


def _collect(stored, keys):
    values = [functools.reduce(operator.getitem, keys, run) for run in stored["runs"].values()]
    return torch.tensor(values, dtype=torch.float64)
