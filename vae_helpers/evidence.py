"""What needs many seeds: measured once by a command, stored beside the notebooks.

``python -m vae_helpers.evidence NAME`` remakes ``notebooks/evidence/NAME.json``. A notebook
loads it and draws its own live run on top. Nothing stored is presented as live.
Models of a study that a slider needs lie beside it, as ``NAME/KEY.pt``: float16 state dicts. The
run that made them keeps what `identity.describe` says of each.
"""

import argparse
import contextlib
import importlib.metadata
import json
import zipfile
from pathlib import Path

import joblib
import torch
from tqdm.auto import tqdm

from vae_helpers import identity
from vae_helpers.cluster import ClusterError, on_cluster
from vae_helpers.files import atomic_write, print_anything
from vae_helpers.studies import STUDIES
from vae_helpers.threads import one_thread

FOLDER = Path(__file__).resolve().parent.parent / "notebooks" / "evidence"
PACKAGES = ("torch", "torchvision", "numpy")


class EvidenceError(RuntimeError):
    """Stored evidence could not be loaded; the message says what to do."""


def load(name):
    """The stored study `name` as a dictionary; `runs` is {seed as text: results}.

    A run also has `versions`, of the packages that computed it, and, where it keeps models,
    `models`: {key: what `identity.describe` says of it}.
    Raises `EvidenceError` where it is missing or damaged; the message says how to make it.
    """
    path = FOLDER / f"{name}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not {"settings", "runs"} <= stored.keys():
            raise ValueError("it holds no settings or no runs")
        return stored
    except FileNotFoundError:
        raise EvidenceError(f"No {path}. Make it: {_command(name)}") from None
    except (ValueError, AttributeError) as error:  # no JSON, no UTF-8, no dictionary
        raise EvidenceError(
            f"{path} is damaged ({error}). Get it anew (git checkout {path}), or delete it and "
            f"make it again: {_command(name)}"
        ) from error


def load_model(name, key, model):
    """`model` with the parameters that study `name` stored as `key`, in evaluation mode.

    They were rounded to float16. Raises `EvidenceError` for a file that is missing or damaged (the
    message says how to make it again), or a `model` that is not the kind that was stored.
    """
    path = _model_path(name, key)
    again = f"Delete {path} if it is there, then make it again: {_command(name)}"
    described = {}
    for run in load(name)["runs"].values():
        described |= run.get("models", {})
    if key not in described:
        raise EvidenceError(f"{name} keeps no model {key!r}, but {list(described)}. Make them "
                            f"again: {_command(name)}")
    difference = identity.first_difference(identity.describe(model), described[key])
    if difference is not None:
        raise EvidenceError(f"{path} holds another model than asked for: {difference}. Give "
                            "load_model a model like the stored one.")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not compare its checksums
            if (part := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {part} is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except FileNotFoundError:
        raise EvidenceError(f"No {path}. {again}") from None
    except Exception as error:  # what a damaged file makes torch.load raise is not foreseeable
        raise EvidenceError(
            f"{path} is damaged, or holds other parameters than it should ({error}). {again}"
        ) from error
    return model.eval()


def _save_model(name, key, model):
    """Write a model's state dict as float16, whole or not at all."""
    halved = {parameter: tensor.half() for parameter, tensor in model.state_dict().items()}
    with atomic_write(_model_path(name, key)) as file:
        torch.save(halved, file)


def _model_path(name, key):
    return FOLDER / name / f"{key}.pt"


def remake(*names):
    """Run the seeds of the studies `names` that are not stored yet, and store each as it comes.

    So it can be interrupted and continued. A file made with other settings starts anew. The
    seeds of all studies share the processors.
    """
    stored = {name: _header(name) | {"runs": _stored_runs(name)} for name in names}
    missing = [
        (name, seed) for name in sorted(names, key=lambda name: len(STUDIES[name].seeds))
        for seed in STUDIES[name].seeds if str(seed) not in stored[name]["runs"]
    ]  # Fewest seeds first: theirs take longest, and no processor shall end with one alone.
    jobs = (joblib.delayed(_seeded)(name, STUDIES[name], seed) for name, seed in missing)
    results = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(jobs)
    for name, seed, result in tqdm(results, total=len(missing), unit=" seeds"):
        _keep(name, seed, result, stored[name])


def _header(name):
    study = STUDIES[name]
    return {
        "question": study.question,
        "command": _command(name),
        "settings": study.settings,
    }


def _keep(name, seed, result, stored):
    """Put the `result` of one seed into `stored`, and write that and its models to their files."""
    models = result.pop("models", {})
    for key, model in models.items():
        _save_model(name, key, model)
    described = {key: identity.describe(model) for key, model in models.items()}
    stored["runs"][str(seed)] = result | ({"models": described} if models else {})
    stored["runs"] = dict(sorted(stored["runs"].items(), key=lambda item: int(item[0])))
    with atomic_write(FOLDER / f"{name}.json") as file:
        file.write(json.dumps(stored, indent=1).encode())


def _stored_runs(name):
    """The stored runs that this study would make again: its settings, its seeds."""
    study = STUDIES[name]
    if not (FOLDER / f"{name}.json").exists():
        return {}
    earlier = load(name)
    if earlier["settings"] != json.loads(json.dumps(study.settings)):
        return {}
    wanted = {str(seed) for seed in study.seeds}
    return {
        seed: run for seed, run in earlier["runs"].items()
        if seed in wanted and all(_model_path(name, key).exists() for key in run.get("models", ()))
    }


def _seeded(name, study, seed):
    """The results of one seed, with the versions of the packages that computed them."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    with one_thread():
        return name, seed, study.run(seed, **study.settings) | {"versions": versions}


def _command(name):
    return f"python -m vae_helpers.evidence {name}"


def state(name):
    """How many of a study's seeds are stored, in words; stored under other settings is none."""
    study = STUDIES[name]
    stored = _stored_runs(name)
    return f"{name}: {len(stored)} of {len(study.seeds)} seeds stored. {study.question}"


def main(arguments=None):
    """The command line: remake one study or all, or list them."""
    parser = argparse.ArgumentParser(
        prog="python -m vae_helpers.evidence",
        description="Remake what notebooks/evidence stores. Seeds already stored are kept; to "
        "make a study from nothing, delete its file first.",
    )
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("name", nargs="?", choices=STUDIES)
    chosen.add_argument("--list", action="store_true", help="say what there is, and what is stored")
    chosen.add_argument("--all", action="store_true", help="remake every study")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="spread the seeds over the Dask cluster whose scheduler "
        "is there, say tcp://127.0.0.1:8786, instead of this computer's cores",
    )
    options = parser.parse_args(arguments)
    try:
        if options.list:
            print(*map(state, STUDIES), sep="\n")
            return
        with on_cluster(options.dask, PACKAGES) if options.dask else contextlib.nullcontext():
            remake(*(STUDIES if options.all else [options.name]))
    except ClusterError as error:
        parser.error(str(error))
    except (EvidenceError, OSError) as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    print_anything()
    main()
