"""Studies: experiments over many seeds, whose results are stored."""

from typing import Callable, NamedTuple

from vae_helpers import data, models, training

PREFIX = 60  # steps whose −ELBO is stored; a test runs these steps again and compares


class Study(NamedTuple):
    """A question, and a function from a seed to the numbers that answer it.

    run(seed, **settings) returns {name: plain numbers and lists}, one of which is named
    `prefix_neg_elbo`. It may also return `models`, {key: model}, which are stored in separate
    files. It is called on one thread. trainer(seed, **settings) returns the trainer whose first
    steps have the −ELBO in `prefix_neg_elbo`; it computes on one thread too. The settings are
    stored with the results.
    """

    question: str
    run: Callable
    trainer: Callable
    settings: dict
    seeds: range = range(1, 11)  # a notebook's own run has seed 0


def dense_trainer(seed, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of a dense VAE on the MNIST training set, on one thread for reproducibility."""
    return on_one_thread(training.Trainer(
        models.VAE(latent, hidden, seed=seed), data.load_mnist().train_images,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    ))


def on_one_thread(trainer):
    """`trainer`, with its training steps set to compute on one thread."""
    trainer.on_one_thread = True
    return trainer


def prefix(trainer):
    """The −ELBO of the first PREFIX training steps, nats per image."""
    return [-record.elbo for record in trainer.records[:PREFIX]]
