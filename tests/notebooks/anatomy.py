"""What the anatomy of a notebook asks for, counted: words, minutes, names that are used."""

import ast
import re

WORDS_A_MINUTE = 120
SECTION = re.compile(r"^## ", re.MULTILINE)
SOLUTION = re.compile(r"<details><summary><b>Solution.*?</details>", re.DOTALL)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)


def tags(cell):
    return cell.metadata.get("tags", [])


def named(cells, kind):
    """{NAME: cell} of the cells tagged ``kind:NAME``."""
    return {tag.split(":", 1)[1]: cell for cell in cells for tag in tags(cell)
            if tag.startswith(f"{kind}:")}


def is_deeper(cell):
    """Whether a *Going deeper* section begins with this cell."""
    return cell.cell_type == "markdown" and cell.source.lower().startswith("## going deeper")


def core(cells):
    """The cells before the first *Going deeper*."""
    first = next((n for n, cell in enumerate(cells) if is_deeper(cell)), len(cells))
    return cells[:first]


def words(text):
    """How many words there are to read: a formula is one, markup and solutions are none."""
    text = re.sub(r"<[^>]+>", " ", FORMULA.sub(" x ", SOLUTION.sub(" ", text)))
    return len(re.findall(r"[^\s|]*\w[^\s|]*", text))


def words_of(cell):
    """The words of prose in a cell: of its comments, if it holds code."""
    if cell.cell_type == "markdown":
        return words(cell.source)
    if "solution" in tags(cell):
        return 0
    return sum(words(line.split("#", 1)[1]) for line in cell.source.splitlines() if "#" in line)


def minutes(cells):
    """How long a learner needs for these cells: words, exercises, half a minute a cell of code."""
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()
            and not {"solution", "claims"} & set(tags(cell))]
    exercises = [cell.metadata["minutes"] for cell in named(code, "exercise").values()]
    plain = [cell for cell in code if not named([cell], "exercise")
             and not re.search(r"\bcheck\.\w+\(", cell.source)]
    return round(sum(map(words_of, cells)) / WORDS_A_MINUTE + sum(exercises) + len(plain) / 2)


def only_defines(source):
    """Whether a cell's code is nothing but functions and classes."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic command
        return False
    return all(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in body)


def names_read(source):
    """The names that a cell's code reads."""
    tree = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
    return {node.id for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def claims_shown(cell):
    """The rows of data of the claims that a cell shows."""
    return [row for output in cell.get("outputs", ())
            for row in output.get("metadata", {}).get("claims", ())]
