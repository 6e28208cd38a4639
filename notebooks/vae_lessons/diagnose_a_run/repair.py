"""The check of a repaired training function: it trains, and names the faults that remain."""

import contextlib
import inspect
import math
from statistics import median
from typing import NamedTuple

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from vae_helpers import data, evaluation
from vae_helpers.check.exercise import Exercise, Mistake, Result
from vae_helpers.check.runner import run
from vae_helpers.claims import measured
from vae_helpers.threads import denormals_as_zero, one_thread
from vae_lessons.diagnose_a_run import scripts
from vae_lessons.diagnose_a_run.watching import Enough, Watch, Watched, noise_of, pull, targets

WANTED = 130.0  # nats per image: −ELBO of the validation images
SEED = 1
TIME_LIMIT = 120.0  # seconds for a training, which takes about five on a quick computer
PASSES = 12  # of the short training in which the faults are looked for
LATE = 0.75  # the KL weight is taken from passes after this share of the steps
EVERY = 10  # one of so many late passes is recorded


class Training(NamedTuple):
    """A whole training: −ELBO in nats per image, steps made, and β at its end (NaN: unknown)."""

    nats: float
    steps: int
    beta: float


class Facts(NamedTuple):
    """What the first passes of a training show.

    inputs, targets: lowest and highest value given to the encoder and to the likelihood. noise,
    spread, deviation: as `noise_of` returns them; beta, reached, narrowed: as `pull` does. kept:
    the share of the gradients before a step that the step still uses. moved: the largest change of
    a weight in a step. Numbers are medians over passes or steps; NaN if nothing was recorded.
    """

    inputs: tuple
    targets: tuple
    noise: str
    spread: float
    deviation: float
    beta: float
    reached: float
    narrowed: float
    kept: float
    moved: float


def trained(function):
    """The `Training` by the learner's `function`; a string or ``...`` if it returns no model."""
    watch, returned = _watched(function, after=LATE * scripts.STEPS, every=EVERY)
    if returned is ...:
        return returned
    if returned is None:
        return NOTHING
    if not isinstance(returned, Watched):
        return ANOTHER
    model = scripts.new_model(SEED)  # a plain model gets the weights
    model.load_state_dict(returned.state_dict())
    with one_thread(), denormals_as_zero():
        found = evaluation.evaluate(model, data.load_mnist().validation_images, seed=SEED)
    betas = [pull(one)[0] for one in watch.passes]
    return Training(-found.elbo, max(watch.steps.values()), middle(betas))


def observed(function):
    """The `Facts` of the first passes of the learner's `function`; None if it makes none."""
    watch, _ = _watched(function, stop=PASSES, closely=True)
    passes = [one for one in watch.passes if one.z and one.gradients]
    if not passes:
        return None
    inputs = [(one.inputs.min().item(), one.inputs.max().item()) for one in passes]
    return Facts(
        middles(inputs), middles(map(targets, passes)), *noise_of(passes),
        *middles(map(pull, passes)), middle(watch.kept[1:]), middle(watch.moved),
    )


def _watched(function, **settings):
    """The `Watch` of a call of `function`, and what the function returns."""
    model = scripts.new_model(SEED, Watched)
    if settings.get("closely"):
        _spread_out(model)
    batches = scripts.Minibatches(data.load_mnist().train_images, seed=SEED)
    watch = model.watch = Watch(model, **settings)
    hook, returned = register_optimizer_step_post_hook(watch.stepped), None
    try:
        with one_thread(), denormals_as_zero(), contextlib.suppress(Enough):
            returned = function(model, batches, torch.Generator().manual_seed(SEED))
    finally:
        hook.remove()
        model.watch = None
    return watch, returned


@torch.no_grad()
def _spread_out(model):
    """Give each latent its own posterior variance at first, and all larger means.

    With variances near 1, as in a new model, a standard deviation and a variance look the same.
    """
    last = model.encoder[-1]
    last.weight[:model.latent] *= 5
    last.bias[model.latent:] = torch.linspace(-3, 1, model.latent)


def middle(values):
    """The median of the values that are not NaN; NaN if there are none."""
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan


def middles(rows):
    """The `middle` of each column of `rows`: a tuple."""
    return tuple(map(middle, zip(*rows)))


def _range(low, high):
    return f"{low:.3g} to {high:.3g}".replace("-", "−")


def faults(facts, beta):
    """The faults in words that `facts` and the effective β at the end of a training show.

    facts: None if nothing is known. beta: NaN if unknown; that of the first passes then counts.
    """
    if facts and math.isnan(beta):
        beta = facts.beta
    views = (_of_pixels, _of_noise, _of_gradient, _of_logvar, _of_steps) if facts else ()
    return [told for told in (*(view(facts) for view in views), _of_beta(beta)) if told]


def _of_pixels(facts):
    encoder, likelihood = (low < -0.05 or high > 1.05 for low, high in facts[:2])
    if likelihood:
        return (f"The Bernoulli likelihood has to predict targets from {_range(*facts.targets)}, "
                "and a Bernoulli pixel lies in [0, 1]. For a target outside, the cross entropy has "
                "no minimum: the logits grow on and on.")
    return encoder and (
        f"In training the encoder gets inputs from {_range(*facts.inputs)}. The model is judged, "
        "and used later, on pixels in [0, 1], which it has then never seen.")


def _of_noise(facts):
    if facts.noise == "none":
        return "The code z is the mean itself: no noise is added to it, so nothing limits the rate."
    where = (f"where q(z|x) has the standard deviation {measured(facts.deviation)}, your z spreads "
             f"by {measured(facts.spread)} around the mean")
    return {
        "variance": f"The noise in z has the wrong size: {where}. That is the variance of q(z|x).",
        "floor": "The posterior variance never falls below 1 where you draw z: "
                 f"{where}. Every negative logvar counts as 0, and its gradient is lost.",
        "other": f"The noise in z has the wrong size: {where}.",
    }.get(facts.noise)


def _of_gradient(facts):
    return facts.reached < 0.2 and (
        "The encoder learns nothing from the distortion: its gradient comes back as far as z and "
        "does not reach the mean. The KL alone trains the encoder.")


def _of_logvar(facts):
    return facts.noise == "right" and abs(facts.narrowed) < 0.2 and (
        "The KL does not act on a negative logvar: its gradient is lost there, and nothing stops "
        "the posterior variance from shrinking.")


def _of_steps(facts):
    return facts.kept > 0.5 and (
        "A step does not follow the gradient of its own minibatch: the parameters' gradients still "
        "hold those of all steps before it, added up.")


PIXELS, IMAGES, LATENTS = 784, scripts.BATCH_SIZE, scripts.LATENT
CAUSES = {  # β, and how people come to it
    PIXELS: "That is the number of pixels: the distortion is averaged over the pixels.",
    PIXELS / LATENTS: "That is pixels ÷ latents: both parts are averaged over an image.",
    1 / LATENTS: "That is 1 ÷ the number of latents: the KL is averaged over them.",
    IMAGES: "That is the number of images: the KL is summed over the minibatch.",
    1 / IMAGES: "That is 1 ÷ the number of images: the distortion is summed over the minibatch.",
    1 / (IMAGES * LATENTS): "The distortion is summed over the minibatch, and the KL averaged "
                            "over minibatch and latents.",
    IMAGES * PIXELS: "The KL is summed over the minibatch, and the distortion averaged over "
                     "minibatch and pixels.",
    2: "The KL is twice as large as it should be.",
    1 / 2: "The KL is half as large as it should be.",
    -1: "The KL has the wrong sign.",
}


def _of_beta(beta):
    if math.isnan(beta) or 0.8 < beta < 1.25:
        return None
    causes = [cause for value, cause in CAUSES.items() if 0.95 < beta / value < 1.05]
    return (f"Your loss is not −ELBO: its gradient weighs the KL with "
            f"β = {measured(beta)}. " + "".join(causes)).rstrip()


NOTHING = "Your function returned nothing: is its return missing? End with: return model"
ANOTHER = ("Your function must return the model that it was given, after training, or a copy of "
           "that model.")


class RepairExercise(Exercise):
    """A training function for the learner to repair, and the check that trains with it.

    right: such a function of model, batches and generator. faulty: the one that the notebook shows,
    which counts as unanswered while it is unchanged. hints: as for `Exercise`. An answer
    passes if −ELBO of the validation images ends below WANTED nats within scripts.STEPS steps.
    """

    def __init__(self, name, right, faulty, hints):
        mistakes = [  # these need no training
            Mistake(lambda model, batches, generator: None, NOTHING),
            Mistake(lambda model, batches, generator: scripts.new_model(SEED), ANOTHER),
        ]
        super().__init__(name, right, None, mistakes, hints)
        self._faulty = faulty

    def _unanswered(self):
        return Result(self.name, "unanswered", "Repair the function above, then run again.")

    def _compare(self, answer):
        if run(_unchanged, (answer, self._faulty)).value:
            return self._unanswered()
        outcome = run(trained, (answer,), TIME_LIMIT)
        if outcome.trouble:
            return self._failed(outcome.trouble)
        if outcome.value is ...:
            return self._unanswered()
        if isinstance(outcome.value, str):
            return self._failed(outcome.value)
        return self._judged(answer, outcome.value)

    def _judged(self, answer, found):
        """The `Result` of a whole training."""
        if found.steps > scripts.STEPS:
            return self._failed(f"You make {found.steps} steps; {scripts.STEPS} are allowed, one "
                                "for each minibatch. Repair the function instead.")
        told = (f"−ELBO of the validation images ends at {measured(found.nats)} nats" if
                math.isfinite(found.nats) else "−ELBO becomes infinite or NaN")
        if found.nats < WANTED:
            return self._passed(f"Right: {told}; less than {WANTED:g} were asked for.")
        facts = run(observed, (answer,), TIME_LIMIT).value
        seen = faults(facts, found.beta)
        numbered = [f"({k}) {fault}" for k, fault in enumerate(seen, 1)]
        told += f"; less than {WANTED:g} are asked for. "
        return self._failed(told + (" ".join(numbered) or self._unknown(found, facts)))

    def _unknown(self, found, facts):
        """What is known of a training that is not good enough though no fault is seen in it."""
        told = f"No known fault is seen. Your function makes {found.steps} of {scripts.STEPS} steps"
        if not math.isnan(found.beta):
            told += f", and the effective β at the end is {measured(found.beta)}"
        if facts and not math.isnan(facts.moved):
            told += f". A step changes a weight by up to {measured(facts.moved)} (ours: 0.004)"
        return f"{told}. Try check.{self.name}.hint(1)."


def _unchanged(answer, faulty):
    """Whether `answer` executes what `faulty` does, defined alone in a notebook's cell."""
    # Where a module of the same file's imports is called, Python compiles to other instructions.
    cell = {}
    exec(compile(inspect.getsource(faulty), "<cell>", "exec"), cell)
    return _executed(answer) in map(_executed, (faulty, cell[faulty.__name__]))


def _executed(function):
    code = function.__code__
    return code.co_code, code.co_names, [
        constant for constant in code.co_consts if constant != function.__doc__]


first = RepairExercise("repair_1", scripts.repaired_training_1, scripts.faulty_training_1, [
    "Follow one image through the loop. Which values do its pixels have when the likelihood "
    "compares them? How far does its code lie from the mean? Over what is each of the two parts "
    "of the loss summed, and over what is it averaged?",
    "A Bernoulli pixel lies in [0, 1]. The standard deviation of N(m, v) is the square root of v, "
    "and logvar is log v. Distortion and KL of an image are sums over its pixels and its latents; "
    "only images are averaged.",
    "Delete the line that changes x. Write std = (0.5 * logvar).exp(), and "
    "distortion = bce.sum(-1).mean().",
])
second = RepairExercise("repair_2", scripts.repaired_training_2, scripts.faulty_training_2, [
    "Which values can the posterior variance take here? Through which line would a gradient have "
    "to go from z back to the encoder? And when are the gradients of the last step forgotten?",
    "A logvar may be negative. torch.normal draws, and gives mean and std the gradient 0; the "
    "reparameterisation trick does better. PyTorch adds a new gradient to the old one until it is "
    "told to forget that.",
    "Delete the line with F.relu. Write z = mean + std * torch.randn(mean.shape, "
    "generator=generator). Write optimizer.zero_grad() before loss.backward().",
])
