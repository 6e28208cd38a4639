"""Notebooks in which every exercise has a right answer that differs from the solution."""

import ast
import json
from pathlib import Path

ANSWERS = Path(__file__).with_name("notebooks") / "answers"


def answers_to(stem):
    """{exercise: source} of right answers to a notebook, written differently from the solutions.

    They are in `notebooks/answers/STEM.py`, one statement for each stub, which assigns my_NAME.
    """
    text = (ANSWERS / f"{stem}.py").read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.get_source_segment(text, node)
        elif isinstance(node, ast.Assign):
            found[node.targets[0].id] = ast.get_source_segment(text, node)
    return {name.removeprefix("my_"): source for name, source in found.items()}


def answered(path):
    """The notebook's JSON with every stub replaced by an answer."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    answers = answers_to(path.stem)
    for cell in notebook["cells"]:
        for tag in cell["metadata"].get("tags", []):
            if tag.startswith("exercise:"):
                cell["source"] = answers[tag.removeprefix("exercise:")].splitlines(True)
    return json.dumps(notebook, ensure_ascii=False, indent=1)
