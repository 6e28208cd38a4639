"""Figures of notebook 02: how far one draw of an estimator is off."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout

GREEN = "#009E73"  # Okabe and Ito
STYLES = {  # every estimator keeps its colour, line and mark in all figures
    "Monte Carlo": (BLUE, "-", "o"),
    "Monte Carlo, entropy": (BLUE, "-", "o"),
    "entropy": (ORANGE, "--", "s"),
    "KL": (GREEN, "-.", "^"),
    "path derivative": ("#CC79A7", ":", "D"),
    "score function": ("#555555", (0, (1, 3)), "v"),
}
NATS_LOW, NATS_HIGH = -9.0, 0.0


def averages(estimates, exact, draws, fig=None):
    """Repeated estimates of one ELBO, and their spread against the number of draws.

    estimates: {form: [repetitions]}, each the average of `draws` draws; exact: the ELBO.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.8), layout="constrained")
        left, right = fig.subplots(1, 2, width_ratios=[1.3, 1])
        fig.artists_of = {"exact": left.axvline(0, color="black", linewidth=1)}
        for form in estimates:
            colour, line, mark = STYLES[form]
            fig.artists_of[form] = (
                left.plot([], [], line, color=colour, label=form, drawstyle="steps-mid")[0],
                right.plot([], [], line, color=colour)[0],
                right.plot([], [], mark, color=colour, markersize=8)[0],
            )
        left.set(xlabel="estimate of the ELBO (nats)", ylabel="density", xlim=(NATS_LOW, NATS_HIGH),
                 title=TWO_LINES)
        left.legend(loc="upper left", fontsize=9)
        right.set(xscale="log", yscale="log", xlabel="draws L", ylabel="standard deviation (nats)",
                  xlim=(0.8, 1300), ylim=(0.02, 20), title="It falls as 1/√L\n ")
        freeze_layout(fig)
    left = fig.artists_of["exact"].axes
    fig.artists_of["exact"].set_xdata([exact, exact])
    widest = max(values.std() for values in estimates.values())
    edges = exact + widest * np.linspace(-5, 3, 49)
    spreads, highest = {}, 0
    for form, values in estimates.items():
        histogram, slope, mark = fig.artists_of[form]
        density, _ = np.histogram(values, edges, density=True)
        histogram.set_data((edges[:-1] + edges[1:]) / 2, density)
        highest = max(highest, density.max())
        spreads[form] = values.std()
        mark.set_data([draws], [spreads[form]])
        places = np.array([1, 1024])
        slope.set_data(places, spreads[form] * np.sqrt(draws / places))
    left.set_ylim(0, 1.1 * highest)
    words = ", ".join(f"{form} {spread:.2g}" for form, spread in spreads.items())
    left.set_title(f"Averages of {draws} draws centre on the ELBO (line)\nspread: {words}")
    fig.caption = f"With {draws} draws an estimate spreads by {words} nats around {exact:.3f}.".replace(
        "around -", "around −")
    return fig


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
            axes.text(crossover * 0.97, 1.4e-3, "s² = τ²/2", rotation=90, ha="right", fontsize=9)
            for form in curves:
                colour, line, mark = STYLES[form]
                fig.artists_of[panel, form] = (
                    axes.plot([], [], line, color=colour, label=form)[0],
                    axes.plot([], [], mark, color=colour, markersize=8)[0],
                )
            axes.set(xscale="log", yscale="log", xlabel="standard deviation s of q",
                     ylabel=f"variance of the {panel}", xlim=(sd[0], sd[-1]), ylim=(1e-3, 1e2),
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
            mark.set_data([here], [measured[panel][form]])
        best = min(measured[panel], key=measured[panel].get)
        line.axes.set_title(f"quietest: {best}\n" + (f"your guess: {guess}" if guess else " "))
        sentences.append(f"{panel}: " + ", ".join(
            f"{form} {value:.3g}" for form, value in measured[panel].items()))
    fig.caption = f"Measured variances at s = {here:.2f}. " + "; ".join(sentences) + "."
    return fig


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
        right.set_yticklabels([f"{quantity}\n{form}" for quantity, form in quantities])
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
