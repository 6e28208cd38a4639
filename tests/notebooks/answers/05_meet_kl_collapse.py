# ruff: noqa: F821
"""Right answers to notebook 05, written otherwise than its solutions."""

my_slope = 4.0

my_fair = "b, d, f"


def my_penalty(rates, free_bits):
    average = rates.mean(dim=0)  # [batch, latent] -> [latent]
    return torch.where(average > free_bits, average, torch.full_like(average, free_bits)).sum()


my_dimensions = [5, 4]
