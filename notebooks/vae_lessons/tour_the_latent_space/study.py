"""Notebook 09: what two latent spaces, of 2 and of 10 dimensions, are like inside."""

from vae_helpers import data, evaluation
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.meet_kl_collapse.lab import train_with_annealing
from vae_lessons.tour_the_latent_space import contrast, lab, measures
from vae_lessons.tour_the_latent_space.summaries import Tour
from vae_lessons.train_in_two_stages.realism import make_classifier


def measure_models(plane, large, classifier, seed):
    """All that `latent_tour` measures of the two models."""
    mean, _, _ = lab.posteriors(large, data.load_mnist().test_images, seed)
    return {
        "plane": measures.plane_measures(
            plane, classifier, seed, quantile_grid=lab.quantile_grid, cell_counts=lab.cell_counts,
            log_prior_ratio=lab.log_prior_ratio),
        "traversals": measures.traversal_measures(
            large, classifier, seed, set_along=lab.set_along),
        "paths": measures.path_measures(large, classifier, seed, slerp=lab.slerp),
        "prior": measures.prior_measures(
            large, classifier, seed, log_prior_ratio=lab.log_prior_ratio),
        "kept": measures.kept_measures(large, seed),
        "flat": measures.flat_measures(lab.flattened(mean[:measures.MAPPED], seed)),
        "lumps": measures.lump_measures(large.latent, seed),
    }


def run(seed, *, model_seed, perplexities, classifier, **settings):
    """Two trained models, measured; t-SNE's planes at all perplexities for `model_seed` alone."""
    classes = make_classifier(**classifier)
    plane, large = lab.make_models(seed, **settings)
    found = measure_models(plane.model, large.model, classes, seed)
    found |= {
        name: -evaluation.evaluate(trainer.model, data.load_mnist().test_images, seed=seed).elbo
        for name, trainer in (("plane_neg_elbo", plane), ("large_neg_elbo", large))
    }
    found["prefix_neg_elbo"] = prefix(plane)
    if seed == model_seed:
        kept = measures.maps(large.model, perplexities, seed)
        found["models"] = {"maps": kept, "classifier": classes}
    return found


def run_meaning(seed, **settings):
    """What lies beyond the classic map of the plane; what turns slant and stroke width."""
    plane, large = lab.make_models(seed, **settings)
    return {
        "beyond": measures.beyond_the_map(plane.model, seed, quantile_grid=lab.quantile_grid),
        "meaning": measures.meaning_measures(
            large.model, seed, {"slant": lab.slant, "stroke_width": lab.stroke_width},
            set_along=lab.set_along),
        "prefix_neg_elbo": prefix(plane),
    }


def run_contrast(seed, *, epochs, **settings):
    """What moving along the directions of `contrast.KINDS` does to test digits."""
    trainer = dense_trainer(seed, **settings)
    train_with_annealing(trainer, epochs)
    found = contrast.contrast_measures(trainer.model, Tour().classifier(), seed)
    return {"moved": found, "prefix_neg_elbo": prefix(trainer)}


MODELS = {"plane_hidden": [128, 64], "latent": 10, "hidden": [100], "epochs": 5, "batch_size": 250,
          "learning_rate": 2e-3}
STUDY = Study(
    "What are two latent spaces, of 2 and of 10 dimensions, like inside?",
    run,
    lab.plane_trainer,
    MODELS | {"model_seed": 1, "perplexities": [2, 5, 30, 100, 300],
              "classifier": {"hidden": [256, 64], "epochs": 4, "batch_size": 250,
                             "learning_rate": 4e-3, "seed": 0}},
)
MEANING = Study(
    "Does a single latent turn the slant or the stroke width, better than a random direction?",
    run_meaning,
    lab.plane_trainer,
    MODELS,
)
CONTRAST = Study(
    "Does a contrast of broad and narrow digits find a direction that makes digits broader?",
    run_contrast,
    dense_trainer,
    {name: value for name, value in MODELS.items() if name != "plane_hidden"},
)

STUDIES = {"latent_tour": STUDY, "latent_meaning": MEANING, "latent_contrast": CONTRAST}
