"""What a module shows when it is given images: measurements, and the findings drawn from them."""

import math
from typing import NamedTuple

import torch
from torch.nn import functional as F

from vae_helpers import elbo
from vae_lessons.diagnose_a_run import adapt

SECTIONS = {  # of each finding: the notebook's number and the section's title
    "inputs": "08, Going deeper: a loss that becomes NaN",
    "finite numbers": "08, Going deeper: a loss that becomes NaN",
    "overflow": "08, The upper end: exp overflows",
    "running statistics": "03, Going deeper: why does evaluation lag behind training?",
    "effective β": "03, Which β hides in a loss?",
    "posterior variance": "03, Is β the only fault?",
    "sampler": "03, Exercise: write the training step",
    "active units": "05, Two terms that pull in opposite directions",
    "collapse": "05, A collapse that the loss does not want",
    "dead units": "11, Which measurement decides?",
    "mean image": "06, What can a decoder do without a code?",
    "at rest": "06, Which runs stay on the plateau?",
}
ACTIVE = 0.01  # variance of the posterior mean above which a latent is active
TIES = 0.01  # share of equal values that is no chance
RIGHT = {"logvar": "exp(½ h)", "log_std": "exp(h)", "std": "h", "variance": "√h"}


class Finding(NamedTuple):
    """One line of a report.

    verdict: "well", "ill" or "cannot tell". value: what was measured; meaning: what follows, or
    why it cannot be told. section: where it is taught, as "NN, title".
    """

    name: str
    verdict: str
    value: str
    meaning: str
    section: str


def tell(name, verdict, value, meaning):
    """The `Finding` of this name, with its section."""
    return Finding(name, verdict, value, meaning, SECTIONS[name])


class Measured(NamedTuple):
    """What one pass over the images gave; None where it cannot be read.

    x: images [n, pixels]. mean: posterior means, second: the encoder's second output,
    logvar: its log variances, [n, latent] each. raw: what decode returned, picture: the same as
    probabilities or image values, [n, pixels] each. kind: of `adapt.OUTPUTS`. distortion: cross
    entropy, squared: squared error, rate: [latent]; all three summed over an image and averaged
    over images. units: {name of nn.ReLU: [units], True if not dead}. relu: the name of the nn.ReLU
    that gives the second output. why: {what is missing: reason}.
    """

    x: torch.Tensor | None
    mean: torch.Tensor | None = None
    second: torch.Tensor | None = None
    logvar: torch.Tensor | None = None
    raw: torch.Tensor | None = None
    picture: torch.Tensor | None = None
    kind: str | None = None
    distortion: float | None = None
    squared: float | None = None
    rate: torch.Tensor | None = None
    units: dict = {}
    relu: str | None = None
    why: dict = {}

    @property
    def bernoulli(self):
        """Whether the pictures are probabilities; None if that cannot be told."""
        return None if self.kind is None else self.kind != "image"

    @property
    def unit_interval(self):
        """Whether all pixels lie in [0, 1]."""
        return bool(self.x.min() >= 0) and bool(self.x.max() <= 1)


def look(subject, eps, second_kind, output):
    """`Measured` of a `Subject`, in the modes that its modules are in.

    eps: noise [n, latent]. second_kind: a key of `adapt.LOGVAR`, or None. output: of
    `adapt.OUTPUTS`, or None.
    """
    count, why, units = math.ceil(len(subject.x) / adapt.CHUNK), {}, {}
    with adapt.watched_relus(subject.model, units) as last:
        heads = [subject.encode(part) for part in subject.x.tensor_split(count)]
        relu = next((name for name, out in last.items() if heads[-1][1] is not None
                     and torch.equal(out, heads[-1][1])), None)
        mean, second = (None if parts[0] is None else torch.cat(parts) for parts in zip(*heads))
        logvar = None if second_kind is None else adapt.LOGVAR[second_kind](second)
        z = mean if logvar is None else mean + (0.5 * logvar).exp() * eps
        try:
            raw = torch.cat([subject.decode(part) for part in z.tensor_split(count)])
        except adapt.Unreadable as error:
            raw, why["picture"] = None, str(error)
    x, mean, raw = (t if t is None else t.float().cpu() for t in (subject.x, mean, raw))
    kind = None if raw is None else output or _output_kind(raw, x)
    picture = {"logits": torch.sigmoid, None: lambda raw: None}.get(kind, lambda raw: raw)(raw)
    if raw is not None and kind is None:
        why["picture"] = (
            f"decode returns numbers from {float(raw.min()):.3g} to {float(raw.max()):.3g}. They "
            "resemble the images neither as they are nor after a sigmoid; pass output=\"logits\", "
            "\"probabilities\" or \"image\".")
    logvar, second = (t if t is None else t.cpu().double() for t in (logvar, second))
    rate = None if logvar is None else elbo.gaussian_kl_per_latent(mean.double(), logvar).mean(0)
    found = Measured(x, mean, second, logvar, raw, picture, kind, units=units, relu=relu,
                     rate=rate, why=why)
    return found if picture is None else found._replace(
        squared=float((picture - x).double().square().sum(1).mean()),
        distortion=_cross_entropy(found))


def _cross_entropy(found):
    """The cross entropy in nats per image, or None where pixels or outputs allow none."""
    if not found.bernoulli or not found.unit_interval or not found.raw.isfinite().all():
        return None
    if found.kind == "logits":
        loss = F.binary_cross_entropy_with_logits(found.raw, found.x, reduction="none")
    elif bool(((found.raw < 0) | (found.raw > 1)).any()):
        return None
    else:
        loss = F.binary_cross_entropy(found.raw, found.x, reduction="none")
    return float(loss.double().sum(1).mean())


def _output_kind(raw, x):
    """Which of `adapt.OUTPUTS` fits: in [0, 1], or nearer to the images with a sigmoid or without.

    None if neither, or both, come near.
    """
    if raw.min() >= 0 and raw.max() <= 1:
        return "probabilities"
    plain, squashed, blur = (float((picture - x).square().mean())
                             for picture in (raw, raw.sigmoid(), x.mean(0)))
    if plain < 1.5 * blur and squashed > 2 * plain:
        return "image"
    return "logits" if squashed < 1.5 * blur and plain > 2 * squashed else None


def uses_code(found):
    """Whether the picture is nearer to the images than their mean is; None if it cannot be told."""
    if found.picture is None or found.bernoulli and not found.unit_interval:
        return None
    squared, entropy = mean_image(found.x)
    if found.distortion is None:
        return found.squared < 0.99 * squared
    if entropy - found.distortion >= 1:
        return True
    # A decoder that was trained by squared error may have a poor cross entropy.
    return None if found.squared < 0.97 * squared else False


def mean_image(x):
    """Squared error and cross entropy of the mean of the images x [n, pixels], per image."""
    mean = x.double().mean(0)
    squared = float((x - mean).square().sum(1).mean())
    return squared, float(-(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean)).sum())


def inputs(found):
    """The finding on what the model is given."""
    if not found.x.isfinite().all():
        return tell("inputs", "ill", "NaN or infinite pixels", "Remove them before all else.")
    low, high = float(found.x.min()), float(found.x.max())
    value = f"pixels from {low:.3g} to {high:.3g}"
    if found.unit_interval and high < 0.05:
        return tell("inputs", "cannot tell", value, "All images are nearly black. Were they "
                    "divided by 255 twice?")
    if found.unit_interval:
        return tell("inputs", "well", value, "They lie in [0, 1], as a cross entropy needs.")
    if found.bernoulli:
        return tell("inputs", "ill", value, "The decoder's pictures lie in [0, 1], so none can "
                    "equal these images, and a cross entropy with such targets has no minimum. "
                    "Train on pixels from 0 to 1, unless your loss compares with other targets.")
    if found.bernoulli is None:
        return tell("inputs", "cannot tell", value, "A cross entropy needs pixels from 0 to 1, a "
                    f"squared error does not. {found.why.get('picture', '')}")
    return tell("inputs", "well", value, "A squared error takes any range.")


def finite(model, found):
    """The finding on NaN and infinity in parameters, buffers and outputs."""
    stored = [*model.named_parameters(), *model.named_buffers()]
    bad = [name for name, tensor in stored if not tensor.isfinite().all()]
    outputs = {"posterior mean": found.mean, "second output of encode": found.second,
               "output of decode": found.raw}
    bad += [name for name, t in outputs.items() if t is not None and not t.isfinite().all()]
    if bad:
        return tell("finite numbers", "ill", f"NaN or infinity in {bad[0]}",
                    f"{len(bad)} of parameters, buffers and outputs are not finite. No other "
                    "measurement of this module means anything.")
    return tell("finite numbers", "well", "no NaN, no infinity",
                "Parameters, buffers and all outputs that could be read are finite.")


def overflow(found, dtype):
    """The finding on numbers that may soon become infinite."""
    if found.raw is not None and found.bernoulli and found.distortion is not None and bool(
            (found.raw.min() >= 0) & (found.raw.max() <= 1)):
        share = float(((found.raw == 0) | (found.raw == 1)).double().mean())
        if share > 0:
            return tell("overflow", "cannot tell", f"{share:.2%} of probabilities are 0 or 1",
                        "Their logarithm is infinite. F.binary_cross_entropy limits it to −100; "
                        "a log written by hand does not. Computing from logits avoids it.")
    if found.logvar is None:
        return tell("overflow", "cannot tell", "log variance unknown", found.why["logvar"])
    limit, most = math.log(torch.finfo(dtype).max), float(found.logvar.max())
    value = f"largest log variance {most:.3g}"
    if most > 0.9 * limit:
        return tell("overflow", "ill", value, f"exp overflows above {limit:.1f} in {dtype}. Look "
                    "for inputs out of range or a learning rate that is too large.")
    return tell("overflow", "well", value, f"exp overflows only above {limit:.1f} in {dtype}.")


def mean_image_finding(found):
    """The finding on the distance of the decoder's pictures from the mean image."""
    uses = uses_code(found)
    if found.picture is None:
        return tell("mean image", "cannot tell", "no picture", found.why["picture"])
    squared, entropy = mean_image(found.x)
    if found.distortion is None:
        value = f"squared error {found.squared:.4g}, the mean image's {squared:.4g}"
    else:
        value = (f"cross entropy {found.distortion:.4g} nats per image, the mean image's "
                 f"{entropy:.4g}")
    meaning = {
        True: "The decoder does better than one picture for all images, so it uses the code.",
        False: "The decoder is no better than one picture for all images, or by less than a nat "
               "(1 % of a squared error).",
        None: "By cross entropy it is no better than the mean image, by squared error it is. "
              "Was it trained with a squared error?" if found.unit_interval else
              "Probabilities cannot reach these pixels; the mean image can.",
    }
    return tell("mean image", {True: "well", False: "ill", None: "cannot tell"}[uses], value,
                meaning[uses])


def active(found):
    """The finding on active units and the rate."""
    spread = found.mean.double().var(0)  # [latent]
    count, latents = int((spread > ACTIVE).sum()), len(spread)
    value = f"{count} of {latents} latents active"
    if found.rate is not None:
        top = ", ".join(f"{rate:.2g}" for rate in found.rate.sort(descending=True).values[:5])
        value += f", rate {float(found.rate.sum()):.3g} nats per image (largest: {top})"
    if count:
        return tell("active units", "well", value, "A latent is active if the variance of its "
                    "posterior mean is above 0.01. How many are active does not say how good a "
                    "model is.")
    if uses_code(found):
        return tell("active units", "cannot tell", value, "No posterior mean varies much, yet the "
                    "decoder uses the code: the variances may carry it.")
    return tell("active units", "ill", value, "No posterior mean has a variance above "
                "0.01 over these images.")


def variance(found):
    """The finding on posterior variances: at a floor, at a ceiling, or all above the prior's."""
    if found.logvar is None:
        return tell("posterior variance", "cannot tell", "unknown", found.why["logvar"])
    low, high = float(found.logvar.min()), float(found.logvar.max())
    at_low, at_high = (_tied(found.logvar, end) for end in (low, high))
    value = f"from {math.exp(low):.3g} to {_exp(high)}" + "".join(
        f", {math.floor(100 * share)} % of them exactly the {end}"
        for share, end in ((at_low, "smallest"), (at_high, "largest")) if share >= TIES)
    source = f" It is the output of the nn.ReLU {found.relu!r}." * bool(found.relu)
    if low >= 0 and (found.relu or at_low >= TIES and high > low):
        return tell("posterior variance", "ill", value, "No posterior is narrower than the prior, "
                    "as with a ReLU on the log variance: wide posteriors overlap, and the decoder "
                    f"confuses images. End the head with a linear layer.{source}")
    if low == high:
        return tell("posterior variance", "cannot tell", f"{math.exp(low):.3g} everywhere",
                    "A fixed variance gives this, and so does a ReLU or another last layer whose "
                    "outputs are all dead. Look at the head's last layer.")
    if low >= 0 and high > 0.1:
        return tell("posterior variance", "ill", value, "No posterior is narrower than the prior. "
                    "Can the last layer of this head be negative?")
    if max(abs(low), abs(high)) <= 0.1:
        return tell("posterior variance", "cannot tell", value,
                    "All variances are nearly the prior's, as after posterior collapse.")
    if max(at_low, at_high) >= TIES:
        return tell("posterior variance", "cannot tell", value, "A clamp does this. No gradient "
                    "passes it there; whether that does harm depends on the share.")
    return tell("posterior variance", "well", value, "No floor and no ceiling is seen, and some "
                "posteriors are narrower than the prior.")


def _tied(logvar, end):
    """The share of log variances [n, latent] that equal `end`, 0 if one constant latent has all."""
    equal = logvar == end
    if logvar.shape[1] > 1 and int(equal.any(0).sum()) == 1 and bool(equal.any(1).all()):
        return 0.0
    return float(equal.double().mean())


def _exp(number):
    return f"{math.exp(number):.3g}" if number < 700 else "infinity"


def dead(found):
    """The finding on dead hidden units."""
    if not found.units:
        return tell("dead units", "cannot tell", "no nn.ReLU seen",
                    "Only modules nn.ReLU can be watched, not F.relu or torch.relu.")
    counts = {name: (int((~alive).sum()), len(alive)) for name, alive in found.units.items()}
    name, (most, width) = max(counts.items(), key=lambda item: item[1][0] / item[1][1])
    value = f"{most} of {width} in {name}, the layer with the largest share"
    share = most / width
    verdict = "ill" if share == 1 else "well" if share <= 0.1 else "cannot tell"
    meaning = {
        "well": "Few or no ReLUs are 0 for every one of these images.",
        "ill": "The whole layer is 0 for every one of these images, so no gradient passes it. A "
               "new start with a smaller learning rate often helps, unless β asks for a collapse.",
        "cannot tell": "These are 0 for every one of these images. In healthy runs without batch "
                       "norm half of a layer may be, and most of it after a collapse that β wants.",
    }
    return tell("dead units", verdict, value, f"{meaning[verdict]} Only modules nn.ReLU are seen.")
