"""What a learner did with the panel of notebook 04, and what came of it, in words.

Each function takes the panel's stages (`lab.Stage`), the oldest first.
"""

import itertools

from vae_helpers.claims import measured

ENOUGH = 0.4  # epochs that a stage must last to count
HIGH, ORDINARY, LOW = 50.0, (0.5, 2.0), 0.02  # values of β
SAFE, LARGE = 0.02, 0.05  # learning rates
NATS = "nats per image"


def raised_and_lowered(stages):
    """Whether β went from about 1 to `HIGH` or more and back, and what the latents did."""
    for before, high, after in _runs_of(stages, 3):
        if _ordinary(before) and high.beta >= HIGH and _ordinary(after):
            return (f"Done. β: {before.beta:g}, {high.beta:g}, {after.beta:g}. "
                    f"Active latents: {_active(before)}, {_active(high)}, {_active(after)}.\n"
                    f"−ELBO: {measured(before.neg_elbo)}, {measured(high.neg_elbo)}, "
                    f"{measured(after.neg_elbo, NATS)}, the last after "
                    f"{measured(after.epochs, 'epochs')} back at β = {after.beta:g}.")
    for before, high in _runs_of(stages, 2):
        if _ordinary(before) and high.beta >= HIGH:
            return (f"Half done. At β = {high.beta:g} the active latents went from "
                    f"{_active(before)} to {_active(high)}.\nNow turn β down to 1, train for "
                    "an epoch, and run this cell again.")
    return ("Not done yet. In the panel: Train on, β up to 100 for half an epoch, back to 1 for "
            "an\nepoch. Then run this cell again.")


def almost_free(stages):
    """Whether a run trained at β = `LOW` or less, and what its rate was beside one at about 1."""
    low = [stage for stage in stages if stage.beta <= LOW and stage.epochs >= ENOUGH]
    if not low:
        return ("Not done yet. In the panel: Reset, β to 0.01, Train on for an epoch.\n"
                "Then run this cell again.")
    found = low[-1]
    text = (f"Done. At β = {found.beta:g} the rate is {measured(found.rate)} and the distortion "
            f"{measured(found.distortion, NATS)}.")
    ordinary = [stage for stage in stages if _ordinary(stage) and stage.epochs >= ENOUGH]
    if ordinary:
        before = ordinary[0]
        text += (f"\nAt β = {before.beta:g} you had a rate of {measured(before.rate)} and a "
                 f"distortion of {measured(before.distortion, NATS)}.")
    return text


def too_fast(stages):
    """Whether a run trained at a learning rate of `LARGE` or more after a safe one."""
    for before, fast in _runs_of(stages, 2, enough=0.1):
        if before.learning_rate <= SAFE and fast.learning_rate >= LARGE:
            return (f"Done. −ELBO: {measured(before.neg_elbo)} at a learning rate of "
                    f"{before.learning_rate:.2g}, then {measured(fast.neg_elbo, NATS)} at "
                    f"{fast.learning_rate:.2g}.")
    return ("Not done yet. In the panel: Reset, train for an epoch, then train half an\n"
            "epoch with the learning rate at its upper end. Then run this cell again.")


def _runs_of(stages, count, enough=ENOUGH):
    """Each `count` stages that followed one another in one run, the latest first.

    Short stages, which a slider on its way leaves behind, are left out.
    """
    found = []
    for _run, group in itertools.groupby(stages, lambda stage: stage.run):
        long = [stage for stage in group if stage.epochs >= enough]
        found += [long[k:k + count] for k in range(len(long) - count + 1)]
    return reversed(found)


def _ordinary(stage):
    return ORDINARY[0] <= stage.beta <= ORDINARY[1]


def _active(stage):
    return "unknown" if stage.active is None else measured(stage.active)
