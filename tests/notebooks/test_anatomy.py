"""Every stored notebook has the structure of the series, and nbval checks all of its cells."""

import ast
import re
import symtable
from collections import Counter
from pathlib import Path

import anatomy
import links
import nbformat
import normalise
import pytest
from anatomy import named, tags
from answered import answers_to
from every_check import checks_of

from site_pages.renderer import STAND_INS
from vae_helpers.check.exercise import Exercise
from vae_lessons.diagnose_a_run.repair import RepairExercise

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_CELL, LONGEST_TAUGHT = 15, 25  # lines
LONGEST_CORE, MOST_MINUTES = 2300, 45  # words, minutes


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


def test_there_are_notebooks_numbered_in_order():
    numbers = [int(path.stem[:2]) for path in PATHS]
    assert numbers and numbers == list(range(len(numbers)))


def test_it_is_a_valid_notebook(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < 1_000_000


def test_it_is_stored_as_make_notebooks_writes_it(path):
    text = path.read_text(encoding="utf-8")
    assert text == normalise.normalise(text), "run `make notebooks`"


def test_no_check_is_silently_off(code):
    """nbval skips cells without an execution count, so the counts must be 1, 2, …"""
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_vae_helpers_is_imported_before_torch(code):
    """vae_helpers sets how PyTorch's threads wait, which torch reads when it is imported."""
    first = next(line for cell in code if "guard" not in tags(cell)
                 for line in cell.source.splitlines() if "import" in line)
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
        if not {"solution", "claims"} & set(tags(cell)):
            longest = LONGEST_TAUGHT if named([cell], "taught") else LONGEST_CELL
            assert len(cell.source.splitlines()) <= longest, cell.source
            assert max(map(len, cell.source.splitlines())) <= 100, cell.source


def test_the_core_is_read_in_the_time_it_states(notebook):
    core = anatomy.core(notebook.cells)
    words, minutes = sum(map(anatomy.words_of, core)), anatomy.minutes(core)
    stated = re.search(r"^\*\*Takes\*\* about (\d+) minutes of reading and exercises; \d+ seconds "
                       r"of computing on two quick processor cores; [\d.]+ GB of memory\.$",
                       core[0].source, re.MULTILINE)
    assert stated and int(stated[1]) == minutes
    assert words <= LONGEST_CORE and minutes <= MOST_MINUTES, (words, minutes)


def test_what_goes_deeper_is_folded_and_comes_last(notebook):
    after = notebook.cells[len(anatomy.core(notebook.cells)):]
    for cell in after:
        if cell.cell_type == "markdown" and anatomy.SECTION.search(cell.source):
            assert anatomy.is_deeper(cell), "a core section below one that goes deeper"
            assert cell.metadata.get("jp-MarkdownHeadingCollapsed") is True, cell.source


def test_what_is_taught_runs_the_cells_below(code):
    for position, cell in enumerate(code):
        for name in named([cell], "taught"):
            below = set().union(*(anatomy.names_read(c.source) for c in code[position + 1:]))
            assert name.split(".")[-1] in below, f"{name} is a decoy"


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
    """Every view that a cell makes is displayed, with a picture and a caption."""
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
    """No two captions are the same, unless a view is shown again."""
    told = Counter()
    for output in displayed(code):
        if "image/png" in output.data and not output.data["text/plain"].startswith("View: "):
            told[output.metadata["image/png"]["alt"]] += 1
    assert [alt for alt, times in told.items() if times > 1] == []


def test_the_first_notebook_tells_of_each_what_it_says_itself():
    cells = nbformat.read(PATHS[0], as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    told = dict(re.findall(r"\| (?:\*\*|\[)(\d\d) .*\| (\d+) s \|$", prose, re.MULTILINE))
    said = {path.name[:2]: re.search(r"\*\*Takes\*\* .*; (\d+) seconds of computing",
                                     nbformat.read(path, as_version=4).cells[0].source)[1]
            for path in PATHS}
    assert told == said


def test_the_opening_leads_to_its_neighbours(path, prose):
    position = PATHS.index(path)
    if position > 0:
        assert f"({PATHS[position - 1].name})" in prose[0]
    if position + 1 < len(PATHS):
        assert f"({PATHS[position + 1].name})" in prose[0]


def test_claims_stand_in_one_folded_cell_a_section(notebook):
    here = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            here = 0 if anatomy.SECTION.search(cell.source) else here
        elif re.search(r"\bclaims?\(", cell.source):
            here += 1
            assert here == 1, "two cells of claims in one section"
            assert set(tags(cell)) - {"worked"} == {"claims"}
            assert cell.metadata.jupyter.source_hidden is True
            assert cell.source.startswith("# Claims of this section\n"), "what a folded cell shows"


def test_claims_hold_and_are_stored_as_data(code):
    """Each claim in the source has a stored row, and all sentences differ."""
    rows = [row for cell in code for row in anatomy.claims_shown(cell)]
    made = [node.args[0].value for cell in code if "claims" in tags(cell)
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "claim"]
    assert made and [row["id"] for row in rows] == made and len(set(made)) == len(made)
    assert all(row["holds"] for row in rows)


def test_links_resolve(path):
    assert links.broken(path) == []


def test_exercises_have_stub_check_and_solution(path, notebook, code):
    exercises, in_core = named(code, "exercise"), named(anatomy.core(notebook.cells), "exercise")
    assert len(in_core) >= (1 if path.stem[:2] == "00" else 3)
    sources = [cell.source for cell in code]
    for name, cell in exercises.items():
        check = checks_of(path.stem[3:])[name]
        assert "..." in cell.source or isinstance(check, RepairExercise)
        assert re.search(rf"\bmy_{name}\b", cell.source)
        assert isinstance(cell.metadata.minutes, int)
        given = f"{name} = " if isinstance(check, Exercise) else ""  # returns a function
        assert sources.count(f"{given}check.{name}(my_{name})") == 1, f"{name} is not checked"
        proofs = [c for c in code if "solution" in tags(c)
                  and f"check.{name}.judge(solution_{name})" in c.source]
        assert len(proofs) == 1, f"{name} needs one solution cell"
        assert proofs[0].metadata.get("jupyter", {}).get("source_hidden") is True
        assert f"check {name}: passed" in str(proofs[0].outputs)


def test_no_exercise_is_solved_in_the_stored_file(code):
    for name, cell in named(code, "exercise").items():
        outputs = "".join(str(c.outputs) for c in code if f"check.{name}(my_{name})" in c.source)
        assert f"check {name}: unanswered" in outputs


def test_every_exercise_has_an_answer_for_layer_4(path, code):
    assert set(answers_to(path.stem)) == set(named(code, "exercise"))


def names_of(source):
    """The names that a cell assigns at top level, and the globals that its functions read."""
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
    """A view computes when a control moves, after all cells below have run."""
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
