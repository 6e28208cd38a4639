"""All checks of the series, {name: check}."""

import importlib

from vae_helpers.check.exercise import Checked
from vae_lessons import LESSONS


def checks_of(lesson):
    """The checks of one lesson, {name: check}."""
    module = importlib.import_module(f"vae_lessons.{lesson}.checks")
    return {name: one for name, one in vars(module).items() if isinstance(one, Checked)}


CHECKS = {name: one for lesson in LESSONS for name, one in checks_of(lesson).items()}
