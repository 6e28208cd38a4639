"""Figures of notebook 07: rulers for pictures, two ways of training under one clock."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture, new_picture, tile

COLOURS = (BLUE, ORANGE)  # of the two ways, in their order
MARKS = ("o", "s")


@styled
def known_pictures(pictures, measures, labels, asked, guess=None):
    """What rulers say of pictures about which all is known: one row a set, one panel a ruler.

    pictures: {set: [k, 28, 28]}, the first of them real; measures: {ruler: {set: value}};
    labels: {ruler: axis label}; asked: (ruler, set) of the prediction; guess: its value or None.
    """
    rows, columns = list(pictures), len(next(iter(pictures.values())))
    fig = Figure(figsize=(9.6, 0.9 + 0.5 * len(rows)), layout="constrained")
    ratios = [2.2] + [1] * len(measures)
    digits, *panels = fig.subplots(1, len(ratios), width_ratios=ratios)
    new_picture(digits, len(rows), columns).set_data(
        tile(np.concatenate(list(pictures.values())), columns))
    for row, name in enumerate(rows):
        digits.text(-6, 28 * row + 13.5, name, ha="right", va="center")
    found = []
    for axes, (ruler, values) in zip(panels, measures.items()):
        axes.barh(range(len(rows)), [values[name] for name in rows], color=BLUE, height=0.6)
        guessed = " "
        if ruler == asked[0] and guess is not None:
            guessed = f"your guess {guess:g}"
            axes.plot([guess], [rows.index(asked[1])], "D", color=ORANGE, markersize=10,
                      fillstyle="none", markeredgewidth=2)
        axes.set(xlabel=labels[ruler], yticks=[], ylim=(len(rows) - 0.5, -0.5),
                 xlim=(0, 1.08 * max(values.values())),
                 title=f"real {values[rows[0]]:.2g}\n{guessed}")
        spread = ", ".join(f"{name} {values[name]:.3g}" for name in rows)
        found.append(f"{labels[ruler]}: {spread}")
    ruler = asked[0]
    better = [name for name in rows[1:] if measures[ruler][name] > measures[ruler][rows[0]]]
    digits.set(aspect="auto", title=f"{len(better)} of {len(rows) - 1} spoilt sets have a\n"
                                    f"higher {ruler} than real digits")
    fig.caption = ". ".join(found) + ("." if guess is None else f". Your guess: {guess:g}.")
    return fig


@styled
def same_second(seconds, budgets, pictures, originals, frechet, asked, guess=None, fig=None):
    """Both ways with the clock stopped at the same second: what they draw and what comes back.

    pictures: {way: {"samples" and "reconstructions": [10, 28, 28]}}, originals [10, 28, 28], in
    [0, 1]; frechet: {way: [seeds, budgets]}; seconds: one of the budgets. guess: after how
    many seconds the first way draws as well as the second after `asked`, ∞ for none of the
    budgets, or None.
    """
    if fig is None:
        fig = _empty_second(pictures, budgets)
    at, parts, words = list(budgets).index(seconds), fig.artists_of, []
    for way, shown in pictures.items():
        rows = [shown["samples"], *_pairs(originals, shown["reconstructions"])]
        picture, line = parts[way]
        picture.set_data(tile(np.concatenate(rows), 5))
        medians = np.median(frechet[way], 0)
        line.set_data(budgets, medians)
        words.append(f"{way} {medians[at]:.0f}")
        picture.axes.set_title(f"{way.capitalize()}, {seconds:g} s:\n"
                               "draws, digits, what comes back")
    _fit(line.axes, np.concatenate([np.median(values, 0) for values in frechet.values()]))
    parts["now"].set_xdata([seconds, seconds])
    line.axes.set_title(f"After {seconds:g} s, medians:\n{', '.join(words)}")
    goal = medians[list(budgets).index(asked)]  # of the second way
    place = None if guess is None else min(guess, 1.3 * budgets[-1])
    parts["guess"].set_data(*([[], []] if guess is None else [[place], [goal]]))
    told = "none of these seconds" if guess == np.inf else f"{guess or 0:g} s"
    guessed = "" if guess is None else f" Your guess (diamond): {told}."
    fig.caption = (f"After {seconds:g} seconds the median Fréchet distance from real digits is "
                   f"{' and '.join(words)}. Rows 1 and 2 are draws from the prior; rows 3 and 5 "
                   f"are test digits, rows 4 and 6 what comes back of them.{guessed}")
    return fig


def _empty_second(ways, budgets):
    """The figure of two ways at one second with its axes, and nothing trained yet."""
    fig = Figure(figsize=(9.6, 3.7), layout="constrained")
    *panels, curve = fig.subplots(1, 3, width_ratios=[1, 1, 1.1])
    fig.artists_of = {
        "now": curve.axvline(1, color="#777777", linestyle=":"),
        "guess": curve.plot([], [], "D", color=BLUE, fillstyle="none", markersize=12,
                            markeredgewidth=2)[0],
    }
    for way, axes, colour, mark in zip(ways, panels, COLOURS, MARKS):
        axes.set_title(TWO_LINES)
        fig.artists_of[way] = (
            labelled_picture(axes, ["draws"] * 2 + ["digits", "back"] * 2, 5),
            curve.plot([], [], color=colour, marker=mark, label=way)[0],
        )
    _budget_axis(curve, budgets)
    curve.set(yscale="log", title=TWO_LINES, ylabel="Fréchet distance from real digits")
    curve.set(ylim=(1, 100), xlim=(budgets[0] / 1.2, budgets[-1] * 1.5))
    _plain_ticks(curve)
    curve.legend(fontsize=9, loc="upper right")
    freeze_layout(fig)
    return fig


def _pairs(originals, copies):
    """Five originals, their copies, the other five, theirs: [4, 5, 28, 28]."""
    return [originals[:5], copies[:5], originals[5:10], copies[5:10]]


@styled
def stopped_clocks(budgets, stored, live, labels, marked, log=()):
    """What both ways are worth whenever the clock is stopped, one panel a measure.

    stored: {measure: {way: [seeds, budgets]}}; live: {way: {measure: value}}, from the run in
    the notebook at the budget `marked`; labels: {measure: (name, unit)}; log: the
    measures that are drawn on a logarithmic axis.
    """
    fig, words = Figure(figsize=(9.6, 3.4), layout="constrained"), []
    for axes, (measure, ways) in zip(fig.subplots(1, len(stored)), stored.items()):
        drawn, medians = [], {}
        for (way, values), colour, mark in zip(ways.items(), COLOURS, MARKS):
            values = np.asarray(values)  # [seeds, budgets]
            drawn += [*values.ravel(), live[way][measure]]
            medians[way] = np.median(values, 0)
            axes.plot(budgets, medians[way], color=colour)
            axes.plot(np.broadcast_to(budgets, values.shape).ravel(), values.ravel(), mark,
                      color=colour, alpha=0.4, markersize=4, label=way)
            axes.plot([marked], [live[way][measure]], mark, color=colour, markersize=11,
                      fillstyle="none", markeredgewidth=2, label=f"{way}, this run")
        _budget_axis(axes, budgets)
        if measure in log:
            axes.set_yscale("log")
            _plain_ticks(axes)
        _fit(axes, drawn)
        name, unit = labels[measure]
        one, other = (values[-1] for values in medians.values())
        axes.set(ylabel=unit, title=f"{name}\n{budgets[-1]:g} s: {one:.3g}, {other:.3g}")
        words.append(f"{name}: " + "; ".join(
            f"{way} " + ", ".join(f"{value:.3g}" for value in values)
            for way, values in medians.items()))
    fig.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    fig.caption = (f"Medians after {', '.join(f'{b:g}' for b in budgets)} seconds. "
                   + ". ".join(words) + ".")
    return fig


@styled
def paired_variants(stored, reference, labels, asked, guess=None):
    """What else could be done with the same seconds, each seed beside its own two stages.

    stored: {measure: {variant: [seeds]}} and reference {measure: [seeds]}; the first measure is
    drawn as a ratio, the others as differences. labels: {measure: axis label}; guess:
    what the learner thinks is the ratio of the variant `asked`, or None.
    """
    variants = list(next(iter(stored.values())))
    guesses, words = [] if guess is None else [guess], []
    fig = Figure(figsize=(9.6, 1.5 + 0.4 * len(variants)), layout="constrained")
    panels = fig.subplots(1, len(stored), sharey=True,
                          width_ratios=[1.6] + [1] * (len(stored) - 1))
    panels[0].set(xscale="log", yticks=range(len(variants)))
    panels[0].set_yticklabels(variants)
    _plain_ticks(panels[0], "xaxis")
    for number, (axes, measure) in enumerate(zip(panels, stored)):
        own = np.asarray(reference[measure])
        values = np.array([stored[measure][name] for name in variants])  # [variants, seeds]
        values = values - own if number else values / own
        middle = np.median(values, 1)
        axes.plot(values.ravel(), np.repeat(np.arange(len(variants)), values.shape[1]), "o",
                  color=BLUE, alpha=0.5)
        axes.plot(middle, np.arange(len(variants)), "|", color=BLUE, markersize=20,
                  markeredgewidth=2)
        axes.axvline(0 if number else 1, color="#777777", linestyle="--", linewidth=1)
        axes.set(xlabel=labels[measure], ylim=(len(variants) - 0.5, -0.5))
        _fit(axes, [*values.ravel(), *([0] if number else [1, *guesses])], "x")
        words.append(f"{labels[measure]}: " + ", ".join(
            f"{name} {value:.3g}" for name, value in zip(variants, middle)))
        if not number:
            nearer = (values < 1).all(1).sum()
            guessed = f"; your guess: {guess:g} (diamond)" if guesses else ""
            axes.set_title(f"In every seed nearer to real digits than two stages: {nearer} of "
                           f"{len(variants)}\n{asked}: {middle[variants.index(asked)]:.2g} "
                           f"times as far{guessed}")
    panels[0].plot(guesses, [variants.index(asked)] * len(guesses), "D", color=ORANGE,
                   fillstyle="none", markersize=11, markeredgewidth=2)
    fig.caption = f"Medians beside the two stages of the same seed. {'. '.join(words)}{guessed}."
    return fig


@styled
def unit_of_codes(unit, units, elbos, samples, guess=None, fig=None):
    """The second stage's ELBO when its codes are told in another unit, and what it draws then.

    elbos: of all `units` [n], in nats per image; samples [k, 28, 28], drawn in the unit `unit`;
    guess: how much the learner thinks the ELBO falls from unit 1 to unit 10, or None.
    """
    here, start = list(units).index(unit), list(units).index(1)
    if fig is None:
        fig = Figure(figsize=(9.6, 3.3), layout="constrained")
        line, digits = fig.subplots(1, 2, width_ratios=[1.2, 1])
        fig.artists_of = {
            "line": line.plot([], [], "o-", color=GREEN, markersize=4)[0],
            "here": line.plot([], [], "o", color=GREEN, markersize=12)[0],
            "guess": line.plot([], [], "D", color=ORANGE, fillstyle="none", markersize=12,
                               markeredgewidth=2)[0],
            "digits": new_picture(digits, 2, len(samples) // 2),
        }
        line.set(xscale="log", xlabel="new units in an old one", title=TWO_LINES, xticks=units,
                 xlim=(units[0] / 1.2, units[-1] * 1.2),
                 ylabel="ELBO on codes (nats per image)")
        line.set_xticklabels([f"{of:g}" for of in units])
        line.xaxis.set_minor_locator(NullLocator())
        digits.set_title("What the two stages draw\nfrom the same noise")
        freeze_layout(fig)
    parts = fig.artists_of
    parts["line"].set_data(units, elbos)
    parts["here"].set_data([unit], [elbos[here]])
    marked = guess is not None and 10 in units
    parts["guess"].set_data([10] if marked else [], [elbos[start] - guess] if marked else [])
    _fit(parts["line"].axes, [*elbos] + ([elbos[start] - guess] if marked else []))
    parts["digits"].set_data(tile(np.asarray(samples), len(samples) // 2))
    moved = elbos[here] - elbos[start]
    guessed = f"; your guess for 10: {-guess:+g} (diamond)" if marked else ""
    parts["line"].axes.set_title(
        f"Unit {unit:g}: ELBO {elbos[here]:.1f}, moved by {moved:+.1f}\n"
        f"and the pictures are the same{guessed}".replace("-", "−"))
    fig.caption = (f"With {unit:g} new units in an old one the ELBO on codes is {elbos[here]:.1f} "
                   f"nats per image, {moved:+.1f} from that in the old unit; the pictures are the "
                   f"same{guessed}.").replace("-", "−")
    return fig


def _budget_axis(axes, budgets):
    axes.set(xscale="log", xlabel="seconds in all", xticks=budgets,
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
