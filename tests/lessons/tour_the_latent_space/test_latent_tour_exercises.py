"""The checks of notebook 09: right answers pass, wrong ones are named."""

import math

import pytest
import torch
from torch.distributions import Normal

from vae_lessons.tour_the_latent_space import checks, lab


@pytest.mark.parametrize("answer", [
    lambda side: Normal(0.0, 1.0).icdf((torch.arange(side) + 0.5) / side),
    lambda side: torch.tensor([2**0.5 * torch.erfinv(torch.tensor(2 * (k + 0.5) / side - 1))
                               for k in range(side)]),
    lambda side: torch.special.ndtri(torch.linspace(0.5 / side, 1 - 0.5 / side, side)),
])
def test_right_grids_pass(answer):
    assert checks.quantile_grid.judge(answer).passed, checks.quantile_grid.judge(answer).diagnosis


@pytest.mark.parametrize("first, extra, told", [
    (0, -1, "go to infinity"), (0, 0, "lower edges"), (1, 0, "upper edges"),
    (1, 1, "edges between side + 1"), (0.5, 1, "divided by side + 1"),
    (0.5, -1, "divided by side − 1"), (1.5, 0, "k starts at 0"),
])
def test_wrong_places_of_the_unit_interval_are_named(first, extra, told):
    def answer(side):
        return Normal(0.0, 1.0, validate_args=False).icdf(
            (torch.arange(side) + first) / (side + extra))

    assert told in checks.quantile_grid.judge(answer).diagnosis


def by_regression(pictures):
    row, column = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    found = []
    for ink in pictures:
        weight = ink.flatten().sqrt()[:, None]
        known = torch.stack([-row.flatten(), torch.ones(784)], 1)  # height and a constant
        found.append(torch.linalg.lstsq(weight * known, weight * column.flatten()[:, None])
                     .solution[0, 0])
    return torch.stack(found)


def by_second_moments(pictures):
    places, ink = torch.arange(28.0), pictures.sum((1, 2))
    row, column = pictures.sum(2) @ places / ink, pictures.sum(1) @ places / ink
    both = torch.einsum("nij,i,j->n", pictures, places, places) / ink - row * column
    return -both / (pictures.sum(2) @ places**2 / ink - row**2)


@pytest.mark.parametrize("answer", [by_regression, by_second_moments])
def test_right_slants_pass(answer):
    assert checks.slant.judge(answer).passed, checks.slant.judge(answer).diagnosis


@pytest.mark.parametrize("answer, told", [
    (lambda x: -by_second_moments(x), "rows are counted downwards"),
    (lambda x: lab.slant(x.transpose(1, 2)), "variance of the column"),
    (lambda x: by_second_moments((x > 0.5).float()), "Weight each pixel with its ink"),
    (lambda x: by_second_moments(x).atan(), "angle in radians"),
])
def test_wrong_slants_are_named(answer, told):
    assert told in checks.slant.judge(answer).diagnosis


def one_by_one(first, second, t):
    rows = []
    for a, b in zip(first, second):
        angle = math.acos(float(a @ b) / float(a.norm() * b.norm()))
        rows.append(math.sin((1 - t) * angle) / math.sin(angle) * a
                    + math.sin(t * angle) / math.sin(angle) * b)
    return torch.stack(rows)


def by_unit_vectors(first, second, t):
    unit = [z / z.norm(dim=1, keepdim=True) for z in (first, second)]
    angle = (unit[0] * unit[1]).sum(1, keepdim=True).clamp(-1, 1).arccos()
    weights = [torch.sin(share * angle) / torch.sin(angle) for share in (1 - t, t)]
    return weights[0] * first + weights[1] * second


@pytest.mark.parametrize("answer", [one_by_one, by_unit_vectors])
def test_right_arcs_pass(answer):
    assert checks.slerp.judge(answer).passed, checks.slerp.judge(answer).diagnosis


def without_keepdim(first, second, t):
    angle = ((first * second).sum(-1) / (first.norm(dim=-1) * second.norm(dim=-1))).acos()
    return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()


def along_the_batch(first, second, t):
    angle = torch.nn.functional.cosine_similarity(first, second, dim=0).acos()
    return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()


@pytest.mark.parametrize("answer, told", [
    (without_keepdim, "keepdim=True"), (along_the_batch, "along the batch"),
])
def test_a_lost_axis_is_named_and_raises_no_error(answer, told):
    assert told in checks.slerp.judge(answer).diagnosis


@pytest.mark.parametrize("answer, told", [
    (math.exp(-16), "as a share"), (0.0, "not nothing"), (0.415, "16.4"),
    (0.0062, "Give it in per cent"),
])
def test_tiny_answers_are_not_taken_for_powers_of_ten(answer, told):
    assert told in checks.covered.judge(answer).diagnosis


def test_the_norm_of_the_middle_is_what_the_check_expects():
    a, b = torch.randn(2, 20_000, 100, generator=torch.Generator().manual_seed(0))
    assert checks.midpoint_norm.judge(((a + b) / 2).pow(2).sum(1).mean().sqrt()).passed


def test_only_neighbours_and_what_labels_confirm_may_be_relied_on():
    assert checks.readable.judge("A, E").passed and checks.readable.judge({"e", "a"}).passed
    for letter in "BCD":
        result = checks.readable.judge("AE" + letter)
        assert result.state == "failed" and result.diagnosis.startswith(f"{letter} does not belong")
    for letter in "AE":
        assert checks.readable.judge("AE".replace(letter, "")).diagnosis.startswith(
            f"{letter} is left out"
        )


def moments(pictures):
    """The variances of height and column and their covariance, as plain second moments."""
    weight = pictures / pictures.sum((1, 2), keepdim=True)
    row, column = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")

    def mean(of):
        return (weight * of).sum((1, 2))

    return (mean(row**2) - mean(row) ** 2, mean(column**2) - mean(column) ** 2,
            mean(-row * column) + mean(row) * mean(column))


@pytest.mark.parametrize("answer, told", [
    (lambda x: moments(x)[2] / moments(x)[1], "variance of the column"),
    (lambda x: moments(x)[2] / (moments(x)[0] * moments(x)[1]).sqrt(), "correlation of height"),
    (lambda x: moments(x)[2], "This is the covariance"),
])
def test_wrong_slants_by_plain_moments_are_named_despite_rounding(answer, told):
    assert told in checks.slant.judge(answer).diagnosis


def test_a_cosine_without_its_lengths_is_named_and_not_only_nan():
    def answer(first, second, t):
        angle = (first * second).sum(-1, keepdim=True).acos()
        return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()

    assert "plain dot product" in checks.slerp.judge(answer).diagnosis
