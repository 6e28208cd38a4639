"""tools/lab.py: its messages, when it installs, and what it does to notebooks. No network."""
import ast
import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from vae_helpers import models

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tools" / "lab.py"


def script(name):
    """The script tools/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(name, LAB.with_name(name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lab():
    return script("lab")


@pytest.fixture
def ci(lab, monkeypatch):
    """tools/ci.py, whose `lab` is the fixture of that name."""
    monkeypatch.setitem(sys.modules, "lab", lab)
    return script("ci")


# The Python that runs it

@pytest.mark.parametrize("path", [LAB, LAB.with_name("ci.py")], ids=lambda path: path.stem)
def test_an_old_python_can_read_the_script(path):
    text = path.read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 6))
    names = re.findall(r"^\s*(?:import|from) (\w+)", text, re.M)
    assert set(names) <= sys.stdlib_module_names | {"lab"}


def test_old_python_is_refused_with_the_remedy(lab):
    with pytest.raises(
        lab.Trouble, match=r"Python 3\.10\.13 is too old: 3\.11 or newer.*Try: .*3\.12"
    ):
        lab.check_python((3, 10, 13, "final", 0))
    lab.check_python((3, 11, 0, "final", 0))


def old_python():
    """An interpreter older than 3.11 that really runs, or None."""
    for name in ("python3.10", "python3.9", "python3.8", "python3.7", "python3.6"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


@pytest.mark.skipif(old_python() is None, reason="no Python older than 3.11 here")
def test_an_old_interpreter_prints_one_line(tmp_path):
    shutil.copytree(LAB.parent, tmp_path / "tools")
    done = subprocess.run(
        [old_python(), "tools/lab.py", "lab"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r"error: Python 3\.\d+\.\d+ is too old: .*\n", done.stderr)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_missing_venv_names_the_package_to_install(lab, missing):
    find = lambda name: None if name == missing else importlib.util.find_spec(name)  # noqa: E731
    with pytest.raises(lab.Trouble, match="apt-get install python3-venv"):
        lab.check_python(find_spec=find)


@pytest.mark.parametrize("end, status, shown", [
    (lambda lab: lab.Trouble("the reason"), 1, "error: the reason\n"),
    (lambda lab: KeyboardInterrupt(), 130, ""),
])
def test_trouble_is_one_line_and_control_c_is_quiet(lab, monkeypatch, capsys, end, status, shown):
    def fail(env, args):
        raise end(lab)

    monkeypatch.setitem(lab.COMMANDS, "lab", fail)
    assert lab.main(["lab"]) == status
    assert capsys.readouterr() == ("", shown)


def test_help_names_every_command(lab, capsys):
    assert lab.main(["help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in lab.COMMANDS)
    assert lab.main(["tset"]) == 2


# When it installs

@pytest.fixture
def installs(lab, tmp_path, monkeypatch):
    """An environment in a temporary root, and the list of what it installed."""
    (tmp_path / "pyproject.toml").write_text("first")
    done = []

    def pip(command, **_):
        if "pip" in command:
            done.append(command[-1])
        return 0
    monkeypatch.setattr(lab.subprocess, "call", pip)
    monkeypatch.setattr(lab, "check_torch", lambda *_: None)
    env = lab.Environment(tmp_path)
    env.bin.mkdir(parents=True)
    env.python.touch()
    env.stamp.write_text("{}")
    return env, done


@pytest.mark.parametrize("calls, expected", [
    ([(), ()], ["."]), ([(), ("test",), ("test",), ()], [".", ".[test]"]),
    ([("test",), "pyproject.toml changes", (), ()], [".[test]", ".[test]"]),
])
def test_installs_what_is_missing_and_keeps_extras(installs, calls, expected):
    env, done = installs
    for extras in calls:
        if extras == "pyproject.toml changes":
            (env.root / "pyproject.toml").write_text("second")
        else:
            env.ensure(*extras)
    assert done == expected


def test_a_damaged_stamp_counts_as_none(installs):
    env, done = installs
    env.ensure()
    env.stamp.write_text('{"pypro')
    env.ensure()
    assert done == [".", "."]


def test_failed_install_leaves_no_valid_stamp(lab, installs, monkeypatch):
    env, done = installs
    env.ensure()
    monkeypatch.setattr(lab.subprocess, "call", lambda command, **_: int("pip" in command))
    with pytest.raises(lab.Trouble, match="pip could not install"):
        env.ensure("test")
    assert env.read_stamp() == {}


def test_pair_that_does_not_import_leaves_no_valid_stamp(lab, installs, monkeypatch):
    def broken(*_):
        raise lab.Trouble("does not match")
    monkeypatch.setattr(lab, "check_torch", broken)
    with pytest.raises(lab.Trouble):
        installs[0].ensure()
    assert installs[0].read_stamp() == {}


def test_environments_that_must_be_made_again(lab, tmp_path):
    env = lab.Environment(tmp_path)
    assert env.fault() == "Making"
    env.folder.mkdir()
    env.stamp.write_text("{}")  # of an installation that was interrupted
    assert "No working Python" in env.fault()
    if not lab.WINDOWS:
        env.bin.mkdir()
        env.python.symlink_to(shutil.which("false"))  # a Python in which nothing works
        assert "No working Python" in env.fault()
        env.python.unlink()
        env.python.symlink_to(sys.executable)
        assert env.fault() is None
        env.stamp.write_text(json.dumps({"root": str(tmp_path / "before")}))
        assert "moved" in env.fault()


def by_uv(env):
    """As `uv venv` makes it: a Python, and no pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env.folder)], check=True)


def a_link(env):
    elsewhere = env.root / "somebody's environment"
    elsewhere.mkdir()
    (elsewhere / "installed.json").write_text(json.dumps({"root": str(env.root)}))
    env.folder.symlink_to(elsewhere, target_is_directory=True)


def a_dead_link(env):
    env.folder.symlink_to(env.root / "nowhere")


def another_checkout_s(env):
    other = env.root / "other"
    (other / ".venv").mkdir(parents=True)
    env.folder.mkdir()
    env.stamp.write_text(json.dumps({"root": str(other)}))


def a_file(env):
    env.folder.write_text("not even a folder")


def tree(folder):
    """{path: content} of all that lies in a folder, links as where they lead."""
    return {path: os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
            for path in folder.rglob("*")}


@pytest.mark.parametrize("make, words", [
    (by_uv, "was not made by this command"), (a_link, "is a link to"),
    (a_dead_link, "is a link to"),
    (another_checkout_s, "is a copy of"), (a_file, "was not made by this command"),
])
def test_an_environment_that_it_did_not_make_is_left_alone(
    lab, tmp_path, capsys, monkeypatch, make, words
):
    env = lab.Environment(tmp_path)
    make(env)
    before = tree(tmp_path)
    monkeypatch.setattr(lab, "Environment", lambda _root: env)
    assert lab.main(["test"]) == 1
    shown = capsys.readouterr()
    assert (
        words in shown.err and re.search("[Rr]emove", shown.err) and "\n" not in shown.err.strip()
    )
    assert shown.out == "" and tree(tmp_path) == before


def test_an_installation_that_is_interrupted_is_its_own(lab, tmp_path, monkeypatch):
    """Ctrl-C while the environment is being made: the next call makes it again."""
    (tmp_path / "pyproject.toml").write_text("first")

    def interrupted(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr(venv, "create", interrupted)
    env = lab.Environment(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        env.ensure()
    assert "making again" in env.fault()


def test_making_again_that_is_cut_off_is_its_own(lab, tmp_path, monkeypatch):
    """Ctrl-C while the old environment is being emptied: its stamp goes last."""
    env = lab.Environment(tmp_path)
    for name in ("bin", "lib", "share"):
        (env.folder / name).mkdir(parents=True)
    env.stamp.write_text(json.dumps({"root": str(tmp_path / "before")}))
    remove, removed = shutil.rmtree, []

    def interrupted(path):
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        remove(path)
    monkeypatch.setattr(lab.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        env.clear()
    assert len(list(env.folder.iterdir())) == 3 and "making again" in env.fault()
    monkeypatch.undo()
    (env.folder / "lib64").symlink_to("lib", target_is_directory=True)
    env.clear()
    assert [path.name for path in env.folder.iterdir()] == ["installed.json"]


def tiny_wheel(folder):
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        wheel.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    return str(path)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="outside a virtual environment pip obeys")
@pytest.mark.parametrize("variables, settings", [
    ({"PIP_USER": "1"}, ""), ({}, "[install]\nuser = true\n"),
])
def test_pip_installs_although_the_user_wants_it_elsewhere(
    lab, tmp_path, monkeypatch, variables, settings
):
    """Without the variables of `Environment`, pip refuses: it would install for the user."""
    (tmp_path / "pip.conf").write_text(settings)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for name in lab.ELSEWHERE:  # `make test` has set them for this process
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", tiny_wheel(tmp_path)]
    refused = subprocess.run(pip, capture_output=True, text=True)
    assert refused.returncode and "--user" in refused.stderr
    done = subprocess.run(
        pip, env=environment_of_this_python(lab, tmp_path).variables(), capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_pip_is_told_no_other_place(lab, tmp_path, monkeypatch):
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        monkeypatch.setenv(name, str(tmp_path))
        assert environment_of_this_python(lab, tmp_path).variables()[name] == ""


def test_no_foreign_python_is_imported_from_or_installed_into(lab, tmp_path, monkeypatch):
    names = {"PIP_DRY_RUN", "PIP_PYTHON", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"}
    for name in names:
        monkeypatch.setenv(name, str(tmp_path))
    assert names.isdisjoint(environment_of_this_python(lab, tmp_path).variables())


def test_pip_args(lab, monkeypatch, installs):
    assert lab.pip_args("", windows=False) == []
    assert lab.pip_args("--find-links 'my wheels'", windows=False) == ["--find-links", "my wheels"]
    assert lab.pip_args(r'--find-links "C:\my wheels"', windows=True) == [
        "--find-links",
        r"C:\my wheels",
    ]
    seen = []
    monkeypatch.setattr(lab.subprocess, "call", lambda command, **_: seen.append(command))
    monkeypatch.setenv("PIP_ARGS", "--index-url 'somewhere else'")
    installs[0].ensure()
    assert seen[-1][1:] == ["-m", "pip", "install", "--index-url", "somewhere else", "-e", "."]


# torch and torchvision

def fake_pair(folder, monkeypatch, torchvision):
    """Put a torch and a torchvision with this code before the installed ones."""
    for name, version, code in (
        ("torch", "2.13.0+cpu", ""),
        ("torchvision", "0.29.2", torchvision),
    ):
        (folder / f"{name}.py").write_text(code)
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_pair_that_imports(lab, tmp_path, monkeypatch):
    fake_pair(tmp_path, monkeypatch, "")
    lab.check_torch(sys.executable)


def test_mismatched_pair_is_named_with_the_remedy(lab, tmp_path, monkeypatch):
    fake_pair(
        tmp_path, monkeypatch, "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    with pytest.raises(lab.Trouble) as trouble:
        lab.check_torch(sys.executable)
    line = str(trouble.value)
    assert line.startswith(
        "torch 2.13.0+cpu and torchvision 0.29.2 do not match (operator torchvision::nms"
    )
    assert "delete .venv" in line and "PIP_ARGS" in line and "\n" not in line


def test_other_import_failures_show_their_last_line(lab, tmp_path, monkeypatch):
    fake_pair(
        tmp_path, monkeypatch, "raise ImportError('libgomp.so.1: cannot open shared object file')"
    )
    with pytest.raises(
        lab.Trouble, match=r"cannot be imported: ImportError: libgomp.so.1: [^\n]*$"
    ):
        lab.check_torch(sys.executable)


# What it prints

@pytest.mark.parametrize("command", [
    ["tools/lab.py", "help"], ["tools/lab.py", "benchmark", "∞"], ["tools/store.py", "--list"],
    ["benchmarks/training_speed.py", "--help"], ["tools/student.py", ".", "{folder}/Schüler"],
])
def test_a_terminal_without_unicode_gets_question_marks(tmp_path, command):
    """As on Windows, where what is piped has the code page's letters only."""
    done = subprocess.run(
        [sys.executable, *(word.format(folder=tmp_path) for word in command)],
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert b"UnicodeEncodeError" not in done.stderr and done.returncode in (0, 1), (
        done.stderr.decode()
    )


def test_programs_of_the_environment_may_print_what_the_terminal_lacks(lab, tmp_path, monkeypatch):
    for encoding, shown in (("ascii", b"?"), ("latin-1:strict", b"?"), ("utf-8", "β".encode())):
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        variables = environment_of_this_python(lab, tmp_path).variables()
        done = subprocess.run(
            [sys.executable, "-c", "print('β', end='')"], env=variables, capture_output=True
        )
        assert done.stdout == shown


# How it runs things

def environment_of_this_python(lab, root):
    """An environment whose python is the one that runs this test."""
    env = lab.Environment(root)
    env.python = Path(sys.executable)
    return env


def test_run_activates_the_environment(lab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = environment_of_this_python(lab, tmp_path)
    code = (
        "import json, os; keep = 'PATH', 'VIRTUAL_ENV', 'JUPYTER_PREFER_ENV_PATH', 'CHROMIUM'\n"
        "json.dump([os.getcwd(), {name: os.environ[name] for name in keep}], "
        "open('seen.json', 'w'))"
    )
    assert env.run(["-c", code], CHROMIUM="browser") == 0
    assert env.run(["-c", "raise SystemExit(7)"]) == 7
    folder, seen = json.loads((tmp_path / "seen.json").read_text())
    assert Path(folder) == tmp_path.resolve()
    assert seen.pop("PATH").split(os.pathsep)[0] == str(env.bin)
    assert seen == {
        "VIRTUAL_ENV": str(env.folder),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "CHROMIUM": "browser",
    }


def lab_command(lab, tmp_path, args, root):
    """What `lab` would start; JupyterLab itself is not started."""
    env = environment_of_this_python(lab, tmp_path)
    env.ensure = lambda: None
    started = []
    env.run = lambda arguments, **_: started.append(arguments)
    lab.IS_ROOT = root
    lab.lab(env, args)
    return started[0]


def test_lab_is_loopback_quiet_and_passes_options_on(lab, tmp_path):
    command = lab_command(lab, tmp_path, ["--no-browser", "--port", "8899"], root=False)
    assert command[:2] == ["-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in command
    assert "--LabApp.extension_manager=readonly" in command
    assert {"--no-browser", "--port", "8899", "--ip=127.0.0.1"} <= set(command)
    assert not any("token" in word or "allow-root" in word for word in command)
    written = json.loads((tmp_path / ".venv/share/jupyter/lab/settings/overrides.json").read_text())
    schemas = Path(sys.prefix, "share", "jupyter", "lab", "schemas")
    for plugin, settings in written.items():
        package, name = plugin.split(":")
        known = json.loads((schemas / package / f"{name}.json").read_text(encoding="utf-8"))[
            "properties"
        ]
        assert settings.keys() <= known.keys()


def test_lab_gives_way_to_another_address_and_allows_root(lab, tmp_path):
    command = lab_command(lab, tmp_path, ["--ip=0.0.0.0"], root=True)
    assert "--ip=127.0.0.1" not in command and "--allow-root" in command


def test_browser_is_found_by_name_or_by_variable(lab, tmp_path):
    program = tmp_path / ("chromium.exe" if lab.WINDOWS else "chromium")
    program.touch(mode=0o755)
    assert Path(lab.find_browser({"PATH": str(tmp_path)})) == program
    assert Path(lab.find_browser({"PATH": "", "CHROMIUM": str(program)})) == program


def test_missing_browser_says_how_to_get_one(lab, tmp_path):
    with pytest.raises(lab.Trouble, match="chromium or .*apt-get install chromium.*CHROMIUM"):
        lab.find_browser({"PATH": str(tmp_path)})
    with pytest.raises(lab.Trouble, match="/no/browser"):
        lab.find_browser({"PATH": str(tmp_path), "CHROMIUM": "/no/browser"})


@pytest.mark.skipif(os.name == "nt", reason="apt-get is Debian's")
def test_ci_installs_a_browser_where_apt_get_is(lab, ci, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    lab.IS_ROOT = True
    with pytest.raises(lab.Trouble, match="no browser"):
        ci.install_browser()
    apt, asked = tmp_path / "apt-get", tmp_path / "asked"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n'
                   f': > {tmp_path}/chromium; /bin/chmod +x {tmp_path}/chromium\n')
    apt.chmod(0o755)
    assert ci.install_browser() == str(tmp_path / "chromium")
    assert asked.read_text().splitlines() == ["update", "install -y chromium"]


def ci_environment(lab, root, failing=None):
    """An environment, and the list of what ci runs in it; what has the word `failing` fails."""
    ran, env = [], lab.Environment(root)
    env.ensure = lambda *extras: ran.append(extras)
    env.run = lambda arguments, **_: ran.append(arguments) or failing in arguments
    return env, ran


TEST = ["-m", "pytest", "-n", "2", "--dist", "loadfile"]


def test_ci_runs_all_even_after_a_failure(lab, ci, tmp_path, monkeypatch, capsys):
    env, ran = ci_environment(lab, tmp_path, failing="ruff")
    monkeypatch.setattr(ci, "install_browser", lambda: "browser")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert ci.ci(env, []) == 2
    ruff = ["-m", "ruff", "check", "--quiet"]
    assert ran == [("test",), ruff, ruff, ["tools/site_pages/build.py"]]
    env, ran = ci_environment(lab, tmp_path, failing="tests/browser")
    assert ci.ci(env, []) == 1
    assert ran == [("test",), ruff, TEST, ruff, [*TEST[:-1], "loadgroup", "tests/browser"],
                   ["tools/site_pages/build.py"]]
    shown = capsys.readouterr().out
    assert re.search(r"== browser: failed after \d+ s\n(.+\n)*== site: done after \d+ s", shown)


def test_ci_can_do_some_of_its_steps(lab, ci, tmp_path, monkeypatch):
    env, ran = ci_environment(lab, tmp_path)
    monkeypatch.setattr(ci, "install_browser", lambda: "browser")
    assert ci.ci(env, ["site"]) == 0
    assert ran == [("test",), ["tools/site_pages/build.py"]]
    with pytest.raises(lab.Trouble, match="test, browser, site. Got: tests"):
        ci.ci(env, ["tests"])


# Notebooks

normalise = script("normalise").normalise


def notebook(source):
    cell = nbformat.v4.new_code_cell(source, id="first")
    cells = [nbformat.v4.new_markdown_cell("β", id="title"), cell]
    return nbformat.v4.new_notebook(cells=cells, metadata={
        "kernelspec": {"name": "mine", "display_name": "Mine", "language": "python"},
        "language_info": {"name": "python", "version": "3.11.0"}, "widgets": {"state": {}}})


def test_normalise_is_nbformat_without_what_varies():
    before = notebook("1 + 1")
    text = normalise(json.dumps(before))
    before.metadata.pop("widgets")
    before.metadata.language_info = {"name": "python"}
    before.metadata.kernelspec = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    assert nbformat.reads(text, 4) == before
    assert normalise(text) == text
    stored = nbformat.writes(nbformat.reads(text, 4))
    assert normalise(stored) == stored + "\n"


def test_normalise_keeps_no_frame_of_a_server_that_is_gone():
    before = notebook("%tensorboard")
    frame = {"text/html": '<iframe id="tensorboard-frame-1"></iframe>', "text/plain": "<HTML>"}
    before.cells[1].outputs = [
        nbformat.v4.new_output("display_data", frame),
        nbformat.v4.new_output("display_data", {"text/html": "<b>x</b>"}),
    ]
    outputs = json.loads(normalise(json.dumps(before)))["cells"][1]["outputs"]
    assert [output["data"] for output in outputs] == [
        {"text/plain": ["Launching TensorBoard..."]}, {"text/html": "<b>x</b>"},
    ]


def test_normalise_keeps_no_folder_of_this_machine():
    before = notebook("print(path)")
    text = "⟨1.5⟩ nats/image\n⟨/home/ann/bin/x --logdir /home/ann⟩\nand ⟨C:\\Users\\Ann⟩ ⟨2⟩\n"
    before.cells[1].outputs = [nbformat.v4.new_output("stream", text=text)]
    (output,) = json.loads(normalise(nbformat.writes(before)))["cells"][1]["outputs"]
    assert output["text"] == ["⟨1.5⟩ nats/image\n", "⟨…⟩\n", "and ⟨…⟩ ⟨2⟩\n"]


EXPLORERS = """\
import numpy as np
from vae_helpers import models
from vae_helpers.explorer import Explorer
first = Explorer(models.VAE(latent=2, hidden=(4,), seed=0), np.zeros((3, 2)), np.array([1, 2, 3]))
second = Explorer(models.VAE(latent=2, hidden=(4,), seed=1), np.ones((2, 2)), np.array([7, 8]))
second.point = [0.5, -1]
third = Explorer(
    models.VAE(latent=3, hidden=(4,), seed=2), np.ones((2, 3)), np.array([7, 8]),
    np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28))
display(second, first, third)"""


def test_notebooks_keeps_what_its_explorers_showed(lab, tmp_path, monkeypatch):
    """In the order of the outputs, the weights in half precision; none of it in the notebook."""
    monkeypatch.chdir(tmp_path)
    path, kept = tmp_path / "good.ipynb", tmp_path / "explorers" / "good.json"
    nbformat.write(notebook(EXPLORERS), path)
    lab.notebooks(notebook_environment(lab, tmp_path, ledger=0), [str(path)])
    states = json.loads(kept.read_text(encoding="utf-8"))
    assert [state["point"] for state in states] == [[0.5, -1], [0, 0], [0, 0, 0]]
    assert [state["widths"] for state in states] == [[2, 4, 784]] * 2 + [[3, 4, 784]]
    assert [list(base64.b64decode(state["labels"])) for state in states] == [
        [7, 8],
        [1, 2, 3],
        [7, 8],
    ]
    for state, seed in zip(states, (1, 0)):
        decoder = models.VAE(latent=2, hidden=(4,), seed=seed).decoder
        wanted = torch.cat([part.detach().flatten() for part in decoder.parameters()]).half()
        found = np.frombuffer(base64.b64decode(state["weights_float16"]), "<f2")
        np.testing.assert_array_equal(found, wanted.numpy())
    grown = states[2]
    assert not any("encoder" in name or name == "images" for state in states[:2] for name in state)
    assert grown["encoder_widths"] == [784, 4, 6]
    wanted = torch.cat([part.detach().flatten() for part in
                        models.VAE(latent=3, hidden=(4,), seed=2).encoder.parameters()]).half()
    found = np.frombuffer(base64.b64decode(grown["encoder_float16"]), "<f2")
    np.testing.assert_array_equal(found, wanted.numpy())
    images = np.frombuffer(base64.b64decode(grown["images"]), np.uint8)
    np.testing.assert_array_equal(images, np.arange(2 * 784, dtype=np.uint8))
    stored = nbformat.read(path, 4)
    assert "widgets" not in stored.metadata
    assert {kind for output in stored.cells[1].outputs for kind in output.data} == {
        "image/png",
        "text/plain",
    }
    nbformat.write(notebook("1"), path)
    lab.notebooks(notebook_environment(lab, tmp_path, ledger=0), [str(path)])
    assert not kept.exists()


def notebook_environment(lab, root, ledger):
    """An environment that runs notebooks, and in the ledger's place prints a line and returns."""
    env = environment_of_this_python(lab, root)
    env.ensure = lambda: None
    run = env.run

    def run_all_but_the_ledger(command):
        return run(command) if command != ["tools/ledger.py"] else print("ledger") or ledger
    env.run = run_all_but_the_ledger
    return env


def test_notebooks_stores_outputs_or_leaves_the_file_then_writes_the_ledger(
    lab, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    nbformat.write(notebook("import sys\nprint(sys.prefix)"), good)
    nbformat.write(notebook("1 / 0"), bad)
    before = bad.read_bytes()

    with pytest.raises(lab.Trouble, match="CLAIMS.md is as it was"):
        lab.notebooks(notebook_environment(lab, tmp_path, ledger=1), [str(good)])
    assert re.search("good.ipynb: stored in .*\nledger\n$", capfd.readouterr().out)
    stored = nbformat.read(good, 4)
    assert stored.cells[1].outputs[0].text.strip() == sys.prefix
    assert stored.cells[1].execution_count == 1 and "execution" not in stored.cells[1].metadata
    assert good.read_text(encoding="utf-8") == normalise(good.read_text(encoding="utf-8"))

    env = notebook_environment(lab, tmp_path, ledger=0)
    with pytest.raises(lab.Trouble, match="bad.ipynb failed"):
        lab.notebooks(env, [str(bad), str(good)])
    shown = capfd.readouterr()
    assert bad.read_bytes() == before
    assert "ZeroDivisionError" in shown.err and shown.out == "ledger\n"
    with pytest.raises(FileNotFoundError):
        lab.notebooks(env, ["missing.ipynb"])


def test_site_installs_its_extra_and_passes_the_folder_on(lab, tmp_path):
    env, seen = environment_of_this_python(lab, tmp_path), []
    env.ensure = lambda *extras: seen.append(extras)
    env.run = lambda arguments, **_: seen.append(arguments)
    lab.site(env, ["elsewhere"])
    assert seen == [("site",), ["tools/site_pages/build.py", "elsewhere"]]
    assert (ROOT / lab.SITE[0]).is_file()


def test_a_benchmark_runs_with_its_options_or_all_are_named(lab, tmp_path, monkeypatch):
    env, seen = environment_of_this_python(lab, tmp_path), []
    env.ensure = lambda *extras: seen.append(extras)
    env.run = lambda arguments, hand_over, **variables: seen.append((arguments, variables))
    monkeypatch.setattr(lab, "find_browser", lambda: "a browser")
    lab.benchmark(env, ["training_speed", "--quick"])
    lab.benchmark(env, ["classroom"])
    assert seen == [("test",), (["benchmarks/training_speed.py", "--quick"], {}),
                    ("test",), (["benchmarks/classroom.py"], {"CHROMIUM": "a browser"})]
    for wrong in ([], ["nonsense"], ["report"]):
        with pytest.raises(lab.Trouble, match="training_speed, .*, live_training"):
            lab.benchmark(env, wrong)
    commands = [
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if path.read_text().startswith("#!")
    ]
    assert sorted(commands) == sorted(lab.BENCHMARKS)


# The files that call it

def test_the_makefile_only_calls_lab():
    recipes = re.findall(r"^(\S+):\n\t(.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert [name for name, _ in recipes] == [
        "help", "lab", "test", "test-browser", "notebooks", "benchmark",
                                         "student", "grade", "site"]
    for name, recipe in recipes:
        assert recipe == "@$(PYTHON) tools/lab.py " + (
            name if name == "help" else name + " $(ARGS)"
        )


def test_ci_has_a_job_for_each_step(ci, lab, tmp_path, monkeypatch):
    run = ROOT / ".ci" / "run"
    lines = [line for line in run.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
                     'exec python3 tools/ci.py "$@"']
    assert os.name == "nt" or os.access(run, os.X_OK)
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    jobs = [line.split() for line in re.search(r"steps: \[(.*)\]", workflow)[1].split(",")]
    (env, side_by_side), (other, in_a_row) = (ci_environment(lab, tmp_path) for _ in range(2))
    monkeypatch.setattr(ci, "install_browser", lambda: "browser")
    assert [ci.ci(env, job) for job in jobs] == [0] * 2 and ci.ci(other, []) == 0
    assert [ran for ran in side_by_side if ran != ("test",)] == in_a_row[1:]


def test_ci_knows_its_steps_by_the_command_line():
    done = subprocess.run([sys.executable, "tools/ci.py", "∞"], cwd=ROOT, capture_output=True,
                          env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 1 and re.match(b"error: name some of these steps.*Got: ", done.stderr)
