"""Figures of notebook 01: evidence, bound and gap, the forms of the ELBO, and the gap's parts."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout, styled

FLOOR = -17.0  # nats; the lowest ELBO on the axis
CODES = (-4, 4)  # the range of z on the axis


@styled
def evidence_bar(z, prior, likelihood, q, log_evidence, elbo, guess=None, fig=None):
    """Prior, likelihood and q over z; beside them log p(x), the ELBO, and the gap between them.

    z: [points]; prior, likelihood, q: [points], densities at z. log_evidence, elbo: in nats.
    guess: the learner's guess about log p(x) when q moves, or None.
    """
    if fig is None:
        fig = _empty_bar(z, prior, likelihood, q)
    gap = log_evidence - elbo
    shown = max(elbo, FLOOR)
    parts = fig.artists_of
    for name, curve in (("prior", prior), ("likelihood", likelihood), ("q", q)):
        parts[name].set_ydata(curve)
    parts["elbo"].set_ydata(3 * [shown])
    parts["gap"].set(y=shown, height=log_evidence - shown)
    parts["evidence"].set_ydata(2 * [log_evidence])
    between = min((log_evidence + shown) / 2, log_evidence - 0.5)
    rows = [
        (log_evidence + 0.6, f"log p(x) = {log_evidence:.3f}"),
        (between, f"gap = {gap:.3f}"),
        (max(min(shown, between - 1.1), FLOOR + 0.4), f"ELBO = {elbo:.3f}"),
    ]
    for text, (height, words) in zip(parts["words"], rows):
        text.set_y(height)
        text.set_text(words.replace("-", "−"))
    parts["q"].axes.set_title(f"This q leaves a gap of {gap:.3f} nats\n ")
    guessed = f"your guess: log p(x) {guess}" if guess else " "
    parts["evidence"].axes.set_title(f"log p(x) = ELBO + gap\n{guessed}")
    fig.caption = (
        f"This q leaves a gap of {gap:.3f} nats: log p(x) is {log_evidence:.3f}, the ELBO "
        f"{elbo:.3f}."
    ).replace("-", "−")
    return fig


def _empty_bar(z, prior, likelihood, q):
    """The figure of `evidence_bar` with its curves over z, before any gap is drawn."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.6, 1])
    fig.artists_of = {
        "prior": left.plot(z, prior, ":", color="#777777", label="prior p(z)")[0],
        "likelihood": left.plot(z, likelihood, "--", color=ORANGE, label="likelihood p(x|z)")[0],
        "q": left.plot(z, q, color=BLUE, linewidth=3, label="q(z|x)")[0],
        "gap": right.bar(0, 0, width=0.6, color=ORANGE, hatch="//", edgecolor="white")[0],
        "elbo": right.plot([-0.5, 0, 0.5], 3 * [0], "o-", color=BLUE, linewidth=3,
                           markevery=[1])[0],
        "evidence": right.plot([-0.5, 0.5], [0, 0], color="black", linewidth=3)[0],
        "words": [right.text(0.55, 0, "", va="center") for _ in range(3)],
    }
    left.set(xlabel="z", ylabel="density", xlim=CODES, ylim=(0, 1.4), title=TWO_LINES)
    left.legend(loc="upper left", fontsize=9)
    right.set(xticks=[], ylabel="nats", xlim=(-0.6, 1.9), ylim=(FLOOR, 0), title=TWO_LINES)
    freeze_layout(fig)
    return fig


@styled
def climb(elbos, evidences, moves, guess=None):
    """The ELBO and log p(x), in nats, after each step of gradient ascent on the ELBO: [steps].

    evidences may be a single number if log p(x) does not change. moves: what the steps change,
    for the axis label. guess: the learner's guess about log p(x), or None.
    """
    elbos = np.asarray(elbos)
    evidences = np.broadcast_to(evidences, elbos.shape)
    steps = np.arange(len(elbos))
    moved = evidences[-1] - evidences[0]
    if abs(moved) < 1e-9:
        finding, does = f"Gradient ascent on {moves} shrinks the gap", "stays the same"
        if evidences[-1] - elbos[-1] < 0.01:
            finding = f"Gradient ascent on {moves} closes the gap"
    elif moved < 0:
        finding, does = "Raising the ELBO can lower log p(x)", f"falls by {-moved:.3f}"
    else:
        finding, does = "The ELBO and log p(x) rise together", f"rises by {moved:.3f}"
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.fill_between(steps, elbos, evidences, facecolor="white", edgecolor=ORANGE, hatch="//",
                      linewidth=0, label="gap")
    axes.plot(steps, evidences, color="black", linewidth=2, label="log p(x)")
    axes.plot(steps, elbos, "o-", color=BLUE, markevery=max(len(steps) // 12, 1), label="ELBO")
    axes.set(xlabel=f"steps of gradient ascent on {moves}", ylabel="nats", xlim=(0, steps[-1]))
    axes.set_title(finding + (f"\nyour guess: log p(x) {guess}" if guess else ""))
    axes.legend(loc="lower right")
    fig.caption = (f"{finding}: in {len(steps) - 1} steps on {moves} the ELBO rises by "
                   f"{elbos[-1] - elbos[0]:.3f} nats and log p(x) {does}.")
    return fig


@styled
def both_directions(z, p, mode_seeking, mass_covering):
    """A density p with two modes, and the Gaussians with the smallest KL(q ‖ p) and KL(p ‖ q).

    z: [points]; the other arguments are densities at z, [points].
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    panels = fig.subplots(1, 2, sharey=True)
    titles = ("Lowering KL(q ‖ p): q keeps to one mode\n(mode-seeking)",
              "Lowering KL(p ‖ q): q covers both modes\n(mass-covering)")
    for axes, q, title in zip(panels, (mode_seeking, mass_covering), titles):
        axes.fill_between(z, p, color="#CCCCCC", label="p, a mixture of two Gaussians")
        axes.plot(z, q, color=BLUE, linewidth=2.5, label="q, a Gaussian")
        axes.set(xlabel="z", xlim=(-5, 5), title=title)
        axes.legend(loc="upper right")
    panels[0].set(ylabel="density", ylim=(0, 1.05))
    fig.caption = ("A Gaussian q with a small KL(q ‖ p) keeps to one mode of p; one with a small "
                   "KL(p ‖ q) covers both modes.")
    return fig


@styled
def three_densities(z, prior, likelihood, posterior):
    """Prior, likelihood and posterior over z: [points] each."""
    fig = Figure(figsize=(8, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.plot(z, prior, ":", color="#777777", label="prior p(z)")
    axes.plot(z, likelihood, "--", color=ORANGE, label="likelihood p(x|z)")
    axes.plot(z, posterior, color="black", linewidth=2, label="posterior p(z|x)")
    axes.set(xlabel="z", ylabel="density", xlim=CODES, ylim=(0, None))
    axes.set_title("The posterior lies between prior and likelihood, and is narrower than both")
    axes.legend()
    fig.caption = "The posterior lies between prior and likelihood and is narrower than both."
    return fig


@styled
def grid_cost(latents, seconds, points):
    """The cost of quadrature: measured seconds, and their extrapolation as points^latents.

    latents: [n]; seconds: [n], measured; points: grid points per latent.
    """
    dimensions = range(1, 21)
    per_point = seconds[-1] / float(points) ** latents[-1]
    law = [per_point * float(points) ** d for d in dimensions]
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    axes = fig.subplots()
    for height, words in ((1, "a second"), (3.15e7, "a year"), (4.35e17, "age of the universe")):
        axes.axhline(height, color="#BBBBBB", linewidth=1)
        axes.text(0.6, height, words, va="bottom", fontsize=9, color="#555555")
    axes.plot(dimensions, law, "--", color="#777777",
              label=f"seconds at d = {latents[-1]}, extrapolated by {points} per latent")
    axes.plot(latents, seconds, "o", color=BLUE, label="measured")
    axes.set(yscale="log", xlabel="latent dimensions d", ylabel="seconds", xlim=(0.5, 20.5))
    axes.set(xticks=[1, 2, 3, 5, 10, 15, 20], ylim=(1e-7, 1e32))
    axes.set_title("Every latent dimension multiplies the cost of the grid")
    axes.legend(loc="lower right")
    fig.caption = (
        f"A grid took {seconds[-1]:.2g} seconds for {latents[-1]} latents; extrapolated to 20 "
        f"latents it takes {law[-1]:.1g} seconds."
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
        bins = log_evidence + 0.1 * (np.arange(-45, 13) - 0.5)  # log p(x) is the centre of a bin
        axes.hist(values, bins=bins, color="#BBBBBB",
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
    panels[-1].set(xlabel="log weight, log w (nats)", xlim=(bins[0], bins[-1]))
    fig.caption = "; ".join(told) + "."
    return fig


@styled
def one_draw_estimates(estimates, exact):
    """Histograms of one-draw estimates for each form of the ELBO, and the exact ELBO; in nats.

    estimates: {form: [draws]}. exact: the ELBO.
    """
    fig = Figure(figsize=(8, 4.8), layout="constrained")
    panels = fig.subplots(len(estimates), 1, sharex=True, sharey=True)
    bins = np.linspace(exact - 6.5, exact + 2.5, 76)
    spreads = {form: np.asarray(values).std() for form, values in estimates.items()}
    for axes, (form, values) in zip(panels, estimates.items()):
        axes.hist(values, bins=bins, color="#BBBBBB", weights=np.full(len(values), 1 / len(values)))
        axes.axvline(exact, color="black", linewidth=2, label="exact ELBO")
        axes.plot(np.asarray(values).mean(), 1, "v", color=BLUE, markersize=9, clip_on=False,
                  transform=axes.get_xaxis_transform(), zorder=5, label="mean of all draws")
        axes.set_title(f"{form}: standard deviation of one draw {spreads[form]:.2f} nats",
                       pad=9)
        axes.set(ylabel="share of draws")
    panels[0].legend(loc="upper left")
    panels[-1].set(xlabel="estimate of the ELBO from one draw (nats)", xlim=(bins[0], bins[-1]))
    heading = fig.suptitle("The three forms agree in the mean and differ in the spread", ha="left")
    fig.draw_without_rendering()
    heading.set_x(panels[0].get_position().x0)  # aligned with the titles of the panels
    fig.caption = "All three forms have the exact ELBO as their mean. Standard deviations: " + \
        ", ".join(f"{form} {spread:.2f} nats" for form, spread in spreads.items()) + "."
    return fig


@styled
def parts_of_gap(stored, live):
    """The parts of the gap on training and on test images, in nats per image.

    stored: {label: values [seeds]}, live: {label: value} of this run; the last two labels are
    the amortisation gap on training and on test images.
    """
    fig = Figure(figsize=(9.6, 3.3), layout="constrained")
    axes = fig.subplots()
    for row, (label, values) in enumerate(stored.items()):
        axes.plot(values, np.full(len(values), row), "o", color=BLUE, alpha=0.6,
                  label="one stored seed")
        axes.plot(2 * [np.mean(values)], [row - 0.3, row + 0.3], color="black",
                  label="mean of the stored seeds")
        axes.plot(live[label], row, "D", color=ORANGE, markersize=8, label="this run")
    means = {label: np.mean(values) for label, values in stored.items()}
    seen, unseen = list(means.values())[-2:]
    axes.set(xlabel="nats per image (lower is better)", xlim=(0, None), yticks=range(len(stored)),
             ylim=(len(stored) - 0.5, -0.5))
    axes.set_yticklabels(stored)
    axes.legend(handles=axes.lines[:3], loc="upper right", fontsize=9)
    axes.set_title(f"The encoder loses {seen:.1f} nats on images it was trained on, "
                   f"{unseen:.1f} nats on others")
    fig.caption = "Means over the stored seeds, in nats per image: " + ", ".join(
        f"{label} {value:.2f}" for label, value in means.items()) + "."
    return fig
