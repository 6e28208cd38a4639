"""Exercises of notebook 04."""

import math

import torch

from vae_helpers import data, evaluation, schedules, training
from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Checked, Exercise, Mistake
from vae_helpers.check.runner import run
from vae_helpers.threads import one_thread
from vae_lessons.build_a_vae.lab import CoderVAE


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
                "This is the note's own slip: the batch size stands where the number of batches in "
                "an epoch belongs. Our 69 batches an epoch then leave 731 numbers out after every "
                "epoch; the note, which dropped the last, smaller batch, had 68 and left out 732."),
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
        "B": "the running statistics of batch normalisation are no parameters, yet evaluation uses "
             "them. They belong to the model's state_dict.",
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


class LivingLatents(Checked):
    """A schedule of β for the learner to choose, and the check that trains with it.

    It must end at `target`, for the last tenth of `steps` steps. The check trains a
    `CoderVAE` with it, from a fixed seed on one thread, and counts the latents whose
    rate on 2,000 test images exceeds `used` nats: `wanted` of them must.
    """

    def __init__(self, name, hints, *, target, steps, wanted, used):
        super().__init__(name, hints)
        self.target, self.steps, self.wanted, self.used = target, steps, wanted, used

    def _judge(self, answer):
        if answer is ...:
            return self._unanswered()
        if not callable(answer):
            return self._failed("A function from the step to β is expected, such as "
                                "schedules.warm_up(100, beta=4.0).")
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
            alive = self._alive(betas)
        except training.TrainingDiverged:
            return self._failed(
                f"Training diverged: its loss or its gradient became infinite or NaN. Your β goes "
                f"up to {max(betas):.3g}; keep it near {self.target:g}.")
        found = f"⟨{alive}⟩ of 8 latents carry more than {self.used:g} nats"
        if alive >= self.wanted:
            return self._passed(f"{found}, and β ended where it should.")
        return self._failed(f"{found}; {self.wanted} are wanted. {self._reason(betas)}")

    def _unfit(self, betas):
        if not all(math.isfinite(beta) and beta >= 0 for beta in betas):
            return "β must be a finite number of at least 0 at every step."
        last = betas[-self.steps // 10:]
        if max(abs(beta - self.target) for beta in last) > 0.01 * self.target:
            return (f"For the last {self.steps // 10} of {self.steps} steps β must be "
                    f"{self.target:g}; yours is {last[0]:.3g} then and ends at {last[-1]:.3g}. A β "
                    "that stays low makes another objective, not a schedule.")
        return ""

    def _reason(self, betas):
        early = sum(betas[:self.steps // 3]) / (self.steps // 3)
        if len(set(betas)) == 1:
            return "This is a constant β: the latents are priced before they can say anything."
        if early > self.target / 2:
            return (f"Over the first third β is {early:.2g} on average: early on the latents know "
                    "little, and a high price closes them. Begin lower.")
        return "Begin lower, or stay low for longer."

    @one_thread()
    def _alive(self, betas):
        digits = data.load_mnist()
        model = CoderVAE(heads="linear", eps=1e-5, momentum=0.1, seed=0)
        trainer = training.Trainer(
            model, digits.train_images, batch_size=200, learning_rate=3e-3,
            beta=betas.__getitem__, seed=0,
        )
        training.train(trainer, self.steps)
        rates = evaluation.rate_per_latent(model, digits.validation_images)  # [latent]
        return int((rates > self.used).sum())


living_latents = LivingLatents(
    "living_latents",
    [
        "When do latents close: early, when they say little, or late?",
        "A warm-up from the first step on may still be too dear. Let β stay small until the "
        "latents carry something, then raise it.",
        "0.05 for the first 200 steps, then a straight line that reaches 4 at step 360.",
    ],
    target=4.0, steps=400, wanted=6, used=0.05,
)
