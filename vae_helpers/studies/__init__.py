"""The studies behind the stored evidence, one file a notebook."""

from vae_helpers.studies import (
    build_vae,
    compare_estimators,
    cures,
    derive_elbo,
    kl_collapse,
    latent_tour,
    linear_vae,
    log_variance,
    noisy_latents,
    plateau,
    sigma_vae,
    start_here,
    train_live,
    two_stage,
)

STUDIES = {
    "start_here": start_here.STUDY,
    "derive_elbo": derive_elbo.STUDY,
    "compare_estimators": compare_estimators.STUDY,
    "build_vae": build_vae.STUDY,
    "train_live": train_live.STUDY,
    "kl_collapse": kl_collapse.STUDY,
    "linear_vae": linear_vae.STUDY,
    "cures": cures.STUDY,
    "noisy_latents": noisy_latents.STUDY,
    "plateau": plateau.STUDY,
    "two_stage": two_stage.STUDY,
    "log_variance": log_variance.STUDY,
    "sigma_vae": sigma_vae.STUDY,
    "latent_tour": latent_tour.STUDY,
}
