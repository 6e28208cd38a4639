"""pyproject.toml and environment.yml name the same packages with the same bounds."""
import re
import tomllib
from pathlib import Path

import yaml

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
    pip = dict(split(item) for item in project()["dependencies"])
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in pip.items()}
    expected["python"] = project()["requires-python"]
    listed = dict(
        split(item) for item in conda()["dependencies"] if isinstance(item, str) and item != "pip"
    )
    assert listed == expected


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
