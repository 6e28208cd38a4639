# ruff: noqa: F821
"""Right answers to notebook 05, written otherwise than its solutions."""

my_slope = [2, 4.0]

my_fair = "b, d, f"


def my_free_bits_loss(distortion, rates, beta, free_bits):
    floor = torch.full_like(rates[0], free_bits)  # [latent]
    return distortion.sum() / len(distortion) + beta * torch.maximum(rates.mean(dim=0), floor).sum()


my_dimensions = [5, 4]
