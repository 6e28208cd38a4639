"""Stored results can be reproduced, and an interrupted study is continued."""

import json
import subprocess
import sys

import pytest
import store

from vae_helpers import results
from vae_helpers.study import Study

STUDIES = store.studies()


@pytest.mark.parametrize("name", STUDIES)
def test_stored_results_are_complete_and_current(name):
    (study, _), stored = STUDIES[name], results.load(name)
    assert stored["settings"] == json.loads(json.dumps(study.settings))
    assert list(stored["runs"]) == [str(seed) for seed in study.seeds]
    assert stored["command"] == f"python tools/store.py {name}"
    assert all(set(run["versions"]) == set(store.PACKAGES) for run in stored["runs"].values())


# Processors round differently. At large β with batch norm the differences grow fast.
SENSITIVE = {"there_and_back", "schedules"}


@pytest.mark.parametrize("name", STUDIES)
def test_the_first_steps_can_be_made_again(name):
    """The −ELBO of one seed's first 60 minibatches agrees, most closely in the first 20."""
    stored, (study, _) = results.load(name), STUDIES[name]
    seed = 3 if 3 in study.seeds else study.seeds[0]
    trainer = study.trainer(seed, **stored["settings"])
    again = [-trainer.step().elbo for _ in range(60)]
    before = stored["runs"][str(seed)]["prefix_neg_elbo"]
    early, late = (0.03, 0.1) if name in SENSITIVE else (0.001, 0.01)
    assert again[:20] == pytest.approx(before[:20], rel=early)
    assert again == pytest.approx(before, rel=late)


def test_a_missing_study_names_its_command(lesson):
    with pytest.raises(results.ResultsError, match="python tools/store.py start_here"):
        results.load("start_here")


@pytest.mark.parametrize("damage", [
    lambda whole: whole[:-40], lambda whole: b"", lambda whole: b"\xff" + whole,
    lambda whole: b"[]", lambda whole: b"{}",
])
def test_a_damaged_study_is_named(lesson, capsys, damage):
    study, folder = STUDIES["start_here"]
    (lesson.folder / "start_here.json").write_bytes(
        damage((folder / "start_here.json").read_bytes())
    )
    lesson.has(start_here=study)
    with pytest.raises(results.ResultsError, match="is damaged.*store.py start_here"):
        results.load("start_here")
    with pytest.raises(SystemExit):
        store.main(["--list"])
    assert capsys.readouterr().err.startswith("error: ")


def counted(seed, *, folder, fail_at):
    """A study that writes a file for every seed that it runs, and fails at one of them."""
    if seed == fail_at:
        raise RuntimeError("interrupted")
    with open(f"{folder}/{seed}", "a") as trace:
        trace.write("ran\n")
    return {"square": seed**2}


def test_an_interrupted_study_is_continued(monkeypatch, lesson, tmp_path):
    settings = {"folder": str(tmp_path), "fail_at": None}
    study = Study("Squares?", counted, None, settings, range(6))
    lesson.has(squares=study)
    store.remake(store.studies())
    stored = results.load("squares")
    assert {seed: run["square"] for seed, run in stored["runs"].items()} == {
        str(seed): seed**2 for seed in range(6)
    }
    del stored["runs"]["2"], stored["runs"]["5"]
    (lesson.folder / "squares.json").write_text(json.dumps(stored))
    store.remake(store.studies())
    assert list(results.load("squares")["runs"]) == [str(seed) for seed in range(6)]
    ran = {seed: (tmp_path / str(seed)).read_text().count("ran") for seed in range(6)}
    assert ran == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1, 5: 2}


def test_each_seed_keeps_the_versions_that_made_it(monkeypatch, lesson, tmp_path):
    """Seeds that were run earlier keep the versions of their own run."""
    monkeypatch.setattr(store.joblib, "Parallel", one_after_another)
    settings = {"folder": str(tmp_path), "fail_at": None}
    for version, seeds in (("1.0", range(2)), ("2.0", range(3))):
        monkeypatch.setattr(store.importlib.metadata, "version", lambda _, made=version: made)
        study = Study("Squares?", counted, None, settings, seeds)
        lesson.has(squares=study)
        store.remake(store.studies())
    stored = results.load("squares")
    made_by = {seed: set(run["versions"].values()) for seed, run in stored["runs"].items()}
    assert made_by == {"0": {"1.0"}, "1": {"1.0"}, "2": {"2.0"}}
    assert "versions" not in stored, "a file has no versions of its own"


def test_other_settings_start_anew(monkeypatch, lesson, tmp_path):
    for fail_at in (None, 99):
        settings = {"folder": str(tmp_path), "fail_at": fail_at}
        study = Study("Squares?", counted, None, settings, range(2))
        lesson.has(squares=study)
        store.remake(store.studies())
    assert (tmp_path / "0").read_text().count("ran") == 2


def test_a_failing_seed_keeps_what_was_stored(monkeypatch, lesson, tmp_path):
    settings = {"folder": str(tmp_path), "fail_at": 3}
    study = Study("Squares?", counted, None, settings, range(4))
    lesson.has(squares=study)
    monkeypatch.setattr(store.joblib, "Parallel", one_after_another)
    with pytest.raises(RuntimeError, match="interrupted"):
        store.remake(store.studies())
    assert list(results.load("squares")["runs"]) == ["0", "1", "2"]


def one_after_another(**_settings):
    return lambda jobs: (function(*args, **kwargs) for function, args, kwargs in jobs)


def test_the_command_lists_what_is_stored(lesson, tmp_path, capsys):
    settings = {"folder": str(tmp_path), "fail_at": None}
    lesson.has(squares=Study("Squares?", counted, None, settings, range(3)),
               more=Study("More?", counted, None, settings, range(3, 5)))
    store.main(["squares"])
    store.main(["--list"])
    assert capsys.readouterr().out.splitlines() == [
        "squares: 3 of 3 seeds stored. Squares?", "more: 0 of 2 seeds stored. More?"
    ]
    store.main(["--all"])
    assert list(results.load("more")["runs"]) == ["3", "4"]
    for wrong in (["nonsense"], [], ["squares", "--all"]):
        with pytest.raises(SystemExit):
            store.main(wrong)


def test_all_studies_share_the_processors_those_of_few_seeds_first(monkeypatch, lesson, tmp_path):
    settings = {"folder": str(tmp_path), "fail_at": 1}
    lesson.has(many=Study("Many?", counted, None, settings, range(1, 4)),
               few=Study("Few?", counted, None, settings, range(5, 7)))
    monkeypatch.setattr(store.joblib, "Parallel", one_after_another)
    with pytest.raises(RuntimeError, match="interrupted"):
        store.main(["--all"])
    assert list(results.load("few")["runs"]) == ["5", "6"]
    assert not (lesson.folder / "many.json").exists()


def test_only_the_study_that_needs_scikit_learn_loads_it():
    """Importing scikit-learn would cost every process 2 s and 80 MB."""
    code = "import sys; sys.path.append('tools'); import store; store.studies(); "
    code += "print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_choice_reads_validation_images_alone():
    """Test images would lead to another choice; they are not passed to the loss."""
    runs = {"a": [{"validation": {"nats": nats}, "test": 0.0} for nats in (3.0, 1.0, 90.0)],
            "b": [{"validation": {"nats": nats}, "test": 9.0} for nats in (4.0, 2.0, 2.0)]}
    assert results.choose(runs, lambda unseen: unseen["nats"]) == "b"
    with pytest.raises(KeyError):
        results.choose(runs, lambda unseen: unseen["test"])
