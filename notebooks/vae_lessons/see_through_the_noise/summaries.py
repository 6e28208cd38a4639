"""What the stored runs of notebook 06 say: purities, outcomes and gains, by seed."""

import torch

from vae_helpers import results
from vae_lessons.see_through_the_noise import lab

NAMES = {"CoderVAE, 8": "CoderVAE (8 latents)"}  # what is shown of a net's stored name


def early_nets():
    """{net: {"sampled", "means": [seeds, stages], "signal_to_noise": [seeds, stages, latent]}}."""
    runs = list(results.load("noisy_latents")["runs"].values())
    return {NAMES.get(net, net): {key: torch.tensor([run["nets"][net][key] for run in runs])
                                  for key in ("sampled", "means", "signal_to_noise")}
            for net in runs[0]["nets"]}


class Plateau:
    """The runs of the study `plateau`: a map of recipes, remedies, and a collapsed decoder.

    is_collapsed: the rule, as `lab.is_collapsed`.
    """

    def __init__(self, is_collapsed):
        stored = results.load("plateau")
        self.runs, self.settings = list(stored["runs"].values()), stored["settings"]
        self.is_collapsed = is_collapsed

    def collapsed(self, run, outcome, images="mean_image"):
        """Whether this outcome of a run is collapsed, by the rule."""
        return self.is_collapsed(outcome["active"], outcome["distortion"], run[images])

    def counts(self):
        """{build: [learning rates, betas]}: how many seeds of the map are still collapsed."""
        return {build: torch.tensor([[[self.collapsed(run, cell) for cell in row]
                                      for row in run["maps"][build]] for run in self.runs]).sum(0)
                for build in self.runs[0]["maps"]}

    def gains(self, name, of="remedies", beta=lab.BETA):
        """Nats below the mean image's of a recipe, one a seed: distortion, and D + beta R."""
        ends = [(run["validation_mean_image"], run[of][name]) for run in self.runs]
        return ([mean - end["distortion"] for mean, end in ends],
                [mean - end["distortion"] - beta * end["rate"] for mean, end in ends])

    def both_gains(self):
        """Two dictionaries {remedy: [seeds]}: by distortion, and by the objective."""
        pairs = {name: self.gains(name) for name in self.runs[0]["remedies"]}
        return tuple({name: pair[k] for name, pair in pairs.items()} for k in range(2))

    def leaving(self, name):
        """How many seeds with this remedy are not collapsed at the end, on validation images."""
        return sum(not self.collapsed(run, run["remedies"][name], "validation_mean_image")
                   for run in self.runs)

    def ends(self, name, key, of="remedies"):
        """One stored number a seed of a recipe, say "rate", "active" or "varying_means"."""
        return [run[of][name][key] for run in self.runs]

    def encoders(self, build="linear heads, no batch norm", largest_beta=20.0):
        """The map's runs of `build` up to this β: by what is constant, [(collapsed, outcome)]."""
        groups = {"mean and log variance constant": [], "only the mean constant": [],
                  "the mean varies": []}
        columns = [k for k, beta in enumerate(self.settings["betas"]) if beta <= largest_beta]
        for run in self.runs:
            for row in run["maps"][build]:
                for outcome in (row[k] for k in columns):
                    constant = (outcome["varying_means"] == 0) + (
                        outcome["varying_means"] == outcome["varying_logvars"] == 0)
                    name = list(groups)[2 - constant]
                    groups[name].append((self.collapsed(run, outcome), outcome))
        return groups
