"""Every check of the series, by name: ``check.NAME(answer)``."""

from vae_helpers.exercises.start_here import pixels

__all__ = ["pixels"]
