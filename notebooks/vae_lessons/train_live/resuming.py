"""The check of `resume`: it resumes a tiny run, whose next steps must be the uninterrupted ones."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from vae_helpers.check.diagnosis import read, same
from vae_helpers.check.exercise import Mistake
from vae_helpers.check.runner import run
from vae_lessons.build_a_vae.steps import ObservedExercise
from vae_lessons.train_live.lab import save

STEPS = 7  # made before the file was written


class Seen(NamedTuple):
    """What `resume` returned, and what it left: tensors that a right answer makes the same."""

    returned: object
    model: torch.Tensor
    optimizer: torch.Tensor
    generator: torch.Tensor
    shared: torch.Tensor  # PyTorch's global generator


def new(seed):
    """A model of a few weights with batch norm, its Adam and a generator."""
    draw = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    return model, torch.optim.Adam(model.parameters(), lr=0.01), draw


def _train(model, optimizer, generator, steps):
    for _ in range(steps):
        x = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def observe(answer):
    """What a learner's `resume` makes of a new run's parts; ``...`` if it returns that."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        before = new(seed=1)
        _train(*before, STEPS)
        save(path, *before, STEPS)
        model, optimizer, generator = new(seed=2)
        _train(model, optimizer, generator, 2)
        returned = answer(path, model, optimizer, generator)
    if returned is ...:
        return returned
    moments = [torch.as_tensor(value, dtype=torch.float64).flatten()
               for state in optimizer.state_dict()["state"].values() for value in state.values()]
    return Seen(
        returned,
        torch.cat([tensor.double().flatten() for tensor in model.state_dict().values()]),
        torch.cat([torch.zeros(0, dtype=torch.float64), *moments]),
        generator.get_state().double(),
        torch.get_rng_state().double(),
    )


class ResumeExercise(ObservedExercise):
    """A function that reads a checkpoint, for the learner to write, and the check of it."""

    def __init__(self, name, right, mistakes, hints):
        super().__init__(name, observe, right, mistakes, hints)

    def _observed(self, answer, found):
        right = _of(self._right)
        for mistake in self._mistakes:
            known = _of(mistake.wrong)
            if known is not None and _alike(found, known):
                return self._failed(mistake.diagnosis)
        if not same(found.model, right.model):
            return self._failed(NO_MODEL)
        if not same(found.optimizer, right.optimizer):
            return self._failed(NO_OPTIMIZER)
        if not same(found.generator, right.generator):
            return self._failed(NO_GENERATOR)
        if type(found.returned) is not int or found.returned != STEPS:
            return self._failed(f"All parts are back, but you return {_told(found.returned)}. "
                                f"{STEPS} steps had been made: return content[\"step\"].")
        return self._passed("Right: weights, running statistics, Adam's averages, generator and "
                            "step are those of the file.")


def _of(function):
    return run(observe, (function,)).value


def _alike(found, known):
    kinds = type(found.returned), type(known.returned)  # isinstance would ask a hostile object
    returned = (found.returned == known.returned if set(kinds) <= {int, float, type(None)}
                else kinds[0] is kinds[1])
    return returned and all(map(same, map(read, found[1:]), known[1:]))


def _told(value):
    if value is None:
        return "nothing"
    kind = type(value)
    return f"{value:g}" if kind in (int, float) else f"a value of type {kind.__name__}"


def _resume(path, model, optimizer, generator):
    content = torch.load(path, weights_only=True)
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    generator.set_state(content["generator"])
    return content["step"]


def _with(*parts, after=lambda content, *given: content["step"]):
    """A `resume` that puts back these parts alone, then does `after` and returns what that does."""
    def wrong(path, model, optimizer, generator):
        content = torch.load(path, weights_only=True)
        if "model" in parts:
            model.load_state_dict(content["model"])
        if "optimizer" in parts:
            optimizer.load_state_dict(content["optimizer"])
        if "generator" in parts:
            generator.set_state(content["generator"])
        return after(content, model, optimizer, generator)

    return wrong


def _weights_alone(content, model, *_rest):
    names = dict(model.named_parameters())
    model.load_state_dict({k: v for k, v in content["model"].items() if k in names}, strict=False)
    return content["step"]


def _shared(content, *_rest):
    torch.set_rng_state(content["generator"])
    return content["step"]


def _seeded(content, model, optimizer, generator):
    generator.manual_seed(0)
    return content["step"]


NO_MODEL = ("The model's weights or running statistics are not those of the file. "
            "model.load_state_dict(content[\"model\"]) writes them into the model that you were "
            "given; an assignment to the name model changes nothing outside your function.")
NO_OPTIMIZER = ("The optimiser is not as it was. Adam keeps averages of the gradients and of their "
                "squares, and counts its steps. From zero it would take other steps: call "
                "optimizer.load_state_dict(content[\"optimizer\"]).")
NO_GENERATOR = ("The generator is not where it was: the next batch and the next noise would be "
                "others. Call generator.set_state(content[\"generator\"]).")
ALL = "model", "optimizer", "generator"

resume = ResumeExercise(
    "resume",
    _resume,
    [
        Mistake(_with(*ALL, after=lambda content, *_: None),
                "All parts are back, but you return nothing. The loop has to know which step is "
                "next, because β depends on it: return content[\"step\"]."),
        Mistake(_with(*ALL, after=lambda content, *_: content["step"] + 1),
                "You return one step too many. Steps are counted from 0: after 7 steps the next "
                "one has the number 7."),
        Mistake(_with(*ALL, after=lambda content, *_: content["step"] - 1),
                "You return one step too few: the last step would be made twice."),
        Mistake(_with(*ALL, after=lambda content, *_: 0),
                "You return 0: β's schedule would begin again."),
        Mistake(_with(*ALL, after=lambda content, *_: content),
                "All parts are back, but you return the whole dictionary. Return its step."),
        Mistake(_with("model"),
                "Only the model is back. " + NO_OPTIMIZER + " The generator has a state too."),
        Mistake(_with("model", after=lambda content, *_: None),
                "Only the model is back. What else does a training step read, and which step is "
                "next?"),
        Mistake(_with(),
                "Nothing is back but the step. An assignment such as model = content[\"model\"] "
                "only names another thing inside your function. Call load_state_dict and "
                "set_state on what you were given."),
        Mistake(_with("optimizer", "generator", after=_weights_alone),
                "The weights are back, but not batch norm's running statistics, which are no "
                "parameters. Load the whole state dict."),
        Mistake(_with("optimizer", "generator"), NO_MODEL),
        Mistake(_with("model", "generator"), NO_OPTIMIZER),
        Mistake(_with("model", "optimizer"), NO_GENERATOR),
        Mistake(_with("model", "optimizer", after=_shared),
                "You set PyTorch's global generator. The run draws from the generator that you "
                "were given: call its own set_state."),
        Mistake(_with("model", "optimizer", after=_seeded),
                "You seeded the generator anew: it would give the first step's numbers again. "
                "set_state puts it where it was."),
        Mistake(_with("model", "optimizer", after=lambda c, m, o, g: g.manual_seed(c["generator"])),
                "The file holds the generator's state, not a seed: generator.set_state takes it."),
        Mistake(lambda path, model, optimizer, generator: model.load_state_dict(
                    torch.load(path, weights_only=True)),
                "torch.load gives the dictionary that `save` wrote. The model's state dict is its "
                "entry \"model\"."),
        Mistake(lambda path, model, optimizer, generator: model.load_state_dict(path),
                "path is the file's place. Read the file first: content = torch.load(path, "
                "weights_only=True)."),
    ],
    [
        "What does the file hold? content = torch.load(path, weights_only=True) is the dictionary "
        "that `save` wrote.",
        "Three of its entries are states: model and optimizer have load_state_dict, the generator "
        "has set_state. They change what you were given, in place.",
        "After torch.load: model.load_state_dict(content[\"model\"]), the same for the optimizer, "
        "generator.set_state(content[\"generator\"]), and return content[\"step\"].",
    ],
)
