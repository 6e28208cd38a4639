"""Figures of notebook 08: one regression of a variance, in three parametrisations."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vae_helpers.plots.base import TWO_LINES, freeze_layout, styled
from vae_lessons.choose_a_log_variance.figures import STYLES

FAILURES = LinearSegmentedColormap.from_list("failures", ["#FFFFFF", "#E69F00"])


@styled
def fitted_scales(x, truth, stored, live, excess, failures, settings, guess=None, fig=None):
    """σ² as each parametrisation learned it, every stored seed and this run over the truth.

    x: [points]; truth: log₁₀ σ² [points]; stored: {parametrisation: log₁₀ σ² [seeds, points],
    NaN where it was not finite}; live: {parametrisation: [points]}, for some or none; excess:
    {parametrisation: nats per residual [seeds]}, ∞ among them; failures: {parametrisation:
    seeds that failed}; settings: words for the title. guess: a parametrisation, or None.
    """
    if fig is None:
        fig = _empty_fits(stored)
    words = []
    for name in stored:
        parts = fig.artists_of[name]
        for line, curve in zip(parts["stored"], stored[name]):
            line.set_data(x, np.clip(curve, -8, 8))
        parts["live"].set_data(*([x, live[name]] if name in live else [[], []]))
        parts["truth"].set_data(x, truth)
        median = np.median(excess[name])
        count = f"{failures[name]} of {len(excess[name])} fail"
        chosen = " (your guess)" if guess == name else ""
        parts["truth"].axes.set_title(f"{name}{chosen}:\n{count}, median excess {_nats(median)}",
                                      fontsize=9.5)
        words.append(f"{name}: {count}, median excess {_nats(median)}")
    middle = (truth.min() + truth.max()) / 2
    parts["truth"].axes.set_ylim(middle - 6.4, middle + 6.4)
    best = min(excess, key=lambda name: np.median(excess[name]))
    fails = ", yet fails in every seed" * (failures[best] == len(excess[best]))
    finding = f"{settings}: the {best} ends closest to the truth{fails}"
    fig.artists_of["finding"].set_text(finding)
    fig.caption = f"{finding}. " + "; ".join(words) + "."
    return fig


def _empty_fits(stored):
    """The figure of fitted scales with a panel for each parametrisation, and no curves yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    panels = fig.subplots(1, len(stored), sharey=True)
    fig.artists_of = {"finding": fig.suptitle(" ")}
    for axes, name in zip(panels, stored):
        fig.artists_of[name] = {
            "stored": [axes.plot([], [], color=STYLES[name][0], alpha=0.5, linewidth=1.2,
                                 label="stored seeds" if k == 0 else None)[0]
                       for k in range(len(stored[name]))],
            "live": axes.plot([], [], color="black", linewidth=1.6, linestyle="--",
                              label="this run")[0],
            "truth": axes.plot([], [], color="#999999", linewidth=5, alpha=0.5,
                               label="truth")[0],
        }
        axes.set(xlabel="x", xlim=(-1, 1), title=TWO_LINES)
    panels[0].set_ylabel("log₁₀ σ²")
    panels[0].set_ylim(-11, 11)
    panels[0].legend(loc="upper left", fontsize=9, frameon=True, edgecolor="none")
    freeze_layout(fig)
    return fig


@styled
def failure_maps(failures, of, optimizer, learning_rates, scales, guess=None):
    """How many fits fail at each learning rate and scale, one panel for each parametrisation.

    failures: {parametrisation: failed fits [learning rates, scales]}, out of `of` in each cell;
    scales: of the residuals. guess: a parametrisation that the learner chose, or None.
    """
    fig = _empty_maps(failures, of, learning_rates, scales)
    totals = {name: int(np.sum(count)) for name, count in failures.items()}
    fits, words = of * len(scales) * len(learning_rates), []
    for name, (picture, texts) in fig.artists_of["panels"].items():
        count = np.asarray(failures[name])
        picture.set_data(count)
        for text, failed in zip(texts, count.ravel()):
            text.set_text(f"{failed:.0f}")
        chosen = " (your guess)" if guess == name else ""
        picture.axes.set_title(f"{name}{chosen}:\n{totals[name]} of {fits} fits fail")
        words.append(f"{name}: {totals[name]} of {fits} fits fail; by scale " + ", ".join(
            f"{failed:.0f} at {scale:g}" for scale, failed in zip(scales, count.sum(0))))
    fewest = [name for name, total in totals.items() if total == min(totals.values())]
    fig.artists_of["finding"].set_text(
        f"{optimizer}: the {' and the '.join(fewest)} {'fail' if fewest[1:] else 'fails'} in the "
        "fewest fits")
    fig.caption = f"{optimizer}, {of} fits in each cell. " + ". ".join(words) + "."
    return fig


def _empty_maps(failures, of, learning_rates, scales):
    """The figure of failed fits with a panel for each parametrisation, and no numbers yet."""
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    panels = fig.subplots(1, len(failures), sharey=True)
    fig.artists_of = {"finding": fig.suptitle(" "), "panels": {}}
    for axes, (name, count) in zip(panels, failures.items()):
        rows, columns = np.shape(count)
        fig.artists_of["panels"][name] = (
            axes.imshow(np.zeros((rows, columns)), cmap=FAILURES, vmin=0, vmax=of,
                        aspect="auto", origin="lower"),
            [axes.text(k, row, "", ha="center", va="center", fontsize=11)
             for row in range(rows) for k in range(columns)],
        )
        axes.set(xlabel="scale of the residuals", xticks=range(columns), yticks=range(rows),
                 title=TWO_LINES)
        axes.set_xticklabels([f"{scale:g}" for scale in scales])
        axes.set_yticklabels([f"{rate:g}" for rate in learning_rates])
    panels[0].set_ylabel(f"learning rate\n(numbers: failed fits of {of})")
    return fig


@styled
def unit_removed(x, truth, direct, standardised, excess, failing, scale):
    """The same residuals fitted as they are, and after their root mean square was made 1.

    x: [points, 1]; truth: log σ² [points, 1]; direct, standardised: {parametrisation: log σ²
    [points, 1]}; excess: {parametrisation: (excess NLL of direct, of standardised)}, nats;
    failing: the nats at which a fit counts as failed; scale: of the residuals.
    """
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    words, true_log10 = [], np.asarray(truth) / np.log(10)
    for axes, name in zip(fig.subplots(1, len(direct), sharey=True), direct):
        axes.plot(x, true_log10, color="#999999", linewidth=6, alpha=0.5, label="truth")
        axes.plot(x, np.asarray(direct[name]) / np.log(10), color="black", linestyle="--",
                  label="not standardised")
        axes.plot(x, np.asarray(standardised[name]) / np.log(10), color=STYLES[name][0],
                  linewidth=2, label="standardised")
        axes.set(xlabel="x", xlim=(-1, 1), ylim=(true_log10.min() - 2.5, true_log10.max() + 4))
        before, after = (f"{_nats(nats)}{' (fails)' * (nats >= failing)}"
                         for nats in excess[name])
        axes.set_title(f"{name}: excess {before};\nstandardised: {after}", fontsize=10)
        words.append(f"{name}: excess {before}, standardised {after}")
    fig.axes[0].set_ylabel("log₁₀ σ²")
    fig.axes[0].legend(loc="upper left", fontsize=9)
    repaired = [name for name, (before, after) in excess.items() if after < failing <= before]
    fig.suptitle(f"Once standardised, {' and '.join(repaired) or 'none'} no longer "
                 f"{'fail' if repaired[1:] else 'fails'}")
    fig.caption = f"Residuals at scale {scale:g}, this run. " + "; ".join(words) + "."
    return fig


def _nats(value):
    """A number of nats in few characters; what is not finite is told so."""
    if not np.isfinite(value):
        return "∞ nats"
    return f"{value:.2f} nats" if value < 10 else f"{value:,.0f} nats"


@styled
def not_finite_runs(counts, notes, of):
    """How many runs stop at NaN or infinity, a row for each cause and a column for each remedy.

    counts: {cause: {remedy: runs}}, out of `of`; the last remedy is the cause's own cure.
    notes: {(cause, remedy): a few words below the number}.
    """
    causes, remedies = list(counts), list(next(iter(counts.values())))
    table = np.array([list(row.values()) for row in counts.values()])  # [cause, remedy]
    fig = Figure(figsize=(9.6, 3), layout="constrained")
    axes = fig.subplots()
    axes.imshow(table, cmap=FAILURES, vmin=0, vmax=of, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        note = notes.get((causes[row], remedies[column]))
        axes.text(column, row, f"{count}\n{note}" if note else str(count), ha="center", va="center")
    names = [remedy.replace(" cl", "\ncl") for remedy in remedies[:-1]]
    axes.set_xticks(range(len(remedies)), [*names, "the cause's\nown cure"])
    axes.set_yticks(range(len(causes)), causes)
    healed = (table[:, -1] == 0).all() and (table[:, 0] > 0).all()
    axes.set_title(("Each cause has its own cure: runs" if healed else "Runs")
                   + f" of {of} that stop at NaN or infinity")
    told = "; ".join(f"{cause}: " + ", ".join(
        f"{count} ({', '.join(filter(None, [remedy, notes.get((cause, remedy))]))})"
        for remedy, count in row.items()) for cause, row in counts.items())
    fig.caption = f"Of {of} seeds, runs that stop at NaN or infinity. {told}."
    return fig
