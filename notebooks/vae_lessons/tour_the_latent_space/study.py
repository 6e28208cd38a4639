"""Notebook 09: what two latent spaces, of 2 and of 10 dimensions, are like inside."""

from vae_helpers import data, evaluation
from vae_helpers.study import Study, prefix
from vae_lessons.tour_the_latent_space import lab
from vae_lessons.train_in_two_stages.realism import make_classifier


def measure_models(plane, large, judge, seed):
    """All that is measured of the two models."""
    mean, _, _ = lab.posteriors(large, data.load_mnist().test_images, seed)
    return {
        "plane": lab.plane_measures(plane, judge, seed),
        "traversals": lab.traversal_measures(large, judge, seed),
        "ways": lab.way_measures(large, judge, seed),
        "prior": lab.prior_measures(large, judge, seed),
        "kept": lab.kept_measures(large, seed),
        "flat": lab.flat_measures(lab.flattened(mean[:lab.MAPPED], seed)),
        "lumps": lab.lump_measures(large.latent, seed),
    }


def run(seed, *, model_seed, perplexities, classifier, **settings):
    """Two trained models, measured; t-SNE's pictures at all perplexities for `model_seed` alone."""
    judge = make_classifier(**classifier)
    plane, large = lab.make_models(seed, **settings)
    found = measure_models(plane.model, large.model, judge, seed)
    found |= {
        name: -evaluation.evaluate(trainer.model, data.load_mnist().test_images, seed=seed).elbo
        for name, trainer in (("plane_neg_elbo", plane), ("large_neg_elbo", large))
    }
    found["prefix_neg_elbo"] = prefix(plane)
    if seed == model_seed:
        kept = lab.maps(large.model, perplexities, seed)
        found["models"] = {"maps": kept, "judge": judge}
    return found


STUDY = Study(
    "What are two latent spaces, of 2 and of 10 dimensions, like inside?",
    run,
    lab.plane_trainer,
    {"plane_hidden": [128, 64], "latent": 10, "hidden": [100], "epochs": 5, "batch_size": 250,
     "learning_rate": 2e-3, "model_seed": 1, "perplexities": [2, 5, 30, 100, 300],
     "classifier": {"hidden": [256, 64], "epochs": 4, "batch_size": 250, "learning_rate": 4e-3,
                    "seed": 0}},
)

STUDIES = {"latent_tour": STUDY}
