#!/usr/bin/env python3
"""Run the studies and store what they find: python tools/store.py NAME

Each lesson's study.py names its studies in STUDIES. Seeds that are stored are kept; to make a
study from nothing, delete its file first.
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
    """{name: (the study, the folder of its results)} of all lessons, in their order.

    Raises `ValueError` for a name that two lessons use.
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
    """Run the seeds of the `chosen` studies (as `studies` gives them) that are not stored yet.

    Each is stored as it comes, so that the command can be interrupted and continued. A file made
    with other settings starts anew. The seeds of all studies share the processors.
    """
    stored = {name: _header(name, study) | {"runs": _stored_runs(name, study, folder)}
              for name, (study, folder) in chosen.items()}
    missing = [
        (name, seed) for name in sorted(chosen, key=lambda name: len(chosen[name][0].seeds))
        for seed in chosen[name][0].seeds if str(seed) not in stored[name]["runs"]
    ]  # Fewest seeds first: theirs take longest, and no processor shall end with one alone.
    jobs = (joblib.delayed(_seeded)(name, chosen[name][0], seed) for name, seed in missing)
    found = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(jobs)
    for name, seed, result in tqdm(found, total=len(missing), unit=" seeds"):
        _keep(name, seed, result, stored[name], chosen[name][1])


def _header(name, study):
    return {"question": study.question, "command": results.command(name),
            "settings": study.settings}


def _keep(name, seed, result, stored, folder):
    """Put the `result` of one seed into `stored`, and write that and its models to their files."""
    models = result.pop("models", {})
    for key, model in models.items():
        _save_model(folder / name / f"{key}.pt", model)
    described = {key: identity.describe(model) for key, model in models.items()}
    stored["runs"][str(seed)] = result | ({"models": described} if models else {})
    stored["runs"] = dict(sorted(stored["runs"].items(), key=lambda item: int(item[0])))
    with atomic_write(folder / f"{name}.json") as file:
        file.write(json.dumps(stored, indent=1).encode())


def _save_model(path, model):
    """Write a model's state dict as float16, whole or not at all."""
    halved = {parameter: tensor.half() for parameter, tensor in model.state_dict().items()}
    with atomic_write(path) as file:
        torch.save(halved, file)


def _stored_runs(name, study, folder):
    """The stored runs that this study would make again: its settings, its seeds."""
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
    """How many of a study's seeds are stored, in words; stored under other settings is none."""
    stored = _stored_runs(name, study, folder)
    return f"{name}: {len(stored)} of {len(study.seeds)} seeds stored. {study.question}"


def main(arguments=None):
    """The command line: remake one study or all, or list them."""
    known = studies()
    parser = argparse.ArgumentParser(prog="python tools/store.py", description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("name", nargs="?", choices=known)
    chosen.add_argument("--list", action="store_true", help="say what there is, and what is stored")
    chosen.add_argument("--all", action="store_true", help="remake every study")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="spread the seeds over the Dask cluster whose scheduler "
        "is there, say tcp://127.0.0.1:8786, instead of this computer's cores",
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
