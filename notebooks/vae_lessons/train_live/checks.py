"""Exercises of notebook 04."""

import math

import torch

from vae_helpers import data, evaluation, schedules, training
from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Checked, Exercise, Mistake
from vae_helpers.check.runner import run
from vae_helpers.claims import measured
from vae_helpers.threads import one_thread
from vae_lessons.train_live.lab import panel_trainer
from vae_lessons.train_live.resuming import resume  # noqa: F401


def _cyclical(step, period, ramp, beta):
    """What the package's schedule gives, for a tensor of steps."""
    schedule = schedules.cyclical(period, ramp, beta)
    return torch.tensor([schedule(s) for s in step.tolist()])


def _cyclical_cases():
    return [(torch.arange(25), 10, 0.5, 2.0), (torch.arange(31), 12, 0.75, 1.0),
            (torch.arange(8), 4, 1.0, 0.5)]


def _phase(s, p):
    return (s % p) / p


cyclical_beta = Exercise(
    "cyclical_beta",
    _cyclical,
    _cyclical_cases,
    [
        Mistake(lambda s, p, r, b: b * (s / (r * p)).clamp(max=1),
                "This rises once and stays: a warm-up. Which step of its own period is step s?"),
        Mistake(lambda s, p, r, b: b * _phase(s, p),
                "ramp is not used: β rises over the whole period, and never rests."),
        Mistake(lambda s, p, r, b: b * _phase(s, p) / r,
                "There is no cap: after the ramp β goes on rising beyond the target."),
        Mistake(lambda s, p, r, b: (b * _phase(s, p) / r).clamp(max=1),
                "The cap is 1. It should be the target β: take the minimum before you multiply."),
        Mistake(lambda s, p, r, b: (_phase(s, p) / r).clamp(max=1),
                "The target β is not used: every cycle ends at 1."),
        Mistake(lambda s, p, r, b: b * _phase(s, p).clamp(max=r),
                "Your β stops at ramp · beta. Divide by ramp first, then cap at 1."),
        Mistake(lambda s, p, r, b: _phase(s, p).clamp(max=r),
                "Your β stops at ramp. Divide by ramp, cap at 1, then multiply by beta."),
        Mistake(lambda s, p, r, b: b * (_phase(s, p) / (1 - r + 1e-12)).clamp(max=1),
                "You rise over the share 1 − ramp. ramp is the share of the period that rises."),
        Mistake(lambda s, p, r, b: (_phase(s, p) / r).clamp(max=b),
                "β caps the rise but does not scale it. Cap at 1, then multiply by beta."),
        Mistake(lambda s, p, r, b: b * ((s % (r * p)) / (r * p)),
                "The cycle begins again when the ramp ends: there is no rest. The remainder is by "
                "period."),
        Mistake(lambda s, p, r, b: b * (_phase(s, p) / r) * (_phase(s, p) <= r),
                "After the ramp β rests at the target, not at 0."),
        Mistake(lambda s, p, r, b: b * ((_phase(s, p) - (1 - r)) / r).clamp(0, 1),
                "You rest first. Each period begins with the rise."),
        Mistake(lambda s, p, r, b: b * (1 - (_phase(s, p) / r).clamp(max=1)),
                "This falls from the target to 0. Each cycle begins at 0."),
        Mistake(lambda s, p, r, b: b * (_phase(s + 1, p) / r).clamp(max=1),
                "A step too early: step 0 of every period has β = 0."),
        Mistake(lambda s, p, r, b: b * ((s % p + 1) / (r * p)).clamp(max=1),
                "A step too early: step 0 of every period has β = 0."),
        Mistake(lambda s, p, r, b: b * (s // p / r).clamp(max=1),
                "// counts whole periods. The place within the period is the remainder, %."),
        Mistake(lambda s, p, r, b: b * min(1, _phase(s, p) / r),
                "Python's min, max and if decide once, for a single number; step holds many. "
                ".clamp(max=1) caps each of them."),
        Mistake(lambda s, p, r, b: b * (1 - (math.pi * (_phase(s, p) / r).clamp(max=1)).cos()) / 2,
                "β rises along a cosine. A straight line is asked for."),
        Mistake(lambda s, p, r, b: b * ((s % p) / r).clamp(max=1),
                "ramp is a share of the period, not a number of steps: the rise takes ramp · "
                "period."),
    ],
    [
        "Where in its own period is step s? The remainder of a division tells.",
        "Within a period: rise in a straight line over ramp · period steps, then stay.",
        "beta * ((step % period) / (ramp * period)).clamp(max=1).",
    ],
)


def _counts(function):
    """A mistake of `global_step`, in whole numbers."""
    return lambda epoch, batch, images, size: function(epoch, batch, images, size).long()


global_step = Exercise(
    "global_step",
    lambda epoch, batch, images, size: epoch * math.ceil(images / size) + batch,
    lambda: [(0, torch.arange(3), 55_000, 800), (2, torch.tensor([0, 68]), 55_000, 800),
             (7, torch.arange(5), 60_000, 100), (4, torch.arange(3), 1_000, 300)],
    [
        Mistake(_counts(lambda e, b, n, s: b + s * e),
                "The batch size stands where the number of batches in an epoch belongs. With 69 "
                "batches of 800 the numbers jump by 800 from epoch to epoch; with 275 batches of "
                "200, two steps get the same number."),
        Mistake(_counts(lambda e, b, n, s: math.ceil(e * n / s) + b),
                "You round up once for all epochs. Each epoch ends with a smaller batch of its "
                "own: round up n / size, then multiply."),
        Mistake(_counts(lambda e, b, n, s: e * round(n / s) + b),
                "round may go down, and then the last batch is lost. Round up."),
        Mistake(_counts(lambda e, b, n, s: e * (n // s + 1) + b),
                "n // size + 1 is one too many where size divides n. Use math.ceil."),
        Mistake(_counts(lambda e, b, n, s: int(e * n / s) + b),
                "n / size is no whole number: round up n / size, then multiply."),
        Mistake(_counts(lambda e, b, n, s: (e - 1) * math.ceil(n / s) + b),
                "Epochs are counted from 0: before epoch 1 lies one whole epoch."),
        Mistake(_counts(lambda e, b, n, s: e * (n // s) + b),
                "n // size forgets the last, smaller batch: each epoch's first number repeats the "
                "number of the last batch before it. Round up."),
        Mistake(_counts(lambda e, b, n, s: e * n + b),
                "You count images where steps belong: an epoch has ⌈n / size⌉ steps."),
        Mistake(_counts(lambda e, b, n, s: e * n + b * s),
                "This counts images seen. A step is one batch."),
        Mistake(_counts(lambda e, b, n, s: b),
                "The epoch is not used: every epoch would be drawn over the one before."),
        Mistake(_counts(lambda e, b, n, s: (e + 1) * math.ceil(n / s) + b),
                "An epoch too far: epochs are counted from 0, and epoch 0 has none before it."),
        Mistake(_counts(lambda e, b, n, s: e * math.ceil(n / s) + b + 1),
                "One too many: before the first batch of epoch 0 no step has been made."),
        Mistake(lambda e, b, n, s: e * n / s + b,
                "n / size is no whole number: the last batch of an epoch is smaller, but it is a "
                "step. Round up."),
    ],
    [
        "How many steps does a whole epoch have, the last, smaller batch among them?",
        "⌈n / size⌉, a division rounded up: math.ceil.",
        "epoch * math.ceil(images / batch_size) + batch.",
    ],
)
checkpoint_parts = Choice(
    "checkpoint_parts",
    "ABCDEG",
    {
        "A": "without the weights there is nothing to go on from.",
        "B": "the running statistics of batch normalisation are not parameters, yet evaluation "
             "uses them. They belong to the model's state_dict.",
        "C": "Adam divides by its averages of earlier gradients. From zero they would give other "
             "steps.",
        "D": "the next draws of ε and the next epoch's order come from the generator.",
        "E": "a run is interrupted in the midst of an epoch, and each image is to be seen once.",
        "F": "the next step computes its own loss. The old one changes nothing.",
        "G": "a schedule of β asks which step it is, and so does Adam's correction of its first "
             "averages.",
        "H": "gradients are set to zero before each step.",
    },
    [
        "Go through one step of training: what does it read that it has not computed itself?",
        "It reads the weights, what the optimiser remembers, a batch, ε and β, and to update the "
        "running statistics the old ones.",
        "Two of the eight are computed anew in each step.",
    ],
)


class ScheduleExercise(Checked):
    """A schedule of β for the learner to choose, and the check that trains with it.

    It must stand at `target` for the last tenth of `steps` steps. The check trains the repaired
    recipe's model with it, from a fixed seed on one thread. Distortion + `target` · rate of the
    validation images must end at `wanted` nats or less; `constant` is what a constant β gives.
    """

    def __init__(self, name, hints, *, target, steps, constant, wanted):
        super().__init__(name, hints)
        self.target, self.steps, self.constant, self.wanted = target, steps, constant, wanted

    def _judge(self, answer):
        if answer is ...:
            return self._unanswered()
        if not callable(answer):
            return self._failed("A function from the step to β is expected, such as "
                                "warm_up(100, beta=9.8).")
        outcome = run(lambda: [answer(step) for step in range(self.steps)], ())
        if outcome.trouble:
            return self._failed(outcome.trouble)
        if any(beta is ... for beta in outcome.value):
            return self._unanswered()
        betas = run(lambda: [float(beta) for beta in outcome.value], ()).value
        if betas is None:
            return self._failed("The schedule must give one number for each step.")
        trouble = self._unfit(betas)
        if trouble:
            return self._failed(trouble)
        try:
            loss = self._trained(betas)
        except training.TrainingDiverged:
            return self._failed(
                f"Training diverged: its loss or its gradient became infinite or NaN. Your β goes "
                f"up to {max(betas):.3g}; keep it near {self.target:g}.")
        found = f"Distortion + {self.target:g} · rate ends at {measured(loss)} nats"
        if loss <= self.wanted:
            return self._passed(f"{found}; a constant β ends at about {self.constant:g}.")
        return self._failed(f"{found}; {self.wanted:g} or less is wanted. {self._reason(betas)}")

    def _unfit(self, betas):
        if not all(math.isfinite(beta) and beta >= 0 for beta in betas):
            return "β must be a finite number of at least 0 at every step."
        last = betas[-self.steps // 10:]
        if max(abs(beta - self.target) for beta in last) > 0.01 * self.target:
            return (f"For the last {self.steps // 10} of {self.steps} steps β must be "
                    f"{self.target:g}; yours is {last[0]:.3g} then and ends at {last[-1]:.3g}. "
                    + self._wrong_end(last[-1]))
        return ""

    def _wrong_end(self, last):
        if 0.95 * self.target < last <= self.target:
            return "It arrives too late."
        return f"A β that ends elsewhere than at {self.target:g} trains another objective."

    def _reason(self, betas):
        early = sum(betas[:self.steps // 3]) / (self.steps // 3)
        if len(set(betas)) == 1:
            return "This is a constant β: the rate is expensive before the decoder can use z."
        if early > self.target / 2:
            return (f"Over the first third β is {early:.2g} on average. Begin lower, so that the "
                    "decoder learns to use z first.")
        first = next(k for k, beta in enumerate(betas) if min(betas[k:]) >= 0.99 * self.target)
        if first > 0.8 * self.steps:
            return (f"β reaches {self.target:g} only at step {first}: the model has too few steps "
                    "left to adapt. Arrive earlier.")
        return "Begin lower, or let β rise more slowly."

    @one_thread()
    def _trained(self, betas):
        trainer = panel_trainer("the repaired recipe", 0, beta=betas.__getitem__)
        training.train(trainer, self.steps)
        found = evaluation.evaluate(trainer.model, data.load_mnist().validation_images, seed=0)
        return found.distortion + self.target * found.rate


good_schedule = ScheduleExercise(
    "good_schedule",
    [
        "Which β lets the decoder learn to use z in the first steps, a low or a high one?",
        "Begin near 0, rise in a straight line, and leave some steps at 9.8: warm_up does this.",
        "warm_up(200, beta=9.8).",
    ],
    target=9.8, steps=300, constant=194, wanted=190,
)
