"""What the views of a notebook show at the positions of their controls; runs in its kernel.

keep(FOLDER) writes a file for each view with controls, for the pages without a kernel: gzipped
JSON with `controls` (label, kind, the labels of their options, the number of the present one),
`commands` (see vae_helpers/frames.py) and, for each position in the order of itertools.product,
its frame (numbers of commands) and its caption, or null for a frame that fails to draw.
"""

import gc
import gzip
import itertools
import json
from pathlib import Path

from site_pages.pages import slug
from vae_helpers.frames import commands
from vae_helpers.picture import options, place
from vae_helpers.widgets import View

VERSION = 1  # of the files; a page shows the still picture instead of one of another version
MOST = 400  # frames of a view


def coarse(counts, present, most=MOST):
    """For each control the numbers of the options to draw, at most `most` positions in all.

    counts: how many options each control has; present: the number of its present one, which is kept
    as the first and the last are. Raises ValueError if that alone is more than `most`.
    """
    steps = [1] * len(counts)

    def kept(count, here, step):
        return sorted({0, count - 1, *range(round(here or 0) % step, count, step)})

    while True:
        numbers = [kept(*one) for one in zip(counts, present, steps)]
        total = 1
        for found in numbers:
            total *= len(found)
        if total <= most:
            return numbers
        if max(map(len, numbers)) <= 3:
            raise ValueError(f"{len(counts)} controls have more than {most} positions even where "
                             "each is drawn at three: name fewer `axes` of the view.")
        steps[max(range(len(counts)), key=lambda i: len(numbers[i]))] += 1


def choices(control):
    """[(value, what a reader is told of it)] of a control's options.

    A present value between two options takes the place of the nearer one.
    """
    if hasattr(control, "options"):
        told = [one[0] if isinstance(one, tuple) else one for one in control.options]
        return list(zip(options(control), map(str, told)))
    values = options(control)
    values[round(place(control, control.value))] = control.value
    return [(value, format(value, control.readout_format)) for value in values]


def frames(view):
    """The content of the file of a view."""
    controls = [view.controls[name] for name in view.axes]
    present = [place(control, control.value) for control in controls]
    offered = [choices(control) for control in controls]
    numbers = coarse([len(one) for one in offered], present)
    table, drawn, captions, size = {}, [], [], None
    for position in itertools.product(*numbers):
        values = {name: one[i][0] for name, one, i in zip(view.axes, offered, position)}
        try:
            figure = view.figure_at(**view.values() | values)
            lines = commands(figure)
        except Exception as error:
            print(f"{view} cannot be drawn at {values}: {error!r}")
            drawn.append(None)
            captions.append(None)
            continue
        size = [figure.bbox.width, figure.bbox.height]
        drawn.append([table.setdefault(line, len(table)) for line in lines])
        captions.append(figure.caption)
    told = [
        {"label": control.description,
         "kind": "slider" if "Slider" in type(control).__name__ else "choice",
         "options": [one[i][1] for i in kept],
         "present": min(range(len(kept)), key=lambda k: abs(kept[k] - (here or 0)))}
        for control, one, kept, here in zip(controls, offered, numbers, present)
    ]
    return {"version": VERSION, "size": size, "controls": told, "commands": list(map(
        json.loads, table)), "frames": drawn, "captions": captions}


def keep(folder):
    """Write the file of each view of this kernel that has axes."""
    # By type: asking a dead weak proxy for its class raises.
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), View)]
    for view in found:
        if view.comm is None or not view.axes:  # closed, or without frames
            continue
        text = json.dumps(frames(view), ensure_ascii=False, separators=(",", ":"))
        path = Path(folder, slug(repr(view).removeprefix("View: ")) + ".json.gz")
        with open(path, "xb") as file:  # two views of one name would be one file
            file.write(gzip.compress(text.encode(), 9, mtime=0))
