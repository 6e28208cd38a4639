"""Measures of a notebook's structure: words, minutes, and names that its code reads."""

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
    """Whether this cell begins a *Going deeper* section."""
    return cell.cell_type == "markdown" and cell.source.lower().startswith("## going deeper")


def core(cells):
    """The cells before the first *Going deeper*."""
    first = next((n for n, cell in enumerate(cells) if is_deeper(cell)), len(cells))
    return cells[:first]


def words(text):
    """The number of words to read; a formula counts as one, markup and solutions as none."""
    text = re.sub(r"<[^>]+>", " ", FORMULA.sub(" x ", SOLUTION.sub(" ", text)))
    return len(re.findall(r"[^\s|]*\w[^\s|]*", text))


def words_of(cell):
    """The number of words in a cell; in a code cell, only those of comments."""
    if cell.cell_type == "markdown":
        return words(cell.source)
    if "solution" in tags(cell):
        return 0
    return sum(words(line.split("#", 1)[1]) for line in cell.source.splitlines() if "#" in line)


def minutes(cells):
    """The minutes for these cells: reading, exercises, and half a minute per code cell."""
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()
            and not {"solution", "claims", "guard"} & set(tags(cell))]
    exercises = [cell.metadata["minutes"] for cell in named(code, "exercise").values()]
    plain = [cell for cell in code if not named([cell], "exercise")
             and not re.search(r"\bcheck\.\w+\(", cell.source)]
    return round(sum(map(words_of, cells)) / WORDS_A_MINUTE + sum(exercises) + len(plain) / 2)


def only_defines(source):
    """Whether a cell's code only defines functions and classes."""
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
    """The rows of the claims that a cell shows, from the output's metadata."""
    return [row for output in cell.get("outputs", ())
            for row in output.get("metadata", {}).get("claims", ())]
