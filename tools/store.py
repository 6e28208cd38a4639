#!/usr/bin/env python3
"""Run studies and store their results: python tools/store.py NAME

Each lesson's study.py lists its studies in STUDIES. Stored seeds are not run again; to run all
seeds of a study, delete its file first.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import sys

from vae_helpers import identity, results  # before torch
from vae_helpers.files import atomic_write, print_anything
from vae_helpers.threads import one_thread
from vae_lessons import LESSONS

# isort: split
import joblib
import torch
from cluster import ClusterError, on_cluster
from tqdm.auto import tqdm

PACKAGES = ("torch", "torchvision", "numpy")


def studies():
    """{name: (the study, the folder of its results)} of all lessons, in order.

    Raises `ValueError` if two lessons use the same name.
    """
    found = {}
    for lesson in LESSONS:
        folder = results.lessons_folder() / lesson / "results"
        for name, study in importlib.import_module(f"vae_lessons.{lesson}.study").STUDIES.items():
            if name in found:
                raise ValueError(f"Two lessons have a study called {name}: rename one of them.")
            found[name] = study, folder
    return found


def remake(chosen):
    """Run the seeds of the `chosen` studies (part of `studies()`) that are not stored yet.

    Each result is stored as soon as it is ready, so that the command can be interrupted and run
    again. A file with other settings is replaced. All seeds are distributed over the processors.
    """
    stored = {name: _header(name, study) | {"runs": _stored_runs(name, study, folder)}
              for name, (study, folder) in chosen.items()}
    missing = [
        (name, seed) for name in sorted(chosen, key=lambda name: len(chosen[name][0].seeds))
        for seed in chosen[name][0].seeds if str(seed) not in stored[name]["runs"]
    ]  # Studies with few seeds have the slowest seeds, so they start first.
    jobs = (joblib.delayed(_seeded)(name, chosen[name][0], seed) for name, seed in missing)
    found = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(jobs)
    for name, seed, result in tqdm(found, total=len(missing), unit=" seeds"):
        _keep(name, seed, result, stored[name], chosen[name][1])


def _header(name, study):
    return {"question": study.question, "command": results.command(name),
            "settings": study.settings}


def _keep(name, seed, result, stored, folder):
    """Add the `result` of one seed to `stored`, and write `stored` and the models to files."""
    models = result.pop("models", {})
    for key, model in models.items():
        _save_model(folder / name / f"{key}.pt", model)
    described = {key: identity.describe(model) for key, model in models.items()}
    stored["runs"][str(seed)] = result | ({"models": described} if models else {})
    stored["runs"] = dict(sorted(stored["runs"].items(), key=lambda item: int(item[0])))
    with atomic_write(folder / f"{name}.json") as file:
        file.write(json.dumps(stored, indent=1).encode())


def _save_model(path, model):
    """Write a model's state dict as float16, atomically."""
    halved = {parameter: tensor.half() for parameter, tensor in model.state_dict().items()}
    with atomic_write(path) as file:
        torch.save(halved, file)


def _stored_runs(name, study, folder):
    """The stored runs that have the study's settings and one of its seeds."""
    if not (folder / f"{name}.json").exists():
        return {}
    earlier = results.load(name)
    if earlier["settings"] != json.loads(json.dumps(study.settings)):
        return {}
    wanted = {str(seed) for seed in study.seeds}
    return {
        seed: run for seed, run in earlier["runs"].items()
        if seed in wanted and all((folder / name / f"{key}.pt").exists()
                                  for key in run.get("models", ()))
    }


def _seeded(name, study, seed):
    """The results of one seed, with the versions of the packages that computed them."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    with one_thread():
        return name, seed, study.run(seed, **study.settings) | {"versions": versions}


def state(name, study, folder):
    """A sentence on how many of a study's seeds are stored with its present settings."""
    stored = _stored_runs(name, study, folder)
    return f"{name}: {len(stored)} of {len(study.seeds)} seeds stored. {study.question}"


def main(arguments=None):
    """The command line: run one study or all, or list them."""
    known = studies()
    parser = argparse.ArgumentParser(prog="python tools/store.py", description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("name", nargs="?", choices=known)
    chosen.add_argument("--list", action="store_true", help="list studies and stored seeds")
    chosen.add_argument("--all", action="store_true", help="run every study")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="run the seeds on the Dask cluster with this scheduler, "
        "say tcp://127.0.0.1:8786, instead of this computer's cores",
    )
    options = parser.parse_args(arguments)
    try:
        if options.list:
            print(*(state(name, *of) for name, of in known.items()), sep="\n")
            return
        with on_cluster(options.dask, PACKAGES) if options.dask else contextlib.nullcontext():
            remake(known if options.all else {options.name: known[options.name]})
    except ClusterError as error:
        parser.error(str(error))
    except (results.ResultsError, OSError) as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    print_anything()
    sys.exit(main())
