"""The source's recipe for a VAE of MNIST, and its cures, step by step."""

from vae_helpers import data, models, training

TRAINING_IMAGES = 55_000  # as the source used
BATCH_SIZE = 800  # as it wrote
# What the source wrote, and what is changed in each step: its β, Adam's step size, the coders.
RECIPES = {
    "as written": {"beta": 9.8, "learning_rate": 1e-2, "heads": "relu"},
    "linear heads": {"beta": 9.8, "learning_rate": 1e-2, "heads": "linear"},
    "and a true β": {"beta": 1.0, "learning_rate": 1e-2, "heads": "linear"},
    "and a smaller step": {"beta": 1.0, "learning_rate": 1e-3, "heads": "linear"},
    "a true β, ReLU heads": {"beta": 1.0, "learning_rate": 1e-2, "heads": "relu"},
    "cured, no batch norm": {
        "beta": 1.0, "learning_rate": 1e-3, "heads": "linear", "batch_norm": False
    },
    "large step, no batch norm": {
        "beta": 1.0, "learning_rate": 1e-2, "heads": "linear", "batch_norm": False
    },
    "cured, PyTorch's batch norm": {
        "beta": 1.0, "learning_rate": 1e-3, "heads": "linear", "eps": 1e-5, "momentum": 0.1
    },
}
SICK, CURED = "as written", "and a smaller step"


def make_trainer(name, seed, **settings):
    """A `training.Trainer` of recipe `name`: a new model, and the source's training images.

    settings: what the trainer is given beside the recipe's, or instead of them. Raises
    `ValueError` for another name.
    """
    if name not in RECIPES:
        raise ValueError(f"name must be one of {', '.join(map(repr, RECIPES))}, got {name!r}.")
    recipe = dict(RECIPES[name])
    of_training = {key: recipe.pop(key) for key in ("beta", "learning_rate")}
    return training.Trainer(
        models.CoderVAE(seed=seed, **recipe), data.load_mnist().train_images[:TRAINING_IMAGES],
        **{"batch_size": BATCH_SIZE, "seed": seed} | of_training | settings,
    )
