"""Examining a run of your own: a module with `encode` and `decode`, its logged numbers, or both."""

import html
import math
import re
import textwrap

import torch
from torch import nn

from vae_helpers import arguments, data
from vae_lessons.diagnose_a_run import adapt, findings
from vae_lessons.diagnose_a_run import records as logs
from vae_lessons.diagnose_a_run.findings import Measured, tell

MOST = 1_000  # images used
FEWEST = 50
MARKS = {"ill": "✗", "cannot tell": "?", "well": "✓"}
WIDTH = 92


class Report:
    """What `examine` found; it displays itself as one page.

    findings: a list of `findings.Finding`, the ill ones first; `report["sampler"]` is the one of
    that name. seen: sentences on how the subject was read.
    """

    def __init__(self, found, seen):
        self.findings = sorted(found, key=lambda finding: [*MARKS].index(finding.verdict))
        self.seen = list(seen)

    def __getitem__(self, name):
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"No finding {name!r}; there are: "
                       f"{', '.join(finding.name for finding in self.findings)}.")

    @property
    def ill(self):
        """The names of all findings that are ill."""
        return [finding.name for finding in self.findings if finding.verdict == "ill"]

    @property
    def headline(self):
        """The verdict in one line."""
        counts = {verdict: sum(f.verdict == verdict for f in self.findings) for verdict in MARKS}
        return (f"{counts['ill']} ill, {counts['cannot tell']} cannot tell, "
                f"{counts['well']} well") + (f": {', '.join(self.ill)}" if self.ill else "")

    def __repr__(self):
        # The meaning of what is well stands in the table and in the findings only.
        lines = [self.headline]
        lines += [line for text in self.seen for line in _wrapped(text, "  ")]
        for finding in self.findings:
            mark = MARKS[finding.verdict]
            value = marked(finding.value)
            lines += [*_wrapped(f"{mark} {finding.name}, {finding.verdict}: {value}")]
            if finding.verdict != "well":
                lines += _wrapped(f"{finding.meaning} [notebook {finding.section}]", "    ")
        return "\n".join(lines)

    def _repr_html_(self):
        rows = "".join("<tr>" + "".join(
            f'<td style="text-align: left">{html.escape(text)}</td>' for text in (
                f"{MARKS[f.verdict]} {f.verdict}", f.name, marked(f.value), f.meaning,
                f"notebook {f.section}")) + "</tr>" for f in self.findings)
        titles = "".join(f"<th>{title}</th>" for title in
                         ("verdict", "of", "measured", "meaning", "read"))
        seen = "".join(f"<br>{html.escape(text)}" for text in self.seen)
        return (f"<p><b>{html.escape(self.headline)}</b>{seen}</p>"
                f"<table><tr>{titles}</tr>{rows}</table>")


def marked(text):
    """The text with its numbers between ⟨ and ⟩, as all that is measured in the series."""
    return re.sub(r"(?<![\w.\[])\d[\d.,]*(?<=\d)(e[+-]?\d+)?", r"⟨\g<0>⟩", text)


def _wrapped(text, indent=""):
    hanging = indent or "    "
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=hanging)


def examine(subject, images=None, *, records=None, second=None, output=None, seed=0):
    """A `Report` on a VAE: which illnesses of a run it shows, and what cannot be told.

    subject: a PyTorch module with `encode` and `decode`; or its logged numbers alone, a dict of
    equally long lists (loss, reconstruction, kl) or a list of `vae_helpers.training.Record`.
    images: what the model is given, the first 1,000 of them: uint8, which are divided by 255, or
    floats in any shape [n, …]. A module needs them; logged numbers gain from them.
    records: the logged numbers of the module's run.
    second: what the encoder's second output is, if the report cannot tell: "logvar", "log_std",
    "variance" or "std". output: what the decoder returns: "logits" or "probabilities" (Bernoulli),
    or "image" (squared error). seed: of all draws.

    The prior is taken to be N(0, I). The module is left as it was: modes, buffers, attributes,
    gradients, hooks, and PyTorch's generators (of the CPU and of CUDA). Raises `TypeError` and
    `ValueError` for a wrong call; what a module does is reported, and raises nothing.
    """
    for name, value, known in (("second", second, adapt.LOGVAR), ("output", output,
                                                                  adapt.OUTPUTS)):
        if value is not None and value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}.")
    arguments.generator(seed)
    if not isinstance(subject, nn.Module) and records is not None:
        raise ValueError("The first argument is no module, and records are given too: pass "
                         "logged numbers once, examine(records) or examine(model, images, "
                         "records=…).")
    return _examine(subject, images, records, second, output, seed)


def _examine(subject, images, records, second, output, seed):
    given = None if images is None else _floats(images)
    if not isinstance(subject, nn.Module):
        logged = logs.read(subject)
        pixels = None if given is None else given.flatten(1)  # [n, …] -> [n, pixels]
        return Report(_of_records(logged, Measured(x=pixels)), ["Logged numbers alone."])
    _require_vae(subject)
    if given is None:
        raise ValueError("A module is examined on images: examine(model, images).")
    logged = None if records is None else logs.read(records)
    first = f"the first {len(given)} of " * (len(given) < len(images))
    seen = [f"{type(subject).__name__} on {first}{len(images)} images. The prior is taken to be "
            "N(0, I)."]
    if not images.is_floating_point():
        seen.append("Whole numbers were divided by 255. If the model was trained on another "
                    "scale, pass floats on that scale.")
    with adapt.untouched(subject, seed):
        try:
            found = _of_model(subject, given, logged, second, output, seed, seen)
        except adapt.Unreadable as error:
            unread = Measured(x=given.flatten(1).float().cpu(), why={"module": str(error)})
            found = [findings.inputs(unread), findings.finite(subject, unread),
                     *_of_records(logged, unread)]
    if not images.is_floating_point():
        found[0] = found[0]._replace(value=f"{found[0].value} after division by 255")
    return Report(found, seen)


def _floats(images):
    """The first `MOST` images as floats [n, …]: whole numbers are divided by 255."""
    if not isinstance(images, torch.Tensor) or images.ndim < 2:
        raise TypeError("images must be a tensor [n, …], uint8 or floats, got "
                        f"{type(images).__name__} {list(getattr(images, 'shape', []))}.")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"images must be uint8 or floats, got {images.dtype}: use .float().")
    if len(images) < FEWEST:
        raise ValueError(f"{len(images)} images are too few for averages over images: give "
                         f"{FEWEST} or more.")
    images = images[:MOST].detach()
    return images if images.is_floating_point() else images.float() / 255


def _require_vae(model):
    missing = [name for name in ("encode", "decode") if not callable(getattr(model, name, None))]
    if missing:
        inner = " Pass its `module`." * hasattr(model, "module")
        raise TypeError(f"{type(model).__name__} has no {' and no '.join(missing)}: a VAE needs "
                        "encode(x), which returns mean and log variance, and decode(z). Add "
                        f"methods that call your own.{inner}")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        raise ValueError("The module has lazy layers without weights: run it once first.")


def _of_model(model, images, logged, second, output, seed, seen):
    """All findings on a module, measured within `adapt.untouched`."""
    like = next(model.parameters(), images)
    subject = adapt.Subject(model, images.to(like))
    seen += subject.seen
    sampled, problem = _sampled(model, subject)
    kind, why = _second_kind(subject, second, sampled)
    seen.append(why)
    output = output or subject.output_kind()
    eps = data.noise(arguments.generator(seed), len(images), math.prod(subject.code),
                     like=subject.x)

    def look(output):
        found = findings.look(subject, eps, kind, output)
        return found._replace(why=found.why | {"logvar": why})

    found = look(output)
    whole = findings.finite(model, found)
    if whole.verdict == "ill":
        return [findings.inputs(found), whole, logs.rest_finding(logged)]
    lag = tell("running statistics", "well", "no batch norm with running statistics",
               "Nothing here can lag behind the weights.")
    if adapt.keeps_statistics(model):
        with adapt.batch_statistics(model):
            of_batch = look(output or found.kind)
        found = found if found.kind == of_batch.kind else look(of_batch.kind)
        lag = _lag(found, of_batch)
    if lag.verdict == "ill":
        found = of_batch
        seen.append("All else is measured with batch norm's statistics of batches of "
                    f"{adapt.CHUNK} images, because of its running statistics.")
    of_records = _of_records(logged, found)
    return [findings.inputs(found), whole, lag, *of_records, findings.mean_image_finding(found),
            findings.active(found), findings.variance(found),
            _sampler_finding(sampled, problem, second), findings.dead(found),
            findings.overflow(found, like.dtype)]


def _of_records(logged, found):
    """The findings that logged numbers give, together with what was measured of the module."""
    beta, wants = logs.beta_finding(logged, found)
    return [beta, _collapse(found, logged, wants), logs.rest_finding(logged)]


def _collapse(found, logged, wants):
    """The finding on posterior collapse. wants: whether β asks for it, None if unknown."""
    if found.mean is None:
        return _collapse_in_records(logged, wants, found.why.get("module", "There is no module "
                                    "to measure, and the unit of the logged KL is unknown."))
    count = int((found.mean.double().var(0) > findings.ACTIVE).sum())
    uses = findings.uses_code(found)
    value = f"{count} latents active; picture " + {
        True: "better than the mean image", False: "no better than the mean image",
        None: "not compared with the mean image"}[uses]
    # The code carries at most the rate, so a rate of 0 decides without a picture.
    no_rate = found.rate is not None and float(found.rate.sum()) < 0.1
    if count == 0 and (no_rate or uses is False):
        return _collapsed(value, wants, sure=uses is False)
    if count and uses:
        return tell("collapse", "well", value, "The code says something of the image, and the "
                    "decoder uses it.")
    return tell("collapse", "cannot tell", value, "Posterior collapse means no active latent and "
                "a picture that is no better than the mean image. Here only one of the two was "
                "found, or measured.")


def _collapse_in_records(logged, wants, why):
    if logged is None or logged.beta is None:
        return tell("collapse", "cannot tell", "rate in nats unknown", why)
    last = float(logged.rate[-max(1, len(logged.rate) // 20):].mean())
    value = f"rate {last:.3g} nats per image at the end"
    return _collapsed(value, wants, sure=False) if last < 0.1 else tell(
        "collapse", "cannot tell", value, "A code carries at most its rate. Whether the decoder "
        "uses it cannot be told without the module.")


def _collapsed(value, wants, sure):
    what = "Posterior collapse" if sure else (
        "The code says next to nothing of the image: posterior collapse, or hardly any training")
    meaning = {
        True: "The loss probably wants it, since rate is expensive: see effective β. Lower β.",
        False: "Rate is not expensive, so training probably fell into it. Warm-up, free bits or a "
               "smaller learning rate often help; so may more steps.",
        None: "Whether the loss asks for it is open: see effective β. To find out, train once with "
              "β = 1.",
    }
    return tell("collapse", "ill", value, f"{what}. {meaning[wants]}")


def _lag(evaluated, of_batch):
    """The finding on batch norm's running statistics, from the same images and noise."""
    def error(found):
        if found.distortion is None:
            return found.squared
        return found.distortion + (0 if found.rate is None else float(found.rate.sum()))

    one, other = error(evaluated), error(of_batch)
    if one is None or other is None or (evaluated.distortion is None) != (
            of_batch.distortion is None):
        return tell("running statistics", "cannot tell", "no comparable pictures",
                    evaluated.why.get("picture", of_batch.why.get("picture", "")))
    unit = ("squared error" if evaluated.distortion is None
            else "distortion" if evaluated.rate is None else "−ELBO")
    value = f"{unit} {one:.4g} in evaluation mode, {other:.4g} with the statistics of the batch"
    worse = one / other - 1
    if not worse > 0.03:
        return tell("running statistics", "well", value, "Evaluation mode is not behind.")
    if worse < 0.1:
        return tell("running statistics", "cannot tell", value, "A small lag, or batches of "
                    f"{adapt.CHUNK} that flatter. Recompute the statistics and compare.")
    return tell("running statistics", "ill", value, "If these images are like those of training, "
                "the running statistics lag behind the weights: recompute them, as notebook 03 "
                "does, or train on with a smaller learning rate.")


def _sampled(model, subject):
    """What `adapt.sampler` found, or None, and why it failed, or None."""
    try:
        return adapt.sampler(model, subject.code), None
    except adapt.Unreadable as error:
        return None, str(error)


def _second_kind(subject, stated, sampled):
    """What the encoder's second output is, a key of `adapt.LOGVAR` or None, and why, in words."""
    _mean, h = subject.encode(subject.x)
    if h is None:
        return None, "No second output of encode was seen."
    if subject.known or stated:
        return stated or subject.known, f"The second output is taken as {stated or subject.known}."
    name, argument, formula = sampled or (None, "", None)
    named = adapt.named_kind(argument)
    negative, zero = bool((h < 0).any()), float((h == 0).double().mean())
    if named == "logvar" or named == "log_std" and formula == findings.RIGHT[named]:
        return named, f"The second output is read as {named}: {name} calls it {argument!r}."
    if negative or formula == "exp(½ h)":
        reason = "it has negative values" if negative else f"{name} treats it so"
        return "logvar", (f"The second output is read as log variance, since {reason}. If it is "
                          "the log of a standard deviation, pass second=\"log_std\".")
    if zero > 0:
        return "logvar", ("The second output is read as log variance: it is exactly 0 in "
                          f"{zero:.0%} of values, where the KL of a variance would be infinite.")
    if named and formula == findings.RIGHT[named]:
        return named, f"The second output is read as {named}: {name} treats it so."
    return None, ("The second output is always positive: a log variance, a variance or a standard "
                  "deviation. The line of the loss with the KL decides; pass second=….")


def _sampler_finding(sampled, problem, stated):
    """The finding on the standard deviation of the module's own draws."""
    if sampled is None:
        return tell("sampler", "cannot tell", "no method seen", problem or "No method like "
                    "reparameterize(mean, logvar) was found, so its draws cannot be measured.")
    name, argument, formula = sampled
    if formula is None:
        return tell("sampler", "cannot tell", f"{name}({argument})", "The standard deviation of "
                    "its draws fits no usual formula of its second argument.")
    value = f"{name}: standard deviation {formula.replace('h', argument)}"
    if formula == "0":
        return tell("sampler", "ill", f"{name} returns the mean", "Even in training mode it draws "
                    "no noise, so nothing stops the code from being a plain autoencoder's.")
    named = stated or adapt.named_kind(argument) or ("logvar" if formula == "exp(½ h)" else None)
    if formula == findings.RIGHT.get(named):
        return tell("sampler", "well", value, f"This is right for {named} as second argument.")
    if named == "logvar" and formula == "exp(h)":
        return tell("sampler", "ill", value, "The standard deviation of a log variance is "
                    "exp(½ · logvar). exp(logvar) is the variance; it is right only if the KL, "
                    f"too, treats {argument!r} as the log of a standard deviation.")
    if named == "variance" and formula == "h":
        return tell("sampler", "ill", value, "The standard deviation is the root of a variance; "
                    f"this is right only if {argument!r} is a standard deviation in the KL too.")
    return tell("sampler", "cannot tell", value, f"Whether this is right depends on what "
                f"{argument!r} is in the KL.")
