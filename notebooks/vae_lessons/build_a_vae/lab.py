"""The VAE of notebook 03, the original recipe for training it, and repaired recipes."""

import copy
import math

import torch
from torch import nn

from vae_helpers import arguments, data, identity, results, training
from vae_helpers.evaluation import chunks, evaluation_mode, rows
from vae_helpers.models import GaussianVAE
from vae_helpers.study import on_one_thread


class Coder(identity.Described, nn.Sequential):
    """For each width of `units`, batch norm, a dense layer and ReLU; then one more dense layer.

    The final dense layer has the last width; its activation `last` is "relu" or "linear".
    x [batch, inputs] to [batch, units[-1]]. Batch norm uses the statistics of the batch in training
    mode, and its running statistics in evaluation mode.
    The initial weights are uniform and the initial biases 0, as in TensorFlow (Glorot & Bengio
    2010, equation 16). eps, momentum: of batch norm, in PyTorch's convention. The defaults here
    are TensorFlow's, 1e-3 and 0.01; PyTorch's are 1e-5 and 0.1. Notebook 03 shows this class with
    the momentum 0.1. Raises `ValueError` for widths below 1 or another value of `last`.
    """

    def __init__(self, inputs, units, *, last, batch_norm=True, eps=1e-3, momentum=0.01):
        if not units or min(inputs, *units) < 1:
            raise ValueError(f"Sizes must be at least 1, got {inputs=}, {units=}.")
        if last not in ("relu", "linear"):
            raise ValueError(f"last must be 'relu' or 'linear', got {last!r}.")
        layers = []
        for width in units:
            if batch_norm:
                layers.append(nn.BatchNorm1d(inputs, eps=eps, momentum=momentum))
            layers += [nn.Linear(inputs, width), nn.ReLU()]
            inputs = width
        layers.append(nn.Linear(inputs, inputs))
        if last == "relu":
            layers.append(nn.ReLU())
        super().__init__(*layers)
        self.apply(glorot)


class CoderVAE(GaussianVAE):
    """A VAE of three coders: separate ones for mean and logvar, and one for the logits.

    encoder, decoder: widths of the coders. `latent` is the last width of the encoder, `pixels`
    that of the decoder, whose last layer is linear. heads: last activation of mean and logvar,
    "linear" or "relu"; with "relu" no mean is negative and no variance is below the prior's.
    batch_norm, eps, momentum: as in `Coder`. seed: fixes the initial weights, independently of
    PyTorch's global generator. Raises `ValueError` as `Coder` does.
    """

    def __init__(
        self, encoder=(196, 64, 32, 16, 8), decoder=(32, 64, 196, 784), *, heads, seed, **settings
    ):
        super().__init__()
        self.latent, self.pixels = encoder[-1], decoder[-1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.mean = Coder(self.pixels, encoder, last=heads, **settings)
            self.logvar = Coder(self.pixels, encoder, last=heads, **settings)
            self.logits = Coder(self.latent, decoder, last="linear", **settings)

    def encode(self, x):
        """Parameters of q(z|x): x [batch, pixels] to mean and logvar, [batch, latent] each."""
        return self.mean(x), self.logvar(x)

    def decode(self, z):
        """Logits of the pixels: z [..., latent] to [..., pixels].

        In training mode, batch norm treats all leading axes together as the batch.
        """
        rows = z.reshape(-1, self.latent)  # [..., latent] -> [rows, latent]
        return self.logits(rows).reshape(*z.shape[:-1], self.pixels)


def glorot(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


BATCH_SIZE = 800  # of the original recipe
# The original recipe and its repairs: β, Adam's learning rate and settings of the coders. The keys
# are the names in the stored results.
RECIPES = {
    "as written": {"beta": 9.8, "learning_rate": 1e-2, "heads": "relu"},
    "linear heads": {"beta": 9.8, "learning_rate": 1e-2, "heads": "linear"},
    "and a true β": {"beta": 1.0, "learning_rate": 1e-2, "heads": "linear"},
    "and a smaller step": {"beta": 1.0, "learning_rate": 1e-3, "heads": "linear"},
    "a true β, ReLU heads": {"beta": 1.0, "learning_rate": 1e-2, "heads": "relu"},
    "cured, no batch norm": {
        "beta": 1.0, "learning_rate": 1e-3, "heads": "linear", "batch_norm": False
    },
    "large step, no batch norm": {
        "beta": 1.0, "learning_rate": 1e-2, "heads": "linear", "batch_norm": False
    },
    "cured, PyTorch's batch norm": {
        "beta": 1.0, "learning_rate": 1e-3, "heads": "linear", "eps": 1e-5, "momentum": 0.1
    },
}
SICK, CURED = "as written", "and a smaller step"
OF_MODEL = "heads", "batch_norm", "eps", "momentum"  # settings of the model, not of the trainer


def make_trainer(name, seed, **settings):
    """A `training.Trainer` with the recipe `name`, a new model and the MNIST training images.

    settings: further settings of the trainer and the model; they override those of the recipe.
    Raises `ValueError` for an unknown name.
    """
    if name not in RECIPES:
        raise ValueError(f"name must be one of {', '.join(map(repr, RECIPES))}, got {name!r}.")
    recipe = RECIPES[name] | settings
    of_model = {key: recipe.pop(key) for key in OF_MODEL if key in recipe}
    return training.Trainer(
        CoderVAE(seed=seed, **of_model), data.load_mnist().train_images,
        **{"batch_size": BATCH_SIZE, "seed": seed} | recipe,
    )


def better(one, other, runs):
    """The one of two stored recipes with the lower validation −ELBO at the end of its `runs`."""
    return results.choose({name: [{"validation": run["recipes"][name]["validation"][-1]}
                                  for run in runs] for name in (one, other)}, float)


def recipe_trainer(name):
    """The `trainer` function of a `Study` that trains with recipe `name`, on one thread."""
    def trainer(seed, **_settings):
        return on_one_thread(make_trainer(name, seed))

    return trainer


@torch.no_grad()
def renew_statistics(model, images, *, batch_size, seed):
    """A copy of `model` with recomputed running statistics of batch norm (precise batch norm).

    During training the running statistics lag behind the weights. Here the weights are fixed, and
    the statistics are averaged over the batches of `images` (uint8 [n, 28, 28]).
    `torch.optim.swa_utils.update_bn` does this for models that take only x; a VAE also takes
    noise, which is drawn with `seed`. A model without batch norm is only copied.
    Raises `ValueError` unless the images can be divided into batches of `batch_size`, two or more.
    """
    data.require_images(images)
    batch_size = arguments.whole_number(batch_size, "batch_size")
    if batch_size < 2 or not len(images) or len(images) % batch_size:
        raise ValueError(f"{len(images)} images do not make whole batches of {batch_size}: give a "
                         "multiple of batch_size, and batches of two or more.")
    model = copy.deepcopy(model)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # in PyTorch None means the plain average
    generator = arguments.generator(seed)
    model.train()
    for batch in images.split(batch_size):
        x = rows(model, batch)
        model(x, data.noise(generator, batch_size, model.latent, like=x))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    return model.eval()


@torch.no_grad()
def dead_heads(model, images):
    """The number of outputs that are 0 for every image, in each head of a `CoderVAE`.

    Returns (number in the mean, number in the logvar).

    Measured in evaluation mode. No gradient passes a ReLU whose output is 0. Such an output can
    still become positive again, when the gradients of other outputs change earlier layers, or
    with the statistics of another batch.
    """
    alive = torch.zeros(2, model.latent, dtype=torch.bool)
    with evaluation_mode(model):
        for x in chunks(model, images):
            alive |= torch.stack([(head != 0).any(0) for head in model.encode(x)]).cpu()
    return tuple((~alive).sum(1).tolist())


@torch.no_grad()
def silent_units(model, images):
    """The numbers of dead units in a `CoderVAE`'s two encoder networks, {name: count}.

    A dead unit is 0 for every image, in evaluation mode; the heads must have ReLUs. "first" and
    "hidden" count the units of the first hidden layer and of all hidden layers, in both networks;
    "mean" and "logvar" count the outputs of the heads. "unmoved" counts those outputs whose value
    before the ReLU is the same for every image, within 1e-4, because no information about the image
    reaches them. The other dead outputs vary there, but are always negative.
    """
    found = {}
    with evaluation_mode(model):
        for name, coder in (("mean", model.mean), ("logvar", model.logvar)):
            low, high = _ends_of_layers(coder, chunks(model, images))
            *hidden, head = [k for k, layer in enumerate(coder) if isinstance(layer, nn.ReLU)]
            counts = [int((high[k] == 0).sum()) for k in hidden]
            silent = high[head] == 0
            moved = high[head - 1] - low[head - 1] > 1e-4
            found[name] = {"first": counts[0], "hidden": sum(counts),
                           "head": int(silent.sum()), "unmoved": int((silent & ~moved).sum())}
    return {"mean": found["mean"]["head"], "logvar": found["logvar"]["head"]} | {
        key: found["mean"][key] + found["logvar"][key] for key in ("first", "hidden", "unmoved")}


def _ends_of_layers(coder, batches):
    """The smallest and the largest value of each unit: two lists over layers of [units]."""
    low, high = [], []
    for x in batches:
        for k, layer in enumerate(coder):
            x = layer(x)  # [batch, units]
            if k == len(low):
                low.append(x.amin(0))
                high.append(x.amax(0))
            low[k], high[k] = low[k].minimum(x.amin(0)), high[k].maximum(x.amax(0))
    return low, high


def first_reach(places, values, target):
    """The place at which a curve first falls to `target`, by linear interpolation.

    places: ascending; values: at these places. Returns the first place if the curve starts at or
    below `target`, and ∞ if it never reaches it.
    """
    if values[0] <= target:
        return places[0]
    for k in range(1, len(values)):
        if values[k] <= target:
            share = (values[k - 1] - target) / (values[k - 1] - values[k])
            return places[k - 1] + share * (places[k] - places[k - 1])
    return math.inf
