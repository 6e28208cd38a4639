# ruff: noqa: F821
"""Right answers to notebook 08, written otherwise than its solutions."""

my_begin_at = (4.0, 2 * math.log(2), 4 + math.log(1 - math.exp(-4)))


def my_scale_gradient(error, logvar):
    standardised = error * torch.exp(-0.5 * logvar)
    return (1 - standardised.square()) / 2


my_half_precision = 11.09


def my_best_logvar(x, image):
    return torch.log(torch.nn.functional.mse_loss(image, x))


my_hidden_price = 25
