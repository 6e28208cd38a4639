"""The lists of packages: that they agree, and that the oldest versions are those they name."""
import re
import tomllib
from pathlib import Path

import yaml
from environment import lower_bounds

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"torch": "pytorch"}


def split(requirement):
    """'numpy>=2.4' or 'numpy >=2.4' as ('numpy', '>=2.4')."""
    name, bound = re.fullmatch(r"([A-Za-z0-9._-]+)\s*(.*)", requirement).groups()
    return name, bound.replace(" ", "")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_both_files_name_the_same_packages_and_bounds():
    listed = project()["dependencies"] + project()["optional-dependencies"]["lab"]
    pip = dict(split(item) for item in listed)  # the higher bound of "lab" counts
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in pip.items()}
    expected["python"] = project()["requires-python"]
    by_conda = dict(
        split(item) for item in conda()["dependencies"] if isinstance(item, str) and item != "pip"
    )
    assert by_conda == expected


def test_conda_ends_with_this_project_by_pip():
    assert conda()["dependencies"][-2:] == ["pip", {"pip": ["-e ."]}]
    assert conda()["channels"] == ["conda-forge"]


def test_every_bound_is_a_lower_bound():
    requirements = sum(project()["optional-dependencies"].values(), project()["dependencies"])
    assert all(re.fullmatch(r">=[\d.]+", split(item)[1]) for item in requirements)


def test_what_is_optional_is_tested():
    extras = project()["optional-dependencies"]
    assert {"cluster", "site"} < set(extras)
    assert set(extras["cluster"] + extras["site"]) <= set(extras["test"])


def test_each_lower_bound_is_a_whole_version():
    """`make test-oldest` installs exactly this version, so it must exist."""
    extras = project()["optional-dependencies"]
    oldest = dict(line.split("==") for line in lower_bounds(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8")).splitlines())
    named = {split(item)[0] for item in project()["dependencies"] + extras["lab"] + extras["test"]}
    assert oldest.keys() == named
    assert oldest["ipywidgets"] == dict(map(split, extras["lab"]))["ipywidgets"].removeprefix(">=")
    assert all(re.fullmatch(r"\d+(\.\d+){2,3}", bound) for bound in oldest.values()), oldest


def test_an_installation_into_a_notebook_service_brings_no_jupyter():
    """It would replace packages under the running kernel."""
    names = {split(item)[0] for item in project()["dependencies"]}
    assert names.isdisjoint({"jupyterlab", "ipykernel", "nbconvert", "nbval", "pytest", "notebook"})
