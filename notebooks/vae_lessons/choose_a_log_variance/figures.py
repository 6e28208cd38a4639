"""Figures of notebook 08: scales, their gradients, and a decoder's own noise."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture
from vae_lessons.meet_kl_collapse.figures import THERE_AND_BACK, there_and_back

STYLES = {  # every parametrisation keeps its colour, line and mark
    "variance": (BLUE, "-", "o"),
    "log variance": (ORANGE, "--", "s"),
    "softplus": (GREEN, "-.", "^"),
}
GREY = "#777777"


@styled
def estimate_spread(
    estimates, variance, n, variances, laws, measured, crossover, guess=None, fig=None
):
    """Sample variances s² and their logarithms around the truth, and how widely both spread.

    estimates: [draws], s² of `n` numbers from N(0, variance). laws: {"s²" or "log s²":
    variances [points]} at the true `variances` [points]; measured: {the same: variance of the
    draws}. crossover: the σ² at which the laws cross. guess: which the learner expects to
    spread less, or None.
    """
    if fig is None:
        fig = _empty_spread(variances)
    parts, edges = fig.artists_of, np.linspace(-3, 3, 61)
    centred = {"s²": estimates - variance, "log s²": np.log(estimates) - np.log(variance)}
    for kind, values in centred.items():
        histogram, law, mark = parts[kind]
        frequency, _ = np.histogram(values, edges)
        histogram.set_data((edges[:-1] + edges[1:]) / 2, frequency / max(1, frequency.max()))
        beyond = (np.abs(values) > 3).mean()
        histogram.axes.set_title(f"{kind}: variance {measured[kind]:.2g}"
                                 + (f", {beyond:.0%} outside" if beyond > 0.005 else ""))
        law.set_data(variances, laws[kind])
        mark.set_data([variance], [measured[kind]])
    parts["cross"].set_xdata([crossover, crossover])
    less = min(measured, key=measured.get)
    parts["cross"].axes.set_title(
        f"n = {n}, σ² = {variance:.2g}: {less} spreads less;\n"
        f"the laws cross at σ² = {crossover:.3f}"
        + ("" if guess is None else f" (your guess: {guess})"))
    fig.caption = (
        f"{len(estimates)} samples of n = {n} numbers with σ² = {variance:.2g}: Var(s²) = "
        f"{measured['s²']:.3g}, Var(log s²) = {measured['log s²']:.3g}; {less} spreads less. The "
        f"laws cross at σ² = {crossover:.3f}."
        + ("" if guess is None else f" Your guess: {guess}."))
    return fig


def _empty_spread(variances):
    """The figure of both estimates with its axes, over `variances`, and no estimates yet."""
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 1.25])
    right = fig.add_subplot(grid[:, 1])
    fig.artists_of = {"cross": right.axvline(1, color=GREY, linewidth=1, linestyle=":")}
    kinds = {"s²": STYLES["variance"], "log s²": STYLES["log variance"]}
    for row, (kind, (colour, line, mark)) in enumerate(kinds.items()):
        axes = fig.add_subplot(grid[row, 0])
        axes.axvline(0, color="black", linewidth=1)
        axes.set(xlim=(-3, 3), ylim=(0, 1.15), yticks=[], ylabel="how often", title=" ",
                 xlabel=("s² − σ²", "log s² − log σ²")[row])
        fig.artists_of[kind] = (
            axes.plot([], [], color=colour, drawstyle="steps-mid")[0],
            right.plot([], [], line, color=colour, label=f"Var({kind}), law")[0],
            right.plot([], [], mark, color=colour, markersize=9, label="drawn")[0],
        )
    right.set(xscale="log", yscale="log", xlabel="true variance σ²", ylim=(1e-7, 1e6),
              ylabel="variance of the estimate", xlim=(variances[0], variances[-1]),
              title=TWO_LINES)
    right.legend(loc="upper left", fontsize=9)
    freeze_layout(fig)
    return fig


@styled
def nll_bowls(error, variance, nll, gradients, fig=None):
    """The NLL of one error against its variance and against the log of it, and both gradients.

    variance: [points], logarithmically spaced around error²; nll: [points], nats; gradients:
    {parametrisation: [points]}.
    """
    if fig is None:
        fig = _empty_bowls()
    parts, square = fig.artists_of, error**2
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
    parts["variance"].axes.set_title(f"In σ²: bends down\nabove 2e² = {2 * square:.3g}")
    parts["log variance"].axes.set_title("In log σ²: one bowl,\nthe same for every e")
    steepest = np.abs(gradients["variance"]).max()
    parts["gradients"]["variance"][0].axes.set_title(f"e = {error:.3g}: both gradients\n"
                                                     "grow without bound as σ² → 0")
    fig.caption = (
        f"e = {error:.3g}: the NLL is lowest at σ² = e² = {square:.3g}. In σ² it bends down above "
        f"{2 * square:.3g}, in log σ² nowhere. Gradients shown reach {steepest:.2g} by σ² and "
        f"{np.abs(gradients['log variance']).max():.2g} by log σ²."
    )
    return fig


def _empty_bowls():
    """The figure of the NLL and its gradients with its axes, and no curves yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    plain, log, slopes = fig.subplots(1, 3)
    fig.artists_of = {
        "variance": plain.plot([], [], color=BLUE)[0],
        "concave": plain.plot([], [], color="#CC79A7", linewidth=5, alpha=0.45,
                              label="bends down")[0],
        "log variance": log.plot([], [], "--", color=ORANGE)[0],
        "gradients": {
            name: (slopes.plot([], [], STYLES[name][1], color=STYLES[name][0],
                               label=f"by {label}")[0],
                   slopes.plot([], [], ":", color=STYLES[name][0], linewidth=3, alpha=0.5)[0])
            for name, label in (("variance", "σ²"), ("log variance", "log σ²"))},
    }
    plain.set(xlabel="σ²", ylabel="NLL (nats)", title=TWO_LINES)
    plain.legend(loc="lower right", fontsize=9)
    log.set(xlabel="log σ²", ylabel="NLL (nats)", title=TWO_LINES)
    slopes.set(xscale="log", yscale="log", xlabel="σ²", ylabel="|gradient of the NLL|",
               xlim=(1e-6, 1e6), ylim=(1e-8, 1e12), title=TWO_LINES)
    slopes.set_xticks([1e-6, 1e-3, 1, 1e3, 1e6])
    slopes.set_yticks([1e-8, 1e-4, 1, 1e4, 1e8, 1e12])
    slopes.legend(loc="upper right", fontsize=9, title="dotted: e²/2σ⁴ and e²/2σ²",
                  title_fontsize=8.5)
    freeze_layout(fig)
    return fig


@styled
def gradient_noise(variances, laws, stored, live):
    """How much one error's gradient scatters at the true σ²: the laws, stored seeds, this run.

    variances: true σ² [v]; laws: {parametrisation: standard deviations [v]}; stored: the same
    measured, [seeds, v]; live: [v].
    """
    fig = Figure(figsize=(8.4, 3.6), layout="constrained")
    axes = fig.subplots()
    for name, words in (("variance", "by σ²"), ("log variance", "by log σ²")):
        colour, line, mark = STYLES[name]
        measured = np.asarray(stored[name])  # [seeds, v]
        axes.plot(variances, laws[name], line, color=colour, label=f"{words}: law")
        axes.plot(np.broadcast_to(variances, measured.shape).ravel(), measured.ravel(), mark,
                  color=colour, alpha=0.5, label="stored seeds")
        axes.plot(variances, live[name], "D", color="black", fillstyle="none", markersize=9,
                  label="this run")
    axes.set(xscale="log", yscale="log", xlabel="true variance σ²",
             ylabel="standard deviation\nof one error's gradient",
             xlim=(min(variances) / 3, 3 * max(variances)),
             ylim=(0.2 / max(variances), 3 / min(variances)))
    axes.legend(loc="upper right", ncols=2, fontsize=9)
    ratio = max(live["variance"]) / min(live["variance"])
    axes.set_title(f"By log σ² the noise is {np.mean(live['log variance']):.2f} in every unit; "
                   f"by σ² it varies {_rounded(ratio)}-fold")
    fig.caption = "Standard deviation of one error's gradient at the truth, this run: " + "; ".join(
        f"{name} " + ", ".join(f"{sd:.3g} at σ² = {v:g}" for v, sd in zip(variances, live[name]))
        for name in live) + "."
    return fig


@styled
def without_floor(traces, floors, train, test):
    """What happens where nothing is left to explain: an NLL that falls for ever.

    traces: {parametrisation: NLL [steps]} of errors that are all zero, NaN once training has
    diverged. floors: [f], the least variance that a decoder may give a pixel; train, test: its
    NLL [f] in nats per image.
    """
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2)
    broken = _falling(left, traces)
    words = ", ".join(f"{name} at step {step}" for name, step in broken.items()) or "none"
    left.set_title(f"Errors of 0: NaN met (×):\n{words}")
    right.plot(floors, train, "o-", color=BLUE, label="training images")
    right.plot(floors, test, "s--", color=ORANGE, label="test images")
    right.set(xscale="log", xlabel="least variance of a pixel (floor)",
              ylabel="−log likelihood (nats per image)")
    right.set_yscale("symlog", linthresh=1000)
    right.yaxis.set_major_locator(FixedLocator([-1000, 0, 1000, 1e4, 1e5, 1e6, 1e7]))
    right.yaxis.set_minor_locator(NullLocator())
    right.yaxis.set_minor_formatter(NullFormatter())
    right.legend(loc="upper right", fontsize=9)
    right.set(xlim=(0.4 * min(floors), 2.5 * max(floors)),
              ylim=(1.5 * min(*train, *test, -1000), 4 * max(*train, *test, 1000)))
    right.set_title(f"A variance for each pixel: floor {min(floors):.0e}\n"
                    f"training {train[np.argmin(floors)]:,.0f}, test "
                    f"{test[np.argmin(floors)]:,.0f} nats".replace("-", "−"))
    fig.caption = (
        f"Errors of 0 end in NaN for: {words}. A variance for each pixel, floor and −log "
        "likelihood of training and test images: " + "; ".join(
            f"{f:.0e}: {a:,.0f} and {b:,.0f}" for f, a, b in zip(floors, train, test))
        + " nats per image.").replace("-", "−")
    return fig


def _falling(axes, traces):
    """Draw NLLs that fall for ever; {parametrisation: the step of its first NaN}, if it has one."""
    broken, highest, lowest = {}, [], []
    for name, trace in traces.items():
        trace = np.asarray(trace)
        finite = np.isfinite(trace)
        axes.plot(np.arange(len(trace))[finite], trace[finite], STYLES[name][1],
                  color=STYLES[name][0], label=name)
        if not finite.all():
            broken[name] = int(finite.argmin())
            axes.plot([broken[name] - 1], [trace[broken[name] - 1]], "x", color="black",
                      markersize=10, markeredgewidth=2)
        highest.append(trace[finite].max())
        lowest.append(trace[finite].min())
    axes.set(xlabel="step", ylabel="NLL of errors that are 0 (nats)",
             xlim=(0, 1.03 * max(map(len, traces.values()))),
             ylim=(1.1 * min(lowest), max(highest) - 0.05 * min(lowest)))
    axes.legend(loc="lower left", fontsize=9)
    return broken


def _rounded(number):
    """A number from 1 up in few characters: 12, or 1.2 · 10⁸."""
    if number < 1e4:
        return f"{number:,.0f}"
    digits, power = f"{number:.1e}".split("e+")
    return f"{digits} · 10{power.lstrip('0').translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


CEILING = 900  # nats; what lies above is drawn at the edge


@styled
def noise_sweep(
    name, originals, reconstructions, samples, sigmas, own, refitted, found, here, numbers,
    guess=None, fig=None,
):
    """One model of a sweep over the decoder's σ: its digits, and −ELBO against σ for all.

    name: of the model; originals, reconstructions, samples: [10, 28, 28] in [0, 1]. sigmas:
    the fixed σ [s]; own: −ELBO with that σ [seeds, s], refitted: with the best σ put in after
    training. found: {way of finding σ: (its σ [seeds], −ELBO [seeds])}; here: this model's (σ,
    −ELBO); numbers: words about it. guess: the σ that the learner thinks best, or None. Nats
    per test image.
    """
    if fig is None:
        fig = _empty_sweep(sigmas, found)
    parts = fig.artists_of
    parts["digits"].set_data(there_and_back(originals, reconstructions, samples))
    own, refitted = np.asarray(own), np.asarray(refitted)
    for kind, values in (("own", own), ("refitted", refitted)):
        parts[kind].set_data(np.broadcast_to(sigmas, values.shape).ravel(),
                             np.minimum(values, CEILING).ravel())
    parts["line"].set_data(sigmas, np.minimum(np.median(own, 0), CEILING))
    for way, (sigma, neg_elbo) in found.items():
        parts["found"][way].set_data(sigma, neg_elbo)
    parts["here"].set_data([here[0]], [min(here[1], CEILING)])
    parts["guess"].set(visible=guess is not None, xdata=[guess or 1] * 2)
    medians = {f"fixed {sigma:g}": median for sigma, median in zip(sigmas, np.median(own, 0))}
    medians |= {way: np.median(neg_elbo) for way, (_, neg_elbo) in found.items()}
    best = min(medians, key=medians.get)
    guessed = "" if guess is None else f" (your guess: {guess:g}, dotted)"
    parts["here"].axes.set_title(f"{name}: {numbers}\nlowest −ELBO: σ {best}{guessed}")
    fig.caption = (f"{name}: {numbers}. Median −ELBO: " + ", ".join(
        f"σ {way} {_signed(median)}" for way, median in medians.items())
        + f" nats per test image{guessed}.")
    return fig


def _empty_sweep(sigmas, ways):
    """The figure of a sweep over σ with its axes, a mark for each of `ways`, and no model yet."""
    fig = Figure(figsize=(9.6, 4.1), layout="constrained")
    digits, curve = fig.subplots(1, 2, width_ratios=[1, 1.3])
    fig.artists_of = {
        "digits": labelled_picture(digits, THERE_AND_BACK, 5),
        "own": curve.plot([], [], "o", color=BLUE, alpha=0.5, label="σ fixed")[0],
        "line": curve.plot([], [], color=BLUE, linewidth=1)[0],
        "refitted": curve.plot([], [], "^", color=GREEN, alpha=0.5,
                               label="… σ put right after training")[0],
        "found": {way: curve.plot([], [], mark, color=ORANGE, markersize=7, alpha=0.7,
                                  label=f"σ {way}")[0]
                  for way, mark in zip(ways, ("s", "D"))},
        "here": curve.plot([], [], "o", color="black", fillstyle="none", markersize=15,
                           markeredgewidth=2, label="the model on the left")[0],
        "guess": curve.axvline(1, color=ORANGE, linestyle=":", linewidth=2),
    }
    digits.set_title("Digits, what comes back,\nand draws from the prior")
    curve.set(xscale="log", xlabel="σ of the decoder", title=TWO_LINES,
              ylabel="−ELBO (nats per test image)", ylim=(-720, 1.1 * CEILING),
              xlim=(min(sigmas) / 1.4, 1.4 * max(sigmas)))
    curve.xaxis.set_major_locator(FixedLocator(sigmas))
    curve.xaxis.set_minor_locator(NullLocator())
    curve.xaxis.set_major_formatter("{x:g}")
    curve.legend(loc="upper center", fontsize=8.5, ncols=2)
    freeze_layout(fig)
    return fig


def _signed(value):
    return f"{value:,.0f}".replace("-", "−")
