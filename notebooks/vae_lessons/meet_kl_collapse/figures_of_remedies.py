"""Figures of notebook 05: what remedies against posterior collapse gain."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, styled


@styled
def remedy_gains(gains, live, notes, labels, guess=None):
    """What each remedy gains over the same seed's constant run, one panel a measure.

    gains: {measure: {remedy: [seeds]}}; live: {remedy: {measure: gain}} of this notebook's runs;
    notes: {run: (median of active latents, median of dead units)}, the constant run first;
    labels: {measure: how it is called}; guess: the remedy that the learner committed, or None.
    A title names the remedies whose median gain is within a nat of the largest.
    """
    remedies = list(next(iter(gains.values())))
    rows = np.arange(len(remedies))
    fig = Figure(figsize=(9.6, 1.7 + 0.48 * len(remedies)), layout="constrained")
    fig.get_layout_engine().set(rect=(0.01, 0, 0.98, 1))
    panels = fig.subplots(1, len(gains), sharey=True, sharex=True, squeeze=False)[0]
    told = []
    for axes, (measure, of) in zip(panels, gains.items()):
        values = np.array([of[remedy] for remedy in remedies])  # [remedies, seeds]
        medians, spread = np.median(values, 1), np.linspace(-0.2, 0.2, values.shape[1])
        axes.axvline(0, color="#666666", linewidth=1)
        axes.plot(values, rows[:, None] + spread, "o", color=BLUE, alpha=0.5, markersize=5)
        axes.plot(medians, rows, "|", color=BLUE, markersize=24, markeredgewidth=3)
        axes.plot([found[measure] for found in live.values()],
                  [remedies.index(remedy) for remedy in live], "D", color=ORANGE, markersize=8)
        most = [name for name, median in zip(remedies, medians) if median > medians.max() - 1]
        axes.set(xlabel="gain over the constant run (nats per test image)\nbetter →",
                 title=f"{labels[measure]},\n{' and '.join(most)} gain{'s' * (len(most) < 2)} most")
        told.append(f"{labels[measure]}: " + ", ".join(
            f"{remedy} {median:.1f}" for remedy, median in zip(remedies, medians)))
        if guess is not None:
            axes.axhspan(*(remedies.index(guess) + np.array([-0.5, 0.5])), color=ORANGE, alpha=0.15)
    panels[0].set(yticks=rows, ylim=(len(remedies) - 0.5, -0.5))
    panels[0].set_yticklabels([
        f"{remedy}\n{notes[remedy][0]:g} active, {notes[remedy][1]:g} dead"
        for remedy in remedies], fontsize=9)
    constant = next(iter(notes))
    guessed = "" if guess is None else f" Your guess: {guess}."
    fig.supxlabel("dots: stored seeds, bars: medians" + ", diamonds: this run" * bool(live)
                  + ", shaded: your guess" * bool(guess) + ". Labels: medians of active latents "
                  f"and of dead units of 100; {constant}: {notes[constant][0]:g} active, "
                  f"{notes[constant][1]:g} dead", fontsize=8.5)
    fig.caption = f"Median gains over the {constant} run. " + ". ".join(told) + "." + guessed
    return fig
