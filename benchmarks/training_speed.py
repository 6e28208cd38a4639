#!/usr/bin/env python3
"""The speed of the Trainer, compared with other ways to train the same VAE, and how it scales.

    python benchmarks/training_speed.py [--quick] [--rounds N]

A VAE of 784-400-20, batches of 128, Adam at 1e-3, float32, two threads (see contestants.py).
Each contestant trains for three epochs in a separate process; the contestants take turns for
several rounds, one seed per round. The table has medians over all epochs, and the test −ELBO
averaged over rounds.
The import of vae_helpers makes PyTorch's waiting threads sleep soon, so that two kernels can share
the cores; this applies to the Trainer and to the plain loop. The other contestants' threads spin,
GNU OpenMP's default. The second row is the Trainer with spinning threads.
Then the Trainer trains for 30 epochs, to see whether later epochs are slower. Finally single steps
are timed for other batch sizes, latents and widths, plotted in training_cost.png.

Pyro and pythae are installed into a separate environment in the cache folder at the first call
(pip needs the network). This environment's packages are put on its path before pip runs, so that
pip downloads only what is missing, and no second PyTorch. This environment is not changed.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import report  # noqa: E402

from vae_helpers import data, files, models, training  # noqa: E402  (before torch)

# isort: split
import torch  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import LogLocator  # noqa: E402

PEERS = ("pyro-ppl", "pythae")
NAMES = {"ours": "Trainer, as shipped", "spinning": "Trainer, threads as the peers'",
         "plain": "the same in a plain loop", "dataloader": "DataLoader + ToTensor",
         "pyro": "Pyro, SVI", "pythae": "pythae", "products": "bare matrix products"}
AIMS = {"plain": "≥ 1 / 1.1", "dataloader": "≥ 4", "pythae": "≥ 2.5", "products": "≥ 1 / 1.6"}
EPOCHS, LONG = 3, 30
GNU_SPINS = "300000"  # GNU's default; the import of vae_helpers would lower it
SWEEPS = {  # {setting: values}, the other settings fixed
    "batch size": [8, 16, 32, 64, 128, 256, 512, 1024],
    "latents": [2, 5, 10, 20, 50, 100, 200],
    "width": [50, 100, 200, 400, 800, 1600],
}


def peers_python():
    """The Python of the environment with Pyro and pythae, which is made if missing."""
    folder = files.cache_dir() / "benchmarks" / "peers"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made_for = {"python": sys.version, "beside": sysconfig.get_path("purelib"), "peers": PEERS}
    stamp = folder / "made_for.json"
    if stamp.exists() and stamp.read_text() == json.dumps(made_for):
        return python
    print(f"Making an environment for {' and '.join(PEERS)} in {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(subprocess.check_output([python, "-c", where], text=True).strip())
    (own / "project.pth").write_text(made_for["beside"] + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    stamp.write_text(json.dumps(made_for))
    return python


def race(python, name, *, epochs, count, seed):
    """The result of contestants.py: {"seconds": [epoch], "neg_elbo": nats per image or None}."""
    root = Path(__file__).resolve().parents[1]
    waiting = {} if name in ("ours", "plain") else {"GOMP_SPINCOUNT": GNU_SPINS}
    contestant = "ours" if name == "spinning" else name
    numbers = map(str, (epochs, count, seed))
    command = [python, "benchmarks/contestants.py", contestant, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root,
                          env=os.environ | {"PYTHONPATH": str(root)} | waiting)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def comparison(results):
    """Table rows from {name: [result of `race`]}; the ratio is contestant's time ÷ ours."""
    seconds = {name: np.median([one["seconds"] for one in races])
               for name, races in results.items()}
    rows = []
    for name, races in results.items():
        neg_elbos = [one["neg_elbo"] for one in races if one["neg_elbo"]]
        judged = [np.mean(neg_elbos), np.ptp(neg_elbos)] if neg_elbos else []
        rows.append([NAMES[name], f"{seconds[name]:.2f}", f"{seconds[name] / seconds['ours']:.2f}",
                     AIMS.get(name, ""), *([f"{v:.2f}" for v in judged] or "––")])
    return rows


def disagreement(results):
    """The largest difference between contestants' average −ELBO, nats per image."""
    averages = [np.mean([one["neg_elbo"] for one in races])
                for name, races in results.items() if name != "products"]
    return np.ptp(averages)


def growth(seconds):
    """The relative increase in time from the first third of the epochs to the last."""
    third = len(seconds) // 3
    return np.median(seconds[-third:]) / np.median(seconds[:third]) - 1


def step_ms(images, steps, batch=128, latents=20, width=400):
    """The median milliseconds of a step."""
    model = models.VAE(latents, (width,), seed=0)
    trainer = training.Trainer(model, images, batch_size=batch, seed=0)
    times = []
    for _ in range(steps + 5):
        started = time.perf_counter()
        trainer.step()
        times.append(1000 * (time.perf_counter() - started))
    return np.median(times[5:])  # the first steps allocate memory


def sweep(images, steps):
    """Milliseconds per step: {setting: {its value: milliseconds}}."""
    names = dict(zip(SWEEPS, ("batch", "latents", "width")))
    return {what: {value: step_ms(images, steps, **{names[what]: value}) for value in values}
            for what, values in SWEEPS.items()}


def draw(costs, path):
    """Save a figure with three log-log panels: milliseconds per step against each setting."""
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    for axes, (what, cost) in zip(fig.subplots(1, 3, sharey=True), costs.items()):
        axes.loglog(cost.keys(), cost.values(), "o-")
        axes.set_xlabel(what)
        axes.set_xticks(list(cost), labels=map(str, cost), rotation=45)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    fig.axes[0].set_ylabel("milliseconds a step")
    fig.axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    fig.axes[0].yaxis.set_major_formatter("{x:g}")
    fig.suptitle("The cost of a step (else 128 images, 20 latents, 400 wide)")
    fig.savefig(path, dpi=110)


def main():
    options = report.options(__doc__, **{"--rounds": {"type": int, "default": 5}})
    rounds, count, long, steps = (1, 1280, 6, 5) if options.quick else (
        options.rounds, 55_000, LONG, 300)
    python = peers_python()
    packages = ("torch", "torchvision", "numpy")
    with report.Section("training_speed.py", packages, options.quick) as section:
        listing = subprocess.check_output([python, "-m", "pip", "list", "--format=json"], text=True)
        versions = {one["name"]: one["version"] for one in json.loads(listing)}
        section.add("Peers: " + ", ".join(f"{name} {versions[name]}" for name in PEERS) + ".")
        results = {name: [] for name in NAMES}
        for seed in range(rounds):
            for name in NAMES:
                results[name].append(race(python, name, epochs=EPOCHS, count=count, seed=seed))
                print(f"round {seed + 1} of {rounds}: {NAMES[name]}", flush=True)
        section.add(report.table(
            ["", "s an epoch", "times ours", "aim", f"test −ELBO, {EPOCHS} epochs", "spread"],
            comparison(results)))
        section.add(f"The averages of the test −ELBO differ by {disagreement(results):.2f} nats "
                    "at most (aim: 0.5). Spread: the largest seed's less the smallest's.")
        seconds = race(python, "ours", epochs=long, count=count, seed=0)["seconds"]
        section.add(f"Ours over {long} epochs: the last third takes {growth(seconds):+.1%} longer "
                    "than the first (aim: less than 5 %).")
        torch.set_num_threads(2)
        costs = sweep(data.load_mnist().train_images, steps)
        section.add("\n\n".join(
            report.table([what, *cost], [["ms a step", *(f"{ms:.2f}" for ms in cost.values())]])
            for what, cost in costs.items()))
        place = tempfile.gettempdir() if options.quick else Path(__file__).parent
        draw(costs, Path(place, "training_cost.png"))
        section.add("![The cost of a step against batch, latents and width](training_cost.png)")


if __name__ == "__main__":
    main()
