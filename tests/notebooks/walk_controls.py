"""Move every control of every view to both ends; this runs inside a notebook's kernel.

A control must have an effect: `.data` and the picture must not be the same at its minimum, middle
and maximum. Afterwards the control has its earlier value.
"""


def live_views():
    import gc

    from vae_helpers.widgets import View

    # By type: asking a dead weak proxy for its class raises.
    views = [thing for thing in gc.get_objects() if issubclass(type(thing), View)]
    return [view for view in views if view.comm is not None]  # closed views have no comm


def walk_controls(views):
    moved = 0
    for view in views:
        for name, control in view.controls.items():
            before, drawn, pictures = control.value, set(), set()
            for value in stations(control):
                control.value = value
                drawn.add(fingerprint(view.data))
                pictures.add(picture(view))
            control.value = before
            assert len(drawn) > 1, f"{view}: moving {name!r} changes nothing in .data"
            assert len(pictures) > 1, f"{view}: moving {name!r} changes nothing in the picture"
            moved += 1
    print(f"{len(views)} views, {moved} controls moved")


def picture(view):
    """The PNG that the view shows, as bytes."""
    from vae_helpers.picture import Picture

    return next(bytes(part.png) for part in view.children if isinstance(part, Picture))


def stations(control):
    """The values of a control to test: minimum, middle and maximum, or options like these."""
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
    if isinstance(control.value, float):  # a box for numbers without limits
        return [control.value, 2 * control.value, 3 * control.value]
    raise AssertionError(f"{type(control).__name__}: this test does not know how to move it")


def fingerprint(data):
    """The content of `data`, including nested dictionaries and lists, as a comparable value."""
    import numpy as np
    import torch

    if isinstance(data, dict):
        return tuple((repr(name), fingerprint(value)) for name, value in data.items())
    if isinstance(data, (list, tuple)):
        return tuple(map(fingerprint, data))
    if isinstance(data, (torch.Tensor, np.ndarray)):
        array = np.asarray(data)
        assert array.dtype != object, "an array of objects holds pointers, which say nothing"
        return array.shape, str(array.dtype), array.tobytes()
    assert isinstance(data, (str, bool, int, float, np.generic, type(None))), (
        f"{type(data).__name__}: this test does not know how to compare it")
    return repr(data)  # the repr, because NaN is not equal to itself


walk_controls(live_views())
