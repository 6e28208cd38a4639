"""Code of the notebooks, one folder per notebook, with the notebook's name without its number."""

import vae_helpers

# In the order of the notebooks. A lesson may import only vae_helpers and earlier lessons.
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
    "diagnose_a_run",
)
VERSION = "0.1.0"  # the version of vae_helpers to which these lessons belong

if vae_helpers.__version__ != VERSION:
    raise ImportError(
        f"The lessons in {__path__[0]} belong to vae_helpers {VERSION}, and the installed one is "
        f"{vae_helpers.__version__}. Install both from one place, in the folder of the repository: "
        "python -m pip install -e ."
    )
