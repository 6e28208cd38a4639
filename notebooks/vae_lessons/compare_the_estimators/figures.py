"""Figures of the main part of notebook 02: the variance of values and of gradients."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled

STYLES = {  # colour, line and marker of each estimator, in all figures
    "Monte Carlo": (BLUE, "-", "o"),
    "total derivative": (BLUE, "-", "o"),
    "entropy": (ORANGE, "--", "s"),
    "KL": (GREEN, "-.", "^"),
    "path derivative": ("#CC79A7", ":", "D"),
    "score function": ("#555555", (0, (1, 3)), "v"),
    "independent latents": ("#777777", "--", "s"),
    "score function with baseline": ("#E69F00", (0, (3, 3)), "X"),
}
FLOOR = 1e-3  # the lowest variance on the axis; smaller ones are drawn here
LEAST_GAP = 1e-10  # the lowest KL on the axis, in nats


@styled
def averages(estimates, exact, draws, counts, spreads, of_one, fig=None):
    """Repeated estimates of one ELBO, and their standard deviation against the number of draws.

    estimates: {form: [repetitions]}, each the average of `draws` draws; exact: the ELBO.
    counts: [n], numbers of draws; spreads: {form: [n]}, the standard deviations measured
    there; of_one: {form: the standard deviation of one draw}.
    """
    if fig is None:
        fig = _empty_averages(estimates, exact, counts, spreads, of_one)
    measured = {form: values.std() for form, values in estimates.items()}
    for form, values in estimates.items():
        histogram, mark = fig.artists_of[form]
        edges = exact + measured[form] * np.linspace(-5, 4, 46)
        frequency, _ = np.histogram(values, edges)
        histogram.set_data((edges[:-1] + edges[1:]) / 2, frequency / frequency.max())
        mark.set_data([draws], [measured[form]])
    words = ", ".join(f"{form} {spread:.2f}" for form, spread in measured.items())
    count = f"{draws} draw" + "s" * (draws > 1)
    histogram.axes.set_title(f"Averages of {count} scatter around the exact ELBO\n"
                             f"standard deviation: {words}")
    fig.caption = (
        f"With {count} an estimate has a standard deviation of {words} nats around "
        f"{exact:.3f}."
    ).replace("around -", "around −")
    return fig


def _empty_averages(forms, exact, counts, spreads, of_one):
    """The figure of `averages` with its lines and standard deviations, before any estimates."""
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.3, 1])
    left.axvline(exact, color="black", linewidth=1)
    fig.artists_of = {}
    for form in forms:
        colour, line, mark = STYLES[form]
        right.plot(counts, of_one[form] / np.sqrt(counts), line, color=colour)
        right.plot(counts, spreads[form], mark, color=colour, markersize=4)
        fig.artists_of[form] = (
            left.plot([], [], line, color=colour, label=form, drawstyle="steps-mid")[0],
            right.plot([], [], mark, color=colour, markersize=10)[0],
        )
    left.set(xlabel="estimate of the ELBO (nats)", yticks=[], ylabel="how often (scaled)",
             xlim=(exact - 5, exact + 2.5), ylim=(0, 1.1), title=TWO_LINES)
    left.legend(loc="upper left", fontsize=9)
    right.set(xscale="log", yscale="log", xlabel="draws L", ylabel="standard deviation (nats)",
              title="Four times the draws halve the error\nmarks: measured; lines: one draw's ÷ √L")
    freeze_layout(fig)
    return fig


@styled
def variance_curves(z, posterior, q, sd, laws, here, shift, ratio, measured, crossover=None,
                    guess=None, fig=None):
    """The exact variance of each estimator against q's standard deviation, with q beside it.

    z: [points]; posterior, q: [points], densities at z. sd: [n], standard deviations of q; laws:
    {panel: {form: exact variances [n]}}. here: the present standard deviation of q; ratio: this
    divided by the posterior's; shift: a, q's distance from the posterior; measured: {panel:
    {form: variance measured with draws}} for this q. crossover: a standard deviation to mark, or
    None. guess: the learner's guess, or None.
    """
    if fig is None:
        fig = _empty_curves(z, posterior, sd, laws, crossover)
    fig.artists_of["q"].set_data(z, q)
    place = f"a = {shift:.1f}, s = {here:.2f}".replace("-", "−")
    fig.artists_of["q"].axes.set_title(f"q: {place}\nb = s/τ = {ratio:.2f}\n ")
    sentences, last = [], list(laws)[-1]  # the guess is about the last panel
    met = abs(shift) < 0.05 and abs(ratio - 1) < 0.01
    for panel, curves in laws.items():
        for form, law in curves.items():
            line, mark = fig.artists_of[panel, form]
            line.set_data(sd, law)
            mark.set_data([here], [max(measured[panel][form], 1.2 * FLOOR)])
        told = f"your guess: {guess}" if guess and panel == last else " "
        line.axes.set_title(f"{_finding(panel, measured[panel], met)}\n{told}")
        sentences.append(f"{panel}: " + ", ".join(
            f"{form} {value:.3g}" for form, value in measured[panel].items()))
    fig.caption = f"Measured variances at {place}. {'; '.join(sentences)}."
    return fig


def _finding(panel, measured, met):
    """The title of a panel: the form with the least variance. met: whether q is the posterior."""
    lowest = min(measured.values())
    best = " and ".join(form for form, value in measured.items() if value <= 1.001 * lowest)
    if met and lowest < FLOOR:
        whose = "Monte Carlo's\nvalue" if panel == "value" else "the path\nderivative"
        return f"At the posterior, {whose} has no variance"
    return f"Least variance of the {panel}:\n{best}"


def _empty_curves(z, posterior, sd, laws, crossover):
    """The figure of `variance_curves` with its axes and the posterior, before any curve."""
    fig = Figure(figsize=(9.6, 4.2), layout="constrained")
    first, *panels = fig.subplots(1, 1 + len(laws), width_ratios=[0.75] + [1] * len(laws))
    first.plot(z, posterior, color="black", label="posterior")
    fig.artists_of = {"q": first.plot([], [], color="#555555", linestyle="--", label="q")[0]}
    first.set(xlabel="z", ylabel="density", xlim=(z[0], z[-1]), ylim=(0, 2.7),
              title=f"{TWO_LINES}\n ")
    first.legend(loc="upper left", fontsize=9)
    for axes, (panel, forms) in zip(panels, laws.items()):
        if crossover is not None:
            axes.axvline(crossover, ymax=0.7, color="#999999", linewidth=1)  # below the legend
            axes.text(crossover * 0.97, 1.6 * FLOOR, "s² = τ²/2", rotation=90, ha="right",
                      fontsize=9)
        for form in forms:
            colour, line, mark = STYLES[form]
            fig.artists_of[panel, form] = (
                axes.plot([], [], line, color=colour, label=form)[0],
                axes.plot([], [], mark, color=colour, markersize=8)[0],
            )
        unit = " (nats²)" if panel == "value" else ""
        axes.set(xscale="log", yscale="log", xlabel="standard deviation s of q",
                 xlim=(sd[0], sd[-1]), ylim=(FLOOR, 1e4), title=f"{TWO_LINES}\n ")
        axes.set_ylabel(f"variance of the {panel}{unit}", labelpad=0)
        axes.set_xticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_yticks([1e-2, 1, 1e2, 1e4])
        axes.legend(loc="upper left", fontsize=9)
    freeze_layout(fig)
    return fig


FINDINGS = {  # titles of `along_mean`, true for every mean of q
    "Monte Carlo": "Monte Carlo: all curves meet at the posterior",
    "entropy": "Entropy: the same slopes, but no common point",
    "total derivative": "Total derivative: every draw has its own slope",
    "path derivative": "Path derivative: at the posterior all slopes are 0",
}


@styled
def along_mean(means, noise, curves, here, values, slopes, posterior_mean, log_evidence,
               guess=None, fig=None):
    """One-draw estimates of the ELBO against q's mean, a curve for each value of the noise ε.

    means: [points]; noise: [lines], values of ε; curves: {form: [lines, points]}, in nats.
    here: the present mean of q; values: {form: [lines]}, the estimates at this mean; slopes:
    {form: (standard deviation of the estimate, of its gradient)}, over draws at this mean.
    guess: the learner's guess, or None.
    """
    if fig is None:
        fig = _empty_along_mean(means, noise, curves, posterior_mean, log_evidence)
    sentences, place_now = [], f"m = {here:.2f}".replace("-", "−")
    for form, (of_value, of_slope) in slopes.items():
        marks, place = fig.artists_of[form]
        marks.set_data(np.full(len(noise), here), values[form])
        place.set_data([here, here], place.axes.get_ylim())
        words = f"sd of the values {of_value:.2f}, of the slopes {of_slope:.2f}"
        marks.axes.set_title(f"{FINDINGS[form]}\n{words}")
        sentences.append(f"{form}: {words}")
    fig.artists_of["guess"].set_text(f"your guess: {guess}" if guess else "")
    fig.caption = f"Standard deviations (sd) over draws at {place_now}. {'; '.join(sentences)}."
    return fig


def _empty_along_mean(means, noise, curves, posterior_mean, log_evidence):
    """The figure of `along_mean` with its curves, before q's mean is marked."""
    fig = Figure(figsize=(9.6, 4.2), layout="constrained")
    fig.artists_of = {}
    for axes, (form, lines) in zip(fig.subplots(1, 2, sharey=True), curves.items()):
        colour, _, mark = STYLES[form]
        axes.plot(means[[0, -1]], [log_evidence] * 2, color="black", linestyle=":", linewidth=1,
                  label="log p(x)")
        for shade, line in enumerate(lines):
            axes.plot(means, line, color=colour, alpha=0.35 + 0.13 * shade)
        for words, height in _names_of_lines(noise, lines[:, -1]):
            axes.text(means[-1] + 0.05, height, words, fontsize=9, va="center")
        axes.set(xlabel=f"mean m of q (the posterior's is {posterior_mean:g})", ylim=(-11, 3),
                 xlim=(means[0], means[-1] + 0.6), title=TWO_LINES,
                 xticks=np.arange(means[0], means[-1] + 0.1, 0.5))
        axes.legend(loc="lower center", fontsize=9)
        fig.artists_of[form] = (
            axes.plot([], [], mark, color="black", markersize=6)[0],
            axes.plot([], [], color="#999999", linewidth=1)[0],
        )
    fig.artists_of["guess"] = fig.axes[0].text(means[0] + 0.05, 2.2, "", fontsize=10)
    fig.axes[0].set_ylabel("estimate from one draw (nats)")
    freeze_layout(fig)
    return fig


def _names_of_lines(noise, heights):
    """(label, height) at the end of each line, without overlap; one label if all lines coincide."""
    if np.ptp(heights) < 0.1:
        return [("all ε", heights[0])]
    places, last = [], np.inf
    for k in np.argsort(-heights):
        last = min(heights[k], last - 1.2)
        places.append((f"ε = {noise[k]:.0f}".replace("-", "−"), last))
    return places


LANDED = "At a constant learning rate, only the path derivative reaches the posterior"


@styled
def training_gaps(curves, styles, finding=LANDED, guess=None):
    """The KL from q to the posterior during the training of q: medians, and the range over runs.

    curves: {name: [steps, runs]}, in nats; styles: {name: the estimator whose line style it has};
    finding: the title. guess: the learner's guess, or None.
    """
    fig = Figure(figsize=(8, 4.0), layout="constrained")
    axes = fig.subplots()
    words = []
    for name, gaps in curves.items():
        colour, line, mark = STYLES[styles[name]]
        steps = np.arange(len(gaps))
        shown = np.clip(gaps, LEAST_GAP, None)
        axes.fill_between(steps, shown.min(1), shown.max(1), color=colour, alpha=0.15, linewidth=0)
        axes.plot(steps, np.median(shown, 1), linestyle=line, color=colour, marker=mark,
                  markevery=len(gaps) // 6, label=name)
        end = np.median(gaps[-1])
        words.append(f"{name} {end:.2g}" if end > LEAST_GAP else f"{name} below 10⁻¹⁰")
    axes.set(yscale="log", xlabel="training step", ylabel="KL from q to the posterior (nats)",
             ylim=(LEAST_GAP, 20), xlim=(0, len(gaps)))
    told = f"your guess: {guess}; " if guess else ""
    axes.set_title(f"{finding}\n{told}line: median of {gaps.shape[1]} runs, shade: all of them")
    axes.legend(loc="lower left", fontsize=9)
    fig.caption = f"Median KL after {len(gaps)} steps, in nats: {', '.join(words)}."
    return fig


def in_full(name):
    """An estimator's name in a figure, with "score function" in full ("score" is the gradient)."""
    return name.replace("score function", "score-function estimator")


@styled
def baseline_gain(constants, variances):
    """The variance of the gradient against a constant that is added to log p(x, z).

    constants: [n], in nats, 0 or below; variances: {estimator: [n, seeds]}.
    """
    fig = Figure(figsize=(8, 3.8), layout="constrained")
    axes = fig.subplots()
    sizes = np.abs(constants)
    for name, of_name in variances.items():
        colour, line, mark = STYLES[name]
        axes.plot(sizes, np.median(of_name, 1), linestyle=line, marker=mark, color=colour,
                  label=in_full(name))
    guide, top = sizes[sizes > 0], np.median(variances["score function"][-1])
    axes.plot(guide, 4 * top * (guide / guide[-1]) ** 2, color="#999999", linewidth=1,
              label="slope of the square of C")
    axes.set_xscale("symlog", linthresh=10, linscale=0.5)  # linear near 0, logarithmic beyond
    axes.set(yscale="log", ylabel="variance of the gradient for m", ylim=(0.1, 3e5),
             xlabel="constant C in log p(x, z) (nats)",
             title="The baseline removes the variance that the constant causes")
    axes.set_xticks(sizes, [f"{c:,.0f}".replace("-", "−") for c in constants])
    axes.set_xticks([], minor=True)
    axes.legend(loc="upper left", fontsize=9)
    fig.caption = "Variance of the gradient for m, from no constant to the largest. " + "; ".join(
        f"{in_full(name)}: {', '.join(f'{v:.3g}' for v in np.median(of_name, 1))}"
        for name, of_name in variances.items()) + "."
    return fig
