"""Figures of notebook 10: bounds beside log p(x), and our numbers beside a paper's."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled

EDGES = np.linspace(-6, 3, 46)  # of the bins of estimates, in nats
KINDS = {"grey": (BLUE, "o"), "drawn": (ORANGE, "s"), "cut": (GREEN, "^")}


@styled
def kinds_of_digits(examples, stored, live, floors, guess=None):
    """−ELBO of one network, by the digits that it was trained on and those that it is shown.

    examples: {kind: image [28, 28] in [0, 1]}; stored: {shown: {trained: [seeds]}}; live: the
    same with a number each, for some; floors: {shown: the least there can be}; nats per image.
    guess: the kind that the learner said has the lowest number, or None.
    """
    kinds = list(examples)
    fig = Figure(figsize=(9.6, 3.5), layout="constrained")
    grid = fig.add_gridspec(3, 2, width_ratios=[1, 6])
    axes = fig.add_subplot(grid[:, 1])
    for row, kind in enumerate(kinds):
        picture = fig.add_subplot(grid[row, 0])
        picture.imshow(examples[kind], cmap="gray_r", vmin=0, vmax=1)
        picture.set(xticks=[], yticks=[])
        colour, marker = KINDS[kind]
        # Three heights within a row, one for each kind of training.
        heights = np.arange(3) + 0.22 * (row - 1)
        values = np.array([stored[shown][kind] for shown in kinds])  # [shown, seeds]
        axes.plot(values.ravel(), np.repeat(heights, values.shape[1]), marker, color=colour,
                  alpha=0.6, label=f"trained on {kind} digits")
        mine = {shown: live[shown][kind] for shown in kinds if kind in live.get(shown, {})}
        axes.plot(list(mine.values()), [heights[kinds.index(shown)] for shown in mine], "D",
                  color="black", markersize=7, markerfacecolor="none",
                  label="this run" if row == 2 else None)
        axes.plot([floors[kind]] * 2, row + np.array([-0.4, 0.4]), color="black", linewidth=2)
    axes.set(yticks=range(3), ylim=(2.5, -0.5), xlabel="−ELBO on test digits (nats per image)",
             xlim=(-4, 1.1 * max(max(stored[shown][kind]) for shown in kinds for kind in kinds)))
    axes.set_yticklabels([f"shown {kind}" for kind in kinds])
    axes.legend(loc="lower center", ncols=4, fontsize=9, bbox_to_anchor=(0.45, 1.08),
                handletextpad=0.1, columnspacing=1)
    medians = {shown: np.median(stored[shown][shown]) for shown in kinds}
    lowest = min(medians, key=medians.get)
    guessed = f"; your guess: {guess}" if guess else ""
    axes.set_title(f"The lowest number belongs to the {lowest} digits{guessed} (bars: the floor)")
    fig.caption = "−ELBO, trained and shown on the same kind, median: " + ", ".join(
        f"{kind} {median:.1f}" for kind, median in medians.items()) + " nats. Floors: " + ", ".join(
        f"{kind} {floors[kind]:.1f}" for kind in kinds) + f"{guessed}."
    return fig


@styled
def bound_against_evidence(draws, here, errors, gaps, stored, guess=None, fig=None):
    """How far estimates of L_K lie from log p(x), and the gap's mean against K.

    draws: [K]; here: the K chosen; errors: estimates of L_K − log p(x), [groups, images], for
    it; gaps: {K: what `lab.gap_of` gives} of this run; stored: [seeds, K], the mean
    gaps. guess: what the learner said single estimates do.
    """
    if fig is None:
        fig = _empty_evidence(draws, len(stored))
    parts, errors = fig.artists_of, np.asarray(errors)
    counts, _ = np.histogram(errors.clip(EDGES[0], EDGES[-1]), EDGES, density=True)
    for bar, height in zip(parts["bars"], counts):
        bar.set_height(height)
    parts["zero"].axes.set_ylim(0, 1.15 * counts.max())
    mean, half_width, above = (gaps[here][part] for part in ("mean", "half_width", "above"))
    parts["mean"].set_xdata([-mean] * 2)
    for line, values in zip(parts["stored"], stored):
        line.set_data(draws, values)
    means, widths = (np.array([gaps[k][part] for k in draws]) for part in ("mean", "half_width"))
    parts["live"].set_data(draws, means)
    low = np.maximum(means - widths, 1e-3)
    parts["interval"].set_segments(
        [[(k, a), (k, b)] for k, a, b in zip(draws, low, means + widths)])
    parts["chosen"].set_xdata([here] * 2)
    medians = np.array([gaps[k]["median"] for k in draws])
    parts["median"].set_data(draws, medians)
    values = np.concatenate([np.ravel(stored), means + widths, medians])
    parts["live"].axes.set_ylim(0.7 * values[values > 0].min(), 1.4 * values.max())
    parts["live"].axes.set_title(f"The mean gap outlasts the median's: the worst\n"
                                 f"twentieth of the images holds {gaps[here]['worst']:.0%} of it")
    left = parts["zero"].axes
    guessed = f"; you said: {guess}" if guess else ""
    left.set_title(f"K = {here:,}: {above:.0%} of single estimates lie above\n"
                   f"log p(x), their mean {mean:.2f} below{guessed}")
    fig.caption = (
        f"K = {here:,}: the mean estimate lies {mean:.3f} ± {half_width:.3f} nats below log p(x), "
        f"and {above:.0%} of the single estimates above it{guessed}. The median image's gap is "
        f"{gaps[here]['median']:.3f}; the worst twentieth of the images holds "
        f"{gaps[here]['worst']:.0%} of the whole."
    )
    return fig


def _empty_evidence(draws, seeds):
    """The figure of estimates of L_K with its axes, for so many stored seeds, and no data yet."""
    fig = Figure(figsize=(9.6, 3.7), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1])
    fig.artists_of = {
        "bars": list(left.bar(EDGES[:-1], 0 * EDGES[:-1], np.diff(EDGES), align="edge",
                              color=BLUE, alpha=0.6)),
        "zero": left.axvline(0, color="black"),
        "mean": left.axvline(0, color=ORANGE, linestyle="--"),
        "stored": [right.plot([], [], color=BLUE, alpha=0.3)[0] for _ in range(seeds)],
        "live": right.plot([], [], "D-", color=ORANGE, markersize=5)[0],
        "interval": right.vlines(draws, 0.1, 0.1, color=ORANGE),
        "median": right.plot([], [], "s--", color=GREEN, markersize=4)[0],
        "chosen": right.axvline(1, color="#777777", linestyle=":"),
    }
    left.set(xlabel="one estimate of $L_K$ − log p(x) (nats)", ylabel="density",
             xlim=(EDGES[0], EDGES[-1]), title=TWO_LINES)
    right.set(xscale="log", yscale="log", xlabel="draws K", xlim=(0.8, 1.3 * max(draws)),
              ylabel="log p(x) − $L_K$ (nats per image)", title=TWO_LINES)
    right.legend(handles=[fig.artists_of["stored"][0], fig.artists_of["live"],
                          fig.artists_of["median"]], fontsize=9, loc="lower left",
                 labels=["mean, stored seeds", "mean, this run, 95 %", "median image, this run"])
    freeze_layout(fig)
    return fig


@styled
def beside_the_paper(curves, reported, references):
    """−L_5000 against epochs for K = 1 and K = 5, beside what others report.

    curves: {label: {"draws": K, "few": [(epoch, value)], "whole": [(epoch, value, half width)]}},
    of the first test digits and of all; reported: {label: value}, drawn as lines; references:
    {label: (epoch, value)}, drawn as points; nats per test image.
    """
    fig = Figure(figsize=(9.6, 4.2), layout="constrained")
    axes, values = fig.subplots(), []
    for (label, of), marker in zip(curves.items(), "os"):
        colour = {1: BLUE, 5: ORANGE}[of["draws"]]
        few, all_digits = (np.array(of[part], dtype=float).T for part in ("few", "whole"))
        axes.plot(*few, marker + ":", color=colour, markersize=4, markerfacecolor="white",
                  label=f"{label}, first 1,000 digits")
        epochs, means, widths = all_digits
        axes.plot(epochs, means, marker, color=colour, markersize=8, label=f"{label}, all")
        axes.vlines(epochs, means - widths, means + widths, color=colour)
        values += [*few[1], *means]
    styles = zip((BLUE, ORANGE, GREEN), (1, 1.5, 2))
    for (label, value), (colour, width) in zip(reported.items(), styles):
        axes.axhline(value, color=colour, linestyle="--", linewidth=width, label=label)
    for (label, place), marker, colour in zip(references.items(), "vD", (BLUE, ORANGE)):
        axes.plot(*place, marker, color=colour, markersize=11, markerfacecolor="none", label=label)
    ticks = sorted({epoch for of in curves.values() for epoch, _ in of["few"]})
    axes.set(xscale="log", xlabel="epochs", xlim=(0.8 * ticks[0], 1.25 * ticks[-1]),
             ylim=(min([*values, *reported.values()]) - 0.9, max(values) + 0.9),
             ylabel="−$L_{5000}$ (nats per test image)")
    axes.set_xticks(ticks, [f"{epoch:,}" for epoch in ticks])
    axes.set_xticks([], minor=True)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=9, loc="upper right", ncols=2)
    lowest, epoch, label = min((value, epoch, label) for label, of in curves.items()
                               for epoch, value, _ in of["whole"])
    theirs = ", ".join(f"{value:.1f}" for value in reported.values())
    axes.set_title(f"Lowest on all test digits: {lowest:.1f}, {label}, after {epoch:,} epochs; "
                   f"the paper: {theirs}")
    fig.caption = "All test digits: " + "; ".join(
        f"{label}, {epoch:,} epochs: {value:.2f} ± {width:.2f}"
        for label, of in curves.items() for epoch, value, width in of["whole"]
    ) + ". Reported: " + "; ".join(
        f"{label}: {value:.2f}" for label, value in reported.items()) + "."
    return fig


@styled
def bounds_of_models(draws, here, live, stored, fig=None):
    """−L_K of the same test images against K for two models: stored, and computed anew.

    draws: [K]; here: the K chosen; live, stored: {model: {K: [images]}}, two of them, nats.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.5), layout="constrained")
        left, right = fig.subplots(1, 2, width_ratios=[1.2, 1])
        colours = dict(zip(live, (BLUE, ORANGE)))
        fig.artists_of = {
            label: (
                left.plot([], [], "o", color=colour, markersize=9, markerfacecolor="none",
                          label=f"{label}, stored")[0],
                left.plot([], [], "D-", color=colour, markersize=4, label=f"{label}, this run")[0],
                right.plot([], [], "o", color=colour, markersize=4, alpha=0.6, label=label)[0],
            )
            for label, colour in colours.items()
        }
        fig.artists_of["chosen"] = left.axvline(1, color="#777777", linestyle=":")
        left.set(xscale="log", xlabel="draws K", ylabel="−$L_K$ (nats per image)",
                 xlim=(0.7, 1.5 * max(draws)), title="More draws, a higher bound\n")
        left.legend(fontsize=9)
        right.set(xlabel="image", ylabel="$L_K$ − ELBO (nats)", title=TWO_LINES)
        right.legend(fontsize=9, loc="upper right")
        freeze_layout(fig)
    parts, first, means = fig.artists_of, min(draws), []
    gains = {}
    for label in live:
        old, new, images = parts[label]
        means += [-np.mean(stored[label][k]) for k in draws]
        old.set_data(draws, means[-len(draws):])
        new.set_data(draws, [-np.mean(live[label][k]) for k in draws])
        gain = np.asarray(live[label][here]) - np.asarray(live[label][first])
        images.set_data(np.arange(len(gain)), np.sort(gain)[::-1])
        gains[label] = gain
    parts["chosen"].set_xdata([here] * 2)
    old.axes.set_ylim(min(means) - 0.8, max(means) + 0.8)
    highest = max(np.max(gain) for gain in gains.values())
    images.axes.set(xlim=(-1, 1.08 * len(gain)), ylim=(-0.5, max(1.0, 1.1 * highest)))
    told = [f"{gain.mean():.2f} ({label})" for label, gain in gains.items()]
    images.axes.set_title(f"K = {here:,} raises the bound by\n{told[0]}, {told[1]}")
    fig.caption = f"L_K at K = {here:,} lies above the ELBO by {', '.join(told)} nats on average."
    return fig


@styled
def latent_activity(activity, threshold):
    """The variance of each latent's posterior mean over images, from the largest to the least.

    activity: {model: [latent]}, of two models; threshold: above it a latent counts as active.
    """
    fig = Figure(figsize=(9.6, 3.3), layout="constrained")
    axes = fig.subplots()
    for (label, values), marker, colour in zip(activity.items(), "oD", (BLUE, ORANGE)):
        axes.plot(np.arange(1, len(values) + 1), np.sort(values)[::-1], marker, color=colour,
                  markersize=5, label=label)
    axes.axhline(threshold, color="black", linestyle=":")
    everything = np.concatenate([np.asarray(values) for values in activity.values()])
    axes.set(yscale="log", xlabel="latent, by activity", ylabel="variance of the mean over images",
             xlim=(0, max(map(len, activity.values())) + 1),
             ylim=(0.5 * everything.min(), 2 * everything.max()))
    axes.legend(fontsize=9)
    counts = ", ".join(f"{label} {int((np.asarray(values) > threshold).sum())} of {len(values)}"
                       for label, values in activity.items())
    axes.set_title(f"Active latents: {counts}")
    fig.caption = f"Latents whose mean varies by more than {threshold:g} over images: {counts}."
    return fig


@styled
def gradient_race(stored, guess=None):
    """What a gradient wins over the total derivative in as many updates, each seed by itself.

    stored: {K: {estimator: [seeds]}}, −L of the trained models in nats per test image, the
    total derivative first. guess: which gradient the learner expects to win at the larger K.
    """
    rows = [(draws, name) for draws, of in stored.items() for name in list(of)[1:]]
    differences = [np.subtract(stored[draws][name], next(iter(stored[draws].values())))
                   for draws, name in rows]
    means = [difference.mean() for difference in differences]
    places = [np.full(len(difference), row) for row, difference in enumerate(differences)]
    fig = Figure(figsize=(9.6, 1.4 + 0.45 * len(rows)), layout="constrained")
    axes = fig.subplots()
    axes.plot(np.concatenate(differences), np.concatenate(places), "o", color=BLUE, alpha=0.6,
              label="one seed")
    axes.plot(means, np.arange(len(rows)), "|", color=ORANGE, markersize=22, markeredgewidth=3,
              label="their mean")
    axes.axvline(0, color="#777777", linestyle="--")
    values = np.concatenate([[0.0], *differences])
    margin = 0.06 * np.ptp(values) + 1e-3
    axes.set(yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5),
             xlim=(values.min() - margin, values.max() + margin),
             xlabel="−L less that of the total derivative, same seed (nats; left is better)")
    axes.set_yticklabels([f"{name}, K = {draws}" for draws, name in rows])
    axes.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1, 1), labelspacing=1.2)
    most = max(draws for draws, _ in rows)
    scores = {next(iter(stored[most])): 0.0} | {
        name: mean for (draws, name), mean in zip(rows, means) if draws == most}
    guessed = f"; your guess: {guess}" if guess else ""
    axes.set_title(f"Best on average at K = {most}: {min(scores, key=scores.get)}{guessed}")
    fig.caption = "Against the total derivative of the same seed: " + ", ".join(
        f"{name} at K = {draws} {mean:+.2f} nats ({difference.min():+.2f} to "
        f"{difference.max():+.2f})"
        for (draws, name), mean, difference in zip(rows, means, differences)) + f"{guessed}."
    return fig
