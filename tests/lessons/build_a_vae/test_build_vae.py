"""The checks of notebook 03: right answers pass, and mistakes get their own diagnosis."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from vae_lessons.build_a_vae import checks
from vae_lessons.build_a_vae.calculator import effective_beta


def test_the_effective_beta_is_the_calculator_s():
    arguments = {"reconstruction": "mean", "kl": "mean", "likelihood": "gaussian"}
    right = effective_beta(0.2, 32 * 32 * 3, 128, **arguments)
    assert right == pytest.approx(2.4) and checks.effective_beta.judge(right).passed
    assert checks.effective_beta.judge(0.2 * 3072 / 256).passed


@pytest.mark.parametrize("answer, words", [
    (0.2, "This is the weight in the code"),
    (4.8, "Twice too much: the 2σ²"),
    (12, "The weight 0.2 is missing."),
    (24, "The weight 0.2 is missing, and so is the 2σ²"),
    (9.6, "on the wrong side"),
    (614.4, "the 2σ² of the Gaussian is missing"),
    (307.2, "a sum over the latents"),
    (0.2 / 256, "the squared error as a sum over the pixels. F"),
    (0.2 / 128, "as a sum over the pixels, and the 2σ²"),
    (0.00833, "upside down, and"),
    (0.00417, "upside down. The mean"),
    (0.8, "The colours are missing. F"),
    (1.6, "The colours are missing, and so"),
    (0.4167, "This is 1/β"),
    (1.2, "halved twice"),
    (9.8, "This is the original recipe's"),
    (0, "leave the KL out"),
    (7.1, "nor one of the common mistakes"),
    (math.nan, "nor one of the common mistakes"),
    ((2.4, 2.4), "A number is expected, got 2"),
    ("2.4", "cannot be read"),
])
def test_wrong_betas_are_named(answer, words):
    assert words in checks.effective_beta.judge(answer).diagnosis


def test_the_gap_of_a_q_that_is_too_wide_is_the_smallest_there_is():
    """Compared with PyTorch's KL, for all q that ReLU heads allow."""
    mean, variance = torch.meshgrid(
        torch.linspace(0, 2, 41), torch.linspace(1, 4, 61), indexing="ij"
    )
    gaps = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 0.1**0.5))
    assert checks.too_wide.judge(gaps.min()).passed


@pytest.mark.parametrize("answer, words", [
    (0, "can be the posterior"),
    (0.70, "KL(posterior ‖ q)"),
    (6.70, "the ½ is missing"),
    (4.5, "The logarithm is missing"),
    (5.65, "wrong sign"),
    (4.0, "base 10"),
    (4.83, "bits"),
    (47.2, "the standard deviation"),
    (math.inf, "Take the best of them"),
    (20, "common mistakes"),
])
def test_wrong_gaps_are_named(answer, words):
    assert words in checks.too_wide.judge(answer).diagnosis


def heads():
    """The heads in the question, {letter: module}."""
    def linear():
        return nn.Linear(16, 8)

    return {
        "A": linear(),
        "B": nn.Sequential(linear(), nn.ReLU()),
        "C": nn.Sequential(nn.ReLU(), linear()),
        "D": nn.Sequential(linear(), nn.Softplus()),
        "E": nn.Sequential(linear(), nn.Tanh()),
        "F": nn.Sequential(linear(), nn.BatchNorm1d(8), nn.ReLU()),
    }


def test_the_letters_are_those_of_the_heads_that_are_never_negative():
    torch.manual_seed(0)
    found = {
        letter for letter, head in heads().items() if head(3 * torch.randn(500, 16)).min() >= 0
    }
    assert checks.heads.judge(found).passed


@pytest.mark.parametrize("answer", [
    {"B", "D", "F"}, ["F", "D", "B"], ("b", "d", "f"), "BDF", "b, d, f", "f;D b", frozenset("BDF"),
    ["B", "B", " D ", "F"],
])
def test_right_letters_pass_however_written(answer):
    assert checks.heads.judge(answer).passed


@pytest.mark.parametrize("answer", [..., {...}, ["B", ...], (..., ...)])
def test_unchosen_letters_are_unanswered(answer):
    assert checks.heads.judge(answer).state == "unanswered"


def test_every_letter_gets_its_own_reason():
    right = set("BDF")
    for letter, reason in checks.heads._reasons.items():
        result = checks.heads.judge(right ^ {letter})
        verdict = "is left out" if letter in right else "does not belong"
        assert result.state == "failed" and result.diagnosis == f"{letter} {verdict}: {reason}"


@pytest.mark.parametrize("answer, words, absent", [
    ("AB", "A does not belong", "left out"),
    ("ACE", "exactly those that do not belong", "A does"),
    ("AC", "C does not belong", "left out"),
    ("ABCDEF", "E does not belong", "B"),
    ("B", "D is left out", "does not belong"),
    ("DF", "B is left out", "D is"),
    (set(), "No letter is chosen", "B"),
    ("", "No letter is chosen", "B"),
    ("BDG", "cannot be read", "left out"),
    (["B", "DF"], "cannot be read", "left out"),
    ([1, 3, 5], "cannot be read", "left out"),
    (["B", []], "cannot be read", "left out"),
    (3, "cannot be read", "left out"),
    (None, "cannot be read", "left out"),
    (heads, "cannot be read", "left out"),
])
def test_wrong_letters_are_named(answer, words, absent):
    result = checks.heads.judge(answer)
    assert result.state == "failed"
    assert words in result.diagnosis and absent not in result.diagnosis
