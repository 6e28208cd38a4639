"""Training on a bound of several draws: the importance-weighted autoencoder and its gradients."""

import torch

from vae_helpers import arguments, data, elbo, training

ESTIMATORS = ("iwae", "path", "dreg")
FIRST_RATE = 2e-3  # 1e-3 in Burda et al. 2015, whose batches have 20 images


def negative_bound(model, x, eps, estimator):
    """A loss whose value is −L_K and whose gradient is that of `estimator`, averaged over x.

    x: [batch, pixels], 0 or 1; eps: standard normal [K, batch, latent]. Returns the loss, and
    beside it distortion and rate, of which no gradient is taken; in nats per image.
    "iwae": the total derivative (Burda et al. 2015, arXiv 1509.00519, section 3). "path":
    without the score of q (Roeder, Wu & Duvenaud 2017, arXiv 1703.09194); biased for K > 1.
    "dreg": doubly reparameterised, unbiased for every K (Tucker et al. 2018, arXiv 1810.04152,
    section 3); at K = 1 it is "path". Raises `ValueError` for another estimator.
    """
    _require_known(estimator)
    mean, logvar = model.encode(x)
    rate = elbo.gaussian_kl(mean, logvar).mean().detach()
    z = elbo.reparameterize(mean, logvar, eps)  # [K, batch, latent]
    if estimator != "iwae":
        mean, logvar = mean.detach(), logvar.detach()
    log_likelihood = elbo.bernoulli_log_prob(x, model.decode(z))  # [K, batch]
    log_weights = log_likelihood + elbo.prior_log_prob(z) - elbo.gaussian_log_prob(z, mean, logvar)
    if estimator == "dreg":
        # L_K's gradient by log w is the normalised weight; DReG asks the encoder, and it alone,
        # for the weight's square.
        normalised = torch.softmax(log_weights.detach(), dim=0)[..., None]  # [K, batch, 1]
        z.register_hook(lambda gradient: normalised * gradient)
    return -elbo.iwae_bound(log_weights).mean(), -log_likelihood.mean().detach(), rate


def _require_known(estimator):
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {ESTIMATORS}, got {estimator!r}.")


def burda_rate(epoch):
    """The learning rate of an epoch: FIRST_RATE · 10^(−i/7) for 3^i epochs, i = 0, 1, …, 7.

    Burda et al. 2015, section 5. After 3,280 epochs the last one stays.
    """
    i, left = 0, epoch
    while left >= 3**i and i < 7:
        left -= 3**i
        i += 1
    return FIRST_RATE * 10 ** (-i / 7)


class BoundTrainer(training.Trainer):
    """A `training.Trainer` that maximises L_K of freshly binarised images: β = 1, no free bits.

    draws: K. estimator: of the gradient, see `negative_bound`. The learning rate follows
    `burda_rate`, and Adam's ε is 1e-4 as there. Records keep distortion and rate, from which
    their ELBO is that of K = 1, and no rate per latent. Raises `ValueError` for other draws
    or estimators, and what `training.Trainer` does.
    """

    def __init__(self, model, images, *, draws, estimator="iwae", batch_size=100, seed):
        draws = arguments.whole_number(draws, "draws")
        _require_known(estimator)
        super().__init__(
            model, images, batch_size=batch_size, learning_rate=burda_rate(0), seed=seed
        )
        self.draws, self.estimator = draws, estimator
        self.optimizer.param_groups[0]["eps"] = 1e-4
        self.settings |= {"draws": draws, "estimator": estimator}

    def step(self):
        """As `training.Trainer.step`, at the epoch's learning rate."""
        self.learning_rate = burda_rate(len(self.records) // self.steps_per_epoch)
        return super().step()

    def _objective(self, x, beta):
        x = data.binarize(x, self.generator)
        eps = data.noise(self.generator, self.draws, len(x), self.model.latent, like=x)
        return *negative_bound(self.model, x, eps, self.estimator), ()
