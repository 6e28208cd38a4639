"""The arguments of notebook 02's interactive figures, computed from the values of the sliders."""

import math

import torch
from ipywidgets import FloatSlider, Layout

WIDE, STYLE = Layout(width="450px"), {"description_width": "160px"}
AXIS = torch.linspace(-2.5, 4.5, 281, dtype=torch.float64)  # z
SPREADS = torch.logspace(math.log10(0.15), math.log10(2.5), 120, dtype=torch.float64)  # s of q
NUDGED = torch.linspace(-0.5, 2.5, 61, dtype=torch.float64)  # q's means in `along_mean`
NOISE = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64)


def sliders():
    """Sliders for q's shift, in units of the posterior's width, and its standard deviation."""
    return {
        "shift": FloatSlider(0.0, min=-2, max=2, step=0.1, description="shift a of q",
                             layout=WIDE, style=STYLE),
        "sd": FloatSlider(0.71, min=0.2, max=2, step=0.01, description="standard deviation s",
                          layout=WIDE, style=STYLE),
    }


def averages(one_draw, draws, counts, exact):
    """The arguments of `figures.averages`.

    one_draw: {form: [repetitions, L]}, one-draw estimates; draws: the number of draws to average;
    counts: [n], numbers of draws for the curve of standard deviations; exact: the ELBO.
    """
    def spreads(values):  # [n]
        places = torch.tensor(counts)
        return (values.cumsum(1)[:, places - 1] / places).std(0).numpy()

    return {
        "estimates": {form: v[:, :draws].mean(1).numpy() for form, v in one_draw.items()},
        "exact": exact, "draws": draws, "counts": torch.tensor(counts).numpy(),
        "spreads": {form: spreads(v) for form, v in one_draw.items()},
        "of_one": {form: v.std().item() for form, v in one_draw.items()},
    }


def at(shift, sd, posterior_mean, posterior_sd, panels):
    """The arguments of `figures.variance_curves` for one q.

    shift: of q's mean, in units of posterior_sd; sd: of q. panels: {name: (law, drawn)}, two
    functions that return {form: variance}: law of the mean and standard deviation of q and of the
    posterior, drawn of those of q.
    """
    def normal(mean, sd):
        return torch.exp(-((AXIS - mean) ** 2) / (2 * sd**2)) / (sd * math.sqrt(2 * math.pi))

    def curves(law):  # some of which do not depend on q's standard deviation
        found = law(mean, SPREADS, posterior_mean, posterior_sd)
        return {form: torch.as_tensor(v).expand(len(SPREADS)).numpy() for form, v in found.items()}

    mean = posterior_mean + shift * posterior_sd
    return {
        "z": AXIS.numpy(), "posterior": normal(posterior_mean, posterior_sd).numpy(),
        "q": normal(mean, sd).numpy(), "here": sd, "shift": shift, "ratio": sd / posterior_sd,
        "sd": SPREADS.numpy(),
        "laws": {name: curves(law) for name, (law, _) in panels.items()},
        "measured": {name: drawn(mean, sd) for name, (_, drawn) in panels.items()},
    }


def along_mean(forms, gradients, log_joint, m, sd, draws, tangents=False):
    """The arguments of `figures.along_mean`: each form's estimate against q's mean, for fixed ε.

    forms: {name: form}; gradients: `gradient_of_each`; m, sd: mean and standard deviation of q;
    draws: [draws, 1, 1], noise for the standard deviations of values and gradients at m.
    tangents: draw straight lines whose slopes are the gradients at m instead of the estimates.
    """
    q = draws.new_tensor([[m]]), draws.new_tensor([[2 * math.log(sd)]])
    noise = NOISE[:, None, None]  # [lines, 1, 1]

    def along(form, means):  # [lines, means]
        moved = means[:, None], q[1].expand(len(means), 1)
        return form(log_joint, *moved, noise.expand(-1, len(means), 1)).detach()

    def tangent(form):  # [lines, means]
        return along(form, q[0][0]) + gradients(form, log_joint, *q, noise)[0] * (NUDGED - m)

    def spread(form):
        for_mean, _ = gradients(form, log_joint, *q, draws)
        return form(log_joint, *q, draws).std().item(), for_mean.std().item()

    def line(form):
        return tangent(form) if tangents else along(form, NUDGED)

    return {"means": NUDGED.numpy(), "noise": NOISE.numpy(), "here": m,
            "curves": {name: line(form).numpy() for name, form in forms.items()},
            "values": {name: along(form, q[0][0])[:, 0].numpy() for name, form in forms.items()},
            "slopes": {name: spread(form) for name, form in forms.items()}}
