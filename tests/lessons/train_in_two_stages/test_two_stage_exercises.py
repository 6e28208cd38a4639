"""The checks of notebook 07: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_lessons.train_in_two_stages import checks, lab


def by_latent(codes, reference):
    columns = []
    for column, of_reference in zip(codes.T, reference.T):
        centre = sum(of_reference) / len(of_reference)
        variance = sum((a - centre) ** 2 for a in of_reference) / (len(of_reference) - 1)
        columns.append((column - centre) / variance**0.5)
    return torch.stack(columns, 1)


@pytest.mark.parametrize("answer", [
    by_latent,
    lambda codes, reference: codes.sub(reference.mean(0)).div(reference.var(0).sqrt()),
    lambda codes, reference: (codes - reference.mean(0)) / reference.std(0, correction=0),
    lambda codes, reference: (codes - reference.mean(0))
    / (reference - reference.mean(0)).square().mean(0).sqrt(),
])
def test_right_standardising_passes(answer):
    assert checks.standardise.judge(answer).passed, checks.standardise.judge(answer).diagnosis


def with_a_distribution(first, second, reference, w, eps):
    """Multiplies, adds, and decodes one image after the other."""
    spread, centre = torch.std_mean(reference, dim=0)
    scale = torch.full_like(eps, second.variance.item() ** 0.5)
    code = torch.addcmul(second.decoder(w), scale, eps)
    return torch.stack([first.decode(torch.addcmul(centre, one, spread)) for one in code])


@pytest.mark.parametrize("answer", [
    with_a_distribution,
    torch.no_grad()(lambda f, s, r, w, eps: f.decode(
        (s.decode(w) + (0.5 * s.variance.log()).exp() * eps).mul(r.std(0)).add(r.mean(0)))),
])
def test_right_sampling_passes(answer):
    assert checks.sample.judge(answer).passed, checks.sample.judge(answer).diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda f, s, r, w, eps: f.decode(s.decode(w) * r.std(0) + r.mean(0)), "left out its noise"),
    (lambda f, s, r, w, eps: f.decode(s.decode(w) + s.variance.sqrt() * eps), "forgot to undo"),
    (lambda f, s, r, w, eps: f.decode(eps), "decoded codes from N(0, I)"),
    (lambda f, s, r, w, eps: f.decode(
        s.decode(s.encode(lab.standardise(r, r))[0]) * r.std(0) + r.mean(0)), "posterior means"),
    (lambda f, s, r, w, eps: f.decode(
        (s.decode(w) + s.variance.sqrt() * torch.randn_like(eps)) * r.std(0) + r.mean(0)),
     "another result each time"),
])
def test_slips_of_sampling_are_named(answer, words):
    assert words in checks.sample.judge(answer).diagnosis


def one_by_one(sampled, real, k):
    inside = 0
    for x in sampled:
        for centre in real:
            radius = sorted((centre - other).norm() for other in real)[k]
            if (x - centre).norm() <= radius:
                inside += 1
                break
    return torch.tensor(inside / len(sampled))


def with_infinite_diagonal(sampled, real, k):
    among = torch.cdist(real, real)
    among.fill_diagonal_(torch.inf)
    radii = among.topk(k, dim=1, largest=False).values[:, -1]
    return (torch.cdist(real, sampled) <= radii[:, None]).any(0).float().mean()


@pytest.mark.parametrize("answer", [one_by_one, with_infinite_diagonal])
def test_right_precisions_pass(answer):
    assert checks.precision.judge(answer).passed, checks.precision.judge(answer).diagnosis


def test_the_bounds_that_belong_pass_and_each_other_is_explained():
    assert checks.bounds.judge("D, E").passed and checks.bounds.judge({"d", "e"}).passed
    for letter in "ABCF":
        result = checks.bounds.judge("DE" + letter)
        assert result.state == "failed" and result.diagnosis.startswith(f"{letter} does not belong")
    for letter in "DE":
        result = checks.bounds.judge("DE".replace(letter, ""))
        assert result.diagnosis.startswith(f"{letter} is left out")


def test_slips_in_numbers_are_named():
    assert "Both differences" in checks.frechet.judge(3 + 2).diagnosis
    assert "changed places" in checks.code_unit.judge(5 * math.log(12)).diagnosis


def test_the_unit_of_codes_moves_an_elbo_by_what_the_check_expects():
    """Twelve latents divided by 5, measured on a real second stage."""
    second = lab.CodeVAE(3, (8,), 12, seed=0)
    codes = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    moved = (lab.code_elbo(second, codes, unit=1 / 5, seed=1)
             - lab.code_elbo(second, codes, unit=1, seed=1))
    assert moved == pytest.approx(12 * math.log(5), abs=1e-3)
    assert checks.code_unit.judge(moved).passed
