"""The VAE of notebook 03 in its parts, the original recipe, and its repairs."""

import copy
import math

import torch
from torch import nn

from vae_helpers import arguments, data, identity, results, training
from vae_helpers.evaluation import chunks, evaluation_mode, rows
from vae_helpers.models import GaussianVAE
from vae_helpers.study import on_one_thread


class Coder(identity.Described, nn.Sequential):
    """For each width of `units` batch normalisation, a dense layer and ReLU; then one layer more.

    The layer more is dense, of the last width; its activation `last` is "relu" or "linear".
    x [batch, inputs] to [batch, units[-1]]. In training mode the batch's own statistics
    normalise it, in evaluation mode the running ones. Notebook 03 writes it with PyTorch's own
    momentum, 0.1.
    Its first weights are uniform and its first biases zero, as in TensorFlow (Glorot & Bengio
    2010, equation 16). eps, momentum: of batch normalisation, as PyTorch counts them:
    TensorFlow's defaults are 1e-3 and 0.01, PyTorch's 1e-5 and 0.1.
    Raises `ValueError` for widths below 1 or another word for `last`.
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
    """A VAE of three coders: two separate ones for mean and logvar, one for the logits.

    encoder, decoder: widths of the coders; `latent` is the encoder's last width, `pixels` the
    decoder's, and the decoder ends linear. heads: how mean and logvar end, "linear" or
    "relu"; with "relu" no mean is negative and no variance below the prior's. batch_norm,
    eps, momentum: as in `Coder`. seed: fixes the initial weights, whatever was drawn
    before. Raises `ValueError` as `Coder` does.
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

        In training mode all leading axes together are the batch that is normalised.
        """
        rows = z.reshape(-1, self.latent)  # [..., latent] -> [rows, latent]
        return self.logits(rows).reshape(*z.shape[:-1], self.pixels)


def glorot(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


BATCH_SIZE = 800  # of the original recipe
# The original recipe, and what its repairs change: β, Adam's learning rate, the coders. The names
# are those of the stored results.
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
OF_MODEL = "heads", "batch_norm", "eps", "momentum"  # the settings that are not the trainer's


def make_trainer(name, seed, **settings):
    """A `training.Trainer` of recipe `name`: a new model, and the training images.

    settings: what trainer and model are given beside the recipe's, or instead of them. Raises
    `ValueError` for another name.
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
    """The name of two stored recipes that the validation images choose at the end of `runs`."""
    return results.choose({name: [{"validation": run["recipes"][name]["validation"][-1]}
                                  for run in runs] for name in (one, other)}, float)


def recipe_trainer(name):
    """A study's function that gives trainers of recipe `name`, on one thread."""
    def trainer(seed, **_settings):
        return on_one_thread(make_trainer(name, seed))

    return trainer


@torch.no_grad()
def renew_statistics(model, images, *, batch_size, seed):
    """A copy of `model` whose batch normalisation has the statistics of `images`, its weights kept.

    Running statistics trail the weights that training moves. Here they are made anew: the
    plain average over the batches of `images` (uint8 [n, 28, 28]), the weights standing still.
    `torch.optim.swa_utils.update_bn` does so for models that take x alone; a VAE takes noise
    too, which `seed` gives. A model without batch normalisation is copied as it is.
    Raises `ValueError` unless the images make whole batches of two or more.
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
        norm.momentum = None  # PyTorch's word for the plain average
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
    """How many outputs of a `CoderVAE`'s two heads are 0 for every image: (mean, logvar).

    In evaluation mode. Where a ReLU gives 0 no gradient passes it. A head can still come back:
    the layers before it move by the gradients of others, and by other batches' statistics.
    """
    alive = torch.zeros(2, model.latent, dtype=torch.bool)
    with evaluation_mode(model):
        for x in chunks(model, images):
            alive |= torch.stack([(head != 0).any(0) for head in model.encode(x)]).cpu()
    return tuple((~alive).sum(1).tolist())


@torch.no_grad()
def silent_units(model, images):
    """How many units of a `CoderVAE`'s two encoder networks are 0 for every image.

    In evaluation mode; the heads are ReLUs. "first" and "hidden" count units of the first hidden
    layer and of all hidden layers, of both networks; "mean" and "logvar" the heads' outputs. Among
    these, "unmoved" outputs have the same number before their ReLU for every image, within 1e-4:
    nothing of the image reaches them. The others vary there, and are negative throughout.
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
    """The least and the largest value of each unit, layer by layer: two lists of [units]."""
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
    """Where a curve through (places, values) first falls to `target`, straight between points.

    places ascend. The first of them if the curve starts there or below; ∞ if it never falls so far.
    """
    if values[0] <= target:
        return places[0]
    for k in range(1, len(values)):
        if values[k] <= target:
            share = (values[k - 1] - target) / (values[k - 1] - values[k])
            return places[k - 1] + share * (places[k] - places[k - 1])
    return math.inf
