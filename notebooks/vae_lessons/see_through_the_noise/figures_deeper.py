"""Figures of notebook 06's Going deeper: two clouds of draws, dead encoders, and the ridge."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout, styled

GREY = "#777777"


@styled
def swapped_pair(means, draws, swaps, steps, names):
    """Draws of two digits' posteriors at several moments: whose draw lies nearer to whom?

    means [moments, 2, 2]; draws [moments, 2, k, 2]; swaps [moments, 2]: how probably a draw of
    each lies nearer to the other's mean; steps [moments]; names: of the two digits.
    """
    means, draws, swaps = (np.asarray(values) for values in (means, draws, swaps))
    fig = Figure(figsize=(9.6, 3.1), layout="constrained")
    panels = fig.subplots(1, len(steps))
    for axes, mean, draw, swap, step in zip(panels, means, draws, swaps, steps):
        pair = list(zip(mean, draw, names, (BLUE, ORANGE), "os"))
        for _, own, _, colour, mark in pair:
            axes.plot(*own.T, mark, color=colour, alpha=0.35, markersize=3)
        for place, _, name, colour, mark in pair:
            axes.plot(*place[:, None], mark, color=colour, markersize=7, label=name,
                      markeredgecolor="black")
            away = place - mean.mean(0)  # the two numerals lie on opposite sides
            axes.annotate(name[-1], place, 17 * away / np.linalg.norm(away),
                          textcoords="offset points", color="white", weight="bold", size=9,
                          ha="center", va="center",
                          bbox={"boxstyle": "circle", "facecolor": colour, "edgecolor": "black"})
        everything = np.concatenate([*draw, mean])  # [2k + 2, 2]
        middle = (everything.max(0) + everything.min(0)) / 2
        reach = 0.55 * np.ptp(everything, axis=0).max()
        axes.set(xlabel="first main axis", xlim=(middle[0] - reach, middle[0] + reach),
                 ylim=(middle[1] - reach, middle[1] + reach),
                 title=f"after {step:,} steps\n{swap.mean():.0%} of draws swap")
    panels[0].set_ylabel("second main axis")
    words = ", ".join(f"{swap.mean():.0%} after {step:,} steps" for swap, step in zip(swaps, steps))
    fig.caption = f"Draws of {names[0]} and {names[1]} nearer to the other's mean: {words}."
    return fig


@styled
def ridge(beta, betas, scales, losses, threshold, fig=None):
    """The loss along the best way off the plateau, at one β among others.

    beta: the one of `betas` that is shown in colour; scales [k]: t, the size of the decoder's
    weights; losses [betas, k]: the change of D + βR, in nats per image; threshold: β*.
    """
    scales, losses = np.asarray(scales), np.asarray(losses)
    if fig is None:
        fig = _empty_ridge(betas, scales, losses)
    parts, own = fig.artists_of, losses[list(betas).index(beta)]
    parts["curve"].set_data(scales, own)
    parts["parabola"].set_data(scales, 0.5 * scales**2 * (1 - threshold / beta))
    way, shape = ("falls", "a saddle") if beta < threshold else ("rises", "a valley")
    parts["curve"].axes.set_title(f"β = {beta:g}: the loss {way} on both sides of the plateau,\n"
                                  f"so the plateau is {shape} (β* = {threshold:.1f})")
    fig.caption = (f"At β = {beta:g} the loss {way} on both sides of the plateau, which is "
                   f"{shape}; β* is {threshold:.1f}. The lowest loss on the way is "
                   f"{own.min():+.2f} nats per image against the plateau.")
    return fig


def _empty_ridge(betas, scales, losses):
    fig = Figure(figsize=(7.8, 4.6), layout="constrained")
    axes = fig.subplots()
    fig.artists_of = {
        "parabola": axes.plot([], [], "--", color=ORANGE, label="½ t² (1 − β*/β)")[0],
        "curve": axes.plot([], [], "-", color=BLUE, linewidth=3, label="the loss at this β")[0],
    }
    lowest = losses.min()
    for beta, line in zip(betas, losses):
        axes.plot(scales, line, color="#BBBBBB", linewidth=1, zorder=0)
        shown = np.flatnonzero(line < -1.3 * lowest)[-1]
        axes.annotate(f" β = {beta:g}", (scales[shown], line[shown]), color=GREY, fontsize=9,
                      va="center", annotation_clip=False)
    axes.plot(0, 0, "o", color="black", markersize=9, label="the plateau", zorder=3)
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    axes.set(xlabel="size t of the decoder's weights for one latent (the sign is their direction)",
             ylabel="change of D + βR\n(nats per image; down is better)", title=TWO_LINES,
             xlim=(scales[0], scales[-1]), ylim=(1.15 * lowest, -1.5 * lowest))
    axes.legend(loc="upper center", fontsize=9, ncols=3)
    freeze_layout(fig)
    return fig


@styled
def constant_encoders(stay, leave):
    """Which encoders' outputs still differ between images, and which runs have left the plateau.

    stay, leave: {what is constant: number of runs}, with the same keys.
    """
    fig = Figure(figsize=(9.6, 1.2 + 0.5 * len(stay)), layout="constrained")
    axes = fig.subplots()
    for row, name in enumerate(stay):
        total = stay[name] + leave[name]
        axes.barh(row, stay[name], color=BLUE, label="still collapsed" if row == 0 else None)
        axes.barh(row, leave[name], left=stay[name], color="#C8DDEC", hatch="//",
                  edgecolor="white", label="have left" if row == 0 else None)
        axes.text(total + 0.2, row, f"{stay[name]} of {total} still collapsed", va="center")
    most = max(stay[name] + leave[name] for name in stay)
    axes.set(xlabel="runs (linear heads, no batch norm, β below β*)", xlim=(0, 1.35 * most + 1),
             yticks=range(len(stay)), ylim=(len(stay) - 0.4, -0.6))
    axes.set_yticklabels(stay)
    axes.legend(loc="upper right", fontsize=9)
    dead = next(iter(stay))
    axes.set_title(f"{dead.capitalize()}: "
                   f"{stay[dead]} of {stay[dead] + leave[dead]} runs are still collapsed")
    fig.caption = "Still collapsed after 200 steps: " + "; ".join(
        f"{name}: {stay[name]} of {stay[name] + leave[name]} runs" for name in stay) + "."
    return fig
