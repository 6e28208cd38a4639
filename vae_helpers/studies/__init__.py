"""The studies behind the stored evidence, one file a notebook."""

from vae_helpers.studies import build_vae, compare_estimators, derive_elbo, start_here

STUDIES = {
    "start_here": start_here.STUDY,
    "derive_elbo": derive_elbo.STUDY,
    "compare_estimators": compare_estimators.STUDY,
    "build_vae": build_vae.STUDY,
}
