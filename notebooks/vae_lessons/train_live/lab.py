"""The runs of notebook 04: the loop that lets sliders be heard, recipes, and what was seen."""

import asyncio
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from vae_helpers import data, evaluation
from vae_helpers.threads import one_thread
from vae_lessons.build_a_vae.lab import SICK, make_trainer

PYTORCH_MOMENTUM = 0.1  # of batch norm: its running statistics follow closely
LOOKED_AT = slice(0, 2000)  # of the test images
BATCH_SIZE = 200  # small, so that a step is short and a slider soon obeyed
# The original recipe and the repaired one of notebook 03, by the names that the panel shows.
RECIPES = {"the original recipe": SICK, "the repaired recipe": "and a true β"}


async def train_and_listen(running, step, look):
    """Call `step()` over and over while `running()`, and let the kernel answer in between.

    look: called after each 20 milliseconds of steps, to show where training stands.
    """
    while running():
        end = time.monotonic() + 0.02
        while running() and time.monotonic() < end:
            step()
        look()
        for turn in range(20):
            await asyncio.sleep(0)


def save(path, model, optimizer, generator, step):
    """Write a run's state to `path` (a `Path`), whole or not at all."""
    part = path.with_suffix(".part")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "generator": generator.get_state(), "step": step}, part)
    os.replace(part, path)


def panel_trainer(recipe, seed, **settings):
    """A trainer of one of `RECIPES`, with PyTorch's momentum in batch norm and batches of 200."""
    return make_trainer(RECIPES[recipe], seed, momentum=PYTORCH_MOMENTUM, batch_size=BATCH_SIZE,
                        **settings)


class Stage(NamedTuple):
    """A stretch of training with one β and one learning rate, and where it ended.

    run: stages of one model share it. Distortion and rate are averages over the last minibatches,
    in nats per image; active: how many latents were, None where nobody looked.
    """

    run: int
    beta: float
    learning_rate: float
    epochs: float
    distortion: float
    rate: float
    active: int | None

    @property
    def neg_elbo(self):
        """−ELBO, at β = 1."""
        return self.distortion + self.rate


def look(trainer):
    """{"neg_elbo", "rate", "active"} of a trainer's model now, on 2,000 test images.

    Nats per image, in evaluation mode; active: how many latents are.
    """
    images = data.load_mnist().test_images[LOOKED_AT]
    found = evaluation.evaluate(trainer.model, images, seed=trainer.seed)
    return {"neg_elbo": -found.elbo, "rate": found.rate,
            "active": evaluation.active_units(trainer.model, images)}


def by_name(looks):
    """A list of what `look` gives, one after another, as {name: list}."""
    return {name: [one[name] for one in looks] for name in looks[0]}


def there_and_back(stored):
    """{β in the middle: {"neg_elbo", "rate", "active": [seed, t]}} of the stored study."""
    runs = stored["runs"].values()
    return {f"{beta:g}": {name: [run[f"{beta:g}"][name] for run in runs]
                          for name in ("neg_elbo", "rate", "active")}
            for beta in stored["settings"]["betas"]}


EVERY = 50  # steps between two looks of the stored study


def at(found, beta, name, step):
    """One value for each seed, after `step` steps, of what `there_and_back` gives."""
    return [values[step // EVERY - 1] for values in found[beta][name]]


def behind(found, beta, step, than):
    """−ELBO after `step` steps with `beta` in the middle, less that of `than`: [seeds].

    than: another (β, step).
    """
    return [ours - theirs for ours, theirs in
            zip(at(found, beta, "neg_elbo", step), at(found, than[0], "neg_elbo", than[1]))]


def above(found, beta, step, level):
    """−ELBO after `step` steps with `beta` in the middle, less `level`: [seeds]."""
    return [value - level for value in at(found, beta, "neg_elbo", step)]


def gains(values, name, other="constant"):
    """By how much schedule `name` is below `other`, seed by seed."""
    return [theirs - own for theirs, own in zip(values[other], values[name])]


def ends_of(stored):
    """D + β · R and D at the end of the stored runs with schedules: two of {schedule: [seeds]}."""
    runs, beta = stored["runs"].values(), stored["settings"]["beta"]
    names = [name for name, value in next(iter(runs)).items()
             if isinstance(value, dict) and "distortion" in value]
    distortion = {name: [run[name]["distortion"] for run in runs] for name in names}
    objective = {name: [run[name]["distortion"] + beta * run[name]["rate"] for run in runs]
                 for name in names}
    return objective, distortion


def largest_difference(model, other):
    """Between two models of one kind: of all their parameters and running statistics."""
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


def left_out(path, new_run, resume, schedule, images, steps=60):
    """How far runs that are resumed without a part are from the one that is resumed whole.

    path: a checkpoint; new_run, resume: as the notebook defines them; schedule: of β. Returns
    {what was left out: [steps]}, the training −ELBO less that of the whole run, nats per image.
    """
    curves = {}
    for part in ("nothing", "the optimiser", "the generator", "the step"):
        model, optimizer, generator = new_run()
        first = resume(path, model, optimizer, generator)
        if part == "the optimiser":
            optimizer = type(optimizer)(model.parameters())
        if part == "the generator":
            generator = new_run()[2]
        if part == "the step":
            first = 0
        with one_thread():
            curves[part] = _curve(model, optimizer, generator, schedule, images,
                                  range(first, first + steps))
    return {part: np.subtract(curve, curves["nothing"]) for part, curve in curves.items()}


def _curve(model, optimizer, generator, schedule, images, steps):
    """The training −ELBO of some steps, as the notebook's own loop makes them."""
    curve = []
    for step in steps:
        batch = torch.randint(len(images), (100,), generator=generator)
        x = data.pixels(images[batch])  # [100, 784]
        distortion, rate = model(x, torch.randn(100, model.latent, generator=generator))  # [100]
        loss = (distortion + schedule(step) * rate).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append((distortion + rate).mean().item())
    return curve


class Original(NamedTuple):
    """What is stored of the original recipe: to its end, and with β lowered to 1 or 0.01.

    stored, recipes: the studies of notebooks 04 and 03.
    """

    stored: dict
    recipes: dict

    @property
    def epochs(self):
        """After which the whole runs were measured."""
        return self.stored["settings"]["epochs"]

    @property
    def whole(self):
        """−ELBO of the runs to their end: [seed, epochs], nats per test image."""
        return [run["whole"]["neg_elbo"] for run in self.stored["runs"].values()]

    def lowered(self, beta):
        """−ELBO of each seed three epochs after β became `beta`, a text."""
        return [run["lowered"][beta][0] for run in self.stored["runs"].values()]

    def rates(self, beta):
        """The rate of the same runs."""
        return [run["lowered"][beta][1] for run in self.stored["runs"].values()]

    def from_start(self, epoch):
        """−ELBO after `epoch` epochs of the same recipe with β = 1 from the start."""
        return [self.recipes["runs"][seed]["recipes"]["a true β, ReLU heads"]["renewed"]["neg_elbo"]
                [epoch - 1] for seed in self.stored["runs"]]


PAGE = ("TensorBoard in a browser, with one run. Cards show eight reconstructed digits at step 89, "
        "β that rises to 1 and stays there, and the distortion, which falls.")


def picture_of_tensorboard():
    """A page of TensorBoard with the notebook's log: uint8 [height, width, 3]."""
    with Image.open(Path(__file__).parent / "tensorboard.png") as picture:
        return np.asarray(picture.convert("RGB"))
