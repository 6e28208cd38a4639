"""Figures of notebook 01: evidence, posterior and bound, and what a gap consists of."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout, styled

FLOOR = -17.0  # nats; where the bar of the ELBO starts


@styled
def evidence_bar(z, prior, posterior, q, log_evidence, elbo, guess=None, fig=None):
    """q against the exact posterior, and the evidence as the ELBO plus the gap.

    z, prior, posterior, q: [points], densities over z. log_evidence, elbo: in nats.
    guess: what the learner thinks log p(x) does while q moves, or None.
    """
    if fig is None:
        fig = _empty_bar(z, prior, posterior, q)
    gap = log_evidence - elbo
    shown = max(elbo, FLOOR)
    parts = fig.artists_of
    parts["posterior"].set_ydata(posterior)
    parts["q"].set_ydata(q)
    parts["elbo"].set_height(shown - FLOOR)
    parts["gap"].set(y=shown, height=log_evidence - shown)
    parts["evidence"].set_ydata([log_evidence, log_evidence])
    rows = [
        (log_evidence + 0.5, f"log p(x) = {log_evidence:.3f}"),
        (min((log_evidence + shown) / 2, log_evidence - 0.35), f"gap (KL) = {gap:.3f}"),
        (max((shown + FLOOR) / 2, FLOOR + 0.4), f"ELBO = {elbo:.3f}"),
    ]
    for text, (height, words) in zip(parts["words"], rows):
        text.set_y(height)
        text.set_text(words.replace("-", "−"))
    near = "q is the posterior, to three digits" if gap < 5e-4 else "q is not the posterior"
    parts["q"].axes.set_title(f"The gap is {gap:.3f} nats\n{near}")
    guessed = f"your guess: it {guess}" if guess else " "
    parts["evidence"].axes.set_title(f"log p(x) = ELBO + gap\n{guessed}")
    fig.caption = (
        f"log p(x) is {log_evidence:.3f} nats: ELBO {elbo:.3f} plus gap {gap:.3f}."
    ).replace("-", "−")
    return fig


def _empty_bar(z, prior, posterior, q):
    """The figure of q and the evidence with its densities over z, and no bar yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.6, 1])
    left.plot(z, prior, ":", color="#777777", label="prior p(z)")
    fig.artists_of = {
        "q": left.plot(z, q, color=BLUE, linewidth=5, alpha=0.6, label="q(z|x)")[0],
        "posterior": left.plot(z, posterior, color="black", label="posterior p(z|x)")[0],
        "elbo": right.bar(0, 0, width=0.6, bottom=FLOOR, color=BLUE)[0],
        "gap": right.bar(0, 0, width=0.6, color=ORANGE, hatch="//", edgecolor="white")[0],
        "evidence": right.plot([-0.5, 0.5], [0, 0], color="black")[0],
        "words": [right.text(0.55, 0, "", va="center") for _ in range(3)],
    }
    left.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 1.7), title=TWO_LINES)
    left.legend(loc="upper center", ncols=3, fontsize=9)
    right.set(xticks=[], ylabel="nats", xlim=(-0.6, 1.9), ylim=(FLOOR, 0), title=TWO_LINES)
    freeze_layout(fig)
    return fig


@styled
def three_densities(z, prior, likelihood, posterior):
    """Bayes' rule in a picture: z [points] and three functions of it, [points] each."""
    fig = Figure(figsize=(8, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.plot(z, prior, ":", color="#777777", label="prior p(z)")
    axes.plot(z, likelihood, "--", color=ORANGE, label="likelihood p(x|z)")
    axes.plot(z, posterior, color="black", label="posterior p(z|x)")
    axes.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 1))
    axes.set_title("The posterior lies between the prior and the likelihood")
    axes.legend()
    fig.caption = "Prior, likelihood and posterior over z; the posterior lies between the others."
    return fig


@styled
def grid_cost(latents, seconds, points):
    """What quadrature costs: measured seconds against the law points^latents.

    latents: [n]; seconds: [n], measured; points: the grid's points along each latent.
    """
    dimensions = range(1, 21)
    per_point = seconds[-1] / float(points) ** latents[-1]
    law = [per_point * float(points) ** d for d in dimensions]
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    axes = fig.subplots()
    for height, words in ((1, "a second"), (3.15e7, "a year"), (4.35e17, "age of the universe")):
        axes.axhline(height, color="#BBBBBB", linewidth=1)
        axes.text(0.6, height, words, va="bottom", fontsize=9, color="#555555")
    axes.plot(dimensions, law, "--", color="#777777", label="law: points to the power d")
    axes.plot(latents, seconds, "o", color=BLUE, label="measured")
    axes.set(yscale="log", xlabel="latent dimensions d", ylabel="seconds", xlim=(0.5, 20.5))
    axes.set(xticks=[1, 2, 3, 5, 10, 15, 20], ylim=(1e-7, 1e32))
    axes.set_title("Every latent dimension multiplies the cost of the grid")
    axes.legend(loc="lower right")
    fig.caption = (
        f"A grid took {seconds[-1]:.2g} seconds for {latents[-1]} latents; for 20 the law says "
        f"{law[-1]:.1g} seconds."
    )
    return fig


@styled
def parts_of_gap(stored, live):
    """A quantity and its parts, all in nats per image, on one axis: stored seeds and this run.

    stored: {label: values [seeds]}, live: {label: value}; the first is the whole.
    """
    fig = Figure(figsize=(9.6, 3.0), layout="constrained")
    axes = fig.subplots()
    for row, (label, values) in enumerate(stored.items()):
        dots, = axes.plot(values, np.full(len(values), row), "o", color=BLUE, alpha=0.7,
                          label="stored seeds")
        mark, = axes.plot(live[label], row, "D", color=ORANGE, markersize=8, label="this run")
    whole, *parts = stored
    axes.set(yticks=range(len(stored)), xlabel="nats per image", ylim=(len(stored) - 0.5, -0.5),
             xlim=(0, 1.1 * max(*stored[whole], live[whole])))
    axes.set_yticklabels(stored)
    axes.legend(handles=[dots, mark], loc="center right", fontsize=9)
    largest = max(parts, key=live.get)
    axes.set_title(f"Most of the gap is the {largest}")
    fig.caption = f"Most of the gap is the {largest}: " + "; ".join(
        f"{label} {live[label]:.3g} in this run, {min(values):.3g} to {max(values):.3g} over "
        f"{len(values)} stored seeds" for label, values in stored.items()
    )
    return fig
