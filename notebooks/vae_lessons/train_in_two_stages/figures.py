"""Figures of notebook 07: samples, the race of two ways, measures on spoilt digits, variants."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture, new_picture, tile

COLOURS, MARKS = (BLUE, ORANGE, GREEN), ("o", "s", "^")  # of ways, in their order
GUESS = {"color": "black", "fillstyle": "none", "markersize": 12, "markeredgewidth": 2}


@styled
def digit_rows(rows, title):
    """Rows of digits, each with its name: rows {name: [k, 28, 28] in [0, 1]}."""
    columns = len(next(iter(rows.values())))
    fig = Figure(figsize=(9.6, 0.5 + 0.72 * len(rows) + 0.22 * title.count("\n")),
                 layout="constrained")
    axes = fig.subplots()
    labelled_picture(axes, list(rows), columns).set_data(
        tile(np.concatenate(list(rows.values())), columns))
    axes.set_title(title)
    fig.caption = f"{' '.join(title.split())}. Rows of {columns}: {'; '.join(rows)}.".replace(
        "\n", " ")
    return fig


@styled
def race(seconds, budgets, samples, frechet, live, real, asked, guess=None, fig=None):
    """Samples of two ways after the same seconds, and how close all are to real digits.

    samples: {way: [10, 28, 28] in [0, 1]}; frechet: {way: [seeds, budgets]}; live: {way: its
    distance in this run}, trained for `asked` seconds; real: the distance of real digits; guess:
    after how many seconds the first way is as close as the second after `asked`, ∞ for never.
    """
    if fig is None:
        fig = _empty_race(budgets, samples, frechet, live, real, asked)
    parts, at = fig.artists_of, list(budgets).index(seconds)
    parts["picture"].set_data(tile(np.concatenate(list(samples.values())), 5))
    parts["now"].set_xdata([seconds, seconds])
    medians = {way: np.median(values, 0) for way, values in frechet.items()}
    first, second = medians.values()
    place = None if guess is None else min(guess, 1.25 * budgets[-1])
    goal = second[list(budgets).index(asked)]
    parts["guess"].set_data(*([[], []] if guess is None else [[place], [goal]]))
    closer = all((one > other).all() for one, other in zip(*map(np.asarray, frechet.values())))
    finding = "closer to real digits at every budget" if closer else "not always the closer ones"
    told = "" if guess is None else (
        "; your guess: not within the race" if guess == np.inf else f"; your guess: {guess:g} s")
    picture, curve = parts["picture"].axes, parts["now"].axes
    picture.set_title(f"Stored samples (seed 1)\nafter {seconds:g} s of training")
    curve.set_title(f"Two-stage samples are {finding},\nin every seed{told}" if closer
                    else f"Two-stage samples are\n{finding}{told}")
    fig.caption = (
        f"Stored samples of seed 1 after {seconds:g} seconds, and the Fréchet distance of ten "
        f"seeds by budget: after {seconds:g} s its median is "
        + " and ".join(f"{values[at]:.3g} ({way})" for way, values in medians.items())
        + f"; real training digits have {real:.3g}{told}.")
    return fig


def _empty_race(budgets, samples, frechet, live, real, asked):
    fig = Figure(figsize=(9.6, 4), layout="constrained")
    digits, curve = fig.subplots(1, 2, width_ratios=[1, 1.35])
    labels = [name for way in samples for name in (way, "")]
    picture = labelled_picture(digits, labels, 5)
    digits.set_title(TWO_LINES)
    now = curve.axvline(1, color="#777777", linestyle=":")
    for (way, values), colour, mark in zip(frechet.items(), COLOURS, MARKS):
        _seeds(curve, budgets, values, way, colour, mark)
        curve.plot([asked], [live[way]], mark, color=colour, markersize=11, fillstyle="none",
                   markeredgewidth=2, label=f"{way}, this run")
    curve.axhline(real, color="#555555", linestyle="--", linewidth=1)
    curve.text(budgets[0] / 1.15, real * 0.97, "real training digits", fontsize=9, va="top",
               color="#555555")
    guess, = curve.plot([], [], "D", **GUESS)
    _budget_axis(curve, budgets)
    everything = np.concatenate([np.ravel(values) for values in frechet.values()])
    curve.set(yscale="log", xlim=(budgets[0] / 1.2, budgets[-1] * 1.4), title=TWO_LINES,
              ylim=(min(real, everything.min()) / 1.35, everything.max() * 1.15),
              ylabel="Fréchet distance (lower is better)")
    _plain_ticks(curve)
    curve.legend(fontsize=9, loc="upper right")
    fig.artists_of = {"picture": picture, "now": now, "guess": guess}
    freeze_layout(fig)
    return fig


@styled
def by_budget(budgets, stored, labels, live=None, marked=None):
    """Measures of several ways after each budget of seconds, one panel a measure.

    stored: {measure: {way: [seeds, budgets]}}; labels: {measure: (title, axis label)}; live:
    {way: {measure: value}}, of this run at the budget `marked`.
    """
    fig, words = Figure(figsize=(9.6, 3.6), layout="constrained"), []
    panels = np.atleast_1d(fig.subplots(1, len(stored)))
    for axes, (measure, ways) in zip(panels, stored.items()):
        shown = []
        for (way, values), colour, mark in zip(ways.items(), COLOURS, MARKS):
            shown += np.ravel(values).tolist()
            _seeds(axes, budgets, values, way, colour, mark)
            if live is not None and measure in live.get(way, {}):
                shown.append(live[way][measure])
                axes.plot([marked], shown[-1:], mark, color=colour, markersize=11,
                          fillstyle="none", markeredgewidth=2, label=f"{way}, this run")
        _budget_axis(axes, budgets)
        _fit(axes, shown)
        title, label = labels[measure]
        axes.set(ylabel=label, title=title)
        medians = "; ".join(
            f"{way} " + ", ".join(f"{value:.3g}" for value in np.median(values, 0))
            for way, values in ways.items())
        words.append(f"{' '.join(title.split())}: {medians}")
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4,
               fontsize=9)
    fig.caption = (f"Medians after {', '.join(f'{b:g}' for b in budgets)} seconds. "
                   + ". ".join(words) + ".")
    return fig


@styled
def unit_of_codes(unit, units, elbos, samples, guess=None, fig=None):
    """The second stage's ELBO when all codes are multiplied by `unit`, and its samples then.

    elbos: for all `units` [n], in nats per code; samples [k, 28, 28], drawn with that unit;
    guess: by how much the learner thinks the ELBO changes from unit 1 to unit 10, or None.
    """
    here, start = list(units).index(unit), list(units).index(1)
    if fig is None:
        fig = Figure(figsize=(9.6, 3.3), layout="constrained")
        line, digits = fig.subplots(1, 2, width_ratios=[1.2, 1])
        fig.artists_of = {
            "line": line.plot([], [], "o-", color=GREEN, markersize=4)[0],
            "here": line.plot([], [], "o", color=GREEN, markersize=12)[0],
            "guess": line.plot([], [], "D", **GUESS)[0],
            "digits": new_picture(digits, 2, len(samples) // 2),
        }
        line.set(xscale="log", xlabel="all codes are multiplied by", title=TWO_LINES,
                 xticks=units, xlim=(units[0] / 1.2, units[-1] * 1.2),
                 ylabel="ELBO on codes (nats per code)")
        line.set_xticklabels([f"{of:g}" for of in units])
        line.xaxis.set_minor_locator(NullLocator())
        digits.set_title("Its samples, from the same noise,\ndo not change")
        freeze_layout(fig)
    parts = fig.artists_of
    parts["line"].set_data(units, elbos)
    parts["here"].set_data([unit], [elbos[here]])
    marked = guess is not None and 10 in units
    parts["guess"].set_data([10] if marked else [], [elbos[start] + guess] if marked else [])
    _fit(parts["line"].axes, [*elbos] + ([elbos[start] + guess] if marked else []))
    parts["digits"].set_data(tile(np.asarray(samples), len(samples) // 2))
    moved = elbos[here] - elbos[start]
    moves = f"falls by {-moved:.1f}" if moved < 0 else f"rises by {moved:.1f}"
    guessed = f"\nyour guess for 10: {guess:+.3g} nats (diamond)" if marked else "\n "
    parts["line"].axes.set_title(
        (f"Codes times {unit:g}: the ELBO {moves} nats{guessed}" if moved else
         f"Codes as they are: the ELBO is {elbos[here]:.1f} nats{guessed}").replace("-", "−"))
    fig.caption = (f"With all codes multiplied by {unit:g}, the ELBO on codes is "
                   f"{elbos[here]:.1f} nats per code, {moved:+.1f} from the original one; the "
                   f"samples are the same{guessed.strip() and ', ' + guessed.strip()}."
                   ).replace("-", "−")
    return fig


@styled
def known_pictures(pictures, measures, labels, asked, guess=None):
    """What measures say of sets of pictures whose quality is known: a row a set, a panel each.

    pictures: {set: [k, 28, 28]}, the first of them real; measures: {measure: {set: value}};
    labels: {measure: axis label}; asked: (measure, set) of the prediction; guess: its value.
    """
    rows, columns = list(pictures), len(next(iter(pictures.values())))
    fig = Figure(figsize=(9.6, 1.4 + 0.5 * len(rows)), layout="constrained")
    digits, *panels = fig.subplots(1, 1 + len(measures), width_ratios=[2] + [1] * len(measures))
    labelled_picture(digits, rows, columns).set_data(
        tile(np.concatenate(list(pictures.values())), columns))
    found = []
    for axes, (measure, values) in zip(panels, measures.items()):
        bars = axes.barh(range(len(rows)), [values[name] for name in rows], color=BLUE, height=0.6)
        axes.bar_label(bars, [f"{values[name]:.2g}" for name in rows], padding=3, fontsize=9,
                       bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
        axes.axvline(values[rows[0]], color="#555555", linestyle="--", linewidth=1)
        guessed = ""
        if measure == asked[0] and guess is not None:
            guessed = f"your guess {guess:g}"
            axes.plot([guess], [rows.index(asked[1])], "D", **GUESS)
        axes.set(xlabel=labels[measure], yticks=[], ylim=(len(rows) - 0.5, -0.5),
                 xlim=(0, 1.35 * max(values.values())), title=guessed)
        spread = ", ".join(f"{name} {values[name]:.3g}" for name in rows)
        found.append(f"{' '.join(labels[measure].split())}: {spread}")
    measure = asked[0]
    fooled = sum(measures[measure][name] > measures[measure][rows[0]] for name in rows[1:])
    digits.set(aspect="auto")
    finding = (f"{fooled} of {len(rows) - 1} spoilt sets have a higher {measure} than real digits "
               "(dashed lines)")
    fig.suptitle(finding, x=0.01, ha="left")
    told = "" if guess is None else f" Your guess: {guess:g}."
    fig.caption = f"{finding}. {'. '.join(found)}.{told}"
    return fig


@styled
def places_of_codes(pictures, measures, labels, title):
    """One decoder, codes from several places: pictures of each, and measures beside them.

    pictures: {place: ([10, 28, 28], [10] of which is False for those to be framed)}; measures:
    {measure: {place or "real digits": value}}; labels: {measure: axis label}.
    """
    rows, framed = list(pictures), []
    fig = Figure(figsize=(9.6, 1.3 + 0.62 * len(rows)), layout="constrained")
    digits, *panels = fig.subplots(1, 1 + len(measures), width_ratios=[3] + [1] * len(measures))
    labelled_picture(digits, rows, 10).set_data(
        tile(np.concatenate([images for images, _ in pictures.values()]), 10))
    digits.set(aspect="auto", title=title)
    for row, (_, kept) in enumerate(pictures.values()):
        framed.append(f"{rows[row]} {sum(not one for one in kept)}")
        for column in (n for n, one in enumerate(kept) if not one):
            digits.add_patch(Rectangle((28 * column, 28 * row), 27, 27, fill=False,
                                       edgecolor=ORANGE, linewidth=1.5))
    words = [f"Framed of 10: {', '.join(framed)}"]
    for axes, (measure, values) in zip(panels, measures.items()):
        bars = axes.barh(range(len(rows)), [values[row] for row in rows], color=BLUE, height=0.5)
        axes.bar_label(bars, [f"{values[row]:.2g}" for row in rows], padding=3)
        axes.axvline(values["real digits"], color="#555555", linestyle="--", linewidth=1)
        axes.set(xlabel=labels[measure], yticks=[], ylim=(len(rows) - 0.5, -0.5),
                 xlim=(0, 1.3 * max(values.values())),
                 title=f"dashed: real\ndigits, {values['real digits']:.2g}")
        words.append(f"{' '.join(labels[measure].split())}: "
                     + ", ".join(f"{name} {value:.3g}" for name, value in values.items()))
    fig.caption = f"{' '.join(title.split())}. {'. '.join(words)}."
    return fig


@styled
def paired_variants(stored, reference, labels, flipped, asked, title, guess=None):
    """Other ways to spend the same seconds, each seed beside its own run of the `reference`.

    stored: {measure: {way: [seeds]}}; the first measure is drawn as a ratio to the `reference`,
    which is one of the ways, the others as differences. labels: {measure: (title, axis label)},
    of which the first title gives way to the ratio of the way `asked`; flipped: measures of
    which more is better, whose axis runs to the left; title: of the figure; guess: what the
    learner thinks the ratio is, or None.
    """
    variants = [way for way in next(iter(stored.values())) if way != reference]
    guesses, words = [] if guess is None else [guess], []
    told = f"; your guess: {guess:g} times (diamond)" if guesses else ""
    fig = Figure(figsize=(9.6, 1.9 + 0.4 * len(variants)), layout="constrained")
    panels = fig.subplots(1, len(stored), sharey=True,
                          width_ratios=[1.6] + [1] * (len(stored) - 1))
    fig.suptitle(title + told, x=0.01, ha="left")
    panels[0].set(xscale="log", yticks=range(len(variants)))
    panels[0].set_yticklabels(variants)
    _plain_ticks(panels[0], "xaxis")
    for number, (axes, (measure, ways)) in enumerate(zip(panels, stored.items())):
        own = np.asarray(ways[reference])
        values = np.array([np.asarray(ways[name]) for name in variants])  # [variants, seeds]
        values = values - own if number else values / own
        middle = np.median(values, 1)
        axes.plot(values.ravel(), np.repeat(np.arange(len(variants)), values.shape[1]), "o",
                  color=BLUE, alpha=0.5)
        axes.plot(middle, np.arange(len(variants)), "|", color=BLUE, markersize=20,
                  markeredgewidth=2)
        axes.axvline(0 if number else 1, color="#777777", linestyle="--", linewidth=1)
        ratio = middle[variants.index(asked)]
        finding, label = labels[measure]
        if not number:
            finding = f"{asked[:1].upper()}{asked[1:]}:\n{ratio:.2g} times the distance"
        axes.set(xlabel=label, ylim=(len(variants) - 0.5, -0.5), title=finding)
        _fit(axes, [*values.ravel(), *([0] if number else [1, *guesses])], "x")
        if measure in flipped:
            axes.invert_xaxis()
        words.append(f"{' '.join(finding.split())}. {' '.join(label.split())}: " + ", ".join(
            f"{name} {value:.3g}" for name, value in zip(variants, middle)))
    panels[0].plot(guesses, [variants.index(asked)] * len(guesses), "D", **GUESS)
    fig.caption = f"{title}{told}. Medians: {'. '.join(words)}.".replace(" -", " −")
    return fig


def _seeds(axes, budgets, values, way, colour, mark):
    """The seeds of a way [seeds, budgets] as small marks, and a line through their medians."""
    values = np.asarray(values)
    axes.plot(budgets, np.median(values, 0), color=colour)
    axes.plot(np.broadcast_to(budgets, values.shape).ravel(), values.ravel(), mark,
              color=colour, alpha=0.4, markersize=4, label=way)


def _budget_axis(axes, budgets):
    axes.set(xscale="log", xlabel="budget in seconds of training", xticks=budgets,
             xlim=(budgets[0] / 1.2, budgets[-1] * 1.2))
    axes.set_xticklabels([f"{budget:g}" for budget in budgets])
    axes.xaxis.set_minor_locator(NullLocator())


def _plain_ticks(axes, which="yaxis"):
    """Numbers like 5, 20 and 100 on a logarithmic axis."""
    axis = getattr(axes, which)
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _fit(axes, values, which="y"):
    """Limits around all values, with some room."""
    low, high = min(values), max(values)
    if getattr(axes, f"get_{which}scale")() == "log":
        room = (high / low) ** 0.08
        limits = low / room, high * room
    else:
        room = 0.08 * (high - low) + 1e-6
        limits = low - room, high + room
    getattr(axes, f"set_{which}lim")(limits)
