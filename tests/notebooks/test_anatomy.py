"""Every stored notebook has the anatomy of the series, and none of its checks is off."""

import ast
import re
import symtable
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from every_check import checks_of

from site_pages.renderer import STAND_INS

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_CELL = 15  # lines


@pytest.fixture(params=PATHS, ids=lambda path: path.stem, scope="module")
def path(request):
    return request.param


@pytest.fixture(scope="module")
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@pytest.fixture(scope="module")
def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell):
    return cell.metadata.get("tags", [])


def named(cells, kind):
    """{NAME: cell} of the cells tagged ``kind:NAME``."""
    return {
        tag.split(":", 1)[1]: cell for cell in cells for tag in tags(cell)
        if tag.startswith(f"{kind}:")
    }


def test_there_are_notebooks_numbered_in_order():
    numbers = [int(path.stem[:2]) for path in PATHS]
    assert numbers and numbers == list(range(len(numbers)))


def test_it_is_a_valid_notebook(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < 1_000_000
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata, "widget state is stored: run `make notebooks`"


def test_no_check_is_silently_off(code):
    """nbval skips a cell without an execution count; ours run top to bottom from 1."""
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_vae_helpers_is_imported_before_torch(code):
    """It sets how PyTorch's threads wait, which is read once, at the import of torch."""
    first = next(line for cell in code for line in cell.source.splitlines() if "import" in line)
    assert first.startswith("from vae_helpers import")


def test_nothing_is_told_to_be_skipped(code):
    for cell in code:
        off = {"nbval-skip", "nbval-ignore-output", "nbval-raises-exception", "raises-exception"}
        assert not off & set(tags(cell)) and "NBVAL_" not in cell.source.upper()


def test_no_stored_errors_or_warnings(code):
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


def test_code_cells_are_short_enough_to_read_aloud(code):
    for cell in code:
        if "solution" not in tags(cell):
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


def test_pictures_carry_alternative_text(code):
    for cell in code:
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata.get("image/png", {}).get("alt"), cell.source


VIEWS = "View", "BetaCalculator", "TrainingPanel", "Explorer"


def displayed(code):
    return [output for cell in code for output in cell.outputs
            if output.output_type in ("display_data", "execute_result")]


def test_every_live_view_has_its_still_twin(code):
    """Each that a cell makes is displayed somewhere, with a picture and its caption."""
    shown = set()
    for output in displayed(code):
        text = output.data.get("text/plain", "")
        if re.match(r"(View|Explorer): ", text):
            shown.add(text)
            caption = output.metadata.get("image/png", {}).get("alt", "")
            assert "image/png" in output.data and len(caption) > 40, text
        elif "image/png" not in output.data and "text/html" not in output.data:
            assert any(re.match(kind, text) for kind in STAND_INS), (
                f"nothing stands for {text}"
            )
    made = [
        node for cell in code
        for node in ast.walk(ast.parse(re.sub("^%", "# %", cell.source, flags=re.MULTILINE)))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", None)) in VIEWS
    ]
    assert len(made) == len(shown), f"shown: {sorted(shown)}"


def test_pictures_are_told_apart_by_their_words(code):
    """No two say the same, but for a view that is shown again."""
    told = Counter()
    for output in displayed(code):
        if "image/png" in output.data and not output.data["text/plain"].startswith("View: "):
            told[output.metadata["image/png"]["alt"]] += 1
    assert [alt for alt, times in told.items() if times > 1] == []


def test_the_first_notebook_tells_of_each_what_it_says_itself():
    cells = nbformat.read(PATHS[0], as_version=4).cells
    told = dict(re.findall(r"\| (?:\*\*|\[)(\d\d) .*\| (\d+) s \|$", cells[-1].source, re.M))
    said = {path.name[:2]: re.search(r"\*\*Takes\*\* about (\d+) seconds",
                                     nbformat.read(path, as_version=4).cells[0].source)[1]
            for path in PATHS}
    assert told == said


def test_the_opening_leads_to_its_neighbours(path, prose):
    position = PATHS.index(path)
    if position > 0:
        assert f"({PATHS[position - 1].name})" in prose[0]
    if position + 1 < len(PATHS):
        assert f"({PATHS[position + 1].name})" in prose[0]


def test_claims_made_are_claims_listed(code, prose):
    made = set()
    for cell in code:
        for node in ast.walk(ast.parse(re.sub("^%", "# %", cell.source, flags=re.MULTILINE))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "claim":
                made.add(node.args[0].value)
    listed = set(re.findall(r"^\| `([a-z0-9_.]+)`", prose[-1], re.MULTILINE))
    assert made and made == listed


def test_claims_hold_and_print_their_verdict(code):
    for cell in code:
        printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
        assert len(re.findall(r"^claim .*: holds$", printed, re.MULTILINE)) == \
            len(re.findall(r"^\s*claim\(", cell.source, re.MULTILINE))


def test_links_resolve(path, prose):
    anchors = {
        re.sub(r"[^\w\s-]", "", line.lstrip("# ")).strip().replace(" ", "-").lower()
        for text in prose for line in text.splitlines() if line.startswith("#")
    }
    for text in prose:
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("https://"):
                continue
            file, _, anchor = unquote(target).partition("#")
            assert (path.parent / file).exists() if file else anchor.lower() in anchors, target


def test_exercises_have_stub_check_and_solution(path, code):
    exercises = named(code, "exercise")
    if int(path.stem[:2]) >= 1:
        assert len(exercises) >= 3
    solutions = [cell for cell in code if "solution" in tags(cell)]
    checks = "\n".join(cell.source for cell in code)
    for name, cell in exercises.items():
        assert "..." in cell.source
        assert name in checks_of(path.stem[3:]), f"check.{name} is missing"
        assert re.search(rf"check\.{name}\({name}\)", checks), f"{name} is never checked"
        proofs = [c for c in solutions if f"check.{name}(solution_{name})" in c.source]
        assert len(proofs) == 1, f"{name} needs one solution cell"
        assert proofs[0].metadata.get("jupyter", {}).get("source_hidden") is True
        assert f"check {name}: passed" in str(proofs[0].outputs)


def test_no_exercise_is_solved_in_the_stored_file(code):
    for name, cell in named(code, "exercise").items():
        outputs = "".join(str(c.outputs) for c in code if f"check.{name}({name})" in c.source)
        assert f"check {name}: unanswered" in outputs


def names_of(source):
    """Names that a cell binds at its top level, and global names that its functions read later."""
    def of_functions(table):
        for inner in table.get_children():
            names = "listcomp", "dictcomp", "setcomp", "genexpr"
            at_once = table is top and inner.get_name() in names
            if inner.get_type() == "function" and not at_once:
                yield from inner.get_globals()
            yield from of_functions(inner)

    lines = [line for line in source.splitlines() if not line.startswith("%")]
    top = symtable.symtable("\n".join(lines), "cell", "exec")
    return {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}, set(
        of_functions(top)
    )


def test_no_name_that_a_function_reads_is_bound_anew_below(code):
    """A view computes when a control moves: by then all cells below have run."""
    read = set()
    for cell in code:
        bound, read_later = names_of(cell.source)
        assert not bound & read, f"{sorted(bound & read)} in: {cell.source}"
        read |= read_later


def test_a_name_bound_anew_would_be_seen():
    bound, read = names_of("own = 1\nview = lambda: own + [other for other in own][0]\n%magic own")
    assert bound == {"own", "view"} and read == {"own"}
    bound, read = names_of(
        "table = [row for row in rows]\ndef f(rows):\n    return lambda: rows, cells"
    )
    assert bound == {"table", "f"} and read == {"cells"}
