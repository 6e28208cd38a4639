"""Figures: pure functions from arrays to a matplotlib `Figure`.

``plots.NAME(arrays, fig=None)`` makes a figure; given its own earlier figure as `fig` it
moves the artists in place, which is what a slider needs. Both ways draw the same picture.
Each figure carries a `caption`, the same finding in words.
Figures are made without pyplot, whose global state is unsafe in a widget's callback.
"""

from vae_helpers.plots.base import DIGIT_COLOURS, png, show, small, with_picture
from vae_helpers.plots.beta import hidden_beta
from vae_helpers.plots.collapse import (
    active_latents,
    beta_sweep,
    cures_compared,
    curve_slopes,
    two_rulers,
)
from vae_helpers.plots.digits import (
    cluster_widths,
    digit_grid,
    latent_explorer,
    latent_sliders,
    plane_growth,
    tile,
    training_progress,
)
from vae_helpers.plots.gradients import bound_tightening, layer_noise, signal_to_noise
from vae_helpers.plots.likelihood import (
    beside_the_paper,
    bound_against_evidence,
    bounds_of_models,
    gradient_race,
    kinds_of_digits,
    latent_activity,
)
from vae_helpers.plots.linear import surviving_dimensions
from vae_helpers.plots.maps import flattened, tsne_map
from vae_helpers.plots.noise import early_latents, noise_plane, swapped_pair
from vae_helpers.plots.panel import beta_schedules, too_late, training_panel
from vae_helpers.plots.plateau import collapse_map, remedies, settled_decoder
from vae_helpers.plots.recipes import ladder, learning_curves, statistics_lag, vae_graph
from vae_helpers.plots.scale_fits import failure_maps, fitted_scales
from vae_helpers.plots.scales import estimate_spread, gradient_noise, nll_bowls, without_floor
from vae_helpers.plots.seeds import parts_of_gap, seeds_and_live
from vae_helpers.plots.sigma_vae import noise_sweep
from vae_helpers.plots.theory import evidence_bar, grid_cost, three_densities
from vae_helpers.plots.tour import (
    kinds_compared,
    latent_traversal,
    prior_map,
    scarce_codes,
    two_ways,
)
from vae_helpers.plots.two_stage import (
    known_pictures,
    paired_variants,
    same_second,
    stopped_clocks,
    unit_of_codes,
)
from vae_helpers.plots.variances import averages, slanted, variance_curves

__all__ = [
    "flattened", "kinds_compared", "latent_traversal", "prior_map", "scarce_codes", "tsne_map",
    "two_ways",
    "beside_the_paper", "bound_against_evidence", "bounds_of_models", "gradient_race",
    "kinds_of_digits", "latent_activity",
    "estimate_spread", "failure_maps", "fitted_scales", "gradient_noise", "nll_bowls",
    "noise_sweep", "without_floor",
    "known_pictures", "paired_variants", "same_second", "stopped_clocks", "unit_of_codes",
    "active_latents", "beta_sweep", "cures_compared", "curve_slopes", "surviving_dimensions",
    "two_rulers",
    "DIGIT_COLOURS", "averages", "beta_schedules", "bound_tightening", "cluster_widths", "collapse_map",
    "digit_grid", "early_latents", "evidence_bar", "grid_cost", "hidden_beta", "ladder",
    "latent_explorer", "latent_sliders", "layer_noise", "learning_curves", "noise_plane", "parts_of_gap",
    "plane_growth", "png", "remedies", "seeds_and_live", "settled_decoder", "show",
    "signal_to_noise", "slanted", "small", "statistics_lag", "swapped_pair", "three_densities",
    "tile", "too_late", "training_panel", "training_progress", "vae_graph", "variance_curves", "with_picture",
]
