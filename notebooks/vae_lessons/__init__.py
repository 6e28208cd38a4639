"""What each notebook teaches first, one folder a notebook, named as its file without the number."""

import vae_helpers

# In the order of the notebooks: a lesson imports vae_helpers and earlier lessons only.
LESSONS = (
    "start_here",
    "derive_the_elbo",
    "compare_the_estimators",
    "build_a_vae",
    "train_live",
    "meet_kl_collapse",
    "see_through_the_noise",
    "train_in_two_stages",
    "choose_a_log_variance",
    "tour_the_latent_space",
    "say_how_good_it_is",
)
VERSION = "0.1.0"  # of the package vae_helpers that these lessons belong to

if vae_helpers.__version__ != VERSION:
    raise ImportError(
        f"The lessons in {__path__[0]} belong to vae_helpers {VERSION}, and the installed one is "
        f"{vae_helpers.__version__}. Install both from one place, in the folder of the repository: "
        "python -m pip install -e ."
    )
