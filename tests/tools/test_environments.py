"""tools/environment.py: which Python it takes, when it installs, what helps. Needs no network."""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import environment
import lab
import pytest
from environment import Environment, Trouble

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"


def with_this_python(root):
    """An environment with the Python that runs this test."""
    env = Environment(root)
    env.python = Path(sys.executable)
    return env


# --- the Python that runs it ------------------------------------------------------------


def test_old_python_is_refused_with_the_remedy():
    too_old = r"Python 3\.10\.13 is too old: 3\.11 or newer.*Try: .*3\.12"
    with pytest.raises(Trouble, match=too_old):
        environment.check_python((3, 10, 13, "final", 0))
    environment.check_python((3, 11, 0, "final", 0))


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
    with pytest.raises(Trouble, match="apt-get install python3-venv"):
        environment.check_python(find_spec=find)


@pytest.mark.parametrize("kind, maker, host, bits, words", [
    ("linux-x86_64", "CPython", "x86_64-pc-linux-gnu", 64, None),
    ("linux-aarch64", "CPython", "aarch64-unknown-linux-gnu", 64, None),
    ("macosx-14.0-arm64", "CPython", "", 64, None), ("win-amd64", "CPython", "", 64, None),
    ("macosx-10.13-x86_64", "CPython", "", 64, "Intel Macs.*Apple silicon"),
    ("win-arm64", "CPython", "", 64, "Arm under Windows.*for Intel and AMD"),
    ("win32", "CPython", "", 32, "32-bit"), ("linux-i686", "CPython", "", 32, "32-bit"),
    ("linux-x86_64", "CPython", "x86_64-alpine-linux-musl", 64, "musl.*glibc"),
    ("linux-x86_64", "PyPy", "x86_64-pc-linux-gnu", 64, "PyPy.*CPython"),
])
def test_a_platform_without_pytorch_is_named(kind, maker, host, bits, words):
    with pytest.raises(Trouble, match=words) if words else contextlib.nullcontext():
        environment.check_platform(kind, maker, host, bits)


def test_a_universal_python_on_a_mac_is_judged_by_its_processor(monkeypatch):
    monkeypatch.setattr(environment.platform, "machine", lambda: "arm64")
    environment.check_platform("macosx-10.9-universal2", "CPython", "", 64)
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    with pytest.raises(Trouble, match="Intel Macs"):
        environment.check_platform("macosx-10.9-universal2", "CPython", "", 64)


def test_this_platform_is_taken():
    environment.check_platform()


def test_a_python_that_may_be_too_new_is_named_beforehand(capsys):
    environment.check_python((*environment.NEWEST, 1, "final", 0))
    assert capsys.readouterr().out == ""
    environment.check_python((3, environment.NEWEST[1] + 1, 0, "final", 0))
    assert "may be too new for PyTorch" in capsys.readouterr().out


@pytest.mark.skipif(environment.WINDOWS, reason="no path has these signs there")
@pytest.mark.parametrize("sign", ['"', "$", "`", "\\"])
def test_a_path_in_which_scripts_do_not_start_is_named_beforehand(tmp_path, sign):
    environment.check_path(tmp_path / "Übungen d'été & more")
    folder = tmp_path / f"my {sign}VAE{sign}"
    folder.mkdir()
    with pytest.raises(Trouble, match="Rename the folder"):
        Environment(folder).ensure("lab")
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(environment.WINDOWS, reason="scripts are programs there")
@pytest.mark.parametrize("name, starts", [("Übungen d'été", True), ('my "VAE"', False)])
def test_scripts_of_pip_start_in_a_path_that_is_taken(tmp_path, name, starts):
    """That the signs above are refused has a reason: pip's own script does not start there."""
    venv.create(tmp_path / name, symlinks=True, with_pip=True)
    done = subprocess.run([tmp_path / name / "bin" / "pip", "--version"], capture_output=True)
    assert (done.returncode == 0) == starts


def test_a_full_disk_is_named_beforehand(tmp_path, monkeypatch):
    free = lambda gigabytes: lambda _path: SimpleNamespace(free=gigabytes * 1e9)
    monkeypatch.setattr(environment, "SIZE", 7)
    monkeypatch.setattr(shutil, "disk_usage", free(8))
    environment.check_space(tmp_path / ".venv", None)
    monkeypatch.setattr(shutil, "disk_usage", free(3))
    environment.check_space(tmp_path / ".venv", "--index-url CPU-ONLY")
    with pytest.raises(Trouble, match="Only 3.0 GB are free.*need about 7"):
        environment.check_space(tmp_path / ".venv", None)
    monkeypatch.setattr(shutil, "disk_usage", free(1))
    with pytest.raises(Trouble, match="Only 1.0 GB.*need about 2"):
        environment.check_space(tmp_path / ".venv", "--index-url CPU-ONLY")


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
    monkeypatch.setattr(environment, "check_torch", lambda *_: None)
    env = Environment(tmp_path)
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
        raise Trouble("does not match")

    env, _ = installs
    env.ensure()
    if message == "does not match":
        monkeypatch.setattr(environment, "check_torch", mismatch)
    else:
        monkeypatch.setattr(subprocess, "call", lambda command, **_: int("pip" in command))
    with pytest.raises(Trouble, match=message):
        env.ensure("test")
    assert env.read_stamp() == {}


@pytest.mark.parametrize("said, helps", [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
     "disk is full.*TMPDIR"),
    ("ERROR: No matching distribution found for torch>=2.6.0", "no wheel for this Python.*README"),
    ("WARNING: Retrying after ProxyError('Cannot connect to proxy.')", "HTTPS_PROXY"),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] unable", "--cert"),
    ("NewConnectionError: Failed to establish a new connection: Temporary failure in name resolut",
     "was not reached.*Run again"),
    ("ERROR: something new", r"say why\.$"),
])
def test_what_pip_says_leads_to_what_helps(installs, monkeypatch, said, helps):
    def pip(command, **_):
        if "pip" in command:
            Path(command[command.index("--log") + 1]).write_text(said)
        return 1

    env, _ = installs
    monkeypatch.setattr(env, "fault", lambda: None)
    monkeypatch.setattr(subprocess, "call", pip)
    with pytest.raises(Trouble, match=helps):
        env.ensure()


def real_pip(tmp_path, monkeypatch, *arguments):
    """What Trouble says when pip really fails with these arguments."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "tiny"\nversion = "1"\ndependencies = ["torch==0.0.1"]\n')
    options = ["--dry-run", "--ignore-installed", "--no-build-isolation", "--retries=0"]
    monkeypatch.setenv("PIP_ARGS", " ".join([*options, *arguments]))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    env = with_this_python(tmp_path)
    env.folder.mkdir()
    with pytest.raises(Trouble) as caught:
        env.install(env.description([]))
    return str(caught.value)


def test_a_proxy_that_refuses_is_named(tmp_path, monkeypatch):
    """With the real pip, a registry behind a proxy on a closed port of this computer."""
    said = real_pip(tmp_path, monkeypatch, "--proxy=http://127.0.0.1:9",
                    "--index-url=https://registry.invalid/simple")
    assert "proxy refused" in said


def test_a_missing_wheel_of_pytorch_is_named(tmp_path, monkeypatch):
    said = real_pip(tmp_path, monkeypatch, "--no-index", f"--find-links={tmp_path}")
    assert "PyTorch has no wheel for this Python" in said


def test_the_size_is_told_while_it_grows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environment, "REPORT", 0.05)
    with environment.growing(tmp_path):
        time.sleep(0.2)
        assert capsys.readouterr().out == ""
        with open(tmp_path / "package", "wb") as file:
            file.truncate(300_000_000)
        time.sleep(0.3)
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and re.match(r"0\.3 GB of about \d GB installed after \d s", told)


def test_the_oldest_versions_have_an_environment_of_their_own(installs):
    env, done = installs
    oldest = Environment(env.root, oldest=True)
    oldest.bin.mkdir(parents=True)
    oldest.python.touch()
    oldest.stamp.write_text("{}")
    (env.root / "pyproject.toml").write_text(
        '[project]\ndependencies = ["torch>=2.6.0", "a>=1.0.0"]\n'
        '[project.optional-dependencies]\nlab = ["a>=2.0.0"]\ntest = ["b>=3.1.0"]\n')
    oldest.ensure("lab", "test")
    command, = done
    constraints = Path(command[command.index("-c") + 1])
    assert constraints.parent == oldest.folder != env.folder
    assert constraints.read_text() == "torch==2.6.0\na==2.0.0\nb==3.1.0\n"
    env.ensure("lab")
    assert "-c" not in done[-1]


def test_pip_args(installs, monkeypatch):
    assert environment.pip_args("", windows=False) == []
    linux = environment.pip_args("--find-links 'my wheels'", windows=False)
    assert linux == ["--find-links", "my wheels"]
    windows = environment.pip_args(r'--find-links "C:\my wheels" -c D:\all.txt', windows=True)
    assert windows == ["--find-links", r"C:\my wheels", "-c", r"D:\all.txt"]
    env, done = installs
    monkeypatch.setenv("PIP_ARGS", "--index-url 'somewhere else'")
    env.ensure()
    assert done[0][-4:] == ["--index-url", "somewhere else", "-e", "."]


def test_environments_that_must_be_made_again(tmp_path):
    env = Environment(tmp_path)
    assert env.fault() == "Making"
    env.folder.mkdir()
    env.stamp.write_text("{}")  # as after an interrupted installation
    assert "No working Python" in env.fault()
    if not environment.WINDOWS:
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
    env = Environment(tmp_path)
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
    env = Environment(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        env.ensure()
    assert "making again" in env.fault()


def test_making_again_that_is_cut_off_is_its_own(tmp_path, monkeypatch):
    """After Ctrl-C while the old environment is emptied, the stamp is still there."""
    env = Environment(tmp_path)
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
    for name in environment.ELSEWHERE:  # `make test` sets them for this process
        monkeypatch.delenv(name, raising=False)
    for name, value in (variables | {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}).items():
        monkeypatch.setenv(name, value)
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", tiny_wheel(tmp_path)]
    refused = subprocess.run(pip, capture_output=True, text=True)
    assert refused.returncode and "--user" in refused.stderr
    done = subprocess.run(pip, env=with_this_python(tmp_path).variables(), capture_output=True)
    assert done.returncode == 0, done.stderr


def test_nothing_leads_pip_or_python_elsewhere(tmp_path, monkeypatch):
    emptied = {"PIP_TARGET": "", "PIP_PREFIX": "", "PIP_ROOT": ""}
    dropped = {"PIP_DRY_RUN", "PIP_PYTHON", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"}
    for name in (*emptied, *dropped):
        monkeypatch.setenv(name, str(tmp_path))
    variables = with_this_python(tmp_path).variables()
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
    with pytest.raises(Trouble, match=message) if message else contextlib.nullcontext():
        environment.check_torch(sys.executable)


# --- what it runs -----------------------------------------------------------------------


def test_run_activates_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = with_this_python(tmp_path)
    own = {"VIRTUAL_ENV": str(env.folder), "JUPYTER_PREFER_ENV_PATH": "1", "CHROMIUM": "browser"}
    code = "import json, os; json.dump([os.getcwd(), dict(os.environ)], open('seen.json', 'w'))"
    assert env.run(["-c", code], CHROMIUM="browser") == 0
    assert env.run(["-c", "raise SystemExit(7)"]) == 7
    folder, seen = json.loads((tmp_path / "seen.json").read_text())
    assert Path(folder) == tmp_path.resolve()
    assert seen["PATH"].split(os.pathsep)[0] == str(env.bin) and seen.items() >= own.items()


@pytest.mark.parametrize("encoding, shown", [
    ("ascii", b"?"), ("latin-1:strict", b"?"), ("utf-8", "β".encode()),
])
def test_programs_of_the_environment_may_print_what_the_terminal_lacks(
    tmp_path, monkeypatch, encoding, shown
):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    assert subprocess.check_output(
        [sys.executable, "-c", "print('β', end='')"], env=with_this_python(tmp_path).variables()
    ) == shown
