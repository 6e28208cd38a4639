"""What a study is, and how studies train."""

from typing import Callable, NamedTuple

from vae_helpers import data, models, training

PREFIX = 60  # steps whose −ELBO is stored, and compared with the same steps run again


class Study(NamedTuple):
    """A question, and the function from a seed to the numbers that answer it.

    run(seed, **settings) returns plain numbers and lists, among them `prefix_neg_elbo`. It may
    also return `models`, {key: model}, which are stored as files of their own. It is called on one
    thread. trainer(seed, **settings) gives the trainer whose first steps that prefix holds; its
    steps compute on one thread too. The settings are stored with the results.
    """

    question: str
    run: Callable
    trainer: Callable
    settings: dict
    seeds: range = range(1, 11)  # a notebook's own run has seed 0


def dense_trainer(seed, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of a dense VAE on MNIST, on one thread: the same digits every time."""
    return on_one_thread(training.Trainer(
        models.VAE(latent, hidden, seed=seed), data.load_mnist().train_images,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    ))


def on_one_thread(trainer):
    """`trainer`, whose steps compute on one thread from now on, wherever they are made."""
    trainer.on_one_thread = True
    return trainer


def prefix(trainer):
    """−ELBO of the first minibatches, by which a study can be recognised."""
    return [-record.elbo for record in trainer.records[:PREFIX]]
