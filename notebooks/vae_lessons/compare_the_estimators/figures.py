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
        fig = _empty_averages(estimates, exact, counts, spreads, laws)
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


def _empty_averages(forms, exact, counts, spreads, laws):
    """The figure of repeated estimates with its laws and spreads, and no estimates yet."""
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.3, 1])
    left.axvline(exact, color="black", linewidth=1)
    fig.artists_of = {}
    for form in forms:
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
    return fig


@styled
def variance_curves(z, posterior, q, sd, laws, here, measured, crossover, guess=None, fig=None):
    """The exact variance of each estimator against q's width, and q itself beside it.

    z, posterior, q: [points], densities. sd: [widths]; laws: {panel: {form: [widths]}}.
    here: the width that q has now; measured: {panel: {form: variance of real draws there}}.
    crossover: the width at which two laws cross. guess: the form the learner expects to win.
    """
    if fig is None:
        fig = _empty_curves(z, posterior, sd, laws, crossover)
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


def _empty_curves(z, posterior, sd, laws, crossover):
    """The figure of variances with its axes and the posterior, and no curve yet."""
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    first, *panels = fig.subplots(1, 1 + len(laws), width_ratios=[0.75] + [1] * len(laws))
    first.plot(z, posterior, color="black", label="posterior")
    fig.artists_of = {"q": first.plot([], [], color="#555555", linestyle="--", label="q")[0]}
    first.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 2.1), title=TWO_LINES)
    first.legend(loc="upper left", fontsize=9)
    for axes, (panel, forms) in zip(panels, laws.items()):
        axes.axvline(crossover, color="#999999", linewidth=1)
        axes.text(crossover * 0.97, 1.6 * FLOOR, "s² = τ²/2", rotation=90, ha="right", fontsize=9)
        for form in forms:
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
    return fig


@styled
def slanted(precision, sd, laws, measured, fig=None):
    """A correlated posterior and the best q with independent latents, and what is left to noise.

    precision: [2, 2], of the posterior, centred at 0; sd: [2], of q.
    laws and measured: {quantity: {form: variance}}.
    """
    quantities = [(quantity, form) for quantity in laws for form in laws[quantity]]
    if fig is None:
        fig = _empty_slanted(quantities)
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
    verdict = "silent" if path < 5e-3 else "not silent"
    right.set_title(f"The path derivative is {verdict}: {path:.2f}\n ")
    variances = "; ".join(
        f"{quantity}, {form}: {measured[quantity][form]:.2f}" for quantity, form in quantities)
    fig.caption = f"Correlation {slope + 0:.2f}. {variances}.".replace("-", "−")
    return fig


def _empty_slanted(quantities):
    """The figure of a correlated posterior with its axes: quantities are pairs with a form."""
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1.6])
    rows = range(len(quantities))
    stroke = {"color": "black", "markersize": 22, "markeredgewidth": 2}
    fig.artists_of = {
        "posterior": left.plot([], [], color="black", label="posterior")[0],
        "q": left.plot([], [], "--", color="#555555", label="best q")[0],
        "bars": right.barh(rows, 0, color=[STYLES[form][0] for _, form in quantities], height=0.6),
        "laws": [right.plot([], [], "|", **stroke)[0] for _ in rows],
        "numbers": [right.text(0, row, "", va="center") for row in rows],
    }
    left.set(xlabel="z₁", ylabel="z₂", xlim=(-2, 2), ylim=(-2, 2), aspect="equal", title=TWO_LINES)
    left.legend(loc="upper right", fontsize=9)
    right.set(yticks=rows, xlabel="variance (bar: drawn; stroke: law)", xlim=(0, 30),
              title=TWO_LINES)
    units = {"value": "value (nats²)", "gradient": "gradient for the mean"}
    right.set_yticklabels([f"{units[quantity]}\n{form}" for quantity, form in quantities])
    right.invert_yaxis()
    freeze_layout(fig)
    return fig


OF_BOUND = {"generative": "KL", "DReG": "path derivative", "inference": "Monte Carlo"}  # styles


@styled
def bound_tightening(samples, bounds, errors, elbo, log_evidence):
    """The importance-weighted bound against the number of samples.

    samples: [K]; bounds, errors: [K], the mean of the bound and its standard error, in nats.
    """
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.axhline(log_evidence, color="black", label="log p(x)")
    axes.axhline(elbo, color="#777777", linestyle=":", label="ELBO")
    axes.plot(samples, bounds, "o-", color=BLUE, label="bound with K samples")
    axes.vlines(samples, bounds - 2 * errors, bounds + 2 * errors, color=BLUE)
    room = 0.1 * (log_evidence - elbo)
    axes.set(xscale="log", xlabel="samples K", ylabel="nats",
             ylim=(elbo - room, log_evidence + room))
    axes.set_xticks(samples, [str(k) for k in samples])
    axes.set_xticks([], minor=True)
    axes.set_title("More samples tighten the bound")
    axes.legend(loc="center right")
    fig.caption = (
        f"From {bounds[0]:.3f} nats with {samples[0]} sample to {bounds[-1]:.3f} with "
        f"{samples[-1]}; log p(x) is {log_evidence:.3f}."
    ).replace("-", "−")
    return fig


@styled
def signal_to_noise(samples, ratios, slopes, guess=None):
    """Signal over noise of each gradient against the number of samples, one panel a case.

    samples: [K]; ratios: {case: {gradient: [K]}}; slopes: {case: {gradient: slope}} in log-log.
    guess: what the learner expects of the encoder's gradient.
    """
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    panels = fig.subplots(1, len(ratios), sharey=True)
    for axes, (case, gradients) in zip(panels, ratios.items()):
        for gradient, values in gradients.items():
            colour, line, mark = STYLES[OF_BOUND[gradient]]
            slope = f"{slopes[case][gradient]:+.2f}".replace("-", "−")
            axes.plot(samples, values, linestyle=line, marker=mark, color=colour,
                      label=f"{gradient}: slope {slope}")
        axes.set(xscale="log", yscale="log", xlabel="samples K",
                 xlim=(samples[0] / 1.2, samples[-1] * 1.2), ylim=(0.02, 50))
        axes.set_xticks(samples, [str(k) for k in samples])
        axes.set_xticks([], minor=True)
        axes.legend(loc="upper left", fontsize=9)
        axes.set_title(f"{case}\n" + (f"your guess: it {guess}" if guess else " "))
    panels[0].set_ylabel("signal / noise of the gradient")
    fig.caption = "Slopes of signal over noise. " + "; ".join(
        f"{case}: " + ", ".join(f"{name} {slope:+.2f}" for name, slope in of_case.items())
        for case, of_case in slopes.items()).replace("-", "−") + "."
    return fig


@styled
def layer_noise(stages, layers, stored, live):
    """How noisy each estimator leaves an encoder's layers, relative to the Monte Carlo form.

    stages: [stages] of steps; layers: names; stored: {estimator: [seeds, stages, layers]};
    live: {estimator: [stages, layers]}. Ratios of variances.
    """
    fig = Figure(figsize=(9.6, 5.6), layout="constrained")
    rows = fig.subplots(2, len(layers), sharex=True, sharey="row", height_ratios=[1, 2])
    for position, name in enumerate(stored):
        colour, _, mark = STYLES[name]
        places = np.arange(len(stages)) + 0.12 * (-1) ** position  # beside each other
        for column, axes in enumerate(rows[0 if "score" in name else 1]):
            values = stored[name][:, :, column]  # [seeds, stages]
            strokes, = axes.plot(np.tile(places, len(values)), values.ravel(), "_", color=colour,
                                 alpha=0.6, markersize=10)
            axes.plot(places, live[name][:, column], mark, color=colour, label=name)
    strokes.set_label("stored seeds")
    for layer, upper, lower in zip(layers, *rows):
        upper.set(yscale="log", ylim=(0.3, 1e6), title=layer)
        lower.set(ylim=(0, 1.1), xlabel="training steps", xlim=(-0.5, len(stages) - 0.5))
        lower.axhline(1, color=BLUE, linewidth=1, label="Monte Carlo, entropy", zorder=1)
        upper.axhline(1, color=BLUE, linewidth=1, zorder=1)
        lower.set_xticks(range(len(stages)), [f"{stage:,}" for stage in stages])
    rows[0, -1].legend(loc="center right", fontsize=8, bbox_to_anchor=(1, 0.42))
    rows[1, -1].legend(loc="lower right", fontsize=8)
    fig.supylabel("variance / that of Monte Carlo", fontsize=10)
    words = [f"{name} {', '.join(f'{value:.3g}' for value in live[name][:, 0])}"
             for name in stored]
    fig.caption = (
        f"Variance over that of the Monte Carlo form, first layer, at steps "
        f"{', '.join(map(str, stages))}: " + "; ".join(words) + "."
    )
    return fig
