"""Descriptions of models, to recognise a file of parameters that belongs to another model.

Two models can have parameters of the same names and shapes and still compute different things: the
noise variance of a `LinearVAE`, for example, is not a parameter. Checkpoints and stored models
therefore keep `describe(model)` with the parameters, and it is compared before they are loaded.
"""

import functools
import inspect

# Arguments that only set the initial parameters, which loading a file replaces.
OF_FIRST_WEIGHTS = ("seed",)


class Described:
    """Base class of modules that record the arguments of their constructor.

    `constructor_arguments` is {name: plain value}, including the defaults of omitted arguments.
    Tensors and modules are left out: a model keeps them as parameters, buffers and submodules.
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
    """{name: plain value} of an `__init__`'s arguments, without those that it takes as `**`."""
    passed_on = inspect.Parameter.VAR_KEYWORD
    own = {
        name: _plain(value) for name, value in given.arguments.items()
        if name not in OF_FIRST_WEIGHTS and given.signature.parameters[name].kind != passed_on
    }
    return {name: value for name, value in own.items() if value is not None}


def _plain(value):
    """`value` if it is a number, a string or a list of these, as a file stores it; else None."""
    if getattr(value, "ndim", None) == 0:  # a NumPy or PyTorch scalar
        value = value.item()
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return None if any(item is None for item in items) else items
    return value if isinstance(value, (bool, int, float, str)) else None


def describe(model):
    """{name: plain value} of everything but the parameters that determines what `model` computes.

    It holds the class of the model and of each layer, and the constructor's arguments of every
    submodule that derives from `Described`. Other modules contribute only their class.
    """
    layers = [type(module).__name__ for module in model.modules()]
    found = {"class": layers[0]}
    for path, module in model.named_modules():
        arguments = getattr(module, "constructor_arguments", {})
        found |= {f"{path}.{name}" if path else name: arguments[name] for name in arguments}
    return found | {"layers": ", ".join(layers[1:])}


def first_difference(here, there):
    """The first difference between two descriptions, in words; None if they are equal.

    here: the description of a model made by this program; there: the one stored in a file.
    """
    for name in [*here, *there]:
        expected, found = here.get(name, "absent"), there.get(name, "absent")
        if expected != found:
            return f"{name} is {found} in the file and {expected} here"
    return None
