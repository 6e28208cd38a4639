"""Reading a VAE of unknown make: what its `encode` and `decode` take and return, and its sampler.

Nothing here changes the module: `untouched` puts back what a call may change.
"""

import contextlib
import inspect
import math
import re

import torch
from torch import nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
CHUNK = 250  # images per pass, and per batch whose statistics batch norm uses
LOGVAR = {  # what a second output h may be: its log variance, from h
    "logvar": lambda h: h, "log_std": lambda h: 2 * h,
    "variance": torch.log, "std": lambda h: 2 * h.log(),
}
OUTPUTS = ("logits", "probabilities", "image")
SAMPLERS = ("reparameterize", "reparametrize", "reparameterise", "reparametrise",
            "sample_z", "sample_latent", "sampling", "sample")
LEVELS = (-1.5, -0.5, 0.5, 1.0)  # values of the second output at which a sampler is tried
ROWS, CALLS = 16, 60  # at each level: rows in a call, and calls
FORMULAS = {  # the standard deviation that a sampler may give its draws, from the second output
    "exp(½ h)": lambda h: (0.5 * h).exp(), "exp(h)": torch.exp, "h": lambda h: h,
    "√h": torch.sqrt, "1": torch.ones_like,
}


class Unreadable(Exception):
    """What a module does cannot be read as encoder or decoder; the message says what was seen."""


@contextlib.contextmanager
def untouched(model, seed):
    """Evaluation mode, without gradients and with seeded generators, for a `with` block.

    Afterwards the modes, buffers and attributes of all modules and PyTorch's generators, of the CPU
    and of CUDA devices, are as before.
    """
    attributes = [(module, dict(vars(module))) for module in model.modules()]
    buffers = [(module, name, buffer, buffer.clone()) for module in model.modules()
               for name, buffer in module.named_buffers(recurse=False)]
    gpus = sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=gpus), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        for module in model.modules():
            module.training = False
        try:
            yield
        finally:
            for module, name, buffer, value in buffers:
                setattr(module, name, buffer.copy_(value))
            for module, before in attributes:
                vars(module).clear()
                vars(module).update(before)


@contextlib.contextmanager
def batch_statistics(model):
    """Let batch norm use the statistics of the batch for a `with` block; the rest stays as it is.

    The running statistics are put back.
    """
    norms = [module for module in model.modules() if isinstance(module, NORMS)]
    before = [buffer.clone() for norm in norms for buffer in norm.buffers()]
    modes = [norm.training for norm in norms]
    for norm in norms:
        norm.training = True
    try:
        yield
    finally:
        for norm, training in zip(norms, modes):
            norm.training = training
        for buffer, value in zip((b for norm in norms for b in norm.buffers()), before):
            buffer.copy_(value)


def keeps_statistics(model):
    """Whether `model` has batch norm with running statistics."""
    return any(isinstance(module, NORMS) and module.running_mean is not None
               for module in model.modules())


class Subject:
    """A module with one convention: images x [n, pixels], codes and their two heads [n, latent].

    images: floats [n, …] on the module's device. `seen` says in sentences what was found. Raises
    `Unreadable` if `encode` accepts no plausible shape, or returns nothing that can be read.
    """

    def __init__(self, model, images):
        self.model, self.x, self.seen = model, images.flatten(1), []  # [n, …] -> [n, pixels]
        self._part, self.known = None, None  # for a single tensor of both heads; what h surely is
        self.shape = self._find_shape(images)

    def encode(self, x):
        """Mean and second output h of q(z|x): x [n, pixels] to [n, latent] each; h may be None."""
        try:
            heads = self._heads(self._encode(x, self.shape))
            return tuple(None if head is None else head.flatten(1) for head in heads)
        except Exception as error:
            raise Unreadable(f"encode failed on {len(x)} images: {_short(error)}")

    def decode(self, z):
        """The decoder's output, in whatever unit: z [n, latent] to [n, pixels]. Or `Unreadable`."""
        out = self._decode(z)
        if isinstance(out, Distribution):
            out = out.mean
        if not isinstance(out, torch.Tensor) or out.numel() != z.shape[0] * self.x.shape[1]:
            raise Unreadable(f"decode returns {_kind(out)}, not {self.x.shape[1]} numbers for "
                             "each image.")
        return out.reshape(len(z), -1).float()  # [n, …] -> [n, pixels]

    def output_kind(self):
        """"probabilities" or "image" if `decode` returns a distribution, else None."""
        try:
            out = self._decode(torch.zeros(2, math.prod(self.code)).to(self.x))
        except Unreadable:
            return None
        if not isinstance(out, Distribution):
            return None
        base = out.base_dist if isinstance(out, Independent) else out
        return "probabilities" if isinstance(base, Bernoulli) else "image"

    def _decode(self, z):
        try:
            out = self.model.decode(z.reshape(len(z), *self.code))  # [n, latent] -> [n, …]
        except Exception as error:
            raise Unreadable(f"decode does not accept codes {_axes(self.code)}: {_short(error)}")
        return out[0] if isinstance(out, (tuple, list)) and out else out

    def _encode(self, x, shape):
        return self.model.encode(x.reshape(len(x), *shape))  # [n, pixels] -> [n, …]

    def _find_shape(self, images):
        pixels, given = self.x.shape[1], tuple(images.shape[1:])
        side = math.isqrt(pixels)
        square = [(1, side, side), (side, side)] if side * side == pixels else []
        shapes = [(pixels,), *square] if given in square[1:] else [given, (pixels,), *square]
        failures = {}  # {what went wrong: shapes}
        for shape in dict.fromkeys(shapes):
            try:
                self._learn(shape)
            except Exception as error:
                failures.setdefault(_short(error), []).append(_axes(shape))
            else:
                tried = " (other shapes failed)" if failures else ""
                self.seen.insert(0, f"encode took images {_axes(shape)}{tried}.")
                return shape
        raise Unreadable("encode could not be used. " + " ".join(
            f"With images {', '.join(tried)}: {error}." for error, tried in failures.items()))

    def _learn(self, shape):
        """Find out what `encode` returns for a few images of this shape."""
        few = self.x[:8]
        out, again = (self._encode(few, shape) for _ in range(2))
        if isinstance(out, Distribution):
            base = out.base_dist if isinstance(out, Independent) else out
            if not isinstance(base, Normal):
                raise Unreadable(f"encode returns {_kind(out)}, not a Normal.")
            self.known, self.code = "std", out.mean.shape[1:]
            self.seen.append("encode returned a Normal distribution.")
            return
        fixed = _fixed(out, again, len(few))
        if not fixed:
            raise Unreadable(f"encode returns {_kind(out)}; two calls in evaluation mode agree in "
                             "no tensor with a row for each image")
        if len(fixed) == 1:
            self._learn_single(fixed[0], out)
            return
        first = out[fixed[0]]
        self._part, self.code = tuple(fixed[:2]), first.shape[1:]
        self.seen.append(
            f"encode returned {len(out)} things; tensors {fixed[0] + 1} and {fixed[1] + 1}, "
            f"{_axes(self.code)}, are read as posterior mean and second output.")

    def _learn_single(self, place, out):
        head = out if isinstance(out, torch.Tensor) else out[place]
        width = head.shape[1] // 2
        self.code = (width, *head.shape[2:])
        self._part = place, "halves"
        try:
            if head.shape[1] % 2:
                raise Unreadable("An odd number of outputs has no halves.")
            self.decode(head[:, :width].flatten(1))
            self.seen.append(f"encode returned one tensor; its halves, {_axes(self.code)}, are "
                             "read as posterior mean and second output.")
        except Unreadable:
            self.code, self._part = head.shape[1:], (place, "mean")
            self.seen.append("encode returned one tensor that has no two halves; it is read as "
                             "the posterior mean, and no second output was seen.")

    def _heads(self, out):
        if self.known == "std":
            return out.mean, out.stddev
        place, other = self._part
        if isinstance(other, int):
            return out[place], out[other]
        head = out if isinstance(out, torch.Tensor) else out[place]
        return head.chunk(2, 1) if other == "halves" else (head, None)


def _fixed(out, again, rows):
    """The places in `out` of tensors [rows, …] that `again` repeats: those of equal shape first.

    A draw of z differs between calls, or equals the mean where a sampler is silent in evaluation
    mode. Both are left out.
    """
    if isinstance(out, torch.Tensor):
        out, again = (out,), (again,)
    if not isinstance(out, (tuple, list)):
        return []
    same = []
    for place, (one, other) in enumerate(zip(out, again)):
        if (isinstance(one, torch.Tensor) and one.is_floating_point() and one.ndim >= 2
                and len(one) == rows and torch.equal(one.nan_to_num(), other.nan_to_num())
                and not (len(out) > 2 and any(torch.equal(one, out[k]) for k in same))):
            same.append(place)
    for place, later in zip(same, same[1:]):
        if out[place].shape == out[later].shape:
            return [place, later]
    return same[:1]


@contextlib.contextmanager
def watched_relus(model, units):
    """Note in `units` which outputs of each nn.ReLU are not 0; yields the last output of each."""
    last = {}

    def watch(name):
        def hook(_module, _inputs, out):
            if out.ndim not in (2, 4):
                return
            alive = (out != 0).flatten(2).any(-1) if out.ndim == 4 else out != 0  # [n, units]
            alive = alive.any(0).cpu()
            key = f"{name} {list(out.shape[1:])}"
            units[key] = alive | units.get(key, False)
            last[name] = out.flatten(1)
        return hook

    handles = [module.register_forward_hook(watch(name or "ReLU"))
               for name, module in model.named_modules() if isinstance(module, nn.ReLU)]
    try:
        yield last
    finally:
        for handle in handles:
            handle.remove()


def sampler(model, code):
    """What the module's sampler does: (its name, the name of its second argument, formula).

    code: the shape of a code. formula: the key of `FORMULAS` that fits the standard deviation of
    its draws, "0" if they do not vary, or None. Returns None if there is no method like
    `reparameterize(mean, logvar)`; raises `Unreadable` if it fails. It is called in training mode,
    because many return the mean in evaluation mode.
    """
    for name in SAMPLERS:
        second = _second_argument(getattr(model, name, None))
        if second and (name.startswith("repar") or re.search("var|std|sig|scale", second)):
            break
    else:
        return None
    like = next(model.parameters(), torch.zeros(()))
    h = torch.tensor(LEVELS).repeat(ROWS).to(like)  # [rows]
    h = h.reshape(-1, *[1] * len(code)).expand(-1, *code).contiguous()  # [rows, …]
    training, model.training = model.training, True
    try:
        draws = [getattr(model, name)(torch.zeros_like(h), h) for _ in range(CALLS)]
        draws = torch.stack(draws).cpu().double()  # [calls, rows, …]
        if draws.shape[1:] != h.shape:
            raise Unreadable(f"{name} returns {list(draws.shape[1:])} for {list(h.shape)}.")
    except Exception as error:
        raise Unreadable(f"{name} could not be used: {_short(error)}")
    finally:
        model.training = training
    # [calls, rows, …] -> [levels]: at each level all calls, rows and latents together
    found = draws.reshape(CALLS, ROWS, len(LEVELS), -1).square().mean((0, 1, 3)).sqrt()
    return name, second, _formula(found)


def _formula(found):
    if float(found.max()) == 0:
        return "0"
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    for formula, value in FORMULAS.items():
        expected = value(levels)
        used = expected > 0  # a negative number has no root, and is no standard deviation
        if float((found / expected)[used].log().abs().max()) < 0.15:
            return formula
    return None


def _second_argument(method):
    """The name of the second of exactly two required arguments, in lower case, or None."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return None
    needed = [p.name for p in parameters if p.default is p.empty
              and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return needed[1].lower() if len(needed) == 2 else None


def named_kind(name):
    """The key of `LOGVAR` that the name of an argument states, or None."""
    name = name.replace("_", "")
    log = "log" in name or name.startswith(("ln", "lv"))
    if log and re.search("var|v$|2$|sq", name):
        return "logvar"
    if re.search("std|sigma|scale", name) and not re.search("2$|sq", name):
        return "log_std" if log else "std"
    return "variance" if re.search("var|2$|sq", name) and not log else None


def _axes(shape):
    return f"[n, {', '.join(map(str, shape))}]"


def _kind(out):
    if isinstance(out, torch.Tensor):
        return f"a tensor {list(out.shape)}"
    if isinstance(out, (tuple, list)):
        return f"{len(out)} things"
    return type(out).__name__


def _short(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "…"
