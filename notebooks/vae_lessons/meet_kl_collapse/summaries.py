"""What the stored runs of notebook 05 say: curves, slopes, where the rate goes, and gains."""

import torch

from vae_helpers import results
from vae_lessons.meet_kl_collapse.lab import LONGER, REMEDIES, chosen_beta


def secants(distortion, rate):
    """Slopes between neighbours of a rate–distortion curve: [..., β] each to [..., β − 1]."""
    return (distortion[..., 1:] - distortion[..., :-1]) / (rate[..., :-1] - rate[..., 1:])


def between(slopes, betas):
    """Which slopes [..., pair] lie between their two β."""
    low, high = torch.tensor(betas[:-1]), torch.tensor(betas[1:])
    return (slopes > low) & (slopes < high)


class Sweep:
    """The study `kl_collapse`: one VAE at nine β, from ten seeds, in nats per image.

    train, validation, test: [seed, β, 2], distortion and rate. active: [seed, β].
    rates: of each latent, test images, [seed, β, latent].
    """

    def __init__(self):
        stored = results.load("kl_collapse")
        self.betas, self.runs = stored["settings"]["betas"], list(stored["runs"].values())
        self.settings = {name: stored["settings"][name]
                         for name in ("latent", "hidden", "batch_size", "learning_rate")}
        self.train, self.validation, self.test, self.rates = (
            torch.tensor([run[name] for run in self.runs], dtype=torch.float64)
            for name in ("train", "validation", "test", "rate_per_latent"))
        self.active = torch.tensor([run["active"] for run in self.runs])

    def at(self, beta):
        """The number of this β."""
        return self.betas.index(beta)

    def one(self, beta):
        """The numbers that `figures.beta_sweep` draws of the first seed's model with this β."""
        place = self.at(beta)
        return {"beta": beta, "here": place, "active": self.active[0, place].item(),
                "rate_per_latent": self.rates[0, place].tolist(), "betas": self.betas,
                "distortions": self.test[0, :, 0].tolist(),
                "rates": self.test[0, :, 1].tolist()}

    def slopes(self):
        """Secants of each seed on the training images: [seed, pair]."""
        return secants(self.train[..., 0], self.train[..., 1])

    def own_loss(self, part):
        """D + βR of each model with its own β: [seed, β]."""
        return part[..., 0] + torch.tensor(self.betas, dtype=torch.float64) * part[..., 1]

    def chosen(self):
        """For each seed the β with the lowest −ELBO on validation images."""
        return [chosen_beta(run["validation"], self.betas) for run in self.runs]


class RateSplit:
    """The study `rate_split`: what the rate pays for at four small β, in six seeds.

    train: distortion and rate [seed, β, 2]; moments: averages over training images of the
    mean² and variance of q(z|x), [seed, β, 2, latent].
    """

    def __init__(self):
        stored = results.load("rate_split")
        self.betas, runs = stored["settings"]["betas"], list(stored["runs"].values())
        self.train, self.moments = (torch.tensor([run[name] for run in runs], dtype=torch.float64)
                                    for name in ("train", "moments"))

    @property
    def rate(self):
        """As trained: [seed, β]."""
        return self.train[..., 1]

    def mean_part(self):
        """½ mean² summed over the latents: [seed, β]."""
        return 0.5 * self.moments[:, :, 0].sum(-1)

    def rescaled_rate(self):
        """The rate after each latent was scaled to mean² + variance = 1 on average: [seed, β]."""
        size = self.moments.sum(2)  # [seed, β, latent]
        return self.rate - 0.5 * (size - 1 - size.log()).sum(-1)

    def slopes(self, rescaled=False):
        """Secants between neighbouring β: [seed, pair]."""
        return secants(self.train[..., 0], self.rescaled_rate() if rescaled else self.rate)

    def width(self):
        """The standard deviation of q(z|x), geometric mean over images and latents: [seed, β].

        The rate is ½ Σ (m² + s² − 1 − log s²), averaged over images, so log s² follows from it.
        """
        sizes = (self.moments.sum(2) - 1).sum(-1)
        return (0.5 * (sizes - 2 * self.rate) / self.moments.shape[-1]).exp()

    def panels(self):
        """What `figures.rescaled_codes` draws."""
        return {"betas": self.betas, "mean_part": self.mean_part().numpy(),
                "rate": self.rate.numpy(), "rescaled": self.rescaled_rate().numpy(),
                "slopes": self.slopes().numpy(),
                "rescaled_slopes": self.slopes(rescaled=True).numpy()}


class Remedies:
    """The study `collapse_remedies`: what each remedy does to a deep VAE, in ten seeds."""

    def __init__(self):
        stored = results.load("collapse_remedies")
        self.settings, self.runs = dict(stored["settings"]), list(stored["runs"].values())
        self.places = self.settings.pop("places")  # {name: {beta, learning_rate}}
        self.at_four, self.at_one = self.places
        self.rows = [REMEDIES[0], LONGER, *REMEDIES[1:]]
        self.deep = {name: self.settings[name] for name in ("latent", "hidden", "batch_size")}
        self.deep["learning_rate"] = self.places[self.at_four]["learning_rate"]

    def values(self, place, remedy, quantity):
        """One number a seed. quantity: distortion, rate, active, dead, neg_elbo or own."""
        ends = [run["places"][place][remedy] for run in self.runs]
        return [measure(end, self.places[place]["beta"])[quantity] for end in ends]

    def gains(self, place, remedy, quantity):
        """By how much each seed's `quantity` is below that of its own constant run: [seed]."""
        constant, remedied = (torch.tensor(self.values(place, name, quantity))
                              for name in (REMEDIES[0], remedy))
        return constant - remedied

    def median(self, place, remedy, quantity):
        """The median of `values`."""
        return torch.tensor(self.values(place, remedy, quantity)).double().quantile(0.5).item()

    def panels(self, place, labels, live=()):
        """What `figures.remedy_gains` draws. labels: {quantity: axis label}; live: {remedy: end}
        of this notebook's own runs, the constant one among them.
        """
        live = {name: measure(end, self.places[place]["beta"]) for name, end in dict(live).items()}
        start = live.pop(REMEDIES[0], {})
        return {
            "gains": {quantity: {name: self.gains(place, name, quantity).tolist()
                                 for name in self.rows[1:]} for quantity in labels},
            "live": {name: {quantity: start[quantity] - end[quantity] for quantity in labels}
                     for name, end in live.items()},
            "notes": {name: (self.median(place, name, "active"), self.median(place, name, "dead"))
                      for name in self.rows},
            "labels": labels,
        }


def measure(end, beta):
    """What `lab.end_of` found, with −ELBO and the run's own loss D + βR."""
    distortion, rate = end["distortion"], end["rate"]
    return end | {"neg_elbo": distortion + rate, "own": distortion + beta * rate}
