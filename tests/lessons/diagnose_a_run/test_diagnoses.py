"""The check of the diagnoses, and the stored table that it reads."""

import itertools

import pytest

from vae_lessons.diagnose_a_run import checks, evidence, lab
from vae_lessons.diagnose_a_run.checks import CURES, RIGHT_CURES, diagnoses, key

OPEN = {letter: (..., ..., ...) for letter in "ABCDEFGH"}
LETTER = {condition: letter for letter, (condition, *_) in key().items()}


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


@pytest.mark.parametrize("condition", lab.CONDITIONS)
def test_every_right_cure_and_all_the_evidence_are_accepted(condition):
    for cure in RIGHT_CURES[condition]:
        for more in evidence.INSTRUMENTS:  # with any second measurement
            measurements = [checks.ENOUGH[condition][0], more]
            if evidence.not_excluded(condition, measurements) == []:
                assert told(LETTER[condition], condition, measurements, cure) == ""


@pytest.mark.parametrize("condition", lab.CONDITIONS)
def test_every_wrong_cure_is_explained(condition):
    _condition, measurements, _cure = key()[LETTER[condition]]
    for cure in set(CURES) - RIGHT_CURES[condition]:
        assert "the cure is not: " in told(LETTER[condition], condition, measurements, cure)


@pytest.mark.parametrize("right, named", [*itertools.permutations(lab.CONDITIONS, 2)])
def test_a_wrong_condition_is_contradicted_by_a_measurement(right, named):
    _condition, measurements, cure = key()[LETTER[named]]
    diagnosis = told(LETTER[right], named, measurements, cure)
    assert f"{named!r} does not fit" in diagnosis and "for this run it reads" in diagnosis
    assert right not in diagnosis.replace(named, "")  # the right condition is not given away


@pytest.mark.parametrize("condition, measurement, other", [
    ("wanted collapse", "active units", "fallen into collapse"),
    ("fallen into collapse", "loss weights", "healthy"),
    ("hidden β", "gradient of the encoder", "wanted collapse"),
    ("healthy", "decline", "wrong sampler"),
    ("stopped too early", "better than the mean image", "variance floor"),
])
def test_evidence_that_fits_another_condition_does_not_decide(condition, measurement, other):
    diagnosis = told(LETTER[condition], condition, measurement, sorted(RIGHT_CURES[condition])[-1])
    assert "does not decide" in diagnosis and repr(other) in diagnosis


def test_two_measurements_decide_together_what_neither_does_alone():
    cure = "smaller learning rate from the start"
    for one in ("loss weights", "active units"):
        assert "does not decide" in told(LETTER["fallen into collapse"], "fallen into collapse",
                                         [one], cure)
    assert told(LETTER["fallen into collapse"], "fallen into collapse",
                ("loss weights", "active units"), cure) == ""


@pytest.mark.parametrize("parts, words", [
    (("collapse", "decline", "nothing"), "there is no condition 'collapse'; choose one of healthy"),
    (("healthy", "pulse", "nothing"), "there is no measurement 'pulse'"),
    (("healthy", ["decline", "pulse"], "nothing"), "there is no measurement 'pulse'"),
    (("healthy", "decline", "rest"), "there is no cure 'rest'"),
    (("healthy", [], "nothing"), "condition"),
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


def test_names_may_be_typed_in_plain_letters():
    assert told(LETTER["hidden β"], "hidden beta", " loss weights", "smaller beta") == ""
    for typed in ("exp(0.5 logvar)", "exp(0.5 * logvar)"):
        assert told(LETTER["wrong sampler"], "wrong sampler", "log against own", typed) == ""


def test_more_than_two_measurements_are_too_many():
    three = ["decline", "loss weights", "dead units"]
    assert "at most 2" in told(LETTER["stopped too early"], "stopped too early", three,
                               "more steps")


def test_an_unknown_run_is_named():
    assert "no run 'Z'" in diagnoses.judge({"Z": ("healthy", "decline", "nothing")}).diagnosis


def test_no_measurement_of_the_key_can_be_left_out():
    for condition, measurements in checks.ENOUGH.items():
        assert evidence.not_excluded(condition, measurements) == []
        for fewer in itertools.combinations(measurements, len(measurements) - 1):
            assert evidence.not_excluded(condition, fewer)


def test_every_instrument_is_read_by_its_limit():
    for name, instrument in evidence.INSTRUMENTS.items():
        run = dict(evidence.runs("healthy")[0])
        for k, limit in enumerate(instrument.limits):
            found = [instrument.read(run | {instrument.field: value})
                     for value in (limit - 0.01, limit + 0.01)]
            assert found == list(instrument.words[k:k + 2]), name
    scaled = evidence.INSTRUMENTS["loss weights"].read(run | {"weight_of_distortion": 0.01})
    assert scaled.endswith(", averaged")


def test_pairs_are_told_apart_by_the_share_of_different_readings(monkeypatch):
    found = {"healthy": ["a", "a", "b"], "stopped too early": ["b", "b"]}
    monkeypatch.setattr(evidence, "readings", lambda instrument: found)
    assert evidence.told_apart("decline", "healthy", "stopped too early") == pytest.approx(4 / 6)
    assert evidence.usual("decline", "healthy") == ("a", pytest.approx(2 / 3))
