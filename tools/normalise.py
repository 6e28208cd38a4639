#!/usr/bin/env python3
"""Store a notebook that has just been run.

python3 tools/normalise.py RUN NOTEBOOK writes RUN, a notebook file, over NOTEBOOK, without what
differs from run to run or from machine to machine. What its explorers showed is kept in explorers/
beside it. Where a claim does not hold nothing is written.
"""
import array
import base64
import json
import re
import struct
import sys
from pathlib import Path

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
SHOWN = "point", "extent", "colours", "widths"


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


def normalise(text):
    """A notebook's JSON as nbformat writes it, without what varies."""
    notebook = json.loads(text)
    notebook["metadata"].pop("widgets", None)
    for output in outputs(notebook):
        # A random id of a widget that lives no longer; without it the text beside it is shown.
        output.get("data", {}).pop(VIEW, None)
        # The frame of a server that runs no longer; nbval sees what stood there before it.
        if "tensorboard-frame" in "".join(output.get("data", {}).get("text/html", "")):
            output["data"] = {"text/plain": ["Launching TensorBoard..."]}
        if "text" in output:  # measured text with a folder in it says nothing on another machine
            output["text"] = [
                re.sub(r"⟨[^⟩]*[/\\][^⟩]*⟩", "⟨…⟩", line) for line in output["text"]]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook["metadata"].update(kernelspec=kernel, language_info={"name": "python"})
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def halved(data):
    """The same numbers in half the bytes: base64 of float32 as base64 of float16."""
    values = array.array("f", base64.b64decode(data))
    if sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(struct.pack(f"<{len(values)}e", *values)).decode("ascii")


def explorers(notebook):
    """What each explorer of a notebook just run showed, in the order of its outputs."""
    states = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    found = []
    for output in outputs(notebook):
        view = output.get("data", {}).get(VIEW, {})
        widget = states.get(view.get("model_id"), {"state": {}})
        state = widget["state"]
        if state.get("_anywidget_id") == "vae_helpers.explorer.Explorer":
            data = {buffer["path"][0]: buffer["data"] for buffer in widget["buffers"]}
            kept = {name: state[name] for name in SHOWN}
            kept.update(codes=data["codes"], labels=data["labels"],
                        weights_float16=halved(data["weights"]))
            if data.get("images"):
                kept.update(encoder_widths=state["encoder_widths"], images=data["images"],
                            encoder_float16=halved(data["encoder"]))
            found.append(kept)
    return found


def keep_explorers(path, notebook):
    """Keep beside a notebook what its explorers showed: the static site has no other decoder."""
    kept, states = path.parent / "explorers" / (path.stem + ".json"), explorers(notebook)
    if states:
        kept.parent.mkdir(exist_ok=True)
        text = json.dumps(states, indent=1, sort_keys=True) + "\n"
        kept.write_bytes(text.encode("utf-8"))
    elif kept.exists():
        kept.unlink()


def failed_claims(notebook):
    """A line for each claim whose measured value lies outside its band."""
    line = "{id}: measured {value:g} ({least:g} … {most:g}), claimed {low:g} … {high:g} {unit}"
    return [line.format(**row) for output in outputs(notebook)
            for row in output.get("metadata", {}).get("claims", ()) if not row["holds"]]


def main(run, path):
    text = run.read_bytes().decode("utf-8")
    failed = failed_claims(json.loads(text))
    if failed:
        sys.exit("\n".join(["error: claims do not hold:", *failed]))
    keep_explorers(path, json.loads(text))
    path.write_bytes(normalise(text).encode("utf-8"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
