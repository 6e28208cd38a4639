# ruff: noqa: F821
"""Right answers to notebook 06, written otherwise than its solutions."""


def my_signal_to_noise(mean, logvar):
    signal = (mean - mean.mean(dim=0, keepdim=True)).square().sum(dim=0) / (len(mean) - 1)
    noise = torch.exp(logvar).sum(dim=0) / len(logvar)
    return signal / noise


my_blur = torch.distributions.Bernoulli(torch.tensor([0.8, 0.4])).entropy().sum().item()


def my_recipe():
    return dict(batch_norm=True, warm_up=75, logvar=-2.0, steps=150)


my_narrow_start = -5.99

my_chance = sum(n * (n - 1) for n in (50, 30, 20)) / (100 * 99)
