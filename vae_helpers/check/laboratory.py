"""Inputs and mistakes that several exercises share."""

import torch
from torch.distributions import Normal

from vae_helpers.check.exercise import Mistake


def draw_from(seed):
    """A function from a shape to a float64 tensor of standard normal numbers, seeded once."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def mistakes_of_normal(parameters):
    """The mistakes of passing logvar or ½ logvar to Normal as the standard deviation.

    parameters: a function from the exercise's arguments to mean and logvar. Normal raises an error
    for a scale that is not positive, by which these mistakes are recognised.
    """
    def given(scale):
        def wrong(*arguments):
            mean, logvar = parameters(*arguments)
            return Normal(mean, scale(logvar))

        return wrong

    return [
        Mistake(given(lambda s: s),
                "You gave Normal the logvar, and Normal refused it: the second argument is the "
                "standard deviation, exp(½ logvar), which is positive."),
        Mistake(given(lambda s: 0.5 * s),
                "You gave Normal ½ logvar, and Normal refused it: this is the log of the standard "
                "deviation. Take exp of it."),
    ]
