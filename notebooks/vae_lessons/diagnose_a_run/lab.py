"""Runs with one fault each, and the same run without a fault.

All have one network, the same images and the same number of training steps. A fault is a change of
`FAULTS` to the healthy run and to nothing else, so that its cure is to undo this change. A `Run` is
what remains of a training: a log and the trained model.
"""

from typing import Callable, NamedTuple

import torch
from torch import nn

from vae_helpers import data, elbo, results, training
from vae_helpers.models import GaussianVAE
from vae_helpers.study import on_one_thread

BLOCK = 10  # training steps that a row of the log averages
STUDY, CASES = "conditions", "anonymous_runs"  # names of the stored results


class RunVAE(GaussianVAE):
    """A VAE with one hidden layer on each side.

    batch_norm: whether the encoder normalises its hidden units before the ReLU. floor: whether a
    ReLU keeps the log variance at 0 or above. seed: fixes the initial weights, independently of
    PyTorch's global generator.
    """

    def __init__(self, latent=10, hidden=100, pixels=784, *, batch_norm=False, floor=False, seed):
        super().__init__()
        self.latent, self.pixels, self.floor = latent, pixels, floor
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
            self.encoder = nn.Sequential(
                nn.Linear(pixels, hidden), *norm, nn.ReLU(), nn.Linear(hidden, 2 * latent))
            self.decoder = nn.Sequential(
                nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def encode(self, x):
        """Parameters of q(z|x): x [batch, pixels] to mean and logvar, [batch, latent] each."""
        mean, logvar = self.encoder(x).chunk(2, dim=-1)  # [batch, 2 * latent] -> 2 x
        return mean, logvar.relu() if self.floor else logvar

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels]."""
        return self.decoder(z)


def right_deviation(logvar):
    """The standard deviation of a Gaussian with this log variance."""
    return (0.5 * logvar).exp()


class Fault(NamedTuple):
    """What a run does otherwise than the healthy one, which has these defaults.

    weights: of distortion and rate in the loss. first_rate: the learning rate of the first epoch,
    if it differs. sampler: the standard deviation of z, a function of logvar. momentum: of batch
    norm, None for a network without it.
    """

    weights: tuple = (1.0, 1.0)
    learning_rate: float = 2e-3
    first_rate: float | None = None
    sampler: Callable = right_deviation
    floor: bool = False
    momentum: float | None = None


NORMED = "healthy, with batch norm"  # what the two faulty runs with batch norm are compared with
FAULTS = {
    "healthy": Fault(),
    "hidden β": Fault(weights=(1 / 784, 1 / 10)),  # both terms are means: β = 78.4
    "wanted collapse": Fault(weights=(1.0, 40.0)),
    "fallen into collapse": Fault(first_rate=0.2),
    "stopped too early": Fault(learning_rate=1e-4, momentum=0.1),
    "lagging statistics": Fault(momentum=0.001),
    "wrong sampler": Fault(sampler=torch.exp),
    "variance floor": Fault(floor=True),
    NORMED: Fault(momentum=0.1),
}
CONDITIONS = tuple(name for name in FAULTS if name != NORMED)


class Run(NamedTuple):
    """What remains of a training: the log and the trained model.

    log: {name: [rows]}, float64 tensors of averages over BLOCK training steps: "step" (their last),
    "loss" as the code minimised it, "distortion" and "rate" (nats per image), and the norms of the
    gradient, "encoder" and "decoder".
    """

    log: dict
    model: RunVAE


def new_trainer(condition, seed, *, latent, hidden, batch_size, losses=None):
    """The trainer of a run with this condition, on one thread; `losses` collects the loss of steps.

    Raises `ValueError` for an unknown condition.
    """
    if condition not in FAULTS:
        raise ValueError(f"condition must be one of {', '.join(FAULTS)}, got {condition!r}.")
    fault, noted = FAULTS[condition], [] if losses is None else losses
    model = RunVAE(latent, hidden, batch_norm=fault.momentum is not None, floor=fault.floor,
                   seed=seed)
    if fault.momentum is not None:
        model.encoder[1].momentum = fault.momentum

    def objective(model, x, generator, *, beta, free_bits):
        mean, logvar = model.encode(x)  # [batch, latent] each
        eps = data.noise(generator, len(x), model.latent, like=x)
        z = mean + fault.sampler(logvar) * eps
        distortion = -elbo.bernoulli_log_prob(x, model.decode(z)).mean()
        rates = elbo.gaussian_kl_per_latent(mean, logvar).mean(0)  # [latent]
        rate = rates.sum()
        loss = fault.weights[0] * distortion + fault.weights[1] * rate
        noted.append(loss.item())
        return loss, distortion, rate, rates

    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size, seed=seed,
        learning_rate=fault.first_rate or fault.learning_rate, objective=objective))


def train(condition, seed, *, steps, **settings):
    """The `Run` after `steps` training steps, and its trainer. settings: as for `new_trainer`."""
    losses, rows = [], []
    trainer = new_trainer(condition, seed, losses=losses, **settings)
    for step in range(steps):
        if step == trainer.steps_per_epoch and FAULTS[condition].first_rate:
            trainer.learning_rate = FAULTS[condition].learning_rate
        record = trainer.step()
        norms = [torch.nn.utils.get_total_norm([p.grad for p in part.parameters()]).item()
                 for part in (trainer.model.encoder, trainer.model.decoder)]
        rows.append([losses[-1], record.distortion, record.rate, *norms])
    blocks = torch.tensor(rows, dtype=torch.float64).reshape(-1, BLOCK, 5).mean(1)  # [rows, 5]
    names = "loss", "distortion", "rate", "encoder", "decoder"
    log = {"step": torch.arange(BLOCK, steps + 1, BLOCK, dtype=torch.float64)}
    return Run(log | dict(zip(names, blocks.T)), trainer.model), trainer


def as_plain(log):
    """A log as lists, to six digits, which is as exact as float32 is."""
    return {name: [float(f"{value:.6g}") for value in values.tolist()]
            for name, values in log.items()}


def letters():
    """The letters of the anonymous runs."""
    return sorted(_stored()["logs"])


def condition_of(letter):
    """The condition of the anonymous run with this letter."""
    fault = results.load(CASES)["settings"]["faults"][letter]
    return "healthy" if fault == NORMED else fault


def anonymous(letter):
    """The `Run` that is stored under this letter, its weights rounded to float16.

    Raises `ValueError` for another letter.
    """
    stored = _stored()
    if letter not in stored["logs"]:
        raise ValueError(f"There are the runs {', '.join(letters())}; got {letter!r}.")
    described = stored["models"][letter]
    options = {name: described[name]
               for name in ("latent", "hidden", "pixels", "batch_norm", "floor")}
    model = results.load_model(CASES, letter, RunVAE(seed=0, **options))
    log = {name: torch.tensor(values, dtype=torch.float64)
           for name, values in stored["logs"][letter].items()}
    return Run(log, model)


def _stored():
    return next(iter(results.load(CASES)["runs"].values()))
