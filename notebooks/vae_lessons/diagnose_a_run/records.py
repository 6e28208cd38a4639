"""What logged numbers tell of a run: the weights of the loss's terms, and whether it is at rest."""

import math
import re
from typing import NamedTuple

import torch

from vae_helpers.training import Record
from vae_lessons.build_a_vae.calculator import effective_beta
from vae_lessons.diagnose_a_run.findings import tell

NAMES = {  # of the columns, in lower case, without "train", "val", "loss", "term" and separators
    "loss": {"", "total"},
    "distortion": {"distortion", "reconstruction", "recon", "rec", "reconst", "bce", "mse", "nll"},
    "rate": {"rate", "kl", "kld", "kldiv", "kldivergence"},
}
REDUCTIONS = {"sum / len(x)": "summed over", "mean": "averaged over"}  # of `effective_beta`
FEWEST, FEWEST_OF_FIFTH = 5, 25  # entries needed for the weights; to judge the last fifth


class Logged(NamedTuple):
    """Logged columns as float64 tensors [entries], None where a column is missing.

    beta: given only by `Record`s, whose terms are in nats per image. squared: whether the name
    says that the reconstruction term is a squared error ("mse") or a cross entropy ("bce"), or
    None. per_latent: [entries, latent] or None.
    """

    loss: torch.Tensor | None
    distortion: torch.Tensor | None
    rate: torch.Tensor | None
    beta: torch.Tensor | None = None
    squared: bool | None = None
    per_latent: torch.Tensor | None = None


class Weights(NamedTuple):
    """Weights of the two terms in the loss, or why they cannot be found, as a sentence."""

    distortion: float
    rate: float
    problem: str | None = None


def read(records):
    """`Logged` from a dict of equally long lists, or from a list of `vae_helpers.training.Record`.

    Raises `TypeError` for another type, and `ValueError` for lists of different lengths, names that
    are not known, or two columns for one quantity.
    """
    if isinstance(records, (list, tuple)) and records and all(
            isinstance(one, Record) for one in records):
        beta, distortion, rate = (_numbers([getattr(one, name) for one in records], name)
                                  for name in ("beta", "distortion", "rate"))
        return Logged(distortion + beta * rate, distortion, rate, beta,
                      per_latent=_numbers([one.rate_per_latent for one in records], "rates"))
    if not isinstance(records, dict):
        raise TypeError(
            "Expected a PyTorch module with encode and decode, or its records: a dict of lists "
            "such as {'loss': […], 'reconstruction': […], 'kl': […]}, or a list of "
            f"vae_helpers.training.Record. Got {_kind(records)}.")
    found, squared = {}, None
    for name, values in records.items():
        short = re.sub(r"train(ing)?|val(id)?(ation)?|loss|term|[\s_/.-]", "", str(name).lower())
        quantity = "per_latent" if name == "rate_per_latent" else next(
            (key for key, names in NAMES.items() if short in names), None)
        if quantity in found:
            raise ValueError(f"Two columns give the {quantity}, the second is {name!r}: leave "
                             "one out.")
        if quantity:
            found[quantity] = _numbers(values, name)
        if quantity == "distortion":
            squared = {"mse": True, "bce": False}.get(short)
    if not found:
        raise ValueError(f"None of the columns {list(records)} is known. Call them loss, "
                         "reconstruction and kl.")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1 or not min(lengths.values()):
        raise ValueError(f"The lists must be equally long and not empty, got {lengths}.")
    rate = found.get("rate", found["per_latent"].sum(1) if "per_latent" in found else None)
    return Logged(found.get("loss"), found.get("distortion"), rate, squared=squared,
                  per_latent=found.get("per_latent"))


def _numbers(values, name):
    try:
        rows = [one.tolist() if hasattr(one, "tolist") else one for one in values]
        return torch.tensor(rows, dtype=torch.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name!r} must be a list of numbers, got {_kind(values)}.") from None


def _kind(value):
    if isinstance(value, (list, tuple)) and len(value):
        return f"a {type(value).__name__} of {type(value[0]).__name__}"
    return type(value).__name__


def weights(logged):
    """`Weights` by least squares of the loss on its two terms, without a constant.

    The problem is named if a column is missing, if the terms do not explain the loss (other terms
    in it, or weights that changed), or if they vary too little or too much together to tell them
    apart. A rate that is logged with the opposite sign counts as positive.
    """
    missing = [name for name in ("loss", "distortion", "rate") if getattr(logged, name) is None]
    if missing:
        return Weights(math.nan, math.nan, f"The records have no {' and no '.join(missing)}.")
    rate = -logged.rate if float(logged.rate.nan_to_num().max()) <= 0 else logged.rate
    terms, loss = torch.stack([logged.distortion, rate], 1), logged.loss  # [entries, 2]
    finite = terms.isfinite().all(1) & loss.isfinite()
    terms, loss = terms[finite], loss[finite]
    if len(loss) < FEWEST:
        return Weights(math.nan, math.nan, f"Only {len(loss)} entries are finite; {FEWEST} or "
                                           "more are needed.")
    sizes = terms.square().mean(0).sqrt()  # [2]
    if not float(sizes.min()) > 0:
        return Weights(math.nan, math.nan, "One of the two terms is 0 throughout, so its weight "
                                           "does not show in the loss.")
    scaled = torch.linalg.pinv(terms / sizes) @ loss  # [2]
    residual = (loss - (terms / sizes) @ scaled).square().mean().sqrt()
    if float(residual) > 0.01 * float(loss.std()) + 1e-4 * float(loss.abs().mean()):
        return Weights(math.nan, math.nan,
                       "The two terms do not explain the loss: it has other terms, or a weight "
                       "changed during the run (warm-up, free bits).")
    # Logged numbers are rounded, at the latest to float32.
    noise = float(residual.clamp(min=1e-6 * float(loss.square().mean().sqrt())))
    least = float(torch.linalg.svdvals(terms / sizes)[-1])  # 0 for proportional terms
    if noise > 0.05 * least * float(scaled.abs().min()):
        return Weights(math.nan, math.nan,
                       "The two terms vary too little, or too much together, to tell their "
                       "weights apart.")
    return Weights(*(scaled / sizes).tolist())


class Rest(NamedTuple):
    """The drop of the loss over the last fifth of the run, and its standard error.

    Both are shares of the loss; None if there are too few entries. not_finite: the first entry
    that is NaN or infinite in any column, or None. moving: whether β changes in the last fifth.
    """

    drop: float | None
    error: float | None
    not_finite: int | None
    moving: bool


def rest(logged):
    """`Rest` of a run, by a straight line through the last fifth of the loss.

    Without a loss, the sum of the two terms takes its place. The error takes the noise of entries
    as independent.
    """
    columns = [c for c in logged if isinstance(c, torch.Tensor)]
    bad = torch.stack([~c.reshape(len(c), -1).isfinite().all(1) for c in columns]).any(0)
    first = int(bad.nonzero()[0]) if bad.any() else None
    loss = logged.loss
    if loss is None and logged.distortion is not None and logged.rate is not None:
        loss = logged.distortion + logged.rate.abs()
    if loss is None or len(loss) < FEWEST_OF_FIFTH or first is not None:
        return Rest(None, None, first, False)
    last = loss[-(len(loss) // 5):]
    beta = None if logged.beta is None else logged.beta[-len(last):]
    time = torch.linspace(-0.5, 0.5, len(last), dtype=torch.float64)
    slope = float((time * last).sum() / time.square().sum())
    residual = last - last.mean() - slope * time
    error = float((residual.square().sum() / (len(last) - 2) / time.square().sum()).sqrt())
    scale = max(float(last.mean().abs()), float(last.std()), 1e-30)
    moving = beta is not None and float(beta.max() - beta.min()) > 0
    return Rest(-slope / scale, error / scale, first, moving)


def beta_finding(logged, found):
    """The finding on the effective β, and whether such a loss wants collapse: True, False, None.

    logged: `Logged` or None. found: `findings.Measured` of the same run; it may hold only images.
    """
    if logged is None:
        return tell("effective β", "cannot tell", "no records",
                    "Pass the loss and its two terms, as logged: records={'loss': […], "
                    "'reconstruction': […], 'kl': […]}."), None
    if logged.beta is not None:
        return _judged(float(logged.beta[-1]), "as recorded at the last step")
    found_weights = weights(logged)
    if found_weights.problem:
        return tell("effective β", "cannot tell", "weights unknown", found_weights.problem), None
    ratio = found_weights.rate / found_weights.distortion
    value = (f"loss = {found_weights.distortion:.3g} · reconstruction + {found_weights.rate:.3g} "
             "· KL, as logged")
    if not (found_weights.distortion > 0 and ratio >= 0):
        return tell("effective β", "cannot tell", value, "A negative weight: do these columns "
                    "belong to this loss?"), None
    units = _units(logged, found)
    if units is None:
        return tell("effective β", "cannot tell", value, _conditional(ratio, logged, found)), None
    squared, reconstruction, kl, how = units
    beta = effective_beta(
        ratio, found.x.shape[1], len(found.rate), reconstruction=reconstruction, kl=kl,
        likelihood="gaussian" if squared else "bernoulli")
    return _judged_gaussian(beta, value, how, found) if squared else _judged(
        beta, f"{value}; {how}")


def _judged(beta, value):
    verdict = "well" if 0.5 <= beta <= 2 else "ill"
    meaning = "In the loss a nat of rate counts about as much as a nat of distortion, as in −ELBO."
    if verdict == "ill":
        meaning = (f"One nat of rate costs {beta:.3g} nats of distortion; in −ELBO it costs one. "
                   "Change the weight unless you chose it.")
    wants = True if beta >= 20 else False if beta <= 2 else None
    return tell("effective β", verdict, f"β = {beta:.3g} ({value})", meaning), wants


def _judged_gaussian(beta, value, how, found):
    """As `_judged`, for a squared error: by the decoder variance σ² with which β would be 1."""
    x = found.x.double()
    largest = float(torch.linalg.matrix_norm((x - x.mean(0)) / math.sqrt(len(x)), 2)) ** 2
    wants = True if beta >= largest else False if beta <= largest / 10 else None
    verdict = {True: "ill", False: "well", None: "cannot tell"}[wants]
    return tell(
        "effective β", verdict, f"β = 1 with a decoder variance σ² = {beta:.3g} ({value}; {how})",
        f"The images' largest variance along a direction is {largest:.3g}. A linear VAE uses no "
        "latent if σ² is above that, and more of them the smaller σ² is."), wants


def _units(logged, found):
    """How the logged terms are reduced, by comparison with the measured ones, or None.

    Returns whether the reconstruction is a squared error, the reductions of both terms as
    `effective_beta` names them, and the finding in words. Both the average of the last entries and
    the last entry must fit, or the run moves too fast for a comparison.
    """
    rate = 0 if found.rate is None else float(found.rate.sum())
    if found.picture is None or not rate > 1e-4:
        return None
    ends = [[abs(end) for end in _ends(column)] for column in (logged.distortion, logged.rate)]
    fits = []
    for squared, measured in ((False, found.distortion), (True, found.squared)):
        if measured is not None and logged.squared in (None, squared):
            ways = {_reductions(d, r, measured, rate, found.x.shape[1], len(found.rate))
                    for d, r in zip(*ends)}
            fits += [(squared, *way) for way in ways if len(ways) == 1 and way]
    return fits[0] if len(fits) == 1 else None


def _reductions(d, r, distortion, rate, pixels, latents):
    """The reductions with which logged d and r agree with the measured terms, or None."""
    for reconstruction, p in zip(REDUCTIONS, (1, pixels)):
        for kl, j in zip(REDUCTIONS, (1, latents)):
            if _near(d * p, distortion) and _near(r * j, rate):
                return reconstruction, kl, (f"reconstruction {REDUCTIONS[reconstruction]} pixels, "
                                            f"KL {REDUCTIONS[kl]} latents")
    same = _near(d / distortion, r / rate)
    return ("sum", "sum", "both terms in the same unit") if same else None


def _conditional(ratio, logged, found):
    """Why β cannot be told, and what it is under the two usual assumptions."""
    text = f"β = {ratio:.3g} if both terms are sums over the pixels and latents of an image"
    if found.x is not None and found.unit_interval and not logged.squared and (
            found.kind != "image"):
        x = found.x.double()
        entropy = -float((torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).sum(1).mean())
        d = _ends(logged.distortion)[0]
        if d < entropy:
            text = (f"The logged reconstruction, {d:.3g} at the end, is below these images' pixel "
                    f"entropy, {entropy:.3g} nats. So it is no cross entropy summed over pixels, "
                    "and β depends on the numbers of pixels P and latents J")
    means, sizes = f"{ratio:.3g} · P/J", ", with P pixels and J latents"
    if found.mean is not None:
        pixels, latents = found.x.shape[1], found.mean.shape[1]
        beta = effective_beta(ratio, pixels, latents, reconstruction="mean", kl="mean",
                              likelihood="bernoulli")
        means, sizes = f"{ratio:.3g} · {pixels}/{latents} = {beta:.3g}", ""
    return f"{text}. If both are means, β = {means}{sizes}. For a squared error divide by 2σ²."


def _near(one, other):
    return one > 0 and other > 0 and abs(math.log(one / other)) < 0.25


def _ends(column):
    """The average of the last twentieth of the finite entries, and the last of them."""
    finite = column[column.isfinite()]
    return float(finite[-max(1, len(finite) // 20):].mean()), float(finite[-1])


def rest_finding(logged):
    """The finding on the end of the run: not finite, still falling, or at rest."""
    if logged is None:
        return tell("at rest", "cannot tell", "no records", "Only logged losses show whether the "
                    "run was stopped too early.")
    found = rest(logged)
    if found.not_finite is not None:
        return tell("at rest", "ill", f"entry {found.not_finite} is NaN or infinite",
                    "The run broke there. Notebook 08 finds the quantity that breaks first.")
    if found.drop is None:
        return tell("at rest", "cannot tell", "too few entries", "The last fifth is judged from "
                    f"the loss, with {FEWEST_OF_FIFTH} entries or more in all.")
    value = (f"the loss {'falls' if found.drop >= 0 else 'rises'} by {abs(found.drop):.2%} in the "
             f"last fifth (standard error {found.error:.2%})")
    if found.moving:
        return tell("at rest", "cannot tell", value, "β changes in the last fifth, and the loss "
                    "with it.")
    if found.drop > max(0.02, 3 * found.error):
        return tell("at rest", "ill", value, "The run was stopped while its loss was falling. "
                    "Train on before you judge it, unless a weight in the loss was changing.")
    if abs(found.drop) + 2 * found.error < 0.01:
        return tell("at rest", "well", value, "The loss hardly moves. It may still be on a plateau "
                    "that it leaves later.")
    if found.drop < -max(0.02, 3 * found.error):
        return tell("at rest", "cannot tell", value, "A KL weight that grows makes the loss rise, "
                    "and so does a run that diverges.")
    return tell("at rest", "cannot tell", value, "The drop is small, or lost in the noise.")
