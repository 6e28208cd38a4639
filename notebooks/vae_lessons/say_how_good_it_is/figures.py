"""Figures of notebook 10: kinds of digits, bounds beside log p(x), two models, a paper's table."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled

EDGES = np.linspace(-6, 3, 46)  # of the bins of estimates, in nats
PURPLE = "#AA4499"
KINDS = {"grey-scale": (BLUE, "o"), "dynamic": (ORANGE, "s"), "fixed": (PURPLE, "D"),
         "thresholded": (GREEN, "^")}
NAMES = {"grey-scale": "grey-scale digits", "dynamic": "dynamic binarisation",
         "fixed": "fixed binarisation", "thresholded": "thresholded digits"}


@styled
def kinds_of_digits(examples, stored, guess=None):
    """−ELBO of one network, by the digits that it was trained on and those that it is tested on.

    examples: {tested: image [28, 28] in [0, 1]}; stored: {tested: {trained: [seeds]}}, nats per
    image. guess: the kind that the learner said has the lowest number, or None.
    """
    tested = list(examples)
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    grid = fig.add_gridspec(3, 2, width_ratios=[1, 6])
    axes = fig.add_subplot(grid[:, 1])
    for row, kind in enumerate(tested):
        picture = fig.add_subplot(grid[row, 0])
        picture.imshow(examples[kind], cmap="gray", vmin=0, vmax=1)
        picture.set(xticks=[], yticks=[])
    lines = len(KINDS)
    for line, (kind, (colour, marker)) in enumerate(KINDS.items()):
        # Four heights within a row, one for each kind of training.
        heights = np.arange(3) + 0.2 * (line - (lines - 1) / 2)
        values = np.array([stored[shown][kind] for shown in tested])  # [tested, seeds]
        axes.plot(values.ravel(), np.repeat(heights, values.shape[1]), marker, color=colour,
                  alpha=0.6, markersize=5, label=f"trained on {NAMES[kind]}")
    for border in (0.5, 1.5):
        axes.axhline(border, color="#DDDDDD", linewidth=1)
    axes.set(yticks=range(3), ylim=(2.5, -0.5),
             xlabel="−ELBO on test images (nats per image; within a row, left is better)")
    axes.set_yticklabels([f"tested on\n{kind}" for kind in tested])
    fig.legend(loc="outside upper center", ncols=2, fontsize=9, handletextpad=0.1)
    # Of a kind the training that its papers use: the first one of its name.
    alike = {kind: stored[kind]["dynamic" if kind == "binarised" else kind] for kind in tested}
    medians = {kind: np.median(values) for kind, values in alike.items()}
    lowest = min(medians, key=medians.get)
    axes.set_title(f"The lowest −ELBO belongs to the {lowest} digits"
                   + (f"; your guess: {guess}" if guess else ""))
    fig.caption = "Median −ELBO, trained and tested on one kind: " + ", ".join(
        f"{kind} {median:.1f}" for kind, median in medians.items()) + " nats" + (
        f"; your guess: {guess}." if guess else ".")
    return fig


@styled
def bound_against_evidence(draws, here, errors, gaps, stored, guess=None, fig=None):
    """How far estimates of the IWAE bound lie from log p(x), and the gap's mean against K.

    draws: [K]; here: the K chosen; errors: estimate − log p(x), [groups, images], for it; gaps:
    {K: what `lab.gap_of` gives} of this run; stored: [seeds, K], the mean gaps. guess: what the
    learner said single estimates do.
    """
    if fig is None:
        fig = _empty_evidence(draws, len(stored))
    parts, errors = fig.artists_of, np.asarray(errors)
    counts, _ = np.histogram(errors, EDGES)
    counts = counts / errors.size  # of all estimates, those beyond the axis too
    for bar, height in zip(parts["bars"], counts):
        bar.set_height(height)
    parts["zero"].axes.set_ylim(0, 1.15 * counts.max())
    parts["beyond"].set_text(f"← {(errors < EDGES[0]).mean():.0%} lie\nbelow −{-EDGES[0]:.0f} nats")
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
    parts["live"].axes.set_title(f"The mean gap falls slowly. At K = {here:,} the worst\n5% of "
                                 f"the images hold {gaps[here]['worst']:.0%} of it")
    left = parts["zero"].axes
    guessed = f"; you said: {guess}" if guess else ""
    left.set_title(f"At K = {here:,} the average estimate is {mean:.2f} nats too\n"
                   f"low, yet {above:.0%} are too high{guessed}")
    fig.caption = (
        f"K = {here:,}: the mean estimate lies {mean:.3f} ± {half_width:.3f} nats below log p(x), "
        f"and {above:.0%} of the single estimates lie above it{guessed}. The median image's gap "
        f"is {gaps[here]['median']:.3f} nats; the worst 5% of the images hold "
        f"{gaps[here]['worst']:.0%} of the whole gap."
    )
    return fig


def _empty_evidence(draws, seeds):
    """The figure with its axes, for so many stored seeds, and no data yet."""
    fig = Figure(figsize=(9.6, 3.7), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1])
    fig.artists_of = {
        "bars": list(left.bar(EDGES[:-1], 0 * EDGES[:-1], np.diff(EDGES), align="edge",
                              color=BLUE, alpha=0.6)),
        "zero": left.axvline(0, color="black", label="log p(x)"),
        "mean": left.axvline(0, color=ORANGE, linestyle="--", label="mean of the estimates"),
        "beyond": left.text(0.02, 0.5, "", transform=left.transAxes, fontsize=9),
        "stored": [right.plot([], [], color=BLUE, alpha=0.3)[0] for _ in range(seeds)],
        "live": right.plot([], [], "D-", color=ORANGE, markersize=5)[0],
        "interval": right.vlines(draws, 0.1, 0.1, color=ORANGE),
        "median": right.plot([], [], "s--", color=GREEN, markersize=4)[0],
        "chosen": right.axvline(1, color="#777777", linestyle=":"),
    }
    left.set(xlabel="one estimate with K draws, minus log p(x) (nats)",
             ylabel="share of the estimates", xlim=(EDGES[0], EDGES[-1]), title=TWO_LINES)
    left.legend(handles=[fig.artists_of["mean"], fig.artists_of["zero"]], fontsize=9,
                loc="upper left", frameon=True, facecolor="white", edgecolor="none",
                framealpha=1)
    right.set(xscale="log", yscale="log", xlabel="draws K", xlim=(0.8, 1.3 * max(draws)),
              ylabel="log p(x) − $\\mathcal{L}_K$ (nats per image)", title=TWO_LINES)
    right.legend(handles=[fig.artists_of["stored"][0], fig.artists_of["live"],
                          fig.artists_of["median"]], fontsize=9, loc="lower left",
                 labels=["mean, ten stored seeds", "mean, this run, with 95 % interval",
                         "median image, this run"])
    freeze_layout(fig)
    return fig


@styled
def bounds_of_models(draws, bounds):
    """Minus the IWAE bound of the same test images against K, for two models.

    draws: [K]; bounds: {model: {K: [images]}}, two of them, in nats.
    """
    fig = Figure(figsize=(9.6, 3.5), layout="constrained")
    axes, ends = fig.subplots(), (min(draws), max(draws))
    told = "At " + "; at ".join(f"K = {k:,} {_who_leads(bounds, k)}" for k in ends)
    for (label, of), colour, marker in zip(bounds.items(), (BLUE, ORANGE), "os"):
        means = [-np.mean(np.asarray(of[k])) for k in draws]
        axes.plot(draws, means, marker + "-", color=colour, label=label)
    axes.set(xscale="log", xlabel="draws K", xlim=(0.7, 1.5 * ends[1]),
             ylabel="$-\\mathcal{L}_K$ (nats per image; lower is better)",
             title=told)
    axes.legend(fontsize=9)
    fig.caption = told + "."
    return fig


def _who_leads(bounds, k):
    """Who leads at K = k, and by how much; "level" where the paired 95 % interval contains 0."""
    (first, a), (second, b) = ((label, np.asarray(of[k])) for label, of in bounds.items())
    lead = a - b
    if abs(lead.mean()) < 1.96 * lead.std(ddof=1) / np.sqrt(len(lead)):
        return f"{first} and {second} are level"
    return f"{first if lead.mean() > 0 else second} leads by {abs(lead.mean()):.1f} nats"


@styled
def image_by_image(scores, paired, unpaired):
    """Two models' numbers for the same test images, one against the other.

    scores: {model: [images]}, minus the bound of two models, in nats; paired, unpaired: half the
    widths of the 95 % intervals of the mean difference.
    """
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.1, 1])
    (first, a), (second, b) = ((label, np.asarray(of)) for label, of in scores.items())
    ends = [min(a.min(), b.min()) - 5, max(a.max(), b.max()) + 5]
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    left.plot(ends, ends, color="#777777", linestyle="--", label="equally hard for both")
    left.plot(a, b, "o", color=BLUE, markersize=4, alpha=0.6, label="one test image")
    left.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"{first}: −bound (nats)",
             ylabel=f"{second}: −bound (nats)",
             title="Images that are hard for one model\nare hard for the other")
    left.legend(fontsize=9)
    mean = (a - b).mean()
    for row, (label, width, colour) in enumerate([
            ("paired", paired, ORANGE), ("unpaired", unpaired, GREEN)]):
        right.errorbar(mean, row, xerr=width, fmt="os"[row], color=colour, capsize=4)
        text = f"{label}: {mean:.2f} ± {width:.2f}".replace("-", "−")
        right.text(mean, row - 0.13, text, ha="center", fontsize=9, bbox=behind)
    right.axvline(0, color="#777777", linestyle="--", zorder=0)
    right.set(yticks=[], ylim=(1.5, -0.5),
              xlabel=f"{first} minus {second}, mean −bound (nats per image)",
              title=f"The paired interval is\n{unpaired / paired:.0f} times narrower")
    fig.caption = (f"{first} minus {second}: {mean:.2f} nats, ± {paired:.2f} paired, "
                   f"± {unpaired:.2f} unpaired.")
    return fig


@styled
def chosen_on_test(bias):
    """The selection bias of a run that is chosen on test images, against how many images.

    bias: {number of runs to choose from: {number of images: nats per image}}.
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    axes = fig.subplots()
    for (runs, of), colour, marker in zip(bias.items(), (BLUE, GREEN, ORANGE), "s^o"):
        axes.plot(list(of), list(of.values()), marker + "-", color=colour,
                  label=f"the best of {runs} runs")
    axes.axhline(0, color="#777777", linestyle="--")
    sizes = list(of)
    axes.set(xscale="log", xlabel="test images that the run is chosen on, and reported on",
             ylabel="selection bias (nats per image)", ylim=(-0.02, None))
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.set_xticks([], minor=True)
    axes.legend(fontsize=9)
    few, many = of[sizes[0]], of[sizes[-1]]
    axes.set_title(f"The best of {runs} runs, chosen on {sizes[0]:,} test images, looks better by "
                   f"{few:.2f} nats; chosen on {sizes[-1]:,}, by {many:.2f}")
    fig.caption = "Chosen on test images, a run looks better by: " + "; ".join(
        f"the best of {runs} runs " + ", ".join(f"{nats:.2f} nats on {n:,} images"
                                                for n, nats in of.items())
        for runs, of in bias.items()) + "."
    return fig


@styled
def beside_the_paper(curves, reported):
    """The IWAE bound with 5,000 draws against epochs, and beside what a paper reports.

    curves: {label: {"draws": K, "few": [(epoch, value)], "whole": [(epoch, value, half width)]}},
    of the first test images and of all, with at least one epoch of "whole" in common; reported:
    {label: value}; nats per test image.
    """
    fig = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1.2])
    for (label, of), marker in zip(curves.items(), "os"):
        colour = {1: BLUE, 5: ORANGE}[of["draws"]]
        few, whole = (np.array(of[part], dtype=float).T for part in ("few", "whole"))
        left.plot(*few, marker + ":", color=colour, markersize=5, label=label)
        aside = 1.03 if marker == "s" else 1 / 1.03  # or one mark would hide the other
        right.errorbar(aside * whole[0], whole[1], whole[2], fmt=marker, color=colour,
                       markersize=7, capsize=3, label=label)
    for (label, value), colour in zip(reported.items(), (BLUE, ORANGE, GREEN)):
        right.axhline(value, color=colour, linestyle="--", linewidth=1)
        right.text(0.02, value, label, color=colour, fontsize=9, va="bottom",
                   transform=right.get_yaxis_transform())
    by_epoch = [{epoch: value for epoch, value, _ in of["whole"]} for of in curves.values()]
    common = max(set(by_epoch[0]).intersection(*by_epoch[1:]))
    lead = by_epoch[0][common] - by_epoch[-1][common]
    first, second = (dict(of["few"]) for of in curves.values())
    met = [first[epoch] - second[epoch] for epoch in first if epoch in second]
    left.set_title("The first 1,000 test images: K = 5 is\nahead at "
                   f"{sum(gain > 0 for gain in met)} of {len(met)} epochs")
    right.set_title(f"All test images: after {common:,} epochs,\nK = 5 is {lead:.1f} nats ahead of "
                    "the ELBO")
    for axes, part in ((left, "few"), (right, "whole")):
        ticks = sorted({at[0] for of in curves.values() for at in of[part]})
        axes.set(xscale="log", xlabel="epochs", xlim=(0.7 * ticks[0], 1.4 * ticks[-1]),
                 ylabel="$-\\mathcal{L}_{5000}$ (nats per image; lower is better)")
        axes.set_xticks(ticks, [f"{epoch:,}" for epoch in ticks])
        axes.set_xticks([], minor=True)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=9, loc="upper right")
    right.set_ylim(top=right.get_ylim()[1] + 1.2)  # room for the legend
    fig.caption = "All test images: " + "; ".join(
        f"{label}, {epoch:,} epochs: {value:.2f} ± {width:.2f}"
        for label, of in curves.items() for epoch, value, width in of["whole"]
    ) + ". Reported: " + "; ".join(
        f"{label}: {value:.2f}" for label, value in reported.items()) + "."
    return fig


@styled
def latent_activity(activity, threshold):
    """The variance of each latent's posterior mean over images, from the largest to the least.

    activity: {model: [latent]}, of two models; threshold: above it a latent counts as active.
    """
    fig = Figure(figsize=(9.6, 3.3), layout="constrained")
    axes = fig.subplots()
    for (label, values), marker, colour in zip(activity.items(), "os", (BLUE, ORANGE)):
        filled = colour if marker == "o" else "none"  # so that neither hides the other
        axes.plot(np.arange(1, len(values) + 1), np.sort(values)[::-1], marker, color=colour,
                  markersize=5 if marker == "o" else 8, markerfacecolor=filled, label=label)
    axes.axhline(threshold, color="black", linestyle=":",
                 label=f"above {threshold:g}: active")
    everything = np.concatenate([np.asarray(values) for values in activity.values()])
    axes.set(yscale="log", xlabel="latent, from the most active",
             ylabel="variance of the posterior mean",
             xlim=(0, max(map(len, activity.values())) + 1),
             ylim=(0.5 * everything.min(), 2 * everything.max()))
    axes.legend(fontsize=9)
    active = everything > threshold
    gap = active.any() and (~active).any() and (
        everything[active].min() > 10 * everything[~active].max())
    counts = " and ".join(f"{int((np.asarray(values) > threshold).sum())} ({label})"
                          for label, values in activity.items())
    found = f"{counts} of {len(values)} latents are active"
    axes.set_title(found + (", and none is near the threshold" if gap else ""))
    fig.caption = f"{found}: their mean varies by more than {threshold:g} over images."
    return fig


@styled
def gradient_race(stored, guess=None):
    """What a gradient gains over the total derivative in as many steps, each seed by itself.

    stored: {K: {estimator: [seeds]}}, minus the IWAE bound of the trained models in nats per test
    image, the total derivative first. guess: which gradient the learner expects to win at the
    larger K.
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
             xlabel="−bound, minus that of the total derivative, same seed (nats; left is better)")
    axes.set_yticklabels([f"{name}, K = {draws}" for draws, name in rows])
    axes.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1, 1), labelspacing=1.2)
    guessed = f"; your guess: {guess}" if guess else ""
    everywhere = all((difference < 0).all() for difference in differences)
    axes.set_title(("Leaving out the score gives the better model in every seed" if everywhere else
                    "Leaving out the score does not help in every seed") + guessed)
    fig.caption = "Against the total derivative of the same seed: " + ", ".join(
        f"{name} at K = {draws} {mean:+.2f} nats ({difference.min():+.2f} to "
        f"{difference.max():+.2f})"
        for (draws, name), mean, difference in zip(rows, means, differences)) + f"{guessed}."
    return fig
