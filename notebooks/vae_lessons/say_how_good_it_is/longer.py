"""Train the networks of Table 1 on from where their studies stopped; can be stopped at any time.

``python -m vae_lessons.say_how_good_it_is.longer 1 --until 3280`` goes on with L_1. Each epoch
draws its random numbers from a seed of its own, so that a run that was stopped and goes on ends
with the same weights as one that was not. The checkpoint lies in the cache folder and, as long as
the run is unfinished, beside the stored results too.
"""

import argparse
import time
from pathlib import Path

import torch

from vae_helpers import data, results, runs
from vae_helpers.files import atomic_write, print_anything
from vae_helpers.threads import denormals_as_zero, one_thread
from vae_lessons.say_how_good_it_is import lab
from vae_lessons.say_how_good_it_is.study import NOTEBOOK

BATCH_SIZE, SEED = 100, 1


@one_thread()
@denormals_as_zero()
def train_on(draws, until, every=50):
    """Train on L_K, K = `draws`, up to the end of epoch `until`, on one thread; print each epoch.

    A checkpoint is written after every `every` epochs and at the end.
    """
    images = data.load_mnist(validation=0).train_images
    model = lab.BurdaVAE(torch.full((784,), 0.5), seed=SEED)
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-4, fused=True)
    epoch = _load(draws, model, optimizer)
    while epoch < until:
        started = time.time()
        bound = _train_epoch(model, optimizer, images, draws, epoch)
        epoch += 1
        print(f"epoch {epoch}: L_{draws} of the training images {bound:.3f} nats, "
              f"{time.time() - started:.1f} s", flush=True)
        if epoch % every == 0 or epoch == until:
            _save(draws, model, optimizer, epoch)


def _train_epoch(model, optimizer, images, draws, epoch):
    """One pass over `images` (uint8 [n, 28, 28]); returns the average L_K, in nats per image."""
    generator = torch.Generator().manual_seed(1000 * epoch + SEED)
    optimizer.param_groups[0]["lr"] = lab.burda_rate(epoch)
    total = 0.0
    for batch in data.minibatches(len(images), BATCH_SIZE, generator):
        x = lab.binarize(data.pixels(images[batch]), generator)  # [batch, 784]
        eps = data.noise(generator, draws, len(x), model.latent, like=x)
        loss, _, _ = lab.negative_bound(model, x, eps, "iwae")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total -= loss.item() * len(x)
    return total / len(images)


def _places(draws):
    """Where the checkpoint lies: in the cache folder, and beside the stored results."""
    return [runs.folder(NOTEBOOK) / f"burda-{draws}-longer.pt",
            Path(__file__).parent / "results" / f"burda_{draws}" / "longer.pt"]


def _load(draws, model, optimizer):
    """Put both where the furthest checkpoint stood, else at the stored results; returns the epoch.

    The stored results hold no averages of Adam, which then begin at zero.
    """
    found = [torch.load(path, weights_only=True) for path in _places(draws) if path.exists()]
    if not found:
        results.load_model(f"burda_{draws}", f"{draws}", model).train()
        return results.load(f"burda_{draws}")["settings"]["epochs"][-1]
    newest = max(found, key=lambda checkpoint: checkpoint["epoch"])
    model.load_state_dict(newest["model"])
    optimizer.load_state_dict(newest["optimizer"])
    return newest["epoch"]


def _save(draws, model, optimizer, epoch):
    for path in _places(draws):
        with atomic_write(path) as file:
            torch.save({"epoch": epoch, "model": model.state_dict(),
                        "optimizer": optimizer.state_dict()}, file)


if __name__ == "__main__":
    print_anything()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("draws", type=int, choices=(1, 5))
    parser.add_argument("--until", type=int, required=True, metavar="EPOCH")
    arguments = parser.parse_args()
    train_on(arguments.draws, arguments.until)
