"""tools/lab.py: its messages, and what it runs. Needs no network."""

import ast
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import lab
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"


@pytest.mark.parametrize("name", ["lab", "ci", "environment"])
def test_an_old_python_can_read_the_script(name):
    text = (TOOLS / f"{name}.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 6))
    names = re.findall(r"^\s*(?:import|from) (\w+)", text, re.M)
    assert set(names) <= sys.stdlib_module_names | {"lab", "environment"}


@pytest.mark.parametrize("end, status, shown", [
    (lab.Trouble("the reason"), 1, "error: the reason\n"), (KeyboardInterrupt, 130, ""),
])
def test_trouble_is_one_line_and_control_c_is_quiet(monkeypatch, capsys, end, status, shown):
    def fail(_env, _args):
        raise end

    monkeypatch.setitem(lab.COMMANDS, "lab", fail)
    assert lab.main(["lab"]) == status
    assert capsys.readouterr() == ("", shown)


def test_help_names_every_command_and_the_makefile_calls_it(capsys):
    assert lab.main(["help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in lab.COMMANDS)
    assert lab.main(["tset"]) == 2
    recipes = dict(re.findall(r"^(\S+):\n\t(.*)$", (ROOT / "Makefile").read_text(), re.M))
    called = {name: f"@$(PYTHON) tools/lab.py {name} $(ARGS)" for name in lab.COMMANDS}
    assert recipes == called | {"help": "@$(PYTHON) tools/lab.py help"}


@pytest.mark.parametrize("command", [
    ["tools/lab.py", "help"], ["tools/store.py", "--list"],
    ["benchmarks/training_speed.py", "--help"], ["tools/student.py", ".", "{folder}/Schüler"],
])
def test_a_terminal_without_unicode_gets_question_marks(tmp_path, command):
    """As on Windows, where piped output is limited to the characters of the code page."""
    words = [word.format(folder=tmp_path) for word in command]
    done = subprocess.run([sys.executable, *words], capture_output=True, cwd=ROOT,
                          env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert b"UnicodeEncodeError" not in done.stderr, done.stderr.decode()
    assert done.returncode in (0, 1), done.stderr.decode()


def test_so_does_a_command_of_lab(monkeypatch):
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, "ascii", write_through=True))
    lab.run_command(lambda _env, _args: print("Schüler", end=""), [])
    assert shown.getvalue() == b"Sch?ler"


def test_lab_is_loopback_quiet_and_passes_options_on(recorded, monkeypatch):
    monkeypatch.setattr(lab, "IS_ROOT", False)
    env, ran = recorded()
    lab.lab(env, ["--no-browser", "--port", "8899"])
    _, command = ran
    assert command[:2] == ["-m", "jupyterlab"]
    assert {"--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb", "--no-browser",
            "--LabApp.extension_manager=readonly", "--port", "8899", "--ip=127.0.0.1"
            } <= set(command)
    assert not any("token" in word or "allow-root" in word for word in command)
    share = Path("share", "jupyter", "lab")
    overrides = (env.folder / share / "settings" / "overrides.json").read_text(encoding="utf-8")
    for plugin, settings in json.loads(overrides).items():
        schema = Path(sys.prefix, share, "schemas", plugin.replace(":", "/") + ".json")
        known = json.loads(schema.read_text(encoding="utf-8"))["properties"]
        assert settings.keys() <= known.keys()


def test_lab_gives_way_to_another_address_and_allows_root(recorded, monkeypatch):
    monkeypatch.setattr(lab, "IS_ROOT", True)
    env, ran = recorded()
    lab.lab(env, ["--ip=0.0.0.0"])
    assert "--ip=127.0.0.1" not in ran[-1] and "--allow-root" in ran[-1]


@pytest.mark.parametrize("command, extras, script, more", [
    ("site elsewhere", ["site"], "tools/site_pages/build.py", ["elsewhere"]),
    ("benchmark training_speed --quick", ["lab", "test"], "benchmarks/training_speed.py",
     ["--quick"]),
    ("benchmark classroom", ["lab", "test"], "benchmarks/classroom.py",
     [("CHROMIUM", "a browser")]),
])
def test_a_command_installs_its_extras_and_passes_options_on(
    recorded, monkeypatch, command, extras, script, more
):
    monkeypatch.setattr(lab, "find_browser", lambda: "a browser")
    env, ran = recorded()
    name, *args = command.split()
    lab.COMMANDS[name](env, args)
    assert ran == [tuple(extras), [script, *more]] and (ROOT / script).is_file()


def test_oldest_versions_are_tested_by_units_and_notebooks(recorded, monkeypatch):
    env, ran = recorded()
    monkeypatch.setattr(lab, "Environment", lambda _root, oldest: env if oldest else None)
    lab.test_oldest(env, [])
    assert ran[0] == ("lab", "test")
    assert ran[-1][-3:] == ["tests/unit", "tests/lessons", "notebooks"]
    lab.test_oldest(env, ["tests/unit/test_elbo.py"])
    assert ran[-1][-1] == "tests/unit/test_elbo.py" and "notebooks" not in ran[-1]


def test_all_benchmarks_are_named():
    for wrong in ([], ["nonsense"], ["report"]):
        with pytest.raises(lab.Trouble, match="training_speed, .*, live_training"):
            lab.benchmark(None, wrong)
    files = (ROOT / "benchmarks").glob("*.py")
    commands = [path.stem for path in files if path.read_text().startswith("#!")]
    assert sorted(commands) == sorted(lab.BENCHMARKS)


def test_browser_is_found_by_name_or_by_variable_or_its_lack_explained(tmp_path):
    here = {"PATH": str(tmp_path)}
    with pytest.raises(lab.Trouble, match="chromium or .*apt-get install chromium.*CHROMIUM"):
        lab.find_browser(here)
    with pytest.raises(lab.Trouble, match="/no/browser"):
        lab.find_browser(here | {"CHROMIUM": "/no/browser"})
    program = tmp_path / ("chromium.exe" if lab.WINDOWS else "chromium")
    program.touch(mode=0o755)
    assert Path(lab.find_browser(here)) == program
    assert Path(lab.find_browser({"PATH": "", "CHROMIUM": str(program)})) == program
