"""Comparing a learner's results with right ones, and saying what is different."""

import torch


def same(found, expected):
    """Equal in shape and, to 5 digits, in value."""
    return (
        isinstance(found, torch.Tensor)
        and isinstance(expected, torch.Tensor)
        and _ordinary(found, expected)
        and found.shape == expected.shape
        and _close(found, expected)
    )


def describe(found, expected):
    """The first thing that is wrong with `found`, for an answer that no known mistake fits."""
    for got, want in zip(found, expected):
        if got is None:
            return "Your function returned nothing: is its return missing?"
        if not isinstance(got, torch.Tensor):
            return f"A tensor is expected; your code returned {type(got).__name__}."
        if not _ordinary(got, want):
            return (f"An ordinary tensor of real numbers is expected; yours is {got.layout}, "
                    f"{got.dtype}, on {got.device}.")
        if got.shape != want.shape:
            shapes = f"The shape is {list(got.shape)}; {list(want.shape)} is expected."
            if got.squeeze().shape == want.squeeze().shape and _close(got.squeeze(), want.squeeze()):
                return f"The numbers are right, but there is an axis too many or too few. {shapes}"
            return shapes
    got, want = (torch.cat([t.double().flatten() for t in ts]) for ts in (found, expected))
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


def _ordinary(found, expected):
    return (
        found.layout == torch.strided
        and found.device == expected.device
        and not found.is_complex()
    )


def _close(found, expected):
    return torch.allclose(
        found.double(), expected.double(), rtol=1e-5, atol=1e-6, equal_nan=True
    )
