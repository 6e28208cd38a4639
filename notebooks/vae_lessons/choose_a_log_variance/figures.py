"""Figures of notebook 08's core: estimates of a variance, its gradients, and its two ends."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled

STYLES = {  # every parametrisation keeps its colour, line and mark
    "variance": (BLUE, "-", "o"),
    "log variance": (ORANGE, "--", "s"),
    "softplus": (GREEN, "-.", "^"),
}
GREY = "#777777"
SMALLEST = 1e-6  # the left end of the axis of gradients


@styled
def estimate_spread(
    estimates, variance, n, variances, laws, measured, crossover, guess=None, fig=None
):
    """Sample variances σ̂² and their logarithms around the truth, and how much both vary.

    estimates: [draws], σ̂² of `n` numbers from N(0, variance). laws: {"σ̂²" or "log σ̂²":
    variances [points]} at the true `variances` [points]; measured: {the same: variance of the
    draws}. crossover: the σ² at which the laws cross. guess: which the learner expects to
    vary less, or None.
    """
    if fig is None:
        fig = _empty_spread(variances)
    parts = fig.artists_of
    centred = {"σ̂²": estimates - variance, "log σ̂²": np.log(estimates) - np.log(variance)}
    for kind, values in centred.items():
        histogram, law, mark = parts[kind]
        half = min(3, 5 * values.std())  # the bins follow the spread, the axis does not
        bins = 40 if (np.abs(values) < half).sum() > 300 else 8
        edges = np.linspace(-half, half, bins + 1)
        frequency, _ = np.histogram(values, edges)
        histogram.set_data([-3, *(edges[:-1] + edges[1:]) / 2, 3],
                           [0, *frequency / max(len(values) / 50, frequency.max()), 0])
        beyond = (np.abs(values) > 3).mean()
        histogram.axes.set_title(f"{kind}: variance {_plain(measured[kind])}"
                                 + (f", {beyond:.0%} off the axis" if beyond > 0.005 else ""))
        law.set_data(variances, laws[kind])
        mark.set_data([variance], [measured[kind]])
    parts["cross"].set_xdata([crossover, crossover])
    less = min(measured, key=measured.get)
    parts["cross"].axes.set_title(
        f"n = {n}, σ² = {_plain(variance)}: {less} varies less;\n"
        f"the lines cross at σ² = {crossover:.3f}"
        + ("" if guess is None else f" (your guess: {guess})"))
    fig.caption = (
        f"{len(estimates)} samples of n = {n} numbers with σ² = {variance:.2g}: Var(σ̂²) = "
        f"{measured['σ̂²']:.3g}, Var(log σ̂²) = {measured['log σ̂²']:.3g}; {less} varies less. The "
        f"lines cross at σ² = {crossover:.3f}."
        + ("" if guess is None else f" Your guess: {guess}."))
    return fig


def _empty_spread(variances):
    """The figure of both estimates with its axes, over `variances`, and no estimates yet."""
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 1.25])
    right = fig.add_subplot(grid[:, 1])
    fig.artists_of = {"cross": right.axvline(1, color=GREY, linewidth=1, linestyle=":")}
    kinds = {"σ̂²": STYLES["variance"], "log σ̂²": STYLES["log variance"]}
    for row, (kind, (colour, line, mark)) in enumerate(kinds.items()):
        axes = fig.add_subplot(grid[row, 0])
        axes.axvline(0, color="black", linewidth=1)
        axes.set(xlim=(-3, 3), ylim=(0, 1.15), yticks=[], ylabel="how often", title=" ",
                 xlabel=("σ̂² − σ²", "log σ̂² − log σ²")[row])
        fig.artists_of[kind] = (
            axes.plot([], [], color=colour, drawstyle="steps-mid")[0],
            right.plot([], [], line, color=colour, label=f"Var({kind}), formula")[0],
            right.plot([], [], mark, color=colour, markersize=9, label="2,000 samples")[0],
        )
    right.set(xscale="log", yscale="log", xlabel="true variance σ²", ylim=(1e-7, 1e6),
              ylabel="variance of the estimate", xlim=(variances[0], variances[-1]),
              title=TWO_LINES)
    right.legend(loc="upper left", fontsize=9)
    freeze_layout(fig)
    return fig


@styled
def encoder_outputs(as_variance, as_log, rescaled_variance, factor):
    """How much a trained encoder's output varies over images: as σ² and as log σ², per latent.

    as_variance, as_log: [latents]; rescaled_variance: Var(σ²) with z in units `factor` times as
    small. log σ² is only shifted by the change of unit, so its variance is the same.
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    told = []
    for axes, values, unit in zip(fig.subplots(1, 2, sharey=True),
                                  (as_variance, rescaled_variance),
                                  ("z as trained", f"z in units {factor} times as small")):
        latents = np.arange(1, len(values) + 1)
        axes.vlines(latents, np.minimum(values, as_log), np.maximum(values, as_log), color=GREY,
                    linewidth=1)
        axes.plot(latents, values, "o", color=BLUE, markersize=8, label="Var(σ²)")
        axes.plot(latents, as_log, "s", color=ORANGE, markersize=8, label="Var(log σ²)")
        larger = int((np.asarray(as_log) > np.asarray(values)).sum())
        which, count = (
            ("log σ²", larger) if 2 * larger > len(values) else ("σ²", len(values) - larger))
        axes.set(xlabel="latent", xticks=latents, yscale="log",
                 title=f"{unit}: {which} varies more\nin {count} of {len(values)} latents")
        told.append(f"{unit}: Var(σ²) from {min(values):.2g} to {max(values):.2g}, Var(log σ²) "
                    f"from {min(as_log):.2g} to {max(as_log):.2g}; log σ² varies more in {larger} "
                    f"of {len(values)} latents")
    fig.axes[0].set_ylabel("variance over test images")
    fig.axes[0].set_ylim(top=40 * max(np.max(as_variance), np.max(rescaled_variance)))
    fig.axes[0].legend(loc="upper right", ncols=2, fontsize=9)
    fig.caption = ". ".join(told) + "."
    return fig


@styled
def nll_bowls(r, variance, nll, gradients, fig=None):
    """The NLL of one residual r against its variance and against the log of it, and both gradients.

    variance: [points], logarithmically spaced around r²; nll: [points], nats; gradients:
    {parametrisation: [points]}.
    """
    if fig is None:
        fig = _empty_bowls()
    parts, square = fig.artists_of, r**2
    near = (variance > 0.14 * square) & (variance < 9 * square)
    bent = near & (variance > 2 * square)
    parts["variance"].set_data(variance[near], nll[near])
    parts["concave"].set_data(variance[bent], nll[bent])
    parts["log variance"].set_data(np.log(variance[near]), nll[near])
    low, high = nll[near].min(), nll[near].max()
    for name in ("variance", "log variance"):
        axes = parts[name].axes
        x = parts[name].get_xdata()
        room = 0.05 * (x[-1] - x[0])
        axes.set(xlim=(x[0] - room, x[-1] + room),
                 ylim=(low - 0.08 * (high - low), high + 0.08 * (high - low)))
    for (name, (line, asymptote)), power in zip(parts["gradients"].items(), (2, 1)):
        line.set_data(variance, np.abs(gradients[name]))
        small = variance < square
        asymptote.set_data(variance[small], square / (2 * variance[small] ** power))
    parts["variance"].axes.set_title(f"As a function of σ²:\nconcave above {_plain(2 * square)}")
    parts["log variance"].axes.set_title("As a function of log σ²:\nconvex everywhere")
    visible = variance >= SMALLEST
    steepest = {name: np.abs(values[visible]).max() for name, values in gradients.items()}
    parts["gradients"]["variance"][0].axes.set_title(f"r = {r:.3g}: both gradients\n"
                                                     "grow without bound as σ² → 0")
    fig.caption = (
        f"r = {r:.3g}: the NLL is lowest at σ² = r² = {square:.3g}. In σ² it is concave above "
        f"{2 * square:.3g}, in log σ² nowhere. Gradients shown reach {steepest['variance']:.2g} "
        f"with respect to σ² and {steepest['log variance']:.2g} with respect to log σ²."
    )
    return fig


def _empty_bowls():
    """The figure of the NLL and its gradients with its axes, and no curves yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    plain, log, slopes = fig.subplots(1, 3)
    fig.artists_of = {
        "variance": plain.plot([], [], color=BLUE)[0],
        "concave": plain.plot([], [], color="#CC79A7", linewidth=5, alpha=0.45,
                              label="concave")[0],
        "log variance": log.plot([], [], "--", color=ORANGE)[0],
        "gradients": {
            name: (slopes.plot([], [], STYLES[name][1], color=STYLES[name][0],
                               label=f"with respect to {label}")[0],
                   slopes.plot([], [], ":", color="black", linewidth=2.2, alpha=0.8)[0])
            for name, label in (("variance", "σ²"), ("log variance", "log σ²"))},
    }
    plain.set(xlabel="σ²", ylabel="NLL (nats)", title=TWO_LINES)
    plain.locator_params(axis="x", nbins=3)
    plain.xaxis.set_major_formatter(lambda value, _place: _plain(value))
    plain.legend(loc="lower right", fontsize=9)
    log.set(xlabel="log σ²", ylabel="NLL (nats)", title=TWO_LINES)
    slopes.set(xscale="log", yscale="log", xlabel="σ²", ylabel="|gradient of the NLL|",
               xlim=(SMALLEST, 1e6), ylim=(1e-8, 1e16), title=TWO_LINES)
    slopes.set_xticks([1e-6, 1e-3, 1, 1e3, 1e6])
    slopes.set_yticks([1e-8, 1e-4, 1, 1e4, 1e8, 1e12])
    slopes.legend(loc="upper right", fontsize=8.5, title="dotted: r²/(2σ⁴) and r²/(2σ²)",
                  title_fontsize=8.5)
    freeze_layout(fig)
    return fig


@styled
def gradient_noise(variances, laws, live):
    """How much one residual's gradient varies at the true σ²: the laws, and this run.

    variances: true σ² [v]; laws: {parametrisation: standard deviations [v]}; live: the same
    measured, [v].
    """
    fig = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes = fig.subplots()
    for name, words in (("variance", "σ²"), ("log variance", "log σ²")):
        colour, line, mark = STYLES[name]
        axes.plot(variances, laws[name], line, color=colour,
                  label=f"with respect to {words}: formula")
        axes.plot(variances, live[name], mark, color=colour, markersize=8, label="measured")
    axes.set(xscale="log", yscale="log", xlabel="true variance σ²",
             ylabel="standard deviation\nof one residual's gradient",
             xlim=(min(variances) / 3, 3 * max(variances)),
             ylim=(0.2 / max(variances), 3 / min(variances)))
    axes.legend(loc="upper right", ncols=2, fontsize=9)
    ratio = max(live["variance"]) / min(live["variance"])
    axes.set_title(f"The gradient with respect to log σ² is equally noisy for every σ² "
                   f"({np.mean(live['log variance']):.2f});\n"
                   f"with respect to σ² its noise differs by a factor of {_rounded(ratio)}")
    fig.caption = "Standard deviation of one residual's gradient at the true σ²: " + "; ".join(
        f"{name} " + ", ".join(f"{sd:.3g} at σ² = {v:g}" for v, sd in zip(variances, live[name]))
        for name in live) + "."
    return fig


@styled
def residuals_of_zero(traces):
    """The NLL while a network fits residuals that are all 0, step by step.

    traces: {name: NLL [steps], which ends where a gradient was not finite}; three of them.
    """
    fig = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes, steps = fig.subplots(), max(map(len, traces.values()))
    told = []
    for (name, trace), (colour, line, _mark) in zip(traces.items(), STYLES.values()):
        width, alpha = (5, 0.4) if name == "variance" else (1.8, 1.0)  # two of them end alike
        axes.plot(np.arange(len(trace)), trace, line, color=colour, label=name, linewidth=width,
                  alpha=alpha)
        if len(trace) < steps:
            axes.plot([len(trace) - 1], [trace[-1]], "x", color="black", markersize=11,
                      markeredgewidth=2.5)
            axes.annotate(f" stops at step {len(trace)}:\n the gradient is not finite",
                          (len(trace) + 5, trace[-1]), va="bottom", ha="left", fontsize=9)
            told.append(f"{name} stops at step {len(trace)}, where the gradient is not finite")
        else:
            told.append(f"{name} ends at {trace[-1]:.1f} nats".replace("-", "−"))
    axes.set(xlabel="training step", ylabel="NLL of residuals that are 0\n(nats per residual)",
             xlim=(0, 1.03 * steps),
             title="With a floor the NLL stops falling; without one it falls until training breaks")
    axes.legend(loc="center right", fontsize=9)
    fig.caption = "; ".join(told) + "."
    return fig


def _rounded(number):
    """A number from 1 up in few characters: 12, or 1.2 · 10⁸."""
    if number < 1e4:
        return f"{number:,.0f}"
    digits, power = f"{number:.1e}".split("e+")
    return f"{digits} · 10{power.lstrip('0').translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def _plain(number):
    """A number with two digits and without an exponent: 0.0002, or 20,000."""
    return f"{float(f'{number:.2g}'):,.10g}" if number >= 1 else f"{float(f'{number:.2g}'):g}"
