"""A function that a notebook defines agrees with the package's function of the same name.

A cell tagged ``taught:MODULE.NAME`` defines NAME; MODULE is a module of the package or of the
lesson. The cell's function and the package's are called with the inputs listed here and must return
the same results.
"""

import asyncio
import importlib
import importlib.util
import re
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
import torch
from anatomy import only_defines

from vae_helpers import elbo, models
from vae_lessons.build_a_vae import lab
from vae_lessons.derive_the_elbo.exact import Laboratory
from vae_lessons.diagnose_a_run.lab import RunVAE
from vae_lessons.meet_kl_collapse.lab import LinearVAE
from vae_lessons.say_how_good_it_is.lab import BurdaVAE

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def generator():
    return torch.Generator().manual_seed(0)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def parabola(z):
    """A substitute for log p(x, z): [draws, batch, latent] to [draws, batch]."""
    return -((z - 0.3) ** 2).sum(-1)


def estimates():
    """Arguments of the forms: log_joint, mean, logvar, eps."""
    return [
        lambda: (parabola, noise(3, 2), noise(3, 2, seed=1), noise(5, 3, 2, seed=2)),
        lambda: (parabola, noise(1, 4), noise(1, 4, seed=1), noise(1, 1, 4, seed=2)),
    ]


def drawings():
    """Images of a few pixels, one of which is dark in all images."""
    images = torch.randint(0, 256, (60, 3, 3), generator=generator()).to(torch.uint8)
    images[:, 0, 0] = 0
    return images


def some_images(n):
    return torch.randint(0, 256, (n, 28, 28), generator=generator(), dtype=torch.uint8)


def linear_vae(latent, noise_variance):
    return LinearVAE(latent, torch.zeros(5), noise_variance=noise_variance, seed=0)


def covariance_of(pixels):
    x = noise(9, pixels).float()
    return x.T @ x / len(x)


# For each taught function, functions that make its arguments, called again for each call.
INPUTS = {
    "instruments.recompute": [
        lambda: (RunVAE(3, 9, batch_norm=True, seed=0), noise(40, 784).sigmoid().float(),
                 noise(40, 3, seed=1).float(), True),
        lambda: (RunVAE(3, 9, batch_norm=True, seed=0), noise(40, 784).sigmoid().float(),
                 noise(40, 3, seed=1).float(), False),
    ],
    "instruments.pinned_share": [
        lambda: (RunVAE(3, 9, floor=True, seed=0), noise(40, 784).sigmoid().float()),
        lambda: (RunVAE(3, 9, seed=0), noise(40, 784).sigmoid().float()),
    ],
    "instruments.decline": [lambda: (torch.arange(60).double(), noise(60)),
                            lambda: (torch.arange(7).double(), -noise(7))],
    "lab.widened": [
        lambda: (2.0, models.VAE(3, (9,), seed=0), (noise(4, 784) > 0).float(),
                 noise(6, 4, 3).float()),
        lambda: (1.5, BurdaVAE(torch.full((784,), 0.2), 2, seed=1),
                 (noise(1, 784) > 0).float(), noise(1, 1, 2).float()),
    ],
    "lab.clamped": [lambda: (1e-6 * noise(9),), lambda: (noise(2, 3),)],
    "lab.softplus_with_floor": [lambda: (9 * noise(9),), lambda: (noise(2, 3),)],
    "lab.variance_of_estimate": [lambda: (0.3, 10), lambda: (noise(4).exp(), 3)],
    "lab.variance_of_log_estimate": [lambda: (2,), lambda: (10,), lambda: (101,)],
    "not_finite.quantities": [
        lambda: (models.VAE(3, (5,), pixels=4, seed=0).double(), noise(6, 4).sigmoid(), noise(6, 3),
                 lambda x, logits: (x * logits).sum(-1))],
    "not_finite.first_not_finite": [
        lambda: ({"mean": noise(3), "code": noise(3) / 0, "KL": noise(3)},),
        lambda: ({"mean": noise(3)},)],
    "not_finite.of_probabilities": [lambda: (noise(3, 4).sigmoid(), noise(3, 4, seed=1))],
    "not_finite.of_logits": [lambda: (noise(3, 4).sigmoid(), noise(3, 4, seed=1))],
    "lab.nll": [lambda: (noise(5), noise(5, seed=1).exp())],
    "lab.variance_gradient": [lambda: (noise(5), noise(5, seed=1).exp())],
    "lab.train_variance": [
        lambda: (torch.exp, 20, 1.0), lambda: (torch.nn.functional.softplus, 3, 0.1),
        lambda: (torch.exp, 20, 1e4),  # diverges, so that the stop is tested
    ],
    "lab.SigmaVAE": [
        lambda: (noise(9, 784).float().sigmoid(), noise(9, 3, seed=1).float(), True),
        lambda: (noise(9, 784).float().sigmoid(), noise(9, 3, seed=1).float(), False),
    ],
    "data.minibatches": [
        lambda: (10, 4, generator()),
        lambda: (12, 4, generator()),
        lambda: (3, 8, generator()),
    ],
    "elbo.reparameterize": [
        lambda: (noise(3, 2), noise(3, 2, seed=1), noise(5, 3, 2, seed=2)),
        lambda: (noise(3, 2), noise(3, 2, seed=1), noise(3, 2, seed=2)),
    ],
    "elbo.gaussian_log_prob": [
        lambda: (noise(5, 3, 2), noise(3, 2, seed=1), noise(3, 2, seed=2)),
    ],
    "exact.Laboratory": [
        lambda: (noise(1).exp(), noise(1), noise(9, 1)),
        lambda: (noise(1).exp(), noise(5, 1), noise(3, 5, 1)),
    ],
    "exact.exact_elbo": [
        lambda: (Laboratory(noise(1).exp()), noise(6, 1), noise(6, 1, seed=1), noise(6, 1, seed=2)),
    ],
    "exact.posterior": [lambda: (Laboratory(noise(1).exp()), noise(6, 1))],
    "exact.kl_to_posterior": [
        lambda: (Laboratory(noise(1).exp()), noise(6, 1), noise(6, 1, seed=1), noise(6, 1, seed=2)),
    ],
    "elbo.gaussian_entropy": [lambda: (noise(3, 2),), lambda: (noise(1, 7),)],
    "elbo.entropy_form": estimates(),
    "elbo.kl_form": estimates(),
    "lab.score_function_surrogate": estimates(),
    "lab.dreg_surrogate": estimates(),
    "lab.Coder": [
        lambda: (noise(9, 5).float(), "relu"),
        lambda: (noise(9, 3).float(), "linear"),
    ],
    "lab.CoderVAE": [
        lambda: (noise(9, 784).float().sigmoid(), noise(9, 8, seed=1).float(), "relu"),
        lambda: (noise(9, 784).float().sigmoid(), noise(9, 8, seed=1).float(), "linear"),
    ],
    "schedules.warm_up": [lambda: (10, 2.0), lambda: (7,)],
    "lab.train_and_listen": [lambda: (1,), lambda: (4,)],
    "lab.save": [lambda: (0,), lambda: (7,)],
    "lab.renew_statistics": [
        lambda: (lab.CoderVAE(heads="relu", seed=0), some_images(6), 3, 5),
        lambda: (lab.CoderVAE(heads="linear", seed=1), some_images(8), 8, 0),
    ],
    "laws.value_variances": [
        lambda: (noise(1), noise(1, seed=1).exp(), 1.0, 0.5**0.5),
        lambda: (noise(6), noise(6, seed=1).exp(), 0.2, 0.6),
    ],
    "evaluation.active_units": [
        lambda: (models.VAE(3, (8,), seed=0), some_images(6)),
        lambda: (models.VAE(2, (4,), seed=1), some_images(9)),
    ],
    "lab.exact_elbo_parts": [
        lambda: (linear_vae(3, noise_variance=0.5), covariance_of(5)),
        lambda: (linear_vae(1, noise_variance=2.0), covariance_of(5)),
    ],
    "lab.surviving": [
        lambda: (noise(9).exp(), 0.5),
        lambda: (noise(5, seed=1).exp(), 1.3),
    ],
    "laws.mean_gradient_variances": [
        lambda: (noise(1), noise(1, seed=1).exp(), 1.0, 0.5**0.5),
        lambda: (noise(6), noise(6, seed=1).exp(), 0.2, 0.6),
    ],
    "lab.gradient_of_each": [
        lambda: (elbo.kl_form, parabola, noise(1, 2), noise(1, 2, seed=1), noise(9, 1, 2, seed=2)),
        lambda: (elbo.kl_form, parabola, noise(1, 2), noise(1, 2, seed=1), noise(5, 4, 2, seed=2)),
    ],
    "lab.knn_purity": [
        lambda: (noise(40, 3), torch.arange(40) % 4),
        lambda: (noise(9, 1), torch.zeros(9)),
    ],
    "lab.swap_probability": [
        lambda: (noise(5, 3), noise(5, 3, seed=1), noise(5, 3, seed=2)),
        lambda: (noise(2), noise(2, seed=1), noise(2, seed=2)),
    ],
    "lab.threshold": [lambda: (drawings(),)],
    "lab.encode_as_in_training": [
        lambda: (lab.CoderVAE(heads="linear", seed=0).eval(), some_images(6)),
        lambda: (models.VAE(3, (9,), seed=0), some_images(2)),
    ],
    "lab.is_collapsed": [
        lambda: (0, 205.5, 206.0), lambda: (0, 204.5, 206.0), lambda: (1, 207.0, 206.0)],
    "lab.train_recipe": [
        lambda: (some_images(9), 1, {"steps": 2, "logvar": -4.0, "warm_up": 3}),
        lambda: (some_images(9), 2, {"steps": 2, "batch_norm": True, "learning_rate": 0.1}),
        lambda: (some_images(9), 3, {"steps": 1, "beta": 2.0}),
    ],
    "lab.cell_counts": [lambda: (noise(90, 2), 5), lambda: (noise(9, 2).float(), 20)],
    "lab.set_along": [lambda: (noise(6, 4), noise(4, seed=1), -3.0)],
    "lab.stroke_width": [lambda: (noise(5, 28, 28).sigmoid(),)],
    "lab.log_prior_ratio": [
        lambda: (noise(6, 3), noise(5, 3, seed=1), noise(5, 3, seed=2)),
        lambda: (noise(2, 2).float(), noise(9, 2, seed=1).float(), noise(9, 2, seed=2).float()),
    ],
    "lab.Autoencoder": [lambda: (noise(9, 784).float().sigmoid(), noise(9, 3, seed=1).float())],
    "lab.CodeVAE": [
        lambda: (noise(9, 5).float(), noise(9, 3, seed=1).float()),
        lambda: (2 * noise(30, 5).float() + 1, noise(30, 3, seed=1).float()),
    ],
    "realism.frechet_distance": [
        lambda: (noise(60, 4), 2 * noise(50, 4, seed=1) + 1),
        lambda: (noise(30, 1).float(), noise(40, 1, seed=1).float()),
    ],
}


def coded(Coder, x, last):
    torch.manual_seed(0)
    return Coder(x.shape[1], (6, 4), last=last)(x)


def encoded_and_decoded(CoderVAE, x, z, heads):
    """Codes of x and logits of z, for a model of the given classes with fixed weights."""
    model = CoderVAE(heads=heads, **({"seed": 0} if CoderVAE is lab.CoderVAE else {}))
    model.load_state_dict(lab.CoderVAE(heads=heads, seed=0).state_dict())
    return [*model.encode(x), model.decode(z)]


def at_each_step(warm_up, *arguments):
    schedule = warm_up(*arguments)
    return [schedule(step) for step in range(20)]


def what_happens(train_and_listen, steps):
    """The order of steps and looks, and the number of turns of another task on the event loop."""
    events, turns = [], []

    async def others():
        while True:
            turns.append(len(events))
            await asyncio.sleep(0)

    def step():
        time.sleep(0.03)  # longer than CHUNK
        events.append(1.0)

    async def main():
        asyncio.get_running_loop().create_task(others())
        await train_and_listen(lambda: events.count(1.0) < steps, step, lambda: events.append(2.0))

    asyncio.run(main())
    return [*events, float(turns.count(2))]


def written(save, step):
    """The content of the saved file, after a check that no other file is left in its folder."""
    model, random = torch.nn.BatchNorm1d(2), generator()
    optimizer = torch.optim.Adam(model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.pt"
        path.write_text("an earlier one")
        save(path, model, optimizer, random, step)
        content = torch.load(path, weights_only=True)
        assert [file.name for file in Path(folder).iterdir()] == ["run.pt"]
    assert content["optimizer"] == optimizer.state_dict()
    return [content["model"], content["generator"], content["step"]]


def renewed(renew_statistics, model, images, batch_size, seed):
    return renew_statistics(model, images, batch_size=batch_size, seed=seed).state_dict()


def trained(train_recipe, images, seed, settings):
    return train_recipe(images, seed, **settings).state_dict()


def coded_without_noise(Autoencoder, x, eps):
    model = Autoencoder(3, (8,), seed=0)
    return [*model.elbo_parts(x, eps), *model.encode(x)]


def codes_in_both_modes(CodeVAE, codes, eps):
    """Both ELBO parts and the running variance in training mode, and the parts in evaluation."""
    torch.manual_seed(0)
    model = CodeVAE(3, (6,), 5, seed=0)
    steps = [[*model.elbo_parts(codes, eps), model.variance.clone()] for step in range(3)]
    return [*sum(steps, []), *model.eval().elbo_parts(codes, eps)]


def recomputed(recompute, model, x, eps, training_mode):
    return torch.tensor(recompute(model, x, eps, training_mode=training_mode))


def variance_trained(train_variance, to_variance, steps, unit):
    """The losses of all steps, and the final weights."""
    torch.manual_seed(0)
    net, x = torch.nn.Linear(1, 1), noise(8, 1).float()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    batches = [torch.arange(4), torch.arange(4, 8)] * steps
    r = unit * noise(8, 1, seed=1).float()
    losses = train_variance(net, to_variance, x, r, batches, optimizer)
    return [torch.tensor(losses), net.weight.detach(), net.bias.detach()]


def gaussian_parts(SigmaVAE, x, eps, learned):
    """Both ELBO parts, and the gradient of the noise parameter, or 0 if it has none."""
    model = SigmaVAE(3, (5,), noise=-1.3, learned=learned, seed=0)
    distortion, rate = model(x, eps)
    (distortion + rate).sum().backward()
    return distortion, rate, torch.tensor(0.0) if model.noise.grad is None else model.noise.grad


def weighed(widened, factor, *arguments):
    return widened(factor)(*arguments)


def letters(first_not_finite, found):
    """A name as numbers, which can be compared like tensors; none for None."""
    return [ord(letter) for letter in first_not_finite(found) or ""]


def every_term(Laboratory, noise_variance, x, z):
    laboratory = Laboratory(noise_variance)
    return [laboratory.log_likelihood(x, z), laboratory.log_joint(x, z),
            laboratory.log_evidence(x)]


# How to call taught classes and functions with named arguments; others are called directly.
USES = {"lab.SigmaVAE": gaussian_parts, "lab.train_variance": variance_trained,
        "lab.widened": weighed, "instruments.recompute": recomputed,
        "lab.Coder": coded, "lab.CoderVAE": encoded_and_decoded,
        "schedules.warm_up": at_each_step, "lab.Autoencoder": coded_without_noise,
        "lab.train_and_listen": what_happens, "lab.save": written,
        "lab.CodeVAE": codes_in_both_modes,
        "lab.renew_statistics": renewed, "lab.train_recipe": trained,
        "exact.Laboratory": every_term, "not_finite.first_not_finite": letters}


def taught_cells():
    for path in sorted(FOLDER.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for cell in cells:
            for tag in cell.metadata.get("tags", []):
                if tag.startswith("taught:"):
                    yield pytest.param(path.stem[3:], tag.split(":", 1)[1], cells, cell,
                                       id=f"{path.stem}-{tag.split(':', 1)[1]}")


def definition(cells, cell, name):
    """NAME as the cell defines it, with the notebook's imports in scope."""
    scope = {}
    imports = [c.source for c in cells if c.cell_type == "code" and "import torch" in c.source]
    before = torch.get_default_dtype()  # a notebook may change it
    exec(imports[0], scope)
    torch.set_default_dtype(before)
    for earlier in cells[:cells.index(cell)]:  # the cell may use names of earlier cells
        if earlier.cell_type == "code" and only_defines(earlier.source):
            exec(earlier.source, scope)
        handed_on = re.fullmatch(r"(\w+) = check\.\1\(my_\1\)", earlier.source.strip())
        if handed_on:  # the check returns the right function for a stub
            scope[handed_on[1]] = getattr(scope["check"], handed_on[1])._right
    exec(cell.source, scope)
    return scope[name]


def packaged_as(lesson, module):
    """The module with that name in the package, or else in the lesson."""
    in_core = importlib.util.find_spec(f"vae_helpers.{module}") is not None
    return importlib.import_module(
        f"vae_helpers.{module}" if in_core else f"vae_lessons.{lesson}.{module}")


@pytest.mark.parametrize("lesson, name, cells, cell", list(taught_cells()))
def test_the_cell_and_the_package_agree(lesson, name, cells, cell):
    module, function = name.split(".")
    taught = definition(cells, cell, function)
    packaged = getattr(packaged_as(lesson, module), function)
    assert taught is not packaged, "the cell must define it, not import it"
    assert INPUTS[name], f"no inputs are listed for {name}"
    use = USES.get(name, lambda thing, *arguments: thing(*arguments))
    for arguments in INPUTS[name]:
        taught_result, packaged_result = (use(f, *arguments()) for f in (taught, packaged))
        torch.testing.assert_close(taught_result, packaged_result, rtol=0, atol=0)


def test_every_listed_input_belongs_to_a_taught_cell():
    assert set(INPUTS) == {parameters.values[1] for parameters in taught_cells()}
