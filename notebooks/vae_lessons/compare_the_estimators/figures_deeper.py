"""Figures of notebook 02's deeper sections: two latents, a real encoder, many-draw bounds."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, TWO_LINES, freeze_layout, styled
from vae_lessons.compare_the_estimators.figures import STYLES, in_full


@styled
def slanted(precision, sd, laws, measured, fig=None):
    """A correlated posterior, the best q with independent latents, and the variances of the forms.

    precision: [2, 2], of the posterior, which is centred at 0; sd: [2], of q.
    laws and measured: {quantity: {form: variance}}, exact and from draws.
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
    left = fig.artists_of["q"].axes
    left.set_title(f"Correlation of the posterior: {slope + 0:.2f}\n ".replace("-", "−"))
    for row, (quantity, form) in enumerate(quantities):
        value = measured[quantity][form]
        fig.artists_of["bars"][row].set_width(value)
        exact = laws[quantity][form]
        fig.artists_of["laws"][row].set_data([exact, exact], [row - 0.4, row + 0.4])
        room = 0.02 * fig.artists_of["numbers"][row].axes.get_xlim()[1]
        fig.artists_of["numbers"][row].set(text=f"{value:.2f}", x=value + room)
    right = fig.artists_of["bars"][-1].axes
    right.set_title("Without correlation the path\nderivative has no variance"
                    if measured["gradient"]["path derivative"] < 5e-3 else
                    "With a correlated posterior, even the\npath derivative keeps variance")
    variances = "; ".join(
        f"{quantity}, {form}: {measured[quantity][form]:.2f}" for quantity, form in quantities)
    fig.caption = f"Correlation {slope + 0:.2f}. {variances}.".replace("-", "−")
    return fig


def _empty_slanted(quantities):
    """The figure of `slanted` with its axes, before any data. quantities: [(quantity, form)]."""
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, middle, right = fig.subplots(1, 3, width_ratios=[0.9, 0.65, 1])
    fig.artists_of = {
        "posterior": left.plot([], [], color="black", label="posterior")[0],
        "q": left.plot([], [], "--", color="#555555", label="best q, independent latents")[0],
        "bars": [], "laws": [], "numbers": [],
    }
    for row, (quantity, form) in enumerate(quantities):
        axes = middle if quantity == "value" else right
        bar, = axes.barh([row], 0, color=STYLES[form][0], height=0.6)
        fig.artists_of["bars"].append(bar)
        fig.artists_of["laws"].append(axes.plot([], [], color="black", linewidth=2)[0])
        fig.artists_of["numbers"].append(axes.text(0, row, "", va="center"))
    left.set(xlabel="z₁", ylabel="z₂", xlim=(-2, 2), ylim=(-2, 2), aspect="equal", title=TWO_LINES)
    left.legend(loc="upper right", fontsize=9)
    middle.set(xlabel="variance of the value (nats²)", xlim=(0, 2.6),
               title="Bars: measured,\nstrokes: exact")
    right.set(xlabel="variance of the gradient (mean of q)", xlim=(0, 20), title=TWO_LINES)
    for axes, shown in ((middle, "value"), (right, "gradient")):
        rows = [row for row, (quantity, _) in enumerate(quantities) if quantity == shown]
        axes.set(yticks=rows, ylim=(rows[-1] + 0.8, rows[0] - 0.8))
        axes.set_yticklabels([quantities[row][1].replace(" ", "\n") for row in rows])
    freeze_layout(fig)
    return fig


OF_BOUND = {"decoder": "KL", "encoder, DReG": "path derivative", "encoder": "Monte Carlo"}


@styled
def bound_tightening(samples, bounds, errors, elbo, log_evidence):
    """The IWAE bound against the number of draws K inside it.

    samples: [n], values of K; bounds, errors: [n], mean and standard error of the bound, in nats.
    """
    fig = Figure(figsize=(8, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.axhline(log_evidence, color="black", label="log p(x)")
    axes.axhline(elbo, color="#777777", linestyle=":", label="ELBO")
    axes.plot(samples, bounds, "o-", color=BLUE, label="bound with K draws")
    axes.vlines(samples, bounds - 2 * errors, bounds + 2 * errors, color=BLUE)
    room = 0.1 * (log_evidence - elbo)
    axes.set(xscale="log", xlabel="draws K", ylabel="nats",
             ylim=(elbo - room, log_evidence + room))
    axes.set_xticks(samples, [str(k) for k in samples])
    axes.set_xticks([], minor=True)
    axes.set_title("More draws inside the logarithm bring the bound closer to log p(x)")
    axes.legend(loc="center right")
    fig.caption = (
        f"From {bounds[0]:.3f} nats with {samples[0]} draw to {bounds[-1]:.3f} with "
        f"{samples[-1]}; log p(x) is {log_evidence:.3f}."
    ).replace("-", "−")
    return fig


@styled
def signal_to_noise(samples, ratios, slopes, guess=None):
    """The signal-to-noise ratio of each gradient against the number of draws K, a panel per case.

    samples: [n], values of K; ratios: {case: {gradient: [n]}}; slopes: {case: {gradient: slope}}
    in log-log axes. guess: the learner's guess about the encoder's gradient, or None.
    """
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    panels = fig.subplots(1, len(ratios), sharey=True)
    for axes, (case, gradients) in zip(panels, ratios.items()):
        for gradient, values in gradients.items():
            colour, line, mark = STYLES[OF_BOUND[gradient]]
            slope = f"{slopes[case][gradient]:+.2f}".replace("-", "−")
            axes.plot(samples, values, linestyle=line, marker=mark, color=colour,
                      label=f"{gradient}: slope {slope}")
        axes.set(xscale="log", yscale="log", xlabel="draws K",
                 xlim=(samples[0] / 1.2, samples[-1] * 1.2), ylim=(0.02, 50))
        axes.set_xticks(samples, [str(k) for k in samples])
        axes.set_xticks([], minor=True)
        axes.legend(loc="upper left", fontsize=9)
        falls = [name for name, slope in slopes[case].items() if slope < 0]
        told = f"; your guess: it {guess}" if guess else ""
        axes.set_title(f"{case}{told}\nfalling: {'; '.join(falls) or 'none'}")
    panels[0].set_ylabel("signal-to-noise ratio of the gradient")
    fig.caption = "Slopes of the signal-to-noise ratio. " + "; ".join(
        f"{case}: " + ", ".join(f"{name} {slope:+.2f}" for name, slope in of_case.items())
        for case, of_case in slopes.items()).replace("-", "−") + "."
    return fig


@styled
def layer_noise(stages, stored, live):
    """The gradient variance of an encoder's first layer, relative to the total derivative's.

    stages: [stages], numbers of training steps; stored: {estimator: [seeds, stages]}, live:
    {estimator: [stages]}, ratios of variances.
    """
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    reparameterised, scored = fig.subplots(1, 2)
    aside = 0.012 * stages[-1]
    for position, (name, of_seeds) in enumerate(stored.items()):
        colour, _, mark = STYLES[name]
        axes = scored if name.startswith("score") else reparameterised
        places = np.array(stages) + aside * (-1) ** position  # side by side
        axes.vlines(places, of_seeds.min(0), of_seeds.max(0), color=colour, linewidth=5, alpha=0.3)
        axes.plot(places, live[name], mark, color=colour, label=in_full(name))
    for axes in (reparameterised, scored):
        axes.axhline(1, color=BLUE, linewidth=1, label="total derivative", zorder=1)
        axes.set(xlabel="training step", xlim=(-6 * aside, stages[-1] + 6 * aside))
        axes.set_xticks(stages, [f"{stage:,}" for stage in stages])
    reparameterised.set(ylim=(0, 1.1), ylabel="gradient variance ÷ total derivative's",
                        title="Once training has begun, only the path derivative\n"
                              "stays well below the total derivative")
    scored.set(yscale="log", ylim=(0.3, 1e7),
               title="A baseline removes nearly all the variance\nof the score-function estimator")
    reparameterised.legend(loc="lower right", fontsize=9)
    scored.legend(loc="upper right", fontsize=9)
    words = [f"{in_full(name)} {', '.join(f'{value:.3g}' for value in live[name])}"
             for name in stored]
    fig.caption = (
        f"Gradient variance of the first layer over that of the total derivative, at steps "
        f"{', '.join(map(str, stages))}: " + "; ".join(words) + "."
    )
    return fig
