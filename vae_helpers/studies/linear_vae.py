"""Notebook 05: the linear VAE, trained until it stands still, at several decoder noises."""

import torch

from vae_helpers import data, evaluation, models, ppca, training
from vae_helpers.studies.base import PREFIX, Study, on_one_thread, prefix
from vae_helpers.threads import one_thread


def run(seed, *, fits, latent, model_seed, **_prefix):
    """What the latents of each converged model do; the models for `model_seed` alone.

    fits: [(σ², steps)].
    """
    images = data.load_mnist().train_images
    covariance, average = ppca.covariance(images), evaluation.mean_image(images).float()
    found = {key: [] for key in ("distortion", "rate", "spreads")}
    kept = {}
    for noise_variance, steps in fits:
        model = models.LinearVAE(latent, average, noise_variance=noise_variance, seed=seed)
        ppca.fit(model, covariance, steps)
        with torch.no_grad():
            distortion, rate = model.exact_elbo_parts(covariance)
        found["distortion"].append(distortion.item())
        found["rate"].append(rate.sum().item())
        spreads = ppca.spreads(model, covariance)
        found["spreads"].append(spreads.sort(descending=True).values.tolist())
        kept[f"{noise_variance:g}"] = model
    trainer = _trainer(seed, latent=latent, **_prefix)
    training.train(trainer, PREFIX)
    found["prefix_neg_elbo"] = prefix(trainer)
    return found | ({"models": kept} if seed == model_seed else {})


@one_thread()
def _trainer(seed, *, latent, batch_size, learning_rate, **_other):
    """The same model at σ² = 1 on minibatches: its first steps tell this study from another."""
    images = data.load_mnist().train_images
    average = evaluation.mean_image(images).float()  # [784]
    model = models.LinearVAE(latent, average, noise_variance=1.0, seed=seed)
    return on_one_thread(training.Trainer(
        model, images, batch_size=batch_size, learning_rate=learning_rate, seed=seed
    ))


STUDY = Study(
    "Does a linear VAE use the dimensions that probabilistic PCA says?",
    run,
    _trainer,
    {"fits": [[4.0, 300], [2.0, 300], [1.0, 400], [0.5, 800], [0.2, 1000], [0.1, 1800]],
     "latent": 80, "batch_size": 500, "learning_rate": 1e-3, "model_seed": 1},
)
