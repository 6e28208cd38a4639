"""Figures of notebook 02: variances of values and gradients, and many-draw bounds."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled

STYLES = {  # every estimator keeps its colour, line and mark in all figures
    "Monte Carlo": (BLUE, "-", "o"),
    "Monte Carlo, entropy": (BLUE, "-", "o"),
    "entropy": (ORANGE, "--", "s"),
    "KL": (GREEN, "-.", "^"),
    "path derivative": ("#CC79A7", ":", "D"),
    "score function": ("#555555", (0, (1, 3)), "v"),
    "centred score function": ("#999999", (0, (3, 3)), "x"),
}
FLOOR = 1e-3  # the lowest variance on the axis; a silent estimator is marked there


@styled
def averages(estimates, exact, draws, counts, spreads, laws, fig=None):
    """Repeated estimates of one ELBO, and their spread against the number of draws.

    estimates: {form: [repetitions]}, each the average of `draws` draws; exact: the ELBO.
    counts: [n], numbers of draws; spreads: {form: [n]}, the standard deviations measured
    there; laws: {form: exact standard deviation of one draw}.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.8), layout="constrained")
        left, right = fig.subplots(1, 2, width_ratios=[1.3, 1])
        left.axvline(exact, color="black", linewidth=1)
        fig.artists_of = {}
        for form in estimates:
            colour, line, mark = STYLES[form]
            right.plot(counts, laws[form] / np.sqrt(counts), line, color=colour)
            right.plot(counts, spreads[form], mark, color=colour, markersize=4)
            fig.artists_of[form] = (
                left.plot([], [], line, color=colour, label=form, drawstyle="steps-mid")[0],
                right.plot([], [], mark, color=colour, markersize=10)[0],
            )
        left.set(xlabel="estimate of the ELBO (nats)", yticks=[], ylabel="how often (scaled)",
                 xlim=(exact - 5, exact + 2.5), ylim=(0, 1.1), title=TWO_LINES)
        left.legend(loc="upper left", fontsize=9)
        right.set(xscale="log", yscale="log", xlabel="draws L", ylabel="standard deviation (nats)",
                  title="Measured (marks), and the spread\nof one draw over √L (lines)")
        freeze_layout(fig)
    measured = {form: values.std() for form, values in estimates.items()}
    for form, values in estimates.items():
        histogram, mark = fig.artists_of[form]
        edges = exact + measured[form] * np.linspace(-5, 4, 46)
        frequency, _ = np.histogram(values, edges)
        histogram.set_data((edges[:-1] + edges[1:]) / 2, frequency / frequency.max())
        mark.set_data([draws], [measured[form]])
    words = ", ".join(f"{form} {spread:.2g}" for form, spread in measured.items())
    histogram.axes.set_title(f"Averages of {draws} draws around the ELBO (line)\nspread: {words}")
    fig.caption = (
        f"With {draws} draws an estimate spreads by {words} nats around {exact:.3f}."
    ).replace("around -", "around −")
    return fig


@styled
def variance_curves(z, posterior, q, sd, laws, here, measured, crossover, guess=None, fig=None):
    """The exact variance of each estimator against q's width, and q itself beside it.

    z, posterior, q: [points], densities. sd: [widths]; laws: {panel: {form: [widths]}}.
    here: the width that q has now; measured: {panel: {form: variance of real draws there}}.
    crossover: the width at which two laws cross. guess: the form the learner expects to win.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 4.0), layout="constrained")
        first, *panels = fig.subplots(1, 1 + len(laws), width_ratios=[0.75] + [1] * len(laws))
        first.plot(z, posterior, color="black", label="posterior")
        fig.artists_of = {"q": first.plot([], [], color="#555555", linestyle="--", label="q")[0]}
        first.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 2.1), title=TWO_LINES)
        first.legend(loc="upper left", fontsize=9)
        for axes, (panel, curves) in zip(panels, laws.items()):
            axes.axvline(crossover, color="#999999", linewidth=1)
            axes.text(crossover * 0.97, 1.6 * FLOOR, "s² = τ²/2", rotation=90, ha="right", fontsize=9)
            for form in curves:
                colour, line, mark = STYLES[form]
                fig.artists_of[panel, form] = (
                    axes.plot([], [], line, color=colour, label=form)[0],
                    axes.plot([], [], mark, color=colour, markersize=8)[0],
                )
            axes.set(xscale="log", yscale="log", xlabel="standard deviation s of q",
                     ylabel=f"variance of the {panel}", xlim=(sd[0], sd[-1]), ylim=(FLOOR, 1e4),
                     title=TWO_LINES)
            axes.set_xticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"], minor=False)
            axes.set_xticks([], minor=True)
            axes.legend(loc="upper left", fontsize=9)
        freeze_layout(fig)
    fig.artists_of["q"].set_data(z, q)
    fig.artists_of["q"].axes.set_title(f"q has s = {here:.2f}\n ")
    sentences = []
    for panel, curves in laws.items():
        for form, law in curves.items():
            line, mark = fig.artists_of[panel, form]
            line.set_data(sd, law)
            mark.set_data([here], [max(measured[panel][form], 1.2 * FLOOR)])
        lowest = min(measured[panel].values())
        best = " and ".join(f for f, value in measured[panel].items() if value <= 1.001 * lowest)
        words = "silent" if lowest < FLOOR else "quietest"
        line.axes.set_title(f"{words}: {best}\n" + (f"your guess: {guess}" if guess else " "))
        sentences.append(f"{panel}: " + ", ".join(
            f"{form} {value:.3g}" for form, value in measured[panel].items()))
    fig.caption = f"Measured variances at s = {here:.2f}. " + "; ".join(sentences) + "."
    return fig


@styled
def slanted(precision, sd, laws, measured, fig=None):
    """A correlated posterior and the best q with independent latents, and what is left to noise.

    precision: [2, 2], of the posterior, centred at 0; sd: [2], of q.
    laws and measured: {quantity: {form: variance}}.
    """
    quantities = [(quantity, form) for quantity in laws for form in laws[quantity]]
    if fig is None:
        fig = Figure(figsize=(9.6, 3.8), layout="constrained")
        left, right = fig.subplots(1, 2, width_ratios=[1, 1.6])
        fig.artists_of = {
            "posterior": left.plot([], [], color="black", label="posterior")[0],
            "q": left.plot([], [], "--", color="#555555", label="best q")[0],
            "bars": [right.barh(row, 0, color=STYLES[form][0], height=0.6)[0]
                     for row, (_, form) in enumerate(quantities)],
            "laws": [right.plot([], [], "|", color="black", markersize=22, markeredgewidth=2)[0]
                     for _ in quantities],
            "numbers": [right.text(0, row, "", va="center") for row in range(len(quantities))],
        }
        left.set(xlabel="z₁", ylabel="z₂", xlim=(-2, 2), ylim=(-2, 2), aspect="equal", title=TWO_LINES)
        left.legend(loc="upper right", fontsize=9)
        right.set(yticks=range(len(quantities)), xlabel="variance (bar: drawn; stroke: law)",
                  xlim=(0, 30), title=TWO_LINES)
        units = {"value": "value (nats²)", "gradient": "gradient for the mean"}
        right.set_yticklabels([f"{units[quantity]}\n{form}" for quantity, form in quantities])
        right.invert_yaxis()
        freeze_layout(fig)
    turn = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(turn), np.sin(turn)])  # [2, 181]
    ellipse = np.linalg.solve(np.linalg.cholesky(precision).T, circle)  # one standard deviation
    fig.artists_of["posterior"].set_data(*ellipse)
    fig.artists_of["q"].set_data(*(sd[:, None] * circle))
    slope = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    left, right = fig.artists_of["q"].axes, fig.artists_of["bars"][0].axes
    left.set_title(f"Correlation of the posterior: {slope + 0:.2f}\n ".replace("-", "−"))
    for row, (quantity, form) in enumerate(quantities):
        value = measured[quantity][form]
        fig.artists_of["bars"][row].set_width(value)
        fig.artists_of["laws"][row].set_data([laws[quantity][form]], [row])
        fig.artists_of["numbers"][row].set(text=f"{value:.2f}", x=value + 0.4)
    path = measured["gradient"]["path derivative"]
    right.set_title(
        ("The path derivative is silent" if path < 5e-3 else "The path derivative is not silent")
        + f": {path:.2f}\n ")
    fig.caption = f"Correlation {slope + 0:.2f}. ".replace("-", "−") + "; ".join(
        f"{quantity}, {form}: {measured[quantity][form]:.2f}" for quantity, form in quantities) + "."
    return fig


OF_BOUND = {"generative": "KL", "DReG": "path derivative", "inference": "Monte Carlo"}


@styled
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


@styled
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


@styled
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
