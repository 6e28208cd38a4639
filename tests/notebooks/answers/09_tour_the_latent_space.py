# ruff: noqa: F821
"""Right answers to notebook 09, written otherwise than its solutions."""


def my_quantile_grid(side):
    middles = torch.linspace(0.5 / side, 1 - 0.5 / side, side)
    return torch.distributions.Normal(0.0, 1.0).icdf(middles)


def my_slant(pictures):
    down, across = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    found = []
    for ink in pictures:
        weight = ink / ink.sum()
        up = -(down - (weight * down).sum())
        right = across - (weight * across).sum()
        found.append((weight * up * right).sum() / (weight * up * up).sum())
    return torch.stack(found)


my_covered = 5_500_000 * math.exp(-16)

my_midpoint_norm = math.sqrt(50)


def my_slerp(first, second, t):
    lengths = torch.linalg.norm(first, dim=1), torch.linalg.norm(second, dim=1)  # [batch] each
    angle = torch.arccos((first * second).sum(1) / lengths[0] / lengths[1])[:, None]
    a, b = torch.sin((1 - t) * angle) / torch.sin(angle), torch.sin(t * angle) / torch.sin(angle)
    return a * first + b * second


my_readable = {"e", "a"}
