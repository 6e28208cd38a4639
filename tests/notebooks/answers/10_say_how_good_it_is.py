# ruff: noqa: F821
"""Right answers to notebook 10, written otherwise than its solutions."""

my_bits_to_nats = 0.16 * 784 / math.log2(math.e)


def my_group_bounds(log_weights, k):
    groups = log_weights.split(k)  # [k, n] each
    whole = [one for one in groups if len(one) == k]
    return torch.stack([one.logsumexp(0) - math.log(k) for one in whole])


def my_paired_interval(a, b):
    spread, mean = torch.std_mean(a - b)
    return torch.stack((mean, 1.96 * spread / len(a) ** 0.5))
