"""What needs many seeds: measured once by a command, stored beside the notebooks.

``python -m vae_helpers.evidence NAME`` remakes ``notebooks/evidence/NAME.json``. A notebook
loads it and draws its own live run on top. Nothing stored is presented as live.
"""

import argparse
import importlib.metadata
import json
from pathlib import Path
from typing import Callable, NamedTuple

import joblib
import torch
from tqdm.auto import tqdm

from vae_helpers import data, evaluation, gaps, models, training
from vae_helpers.files import atomic_write

FOLDER = Path(__file__).resolve().parent.parent / "notebooks" / "evidence"
PACKAGES = ("torch", "torchvision", "numpy")


class Study(NamedTuple):
    """A question, and the function from a seed to the numbers that answer it.

    run(seed, **settings) returns plain numbers and lists; the settings are stored too.
    """

    question: str
    run: Callable
    settings: dict
    seeds: range


def start_here(seed, *, hidden, batch_size, learning_rate, steps):
    """Notebook 00's run: where it ends, how its first 60 steps went, and as many steps more."""
    digits = data.load_mnist()
    trainer = _plane_trainer(seed, digits, hidden, batch_size, learning_rate)
    model = trainer.model
    _train_until(trainer, 60)
    early = _medians(model, digits)
    _train_until(trainer, steps)
    result = evaluation.evaluate(model, digits.test_images, seed=seed)
    codes, ones = evaluation.posterior_means(model, digits.test_images), digits.test_labels == 1
    widths = evaluation.cluster_widths(codes, digits.test_labels)
    leaning = evaluation.correlation(
        evaluation.place_along_longest_axis(codes[ones]), evaluation.slants(digits.test_images[ones])
    )
    late = _medians(model, digits)
    _train_until(trainer, 2 * steps)
    later = evaluation.evaluate(model, digits.test_images, seed=seed)
    return {
        "neg_elbo": -result.elbo,
        "rate": result.rate,
        "ones_width": (widths[1] / widths.median()).item(),
        "slant_correlation": abs(leaning),  # the axis has no preferred direction
        "farthest_pair_at_60": _pair(early, farthest=True),
        "nearest_pair_at_end": _pair(late, farthest=False),
        "neg_elbo_after_twice_the_steps": -later.elbo,
        "prefix_neg_elbo": [-record.elbo for record in trainer.records[:60]],
    }


def _plane_trainer(seed, digits, hidden, batch_size, learning_rate):
    """A trainer of a VAE with two latents, on one thread: the same digits every time."""
    torch.set_num_threads(1)
    return training.Trainer(
        models.VAE(2, hidden, seed=seed), digits.train_images,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    )


def _train_until(trainer, steps):
    while len(trainer.records) < steps:
        trainer.step()


def _medians(model, digits):
    codes = evaluation.posterior_means(model, digits.test_images)
    return torch.stack([codes[digits.test_labels == d].median(0).values for d in range(10)])


def _pair(medians, farthest):
    """The two digits whose medians [10, 2] lie farthest apart, or nearest."""
    distance = torch.cdist(medians, medians)  # [10, 10]
    if not farthest:
        distance = -distance - torch.eye(10) * 1e9
    return sorted(divmod(distance.argmax().item(), 10))


def derive_elbo(seed, *, hidden, batch_size, learning_rate, steps, images):
    """Notebook 01's gap on MNIST: evidence by quadrature, the ELBO, and the best Gaussian q's."""
    digits = data.load_mnist()
    trainer = _plane_trainer(seed, digits, hidden, batch_size, learning_rate)
    model = trainer.model
    _train_until(trainer, steps)
    found = gaps.measure(model, digits.test_images[:images], seed=seed)
    return found._asdict() | {"prefix_neg_elbo": [-record.elbo for record in trainer.records[:60]]}


STUDIES = {
    "derive_elbo": Study(
        "How large is the gap of a trained VAE, and what is it made of?",
        derive_elbo,
        {"hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3, "steps": 720,
         "images": 100},
        range(1, 11),  # a notebook's own run has seed 0
    ),
    "start_here": Study(
        "How far does notebook 00's result depend on its seed?",
        start_here,
        {"hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3, "steps": 1440},
        range(1, 11),  # a notebook's own run has seed 0
    ),
}


def load(name):
    """The stored study `name` as a dictionary; `runs` is {seed as text: results}.

    Raises `FileNotFoundError` that names the command which makes it.
    """
    path = FOLDER / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"No {path}. Make it: {_command(name)}") from None


def remake(name):
    """Run the seeds of study `name` that are not stored yet, and store each as it comes.

    So it can be interrupted and continued. A file made with other settings starts anew.
    """
    study, path = STUDIES[name], FOLDER / f"{name}.json"
    stored = {
        "question": study.question,
        "command": _command(name),
        "settings": study.settings,
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "runs": {},
    }
    if path.exists():
        earlier = load(name)
        if earlier["settings"] == stored["settings"]:
            wanted = {str(seed) for seed in study.seeds}
            stored["runs"] = {seed: run for seed, run in earlier["runs"].items() if seed in wanted}
    missing = [seed for seed in study.seeds if str(seed) not in stored["runs"]]
    jobs = (joblib.delayed(_seeded)(study, seed) for seed in missing)
    results = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(jobs)
    for seed, result in tqdm(results, total=len(missing), desc=name, unit=" seeds"):
        stored["runs"][str(seed)] = result
        stored["runs"] = dict(sorted(stored["runs"].items(), key=lambda item: int(item[0])))
        with atomic_write(path) as file:
            file.write(json.dumps(stored, indent=1).encode())


def _seeded(study, seed):
    return seed, study.run(seed, **study.settings)


def _command(name):
    return f"python -m vae_helpers.evidence {name}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Remake what notebooks/evidence stores.")
    parser.add_argument("name", choices=STUDIES)
    remake(parser.parse_args().name)
