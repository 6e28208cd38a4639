"""The exercises' checks: ``from vae_helpers.exercises import check``."""
