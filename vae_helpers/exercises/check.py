"""Every check of the series, by name: ``check.NAME(answer)``."""

from vae_helpers.exercises.build_vae import effective_beta, heads, narrowest, sampler
from vae_helpers.exercises.compare_estimators import (
    bound,
    crossing,
    draws_needed,
    entropy_noise,
    path_derivative,
)
from vae_helpers.exercises.derive_elbo import closing, elbo_estimate, gap, gaussian_kl
from vae_helpers.exercises.start_here import pixels

__all__ = [
    "bound", "closing", "crossing", "draws_needed", "effective_beta", "elbo_estimate",
    "entropy_noise", "gap", "gaussian_kl", "heads", "narrowest", "path_derivative", "pixels",
    "sampler",
]
