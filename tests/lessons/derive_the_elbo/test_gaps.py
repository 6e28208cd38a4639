"""The gap of a VAE: quadrature, refined posteriors, and how they add up."""

import pytest
import torch

from vae_helpers import data, elbo, models, training
from vae_lessons.derive_the_elbo import lab


@pytest.fixture(scope="module")
def setting():
    digits = data.load_mnist()
    model = models.VAE(2, hidden=(64,), seed=0)
    trainer = training.Trainer(model, digits.train_images, seed=0)
    for _ in range(150):
        trainer.step()
    return model, digits.test_images[:20]


def test_quadrature_agrees_with_importance_sampling(setting):
    """An independent estimate: log of the mean weight of draws from a q eight times as wide."""
    model, images = setting
    x = data.pixels(images)
    eps = torch.randn(20000, len(x), 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mean, logvar = model.encode(x)
        wide = logvar + 2 * torch.log(torch.tensor(8.0))
        z = elbo.reparameterize(mean, wide, eps)  # [20000, 20, 2]
        likelihood = torch.stack([elbo.bernoulli_log_prob(x, model.decode(one)) for one in z])
        prior = elbo.gaussian_log_prob(z, torch.zeros(2), torch.zeros(2))
        log_weights = likelihood + prior - elbo.gaussian_log_prob(z, mean, wide)
    found = lab.evidence_by_quadrature(model, images)
    torch.testing.assert_close(found, elbo.iwae_bound(log_weights), rtol=0, atol=0.15)


def test_a_finer_grid_changes_nothing(setting):
    model, images = setting
    coarse, fine = (lab.evidence_by_quadrature(model, images, points=n) for n in (401, 601))
    torch.testing.assert_close(coarse, fine, rtol=0, atol=0.05)


def test_the_gap_adds_up_and_refining_closes_part_of_it(setting):
    model, images = setting
    before = [parameter.clone() for parameter in model.parameters()]
    found = lab.measure_gaps(model, images, seed=0)
    assert found.log_evidence == pytest.approx(found.elbo + found.gap, abs=1e-3)
    assert found.gap == pytest.approx(found.approximation + found.amortisation, abs=1e-3)
    assert found.gap > found.approximation > 0
    assert all(map(torch.equal, before, model.parameters())), "the decoder must stay as it is"


def test_only_two_latents_are_affordable(setting):
    with pytest.raises(ValueError, match="Quadrature is for 1 or 2"):
        lab.evidence_by_quadrature(models.VAE(3, seed=0), setting[1])
