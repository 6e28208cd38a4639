"""Comparing a learner's results with the right ones, and describing the difference."""

from typing import NamedTuple

import torch


class Unusable(NamedTuple):
    """A result that is not a tensor of real numbers, and the message for the learner."""

    reason: str


def read(value):
    """A float64 copy of the tensor `value`, or `Unusable` if it is not a tensor of real numbers.

    The ``...`` of a stub is returned as it is. The copy shares nothing with the learner's object,
    whose class may override any operation.
    """
    if value is ...:
        return value
    if value is None:
        return Unusable("Your function returned nothing: is its return missing?")
    try:
        if not isinstance(value, torch.Tensor):
            return Unusable(
                f"A tensor is expected; your code returned {type(value).__name__}.")
        if not _ordinary(value):
            return Unusable("An ordinary tensor of real numbers is expected; yours is "
                            f"{value.layout}, {value.dtype}, on {value.device}.")
        numbers = value.detach().double().tolist()
        return torch.tensor(numbers, dtype=torch.float64, device="cpu").reshape(tuple(value.shape))
    except Exception:
        return Unusable("A tensor of real numbers is expected; yours, of type "
                        f"{type(value).__name__}, cannot be read.")


def same(found, expected):
    """Whether two results of `read` have equal shapes, and values equal to 5 digits."""
    return (
        isinstance(found, torch.Tensor)
        and isinstance(expected, torch.Tensor)
        and found.shape == expected.shape
        and _close(found, expected)
    )


def describe(found, expected):
    """A description of the first difference, for an answer that matches no known mistake.

    found, expected: lists of results of `read`.
    """
    for got, want in zip(found, expected):
        if isinstance(got, Unusable):
            return got.reason
        if got.shape != want.shape:
            shapes = f"The shape is {list(got.shape)}; {list(want.shape)} is expected."
            if same(got.squeeze(), want.squeeze()):
                return f"The numbers are right, but there is an axis too many or too few. {shapes}"
            return shapes
    got, want = (torch.cat([t.flatten() for t in ts]) for ts in (found, expected))
    if not got.isfinite().all():
        return "The result holds NaN or infinite values."
    if _close(got, -want):
        return "The sign is flipped: every value is minus the right one."
    if not got.any():
        return "Every value is zero."
    factor = (got @ want) / (want @ want)
    if torch.allclose(got, factor * want, rtol=1e-4, atol=1e-6):
        sign = "the sign is flipped, and " if factor < 0 else ""
        return f"Every value is {factor:.4g} times the right one: {sign}look for a missing factor."
    offset = got - want
    if torch.allclose(offset, offset.mean(), rtol=1e-4, atol=1e-6):
        return f"Every value is off by the same {offset.mean():.4g}: look for a missing constant."
    worst = offset.abs().max()
    return f"The shape is right, the values are not: the largest difference is {worst:.3g}."


def _ordinary(value):
    return (
        value.layout == torch.strided
        and value.device.type == "cpu"
        and not (value.is_complex() or value.is_nested or value.is_quantized)
    )


def _close(found, expected):
    return torch.allclose(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
