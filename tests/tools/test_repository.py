"""The files that a reader of the repository expects are complete and agree with each other."""

import ast
import re
import shlex
from pathlib import Path

import links
import nbformat
import pytest
import yaml

import vae_helpers

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for folder in (".", ".github", "benchmarks", "notebooks")
                   for path in (ROOT / folder).glob("*.md"))
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path for path in TEMPLATES.glob("*.yml") if path.name != "config.yml")
# What GitHub accepts: "syntax for issue forms" and "syntax for GitHub's form schema".
FORM_KEYS = {"name", "description", "body", "title", "labels", "assignees", "projects", "type"}
NEEDED = {"markdown": {"value"}, "input": {"label"}, "textarea": {"label"},
          "dropdown": {"label", "options"}, "checkboxes": {"label", "options"}}
MORE = {"description", "placeholder", "value", "render", "multiple", "default"}


def loaded(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def first_heading(path):
    return re.search(r"^# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]


def test_the_citation_agrees_with_the_package_and_the_licence():
    citation, licence = loaded(ROOT / "CITATION.cff"), (ROOT / "LICENSE").read_text("utf-8")
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert citation["version"] == vae_helpers.__version__
    assert citation["title"] == first_heading(ROOT / "README.md")
    (author,) = citation["authors"]
    assert re.search(rf"^Copyright \(c\) \d+ {author['name']}$", licence, re.MULTILINE)
    assert licence.startswith(f"{citation['license']} License\n")


def test_the_changelog_begins_with_what_is_unreleased_and_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.*?)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert releases[:2] == ["Unreleased", vae_helpers.__version__]
    assert len(releases) == len(re.findall("^## ", text, re.MULTILINE))
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_documents_lead_somewhere(path):
    assert links.broken(path) == []


def test_the_documents_are_found():
    expected = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "SECURITY.md",
                "PULL_REQUEST_TEMPLATE.md", "GLOSSARY.md", "RESULTS.md"}
    assert expected <= {path.name for path in DOCUMENTS}


def write_notebook(path, *texts):
    cells = [nbformat.v4.new_markdown_cell(text) for text in texts]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def test_broken_links_are_seen(tmp_path):
    outside, root = tmp_path / "outside.md", tmp_path / "root"
    root.mkdir()
    outside.write_text("# There", encoding="utf-8")
    write_notebook(root / "a.ipynb", "# Which *β*, and why?\n$E[a](z)$", "[up](#Which-β,-and-why?)")
    (root / "b.md").write_text(
        "# One: `β_1` & *more*\n# Again\n# Again\n```\n# Code\n[a](gone.md)\n```\n",
        encoding="utf-8")
    right = ["a.ipynb", "b.md#one-β_1--more", "b.md#again", "b.md#again-1", "#top", ".",
             "a.ipynb#Which-%CE%B2,-and-why?", "https://example.org/gone.md#x"]
    wrong = ["gone.md", "b.md#One", "b.md#again-2", "b.md#code", "#gone", "../outside.md",
             "a.ipynb#which-%CE%B2-and-why", ".#x", "gone.png"]
    asked = root / "asked.md"
    asked.write_text("# Top\n" + " ".join(
        f"{'!' * target.endswith('.png')}[x]({target})" for target in right + wrong), "utf-8")
    assert links.broken(asked, root) == wrong
    assert links.broken(root / "a.ipynb", root) == []
    write_notebook(root / "c.ipynb", "| a |\n|---|\n| [x](a.ipynb#gone) |\n\n[b](b.md#again)")
    assert links.broken(root / "c.ipynb", root) == ["a.ipynb#gone"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_has_what_github_needs(path):
    form = loaded(path)
    assert {"name", "description", "body"} <= set(form) <= FORM_KEYS
    assert any(part["type"] != "markdown" for part in form["body"])
    for part in form["body"]:
        attributes = part["attributes"]
        assert set(part) <= {"type", "id", "attributes", "validations"}
        assert NEEDED[part["type"]] <= set(attributes) <= NEEDED[part["type"]] | MORE
        assert set(part.get("validations", {})) <= {"required"}
        if part["type"] == "dropdown":
            options = attributes["options"]
            assert all(isinstance(option, str) for option in options)
            assert len(set(options)) == len(options) and "none" not in map(str.lower, options)
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    for names in ([part["id"] for part in asked], [part["attributes"]["label"] for part in asked]):
        assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w-]+", part["id"], re.ASCII) for part in asked)


def test_the_forms_differ_in_name_and_replace_the_empty_issue():
    assert len({loaded(path)["name"] for path in FORMS}) == len(FORMS) == 3
    assert loaded(TEMPLATES / "config.yml") == {"blank_issues_enabled": False}


def test_a_claim_can_be_reported_for_each_notebook():
    (place,) = [part for part in loaded(TEMPLATES / "claim.yml")["body"] if part["id"] == "place"]
    stems = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    *notebooks, other = place["attributes"]["options"]
    assert [option.lower().replace(" ", "_") for option in notebooks] == stems and other


def test_hooks_run_modules_and_files_that_exist():
    (local,) = loaded(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    ran = []
    for hook in local["hooks"]:
        python, option, module, *arguments = shlex.split(hook["entry"])
        assert (python, option, hook["language"]) == ("python", "-m", "system")
        ran.append(module)
        assert all((ROOT / argument).is_file() for argument in arguments if "/" in argument)
    assert ran == ["ruff", "pytest", "pytest"]


def loads(source):
    """The calls of `load` of torch in Python source, which may have lines for IPython."""
    plain = re.sub("^[%!]", "# ", source, flags=re.MULTILINE)
    return [node for node in ast.walk(ast.parse(plain))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"]


def test_stored_files_are_loaded_as_tensors_and_plain_values():
    """As SECURITY.md says: no file that the package or a notebook reads can run code."""
    sources = [path.read_text(encoding="utf-8") for folder in ("vae_helpers", "notebooks", "tools")
               for path in (ROOT / folder).rglob("*.py")]
    sources += [cell.source for path in (ROOT / "notebooks").glob("*.ipynb")
                for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    calls = [call for source in sources for call in loads(source)]
    assert len(calls) > 5
    for call in calls:
        only = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert only.get("weights_only") == "True", ast.unparse(call)
