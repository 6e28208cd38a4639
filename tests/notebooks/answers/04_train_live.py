# ruff: noqa: F821
"""Right answers to notebook 04, written otherwise than its solutions."""


def my_cyclical_beta(step, period, ramp, beta):
    done = step.remainder(period).double() / period  # [t], the share of the period that is over
    return torch.where(done < ramp, beta * done / ramp, torch.full_like(done, beta))


my_living_latents = lambda step: min(4.0, max(0.02, (step - 215) / 36))

my_checkpoint_parts = {"a", "b", "c", "d", "e", "g"}


def my_global_step(epoch, batch, images, batch_size):
    steps_per_epoch = (images + batch_size - 1) // batch_size
    return batch.add(steps_per_epoch * epoch)
