"""Every check of the series, by name: ``check.NAME(answer)``."""

from vae_helpers.exercises.build_vae import effective_beta, heads, sampler, too_wide
from vae_helpers.exercises.compare_estimators import (
    bound,
    crossing,
    draws_needed,
    entropy_noise,
    path_derivative,
)
from vae_helpers.exercises.derive_elbo import closing, elbo_estimate, gap, gaussian_kl
from vae_helpers.exercises.kl_collapse import dimensions, fair, penalty, slope
from vae_helpers.exercises.latent_tour import (
    covered,
    midpoint_norm,
    quantile_grid,
    readable,
    slerp,
)
from vae_helpers.exercises.likelihood import bits_to_nats, group_bounds, paired_interval
from vae_helpers.exercises.log_variance import (
    begin_at,
    best_logvar,
    half_precision,
    hidden_price,
    scale_gradient,
)
from vae_helpers.exercises.noisy_latents import blot, chance, narrow_start, signal_to_noise
from vae_helpers.exercises.start_here import pixels
from vae_helpers.exercises.train_live import (
    checkpoint_parts,
    cyclical_beta,
    global_step,
    living_latents,
)
from vae_helpers.exercises.two_stage import bounds, code_unit, frechet, precision, standardise

__all__ = [
    "begin_at", "best_logvar", "bits_to_nats", "blot", "bound", "bounds", "chance",
    "checkpoint_parts", "closing", "code_unit", "covered", "crossing", "cyclical_beta",
    "dimensions", "draws_needed", "effective_beta", "elbo_estimate", "entropy_noise", "fair",
    "frechet", "gap", "gaussian_kl", "global_step", "group_bounds", "half_precision", "heads",
    "hidden_price", "living_latents", "midpoint_norm", "narrow_start", "paired_interval",
    "path_derivative", "penalty", "pixels", "precision", "quantile_grid", "readable",
    "sampler", "scale_gradient", "signal_to_noise", "slerp", "slope", "standardise",
    "too_wide",
]
