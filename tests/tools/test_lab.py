"""tools/lab.py: its messages, when it installs, and what it runs. Needs no network."""

import ast
import contextlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import lab
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"


def environment(root):
    """An environment with the Python that runs this test."""
    env = lab.Environment(root)
    env.python = Path(sys.executable)
    return env


# --- the Python that runs it ------------------------------------------------------------


@pytest.mark.parametrize("name", ["lab", "ci"])
def test_an_old_python_can_read_the_script(name):
    text = (TOOLS / f"{name}.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 6))
    names = re.findall(r"^\s*(?:import|from) (\w+)", text, re.M)
    assert set(names) <= sys.stdlib_module_names | {"lab"}


def test_old_python_is_refused_with_the_remedy():
    too_old = r"Python 3\.10\.13 is too old: 3\.11 or newer.*Try: .*3\.12"
    with pytest.raises(lab.Trouble, match=too_old):
        lab.check_python((3, 10, 13, "final", 0))
    lab.check_python((3, 11, 0, "final", 0))


def old_python():
    """A working Python interpreter older than 3.11, or None."""
    for path in filter(None, (shutil.which(f"python3.{minor}") for minor in range(10, 5, -1))):
        if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path


@pytest.mark.skipif(old_python() is None, reason="no Python older than 3.11 here")
def test_an_old_interpreter_prints_one_line(tmp_path):
    shutil.copytree(TOOLS, tmp_path / "tools")
    done = subprocess.run([old_python(), "tools/lab.py", "lab"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert re.fullmatch(rb"error: Python 3\.\d+\.\d+ is too old: .*\n", done.stderr)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_missing_venv_names_the_package_to_install(missing):
    find = lambda name: None if name == missing else importlib.util.find_spec(name)
    with pytest.raises(lab.Trouble, match="apt-get install python3-venv"):
        lab.check_python(find_spec=find)


# --- what it prints ---------------------------------------------------------------------


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


@pytest.mark.parametrize("encoding, shown", [
    ("ascii", b"?"), ("latin-1:strict", b"?"), ("utf-8", "β".encode()),
])
def test_programs_of_the_environment_may_print_what_the_terminal_lacks(
    tmp_path, monkeypatch, encoding, shown
):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    assert subprocess.check_output(
        [sys.executable, "-c", "print('β', end='')"], env=environment(tmp_path).variables()
    ) == shown


# --- when it installs -------------------------------------------------------------------


@pytest.fixture
def installs(tmp_path, monkeypatch):
    """An environment in a temporary folder, and the list of its installations."""
    (tmp_path / "pyproject.toml").write_text("first")
    done = []

    def pip(command, **_):
        if "pip" in command:
            done.append(command[4:])
        return 0

    monkeypatch.setattr(subprocess, "call", pip)
    monkeypatch.setattr(lab, "check_torch", lambda *_: None)
    env = lab.Environment(tmp_path)
    env.bin.mkdir(parents=True)
    env.python.touch()
    env.stamp.write_text("{}")
    return env, done


@pytest.mark.parametrize("steps, expected", [
    ([(), ()], ["."]), ([(), ("test",), ("test",), ()], [".", ".[test]"]),
    ([("test",), {"pyproject.toml": "second"}, (), ()], [".[test]", ".[test]"]),
    ([(), {".venv/installed.json": '{"pypro'}, ()], [".", "."]),
])
def test_installs_what_is_missing_and_keeps_extras(installs, steps, expected):
    """Each step installs extras, or changes a file."""
    env, done = installs
    for step in steps:
        if isinstance(step, dict):
            for name, text in step.items():
                (env.root / name).write_text(text)
        else:
            env.ensure(*step)
    assert [words[-1] for words in done] == expected


@pytest.mark.parametrize("message", ["pip could not install", "does not match"])
def test_failed_install_leaves_no_valid_stamp(installs, monkeypatch, message):
    def mismatch(*_):
        raise lab.Trouble("does not match")

    env, _ = installs
    env.ensure()
    if message == "does not match":
        monkeypatch.setattr(lab, "check_torch", mismatch)
    else:
        monkeypatch.setattr(subprocess, "call", lambda command, **_: int("pip" in command))
    with pytest.raises(lab.Trouble, match=message):
        env.ensure("test")
    assert env.read_stamp() == {}


def test_pip_args(installs, monkeypatch):
    assert lab.pip_args("", windows=False) == []
    assert lab.pip_args("--find-links 'my wheels'", windows=False) == ["--find-links", "my wheels"]
    windows = lab.pip_args(r'--find-links "C:\my wheels" -c D:\all.txt', windows=True)
    assert windows == ["--find-links", r"C:\my wheels", "-c", r"D:\all.txt"]
    env, done = installs
    monkeypatch.setenv("PIP_ARGS", "--index-url 'somewhere else'")
    env.ensure()
    assert done == [["--index-url", "somewhere else", "-e", "."]]


def test_environments_that_must_be_made_again(tmp_path):
    env = lab.Environment(tmp_path)
    assert env.fault() == "Making"
    env.folder.mkdir()
    env.stamp.write_text("{}")  # as after an interrupted installation
    assert "No working Python" in env.fault()
    if not lab.WINDOWS:
        env.bin.mkdir()
        env.python.symlink_to(shutil.which("false"))  # a Python that does not work
        assert "No working Python" in env.fault()
        env.python.unlink()
        env.python.symlink_to(sys.executable)
        assert env.fault() is None
        env.stamp.write_text(json.dumps({"root": str(tmp_path / "before")}))
        assert "moved" in env.fault()


def by_uv(env):
    """An environment from `uv venv`, which has no pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env.folder)], check=True)


def a_link(env):
    elsewhere = env.root / "somebody's environment"
    elsewhere.mkdir()
    (elsewhere / "installed.json").write_text(json.dumps({"root": str(env.root)}))
    env.folder.symlink_to(elsewhere, target_is_directory=True)


def another_checkout_s(env):
    (env.root / "other" / ".venv").mkdir(parents=True)
    env.folder.mkdir()
    env.stamp.write_text(json.dumps({"root": str(env.root / "other")}))


def tree(folder):
    """{path: content} of everything in a folder; the content of a link is its target."""
    return {path: os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
            for path in folder.rglob("*")}


@pytest.mark.parametrize("make, words", [
    (by_uv, "was not made by this command"), (a_link, "is a link to"),
    (lambda env: env.folder.symlink_to(env.root / "nowhere"), "is a link to"),
    (another_checkout_s, "is a copy of"),
    (lambda env: env.folder.write_text("not even a folder"), "was not made by this command"),
])
def test_an_environment_that_it_did_not_make_is_left_alone(
    tmp_path, capsys, monkeypatch, make, words
):
    env = lab.Environment(tmp_path)
    make(env)
    before = tree(tmp_path)
    monkeypatch.setattr(lab, "Environment", lambda _root: env)
    assert lab.main(["test"]) == 1
    shown = capsys.readouterr()
    assert words in shown.err and re.search("[Rr]emove", shown.err)
    assert shown.out == "" and "\n" not in shown.err.strip() and tree(tmp_path) == before


def test_an_installation_that_is_interrupted_is_its_own(tmp_path, monkeypatch):
    """After Ctrl-C during the first installation, the next call makes the environment again."""
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    (tmp_path / "pyproject.toml").write_text("first")
    monkeypatch.setattr(venv, "create", interrupted)
    env = lab.Environment(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        env.ensure()
    assert "making again" in env.fault()


def test_making_again_that_is_cut_off_is_its_own(tmp_path, monkeypatch):
    """After Ctrl-C while the old environment is emptied, the stamp is still there."""
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

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", interrupted)
        env.clear()
    assert len(list(env.folder.iterdir())) == 3 and "making again" in env.fault()
    (env.folder / "lib64").symlink_to("lib", target_is_directory=True)
    env.clear()
    assert [path.name for path in env.folder.iterdir()] == ["installed.json"]


def tiny_wheel(folder):
    path = folder / "tiny-1.0-py3-none-any.whl"
    files = {"METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n", "RECORD": "",
             "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(f"tiny-1.0.dist-info/{name}", text)
    return str(path)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="outside a virtual environment pip obeys")
@pytest.mark.parametrize("variables, settings", [
    ({"PIP_USER": "1"}, ""), ({}, "[install]\nuser = true\n"),
])
def test_pip_installs_although_the_user_wants_it_elsewhere(
    tmp_path, monkeypatch, variables, settings
):
    """Without `Environment.variables`, pip would try to install for the user, and fail."""
    (tmp_path / "pip.conf").write_text(settings)
    for name in lab.ELSEWHERE:  # `make test` sets them for this process
        monkeypatch.delenv(name, raising=False)
    for name, value in (variables | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}).items():
        monkeypatch.setenv(name, value)
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", tiny_wheel(tmp_path)]
    refused = subprocess.run(pip, capture_output=True, text=True)
    assert refused.returncode and "--user" in refused.stderr
    done = subprocess.run(pip, env=environment(tmp_path).variables(), capture_output=True)
    assert done.returncode == 0, done.stderr


def test_nothing_leads_pip_or_python_elsewhere(tmp_path, monkeypatch):
    emptied = {"PIP_TARGET": "", "PIP_PREFIX": "", "PIP_ROOT": ""}
    dropped = {"PIP_DRY_RUN", "PIP_PYTHON", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"}
    for name in (*emptied, *dropped):
        monkeypatch.setenv(name, str(tmp_path))
    variables = environment(tmp_path).variables()
    assert variables.items() >= emptied.items() and dropped.isdisjoint(variables)


@pytest.mark.parametrize("code, message", [
    ("", None),
    ("raise RuntimeError('operator torchvision::nms does not exist')",
     r"^torch 2\.13\.0\+cpu and torchvision 0\.29\.2 do not match \(operator torchvision::nms"
     r"[^\n]*delete \.venv[^\n]*PIP_ARGS[^\n]*\Z"),
    ("raise ImportError('libgomp.so.1: cannot open shared object file')",
     r"cannot be imported: ImportError: libgomp\.so\.1: [^\n]*\Z"),
])
def test_a_torchvision_that_does_not_import_is_explained(tmp_path, monkeypatch, code, message):
    """A fake torch, and a fake torchvision with this code, hide the installed ones."""
    for name, version, text in (("torch", "2.13.0+cpu", ""), ("torchvision", "0.29.2", code)):
        (tmp_path / f"{name}.py").write_text(text)
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(lab.Trouble, match=message) if message else contextlib.nullcontext():
        lab.check_torch(sys.executable)


# --- what it runs -----------------------------------------------------------------------


def test_run_activates_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = environment(tmp_path)
    own = {"VIRTUAL_ENV": str(env.folder), "JUPYTER_PREFER_ENV_PATH": "1", "CHROMIUM": "browser"}
    code = "import json, os; json.dump([os.getcwd(), dict(os.environ)], open('seen.json', 'w'))"
    assert env.run(["-c", code], CHROMIUM="browser") == 0
    assert env.run(["-c", "raise SystemExit(7)"]) == 7
    folder, seen = json.loads((tmp_path / "seen.json").read_text())
    assert Path(folder) == tmp_path.resolve()
    assert seen["PATH"].split(os.pathsep)[0] == str(env.bin) and seen.items() >= own.items()


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


@pytest.mark.parametrize("command, extra, script, more", [
    ("site elsewhere", "site", "tools/site_pages/build.py", ["elsewhere"]),
    ("benchmark training_speed --quick", "test", "benchmarks/training_speed.py", ["--quick"]),
    ("benchmark classroom", "test", "benchmarks/classroom.py", [("CHROMIUM", "a browser")]),
])
def test_a_command_installs_its_extra_and_passes_options_on(
    recorded, monkeypatch, command, extra, script, more
):
    monkeypatch.setattr(lab, "find_browser", lambda: "a browser")
    env, ran = recorded()
    name, *args = command.split()
    lab.COMMANDS[name](env, args)
    assert ran == [(extra,), [script, *more]] and (ROOT / script).is_file()


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
