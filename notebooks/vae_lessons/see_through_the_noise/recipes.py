"""The check of a recipe: it trains with the learner's settings and judges by the objective."""

import functools
import math
from typing import NamedTuple

from torch import nn

from vae_helpers import data, evaluation
from vae_helpers.check.exercise import Exercise
from vae_helpers.check.runner import run
from vae_helpers.claims import measured
from vae_helpers.threads import denormals_as_zero
from vae_lessons.see_through_the_noise import lab

SEEDS = 1, 2
IMAGES = 2000  # validation images
DEMAND = 7.5  # nats per image below the mean image, by D + 9.8 R
NOTHING = {"logvar": 0.0, "warm_up": 0, "batch_norm": False, "learning_rate": 0.01,
           "beta": lab.BETA, "steps": lab.BUDGET}
WHOLE = "warm_up", "steps"


class Gains(NamedTuple):
    """How far below the mean image a recipe gets on average, and its rate: nats per image."""

    distortion: float
    objective: float
    rate: float


@functools.lru_cache(maxsize=64)
def gains(settings):
    """The `Gains` of these settings, ((name, value), …), over the seeds, on validation images."""
    digits = data.load_mnist()
    images = digits.validation_images[:IMAGES]
    mean_image = evaluation.mean_image_distortion(digits.train_images, images)
    ends = []
    with denormals_as_zero():
        for seed in SEEDS:
            model = lab.train_recipe(digits.train_images, seed, **dict(settings))
            ends.append(lab.judge_recipe(model, digits.train_images, images, seed))
    distortion, rate = (sum(end[key] for end in ends) / len(ends) for key in ("distortion", "rate"))
    return Gains(mean_image - distortion, mean_image - distortion - lab.BETA * rate, rate)


class RecipeExercise(Exercise):
    """A function without arguments that returns settings of `lab.train_recipe`, and its check.

    right: such a function. mistakes: answers whose diagnosis needs no training, for the tests.
    gains: what settings reach, as the function `gains`.
    """

    def __init__(self, name, right, mistakes, hints, gains=gains):
        super().__init__(name, right, None, mistakes, hints)
        self._gains = gains

    def _compare(self, answer):
        outcome = run(_settings, (answer,))
        if outcome.trouble:
            return self._failed(outcome.trouble)
        if outcome.value is ...:
            return self._unanswered()
        if isinstance(outcome.value, str):
            return self._failed(outcome.value)
        settings = NOTHING | outcome.value
        trouble = _not_allowed(settings) or _changes_nothing(settings)
        if trouble:
            return self._failed(trouble)
        reached = self._gains(tuple(settings.items()))
        told = (f"Over two seeds and after {settings['steps']} steps, your recipe is "
                f"{measured(reached.objective)} nats better than the mean image by D + 9.8 R")
        if reached.objective >= DEMAND:
            return self._passed(f"Right. {told}. Batch norm alone reaches about 6.")
        if not all(map(math.isfinite, reached)):
            return self._failed("With these settings the loss becomes infinite. Lower the "
                                "learning rate.")
        if reached.objective < 0:
            told = told.replace(measured(reached.objective), measured(-reached.objective))
            told = told.replace("better", "worse")
        return self._failed(f"{told}; {DEMAND:g} are asked for. {_reason(settings, reached)}")


def _settings(answer):
    """What the learner's function returns, as plain numbers, or what is wrong with it, in words."""
    given = answer()
    if given is ...:
        return given
    if isinstance(given, nn.Module):
        return ("You return a model. Return the settings alone; the check trains with them, so "
                "that everybody has the same budget.")
    if not isinstance(given, dict):
        return 'Return a dictionary of settings, such as {"learning_rate": 0.003}.'
    unknown = [str(name) for name in given if name not in NOTHING]
    if unknown:
        return (f"train_recipe has no setting called {', '.join(unknown)}. It takes "
                f"{', '.join(NOTHING)}.")
    return {name: bool(value) if name == "batch_norm" else
            int(value) if name in WHOLE and value == int(value) else float(value)
            for name, value in given.items()}


def _not_allowed(settings):
    """Why these settings cannot be tried, in words, or None."""
    if settings["steps"] > lab.BUDGET:
        return (f"{settings['steps']:g} steps are more than the budget of {lab.BUDGET}. Nearly "
                "any recipe looks better with more steps: keep the budget, change the recipe.")
    if any(isinstance(settings[name], float) for name in WHOLE):
        return "warm_up and steps are whole numbers of steps."
    if not all(map(math.isfinite, settings.values())) or settings["learning_rate"] <= 0:
        return "Every setting must be finite, and the learning rate above 0."
    if settings["steps"] < 1 or settings["warm_up"] < 0 or settings["beta"] < 0:
        return "There is at least 1 step, and neither warm_up nor beta is negative."
    return None


def _changes_nothing(settings):
    if settings == NOTHING:
        return "These are the settings without any remedy. Change at least one."
    return None


def _reason(settings, reached):
    """The likeliest reason why a recipe is not good enough, in words."""
    if settings["beta"] < lab.BETA and reached.distortion >= DEMAND:
        return (f"By distortion alone it gains {measured(reached.distortion)} nats. But you "
                f"trained at β = {settings['beta']:g}, so its codes cost {measured(reached.rate)} "
                "nats of rate, and each counts 9.8 times. End the training at β = 9.8; a warm-up "
                "may begin lower.")
    if settings["beta"] > lab.BETA:
        return ("You trained at a larger β than the one you are judged by: that presses the rate "
                "further down and makes the plateau harder to leave.")
    if settings["logvar"] > 0:
        return (f"logvar is the logarithm of the variance: {settings['logvar']:g} begins with more "
                "noise than the prior has. A small variance has a negative logarithm.")
    if settings["warm_up"] > settings["steps"]:
        reached_beta = settings["beta"] * settings["steps"] / settings["warm_up"]
        return (f"Your warm-up is longer than the training: β only reaches {reached_beta:.1f}. Let "
                "it reach 9.8 within the budget.")
    if settings["learning_rate"] < 0.003:
        return ("A learning rate this small does not get far in so few steps, whatever else you "
                "change.")
    if settings["steps"] < lab.BUDGET:
        return f"You may use all {lab.BUDGET} steps."
    changed = [name for name in NOTHING if settings[name] != NOTHING[name]]
    if len(changed) == 1:
        return f"You changed {changed[0]} alone. Remedies can be combined."
    if not settings["batch_norm"]:
        return "Your recipe leaves out batch norm, which gains most of the four when used alone."
    if not settings["warm_up"]:
        return "Your recipe has batch norm but no warm-up. Let β rise within the budget."
    return "Try check.recipe.hint(1)."
