"""What tells a model from another one whose parameters have the same names and shapes.

A file of parameters does not say how a model computes with them: a `LinearVAE` keeps its noise
variance in no parameter. So checkpoints and stored models keep `describe(model)` beside the
parameters, and compare it before they are loaded.
"""

import functools
import inspect

# It only says where the parameters begin, and a file replaces the parameters.
OF_FIRST_WEIGHTS = ("seed",)


class Described:
    """A base class of modules that note the arguments they were made with.

    `constructor_arguments` is {name: plain value}, with the defaults of those that were not given.
    Tensors and modules are left out, since a model keeps them as parameters, buffers and parts.
    """

    def __init_subclass__(cls, **settings):
        super().__init_subclass__(**settings)
        if "__init__" in vars(cls):
            cls.__init__ = _noting_arguments(cls.__init__)


def _noting_arguments(init):
    signature = inspect.signature(init)

    @functools.wraps(init)
    def noting(self, *positional, **named):
        init(self, *positional, **named)
        given = signature.bind(self, *positional, **named)
        given.apply_defaults()
        # A subclass comes here after its base class, so that its own arguments stay.
        self.constructor_arguments = _plain_arguments(given)

    return noting


def _plain_arguments(given):
    """{name: plain value}; what an `__init__` takes as ** and passes on is noted by who gets it."""
    passed_on = inspect.Parameter.VAR_KEYWORD
    own = {
        name: _plain(value) for name, value in given.arguments.items()
        if name not in OF_FIRST_WEIGHTS and given.signature.parameters[name].kind != passed_on
    }
    return {name: value for name, value in own.items() if value is not None}


def _plain(value):
    """Numbers, words and lists of them, as they come back from a file; None for anything else."""
    if getattr(value, "ndim", None) == 0:  # a number of NumPy's or PyTorch's
        value = value.item()
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return None if any(item is None for item in items) else items
    return value if isinstance(value, (bool, int, float, str)) else None


def describe(model):
    """{name: plain value} of all that decides what `model` computes with given parameters.

    Its class and those of its layers, and the constructor's arguments of each `Described` part,
    of which a module has none that was written without that base class.
    """
    layers = [type(module).__name__ for module in model.modules()]
    found = {"class": layers[0]}
    for path, module in model.named_modules():
        arguments = getattr(module, "constructor_arguments", {})
        found |= {f"{path}.{name}" if path else name: arguments[name] for name in arguments}
    return found | {"layers": ", ".join(layers[1:])}


def first_difference(here, there):
    """Where two descriptions differ first, in words; None if they are equal.

    here: of what was made here; there: of what a file holds.
    """
    for name in [*here, *there]:
        expected, found = here.get(name, "absent"), there.get(name, "absent")
        if expected != found:
            return f"{name} is {found} in the file and {expected} here"
    return None
