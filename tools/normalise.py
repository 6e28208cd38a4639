"""Store a notebook that has just been run, without details that differ between runs or machines."""

import array
import base64
import json
import re
import struct
import sys

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
SHOWN = "point", "extent", "colours", "widths"


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


def normalise(text):
    """A notebook's JSON as nbformat writes it, without details that differ between runs."""
    notebook = json.loads(text)
    notebook["metadata"].pop("widgets", None)
    for output in outputs(notebook):
        # The random id of a closed widget; without it, pages show the output's text instead.
        output.get("data", {}).pop(VIEW, None)
        # The frame of a server that has stopped; the earlier output is kept for nbval.
        if "tensorboard-frame" in "".join(output.get("data", {}).get("text/html", "")):
            output["data"] = {"text/plain": ["Launching TensorBoard..."]}
        if "text" in output:  # remove folders of this machine
            output["text"] = [
                re.sub(r"⟨[^⟩]*[/\\][^⟩]*⟩", "⟨…⟩", line) for line in output["text"]]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook["metadata"].update(kernelspec=kernel, language_info={"name": "python"})
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def halved(data):
    """Base64 of float32 numbers converted to base64 of float16, which halves its size."""
    values = array.array("f", base64.b64decode(data))
    if sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(struct.pack(f"<{len(values)}e", *values)).decode("ascii")


def explorers(notebook):
    """The state of each explorer in a notebook that has just been run, in order of output."""
    states = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    found = []
    for output in outputs(notebook):
        view = output.get("data", {}).get(VIEW, {})
        widget = states.get(view.get("model_id"), {"state": {}})
        state = widget["state"]
        if state.get("_anywidget_id") == "vae_lessons.start_here.explorer.Explorer":
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
    """Store the states of a notebook's explorers beside it, for the explorers of the web pages."""
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


def store(text, path):
    """Replace the notebook at `path` by `text`, the JSON of a run with widget states.

    The states of its explorers are stored in explorers/ beside it. If a claim does not hold,
    nothing is written and the process ends.
    """
    failed = failed_claims(json.loads(text))
    if failed:
        sys.exit("\n".join(["error: claims do not hold:", *failed]))
    keep_explorers(path, json.loads(text))
    path.write_bytes(normalise(text).encode("utf-8"))
