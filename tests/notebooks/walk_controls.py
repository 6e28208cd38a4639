"""Run inside a notebook's kernel: move every control of every view to both ends.

A control must change what is drawn: `.data` at its minimum, middle and maximum may not be
all the same. The control is put back where it stood.
"""


def live_views():
    import gc

    from vae_helpers.widgets import View

    # By type: asking a dead weak proxy for its class raises.
    return [thing for thing in gc.get_objects() if issubclass(type(thing), View)]


def walk_controls(views):
    moved = 0
    for view in views:
        for name, control in view.controls.items():
            before, drawn = control.value, []
            for value in stations(control):
                control.value = value
                drawn.append(fingerprint(view.data))
            control.value = before
            assert len(set(drawn)) > 1, f"{view}: moving {name!r} changes nothing in .data"
            moved += 1
    print(f"{len(views)} views, {moved} controls moved")


def stations(control):
    """The values to try: minimum, middle and maximum, or first, middle and last option."""
    if hasattr(control, "options"):
        options = control.options  # values, pairs of label and value, or a dictionary of such
        options = options.items() if isinstance(options, dict) else options
        values = [option[-1] if isinstance(option, tuple) else option for option in options]
        return [values[0], values[len(values) // 2], values[-1]]
    if hasattr(control, "min"):
        middle = type(control.value)((control.min + control.max) / 2)
        low, high = control.min, control.max
        if hasattr(control, "base"):  # a log slider's ends are exponents
            return [control.base**low, control.base**middle, control.base**high]
        return [low, middle, high]
    if isinstance(control.value, bool):
        return [False, True]
    raise AssertionError(f"{type(control).__name__}: this test does not know how to move it")


def fingerprint(data):
    """The bytes of every array in `data`, as one comparable value."""
    import numpy as np

    return tuple(
        (name, np.asarray(value).tobytes() if not isinstance(value, str) else value)
        for name, value in sorted(data.items())
    )


walk_controls(live_views())
