"""Figures of notebook 02: importance-weighted bounds, and the noise of a real encoder's gradient."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, TWO_LINES, freeze_layout
from vae_helpers.plots.variances import STYLES

OF_BOUND = {"generative": "KL", "DReG": "path derivative", "inference": "Monte Carlo"}


def bound_tightening(samples, bounds, errors, elbo, log_evidence, fig=None):
    """The importance-weighted bound against the number of samples.

    samples: [K]; bounds, errors: [K], the mean of the bound and its standard error, in nats.
    """
    if fig is None:
        fig = Figure(figsize=(8, 3.6), layout="constrained")
        axes = fig.subplots()
        fig.artists_of = {
            "evidence": axes.axhline(0, color="black", label="log p(x)"),
            "elbo": axes.axhline(0, color="#777777", linestyle=":", label="ELBO"),
            "bound": axes.plot([], [], "o-", color=BLUE, label="bound with K samples")[0],
            "errors": axes.vlines(samples, 0, 0, color=BLUE),
        }
        axes.set(xscale="log", xlabel="samples K", ylabel="nats", xticks=samples)
        axes.set_xticks(samples, [str(k) for k in samples])
        axes.set_xticks([], minor=True)
        axes.set_title("More samples tighten the bound")
        axes.legend(loc="center right")
        freeze_layout(fig)
    parts = fig.artists_of
    parts["evidence"].set_ydata([log_evidence] * 2)
    parts["elbo"].set_ydata([elbo] * 2)
    parts["bound"].set_data(samples, bounds)
    ends = zip(samples, bounds - 2 * errors, bounds + 2 * errors)
    parts["errors"].set_segments([[(k, low), (k, high)] for k, low, high in ends])
    room = 0.1 * (log_evidence - elbo)
    parts["evidence"].axes.set_ylim(elbo - room, log_evidence + room)
    fig.caption = (
        f"From {bounds[0]:.3f} nats with {samples[0]} sample to {bounds[-1]:.3f} with {samples[-1]}; "
        f"log p(x) is {log_evidence:.3f}."
    ).replace("-", "−")
    return fig


def signal_to_noise(samples, ratios, slopes, guess=None, fig=None):
    """Signal over noise of each gradient against the number of samples, one panel a case.

    samples: [K]; ratios: {case: {gradient: [K]}}; slopes: {case: {gradient: slope}} in log-log.
    guess: what the learner expects of the encoder's gradient.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 4.0), layout="constrained")
        fig.artists_of = {}
        for axes, (case, gradients) in zip(fig.subplots(1, len(ratios), sharey=True), ratios.items()):
            for gradient in gradients:
                colour, line, mark = STYLES[OF_BOUND[gradient]]
                fig.artists_of[case, gradient] = axes.plot(
                    [], [], linestyle=line, marker=mark, color=colour)[0]
            axes.set(xscale="log", yscale="log", xlabel="samples K", title=TWO_LINES,
                     xlim=(samples[0] / 1.2, samples[-1] * 1.2), ylim=(0.02, 50))
            axes.set_xticks(samples, [str(k) for k in samples])
            axes.set_xticks([], minor=True)
        fig.axes[0].set_ylabel("signal / noise of the gradient")
        freeze_layout(fig)
    for case, gradients in ratios.items():
        for gradient, values in gradients.items():
            line = fig.artists_of[case, gradient]
            line.set_data(samples, values)
            line.set_label(f"{gradient}: slope {slopes[case][gradient]:+.2f}".replace("-", "−"))
        line.axes.legend(loc="upper left", fontsize=9, ncols=1)
        line.axes.set_title(f"{case}\n" + (f"your guess: it {guess}" if guess else " "))
    fig.caption = "Slopes of signal over noise. " + "; ".join(
        f"{case}: " + ", ".join(f"{name} {slope:+.2f}" for name, slope in of_case.items())
        for case, of_case in slopes.items()).replace("-", "−") + "."
    return fig


def layer_noise(stages, layers, stored, live, fig=None):
    """How noisy each estimator leaves an encoder's layers, relative to the Monte Carlo form.

    stages: [stages] of steps; layers: names; stored: {estimator: [seeds, stages, layers]};
    live: {estimator: [stages, layers]}. Ratios of variances.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 5.6), layout="constrained")
        fig.artists_of = {}
        rows = fig.subplots(2, len(layers), sharex=True, sharey="row", height_ratios=[1, 2])
        for position, name in enumerate(stored):
            colour, _, mark = STYLES[name]
            upper = "score" in name
            for column, axes in enumerate(rows[0 if upper else 1]):
                strokes, = axes.plot([], [], "_", color=colour, alpha=0.6, markersize=10)
                marks, = axes.plot([], [], mark, color=colour, label=name)
                fig.artists_of[name, column] = strokes, marks
            fig.artists_of[name, "shift"] = 0.12 * (-1) ** position  # beside each other
        strokes.set_label("stored seeds")
        for layer, upper, lower in zip(layers, *rows):
            upper.set(yscale="log", ylim=(0.3, 1e6), title=layer)
            lower.set(ylim=(0, 1.1), xlabel="training steps", xlim=(-0.5, len(stages) - 0.5))
            lower.axhline(1, color=BLUE, linewidth=1, label="Monte Carlo, entropy")
            upper.axhline(1, color=BLUE, linewidth=1)
            lower.set_xticks(range(len(stages)), [f"{stage:,}" for stage in stages])
        rows[0, -1].legend(loc="center right", fontsize=8, bbox_to_anchor=(1, 0.42))
        rows[1, -1].legend(loc="lower right", fontsize=8)
        fig.supylabel("variance / that of Monte Carlo", fontsize=10)
        freeze_layout(fig)
    words = []
    for name in stored:
        for column in range(len(layers)):
            strokes, marks = fig.artists_of[name, column]
            values = stored[name][:, :, column]  # [seeds, stages]
            places = np.arange(len(stages)) + fig.artists_of[name, "shift"]
            strokes.set_data(np.tile(places, len(values)), values.ravel())
            marks.set_data(places, live[name][:, column])
        words.append(f"{name} {', '.join(f'{value:.3g}' for value in live[name][:, 0])}")
    fig.caption = (
        f"Variance over that of the Monte Carlo form, first layer, at steps "
        f"{', '.join(map(str, stages))}: " + "; ".join(words) + "."
    )
    return fig
