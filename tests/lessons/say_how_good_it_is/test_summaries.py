"""What notebook 10's figures and claims are given is what the stored runs say."""

import numpy as np
import pytest

from vae_helpers import results
from vae_lessons.say_how_good_it_is import lab, summaries


def test_kinds_are_sorted_by_the_test_first_and_then_by_the_training():
    found = summaries.kinds()
    assert list(found) == list(lab.SHOWN)
    assert all(list(trained) == list(lab.TRAINED) for trained in found.values())
    run = results.load("bounds_checked")["runs"]["3"]["kinds"]
    assert found["thresholded"]["dynamic"][2] == run["dynamic"]["thresholded"]
    fixed = results.load("fixed_digits")["runs"]["10"]["kinds"]
    assert found["grey-scale"]["fixed"][9] == fixed["grey-scale"]


def test_scores_are_of_the_same_images_for_every_run():
    validation, test = summaries.scores()
    assert validation.shape == (10, 50) and test.shape == (10, 100)
    # A block that is hard for one run is hard for all.
    assert np.corrcoef(test.numpy()).min() > 0.95
    binarised = summaries.kinds()["binarised"]["fixed"]
    assert test.mean(1).tolist() == pytest.approx(binarised, abs=0.3)  # other noise


def test_a_wider_q_is_worse_with_one_draw_and_better_with_many():
    narrow_one, narrow_many, wide_one, wide_many = summaries.wider()
    assert len(narrow_one) == len(wide_many) == 10
    assert (wide_one > narrow_one).all() and (wide_many < narrow_many).all()
    assert (narrow_many < narrow_one).all()


def test_numbers_beside_the_paper_are_of_all_test_images():
    last = results.load("burda_5")["runs"]["1"]["curve"][-1]
    assert summaries.nll(5) == -last["bounds"]["5000"][0]
    assert summaries.nll(5, draws=1, images="few") == -last["few"]["1"][0]
    assert summaries.few_after(1, 364) < summaries.few_after(1, 4)
    rows = list(summaries.table_rows())
    assert len(rows) == 5 and rows[2].split()[:3] == ["A", "1,093", "655,800"]
