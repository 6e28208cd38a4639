"""The check of the diagnoses, and the stored table that it reads."""

import itertools

import pytest

from vae_lessons.diagnose_a_run import checks, evidence, lab
from vae_lessons.diagnose_a_run.checks import CURES, RIGHT_CURES, diagnoses, key

OPEN = {letter: (..., ..., ...) for letter in "ABCDEFGH"}
LETTER = {illness: letter for letter, (illness, *_) in key().items()}


def told(letter, *parts):
    """The diagnosis of an answer that leaves all other runs open, or "" if it is right."""
    result = diagnoses.judge(OPEN | {letter: parts})
    assert result.state == "failed" and "Still open" in result.diagnosis
    if result.diagnosis.startswith(f"1 of 8 are right ({letter})"):
        return ""
    assert result.diagnosis.startswith("0 of 8 are right")
    return result.diagnosis


def test_the_key_passes_and_open_runs_are_unanswered():
    assert diagnoses.judge(key()).passed
    for stub in (OPEN, dict.fromkeys("ABCDEFGH", ...), ...):
        assert diagnoses.judge(stub).state == "unanswered"


@pytest.mark.parametrize("illness", lab.ILLNESSES)
def test_every_right_cure_and_all_the_evidence_are_accepted(illness):
    for cure in RIGHT_CURES[illness]:
        assert told(LETTER[illness], illness, list(evidence.INSTRUMENTS), cure) == ""


@pytest.mark.parametrize("illness", lab.ILLNESSES)
def test_every_wrong_cure_is_explained(illness):
    _illness, measurements, _cure = key()[LETTER[illness]]
    for cure in set(CURES) - RIGHT_CURES[illness]:
        assert "the cure is not: " in told(LETTER[illness], illness, measurements, cure)


@pytest.mark.parametrize("right, named", [*itertools.permutations(lab.ILLNESSES, 2)])
def test_a_wrong_illness_is_contradicted_by_a_measurement(right, named):
    _illness, measurements, cure = key()[LETTER[named]]
    diagnosis = told(LETTER[right], named, measurements, cure)
    assert f"{named!r} does not fit" in diagnosis and "for this run it reads" in diagnosis
    assert right not in diagnosis.replace(named, "")  # the right illness is not given away


@pytest.mark.parametrize("illness, measurement, other", [
    ("wanted collapse", "active units", "fallen into collapse"),
    ("fallen into collapse", "loss weights", "healthy"),
    ("hidden β", "encoder's gradient", "wanted collapse"),
    ("healthy", "better than the mean image", "wrong sampler"),
])
def test_evidence_that_fits_another_illness_does_not_decide(illness, measurement, other):
    diagnosis = told(LETTER[illness], illness, measurement, sorted(RIGHT_CURES[illness])[-1])
    assert "does not decide" in diagnosis and repr(other) in diagnosis


def test_two_measurements_decide_together_what_neither_does_alone():
    cure = "smaller learning rate from the start"
    for one in ("loss weights", "active units"):
        assert "does not decide" in told(LETTER["fallen into collapse"], "fallen into collapse",
                                         [one], cure)
    assert told(LETTER["fallen into collapse"], "fallen into collapse",
                ("loss weights", "active units"), cure) == ""


@pytest.mark.parametrize("parts, words", [
    (("collapse", "decline", "nothing"), "there is no illness 'collapse'; choose one of healthy"),
    (("healthy", "pulse", "nothing"), "there is no measurement 'pulse'"),
    (("healthy", ["decline", "pulse"], "nothing"), "there is no measurement 'pulse'"),
    (("healthy", "decline", "rest"), "there is no cure 'rest'"),
    (("healthy", [], "nothing"), "illness"),
])
def test_unknown_names_are_listed(parts, words):
    assert words in told("D", *parts)


@pytest.mark.parametrize("answer", [
    "A", 7, None, {"A": "healthy"}, {"A": ("healthy", "decline")}, {"A": (1, 2, 3)}, {3: (1, 2)},
    [("A", "healthy")], {"A": None}, {},
])
def test_what_cannot_be_read_is_shown(answer):
    result = diagnoses.judge(answer)
    assert result.state == "failed" and "cannot be read" in result.diagnosis


def test_an_unknown_run_is_named():
    assert "no run 'Z'" in diagnoses.judge({"Z": ("healthy", "decline", "nothing")}).diagnosis


def test_no_measurement_of_the_key_can_be_left_out():
    for illness, measurements in checks.ENOUGH.items():
        assert evidence.not_excluded(illness, measurements) == []
        for fewer in itertools.combinations(measurements, len(measurements) - 1):
            assert evidence.not_excluded(illness, fewer)


def test_every_instrument_is_read_by_its_limit():
    for name, instrument in evidence.INSTRUMENTS.items():
        run = dict(evidence.runs("healthy")[0])
        low, high = (instrument.read(run | {instrument.field: value})
                     for value in (instrument.limit - 0.01, instrument.limit + 0.01))
        assert (low, high) == instrument.words, name
    scaled = evidence.INSTRUMENTS["loss weights"].read(run | {"weight_of_distortion": 0.01})
    assert scaled.endswith(", means")


def test_pairs_are_told_apart_by_the_share_of_different_readings(monkeypatch):
    found = {"healthy": ["a", "a", "b"], "stopped too early": ["b", "b"]}
    monkeypatch.setattr(evidence, "readings", lambda instrument: found)
    assert evidence.told_apart("decline", "healthy", "stopped too early") == pytest.approx(4 / 6)
    assert evidence.usual("decline", "healthy") == ("a", pytest.approx(2 / 3))
