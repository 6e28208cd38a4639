"""Figures of notebook 01: evidence, bound and gap, the forms of the ELBO, and the gap's parts."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout, styled

FLOOR = -17.0  # nats; where the bar of the ELBO starts


@styled
def evidence_bar(z, prior, likelihood, q, log_evidence, elbo, guess=None, fig=None):
    """q between prior and likelihood, and the evidence as the ELBO plus the gap.

    z, prior, likelihood, q: [points], functions of z. log_evidence, elbo: in nats.
    guess: what the learner thinks log p(x) does while q moves, or None.
    """
    if fig is None:
        fig = _empty_bar(z, prior, likelihood, q)
    gap = log_evidence - elbo
    shown = max(elbo, FLOOR)
    parts = fig.artists_of
    for name, curve in (("prior", prior), ("likelihood", likelihood), ("q", q)):
        parts[name].set_ydata(curve)
    parts["elbo"].set_height(shown - FLOOR)
    parts["gap"].set(y=shown, height=log_evidence - shown)
    parts["evidence"].set_ydata([log_evidence, log_evidence])
    rows = [
        (log_evidence + 0.6, f"log p(x) = {log_evidence:.3f}"),
        (min((log_evidence + shown) / 2, log_evidence - 0.55), f"gap = {gap:.3f}"),
        (max((shown + FLOOR) / 2, FLOOR + 0.4), f"ELBO = {elbo:.3f}"),
    ]
    for text, (height, words) in zip(parts["words"], rows):
        text.set_y(height)
        text.set_text(words.replace("-", "−"))
    parts["q"].axes.set_title(f"This q leaves a gap of {gap:.3f} nats\n ")
    guessed = f"your guess: it {guess}" if guess else " "
    parts["evidence"].axes.set_title(f"log p(x) = ELBO + gap\n{guessed}")
    fig.caption = (
        f"This q leaves a gap of {gap:.3f} nats: log p(x) is {log_evidence:.3f}, the ELBO "
        f"{elbo:.3f}."
    ).replace("-", "−")
    return fig


def _empty_bar(z, prior, likelihood, q):
    """The figure of q and the evidence with its curves over z, and no bar yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.6, 1])
    fig.artists_of = {
        "prior": left.plot(z, prior, ":", color="#777777", label="prior p(z)")[0],
        "likelihood": left.plot(z, likelihood, "--", color=ORANGE, label="likelihood p(x|z)")[0],
        "q": left.plot(z, q, color=BLUE, linewidth=3, label="q(z|x)")[0],
        "elbo": right.bar(0, 0, width=0.6, bottom=FLOOR, color=BLUE)[0],
        "gap": right.bar(0, 0, width=0.6, color=ORANGE, hatch="//", edgecolor="white")[0],
        "evidence": right.plot([-0.5, 0.5], [0, 0], color="black")[0],
        "words": [right.text(0.55, 0, "", va="center") for _ in range(3)],
    }
    left.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 1.4), title=TWO_LINES)
    left.legend(loc="upper left", fontsize=9)
    right.set(xticks=[], ylabel="nats", xlim=(-0.6, 1.9), ylim=(FLOOR, 0), title=TWO_LINES)
    freeze_layout(fig)
    return fig


@styled
def climb(elbos, evidences, moves, guess=None):
    """The ELBO and log p(x), in nats, after each step of gradient ascent on the ELBO: [steps].

    moves: what the steps change, for the axis. guess: what the learner thinks log p(x) does.
    """
    elbos, evidences = np.asarray(elbos), np.asarray(evidences)
    steps = np.arange(len(elbos))
    moved = evidences[-1] - evidences[0]
    does = "stands still" if abs(moved) < 1e-9 else (
        f"{'rises' if moved > 0 else 'falls'} by {abs(moved):.3f}")
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.fill_between(steps, elbos, evidences, facecolor="white", edgecolor=ORANGE, hatch="//",
                      linewidth=0, label="gap")
    axes.plot(steps, evidences, color="black", linewidth=2, label="log p(x)")
    axes.plot(steps, elbos, "o-", color=BLUE, markevery=max(len(steps) // 12, 1), label="ELBO")
    axes.set(xlabel=f"steps of gradient ascent on {moves}", ylabel="nats", xlim=(0, steps[-1]))
    title = f"The ELBO rises by {elbos[-1] - elbos[0]:.3f} nats, log p(x) {does}"
    axes.set_title(title + (f"\nyour guess: it {guess}" if guess else ""))
    axes.legend(loc="lower right")
    fig.caption = f"{title}, in {len(steps) - 1} steps on {moves}."
    return fig


@styled
def both_directions(z, p, one_bump, both_bumps):
    """A density p with two bumps, and the Gaussian that is nearest in either direction of the KL.

    All are densities over z, [points].
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    panels = fig.subplots(1, 2, sharey=True)
    titles = ("Smallest KL(q ‖ p), the ELBO's direction:\nq keeps to one bump",
              "Smallest KL(p ‖ q), the other direction:\nq covers both bumps")
    for axes, q, title in zip(panels, (one_bump, both_bumps), titles):
        axes.fill_between(z, p, color="#CCCCCC", label="p")
        axes.plot(z, q, color=BLUE, linewidth=2.5, label="q, a Gaussian")
        axes.set(xlabel="z", xlim=(-5, 5), title=title)
        axes.legend(loc="upper right")
    panels[0].set(ylabel="density", ylim=(0, None))
    fig.caption = ("The Gaussian with the smallest KL from q to p keeps to one bump of p; that "
                   "with the smallest KL from p to q covers both.")
    return fig


@styled
def three_densities(z, prior, likelihood, posterior):
    """Bayes' rule in a picture: z [points] and three functions of it, [points] each."""
    fig = Figure(figsize=(8, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.plot(z, prior, ":", color="#777777", label="prior p(z)")
    axes.plot(z, likelihood, "--", color=ORANGE, label="likelihood p(x|z)")
    axes.plot(z, posterior, color="black", linewidth=2, label="posterior p(z|x)")
    axes.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 1))
    axes.set_title("The posterior lies between prior and likelihood, and is narrower than both")
    axes.legend()
    fig.caption = "The posterior lies between prior and likelihood and is narrower than both."
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
def gap_against_kl(gaps, kls):
    """log p(x) − ELBO against the KL from q to the posterior, a dot for each q; in nats: [n]."""
    gaps, kls = np.asarray(gaps), np.asarray(kls)
    ends = [0.5 * kls.min(), 2 * kls.max()]
    fig = Figure(figsize=(6, 4.2), layout="constrained")
    axes = fig.subplots()
    axes.loglog(ends, ends, color="black", linewidth=1, label="gap = KL")
    axes.loglog(kls, gaps, "o", color=BLUE, alpha=0.3, markersize=5, label="one q, for one x")
    axes.set(xlabel="KL from q to the posterior (nats)", ylabel="log p(x) − ELBO (nats)",
             xlim=ends, ylim=ends)
    axes.set_title(f"For each of {len(kls):,} q the gap is the KL to the posterior")
    axes.legend(loc="upper left")
    fig.caption = (f"The gap against the KL from q to the posterior for {len(kls):,} q: all dots "
                   "lie on the diagonal.")
    return fig


@styled
def log_weights(weights, log_evidence):
    """Histograms of log weights, with their mean (the ELBO) and log p(x); all in nats.

    weights: {name of q: [draws]}.
    """
    fig = Figure(figsize=(8, 4.4), layout="constrained")
    panels = np.atleast_1d(fig.subplots(len(weights), 1, sharex=True))
    told = []
    for axes, (name, values) in zip(panels, weights.items()):
        values = np.asarray(values)
        elbo = values.mean()
        low = log_evidence - 7
        axes.hist(values, bins=np.linspace(low, log_evidence + 2, 91), color="#BBBBBB",
                  weights=np.full(len(values), 1 / len(values)))
        axes.axvline(log_evidence, color="black", linewidth=2, label="log p(x)")
        axes.axvline(elbo, color=BLUE, linewidth=2, linestyle="--", label="mean of log w: the ELBO")
        gap = log_evidence - elbo
        what = (f"the mean of log w lies {gap:.2f} nats below log p(x)" if gap > 0.005
                else "every draw has log w = log p(x)")
        axes.set_title(f"{name}: {what}")
        axes.set(ylabel="share of draws")
        told.append(f"{name}: {what}")
    panels[0].legend(loc="upper left")
    panels[-1].set(xlabel="log weight, log w (nats)")
    fig.caption = "; ".join(told) + "."
    return fig


@styled
def one_draw_estimates(estimates, exact):
    """What single draws give in each form of the ELBO, and the exact ELBO; all in nats.

    estimates: {form: [draws]}. exact: the ELBO.
    """
    fig = Figure(figsize=(8, 4.8), layout="constrained")
    panels = fig.subplots(len(estimates), 1, sharex=True, sharey=True)
    bins = np.linspace(exact - 12, exact + 3, 76)
    spreads = {form: np.asarray(values).std() for form, values in estimates.items()}
    for axes, (form, values) in zip(panels, estimates.items()):
        axes.hist(values, bins=bins, color="#BBBBBB", weights=np.full(len(values), 1 / len(values)))
        axes.axvline(exact, color="black", linewidth=2, label="exact ELBO")
        axes.plot(np.asarray(values).mean(), 0, "^", color=BLUE, markersize=11, clip_on=False,
                  zorder=5, label="mean of all draws")
        axes.set_title(f"{form}: one draw is off by {spreads[form]:.2f} nats (standard deviation)")
        axes.set(ylabel="share of draws")
    panels[0].legend(loc="upper left")
    panels[-1].set(xlabel="estimate of the ELBO from one draw (nats)")
    fig.suptitle("Three forms agree in the mean and differ in the spread", x=0.01, ha="left",
                 fontsize=11)
    fig.caption = "All three forms have the exact ELBO as their mean. Standard deviations: " + \
        ", ".join(f"{form} {spread:.2f} nats" for form, spread in spreads.items()) + "."
    return fig


@styled
def parts_of_gap(stored, live):
    """The gap's parts on training and on test images, in nats per image.

    stored: {label: values [seeds]}, live: {label: value} of this run; the last two labels are
    the amortisation gap on training and on test images.
    """
    fig = Figure(figsize=(9.6, 3.3), layout="constrained")
    axes = fig.subplots()
    for row, (label, values) in enumerate(stored.items()):
        axes.plot(values, np.full(len(values), row), "o", color=BLUE, alpha=0.6,
                  label="one stored seed")
        axes.plot(2 * [np.median(values)], [row - 0.3, row + 0.3], color="black",
                  label="median of the stored seeds")
        axes.plot(live[label], row, "D", color=ORANGE, markersize=8, label="this run")
    medians = {label: np.median(values) for label, values in stored.items()}
    seen, unseen = list(medians.values())[-2:]
    axes.set(xlabel="nats per image (lower is better)", xlim=(0, None), yticks=range(len(stored)),
             ylim=(len(stored) - 0.5, -0.5))
    axes.set_yticklabels(stored)
    axes.legend(handles=axes.lines[:3], loc="upper right", fontsize=9)
    axes.set_title(f"The encoder loses {seen:.1f} nats on images it was trained on, "
                   f"{unseen:.1f} nats on others")
    fig.caption = "Medians over the stored seeds, in nats per image: " + ", ".join(
        f"{label} {value:.2f}" for label, value in medians.items()) + "."
    return fig
