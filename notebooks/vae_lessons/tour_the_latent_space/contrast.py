"""A direction in the latent space that separates broad digits from narrow ones, and its rivals.

The worked example of notebook 09's open task.
"""

import torch

from vae_helpers import arguments, data, evaluation
from vae_lessons.tour_the_latent_space import lab

LEARNED_FROM = 20_000  # training digits whose codes are contrasted
MOVED = 500  # digits that are moved, of the validation images and of the test images
STEP = 2.0  # by which a code is moved along a direction of length 1
ENDS = 0.2  # the share of a digit's images in each of the two groups
KINDS = {"contrast": "contrast of broad\nand narrow digits", "latent": "best of ten latents",
         "random": "best of ten random\ndirections", "shuffled": "contrast of two\nrandom groups"}
SCORE = "share of pictures that become broader and keep their digit"


def breadth(pictures):
    """How broad a digit is for its height, whatever its slant: [n].

    pictures: [n, 28, 28], ink from 0 to 1. The spread of the ink's columns about the line that
    `lab.slant` fits, divided by the spread of its rows; spreads are standard deviations.
    """
    places = torch.arange(28, dtype=pictures.dtype, device=pictures.device)
    ink = pictures.sum((1, 2))  # [n]

    def variance(weights):  # [n, 28] -> [n]
        middle = weights @ places / ink
        return (weights * (places - middle[:, None]) ** 2).sum(1) / ink

    across, down = variance(pictures.sum(1)), variance(pictures.sum(2))
    left = across - lab.slant(pictures) ** 2 * down  # of the line's residuals
    return (left.clamp(min=0) / down).sqrt()


def contrast(codes, values, labels):
    """The unit direction [latent] from codes with small values to codes with large ones.

    codes: [n, latent]; values, labels: [n]. In each label, the mean code of the fifth with the
    largest values minus that of the fifth with the smallest; then the mean over labels, so that
    the direction does not lead from one label to another.
    """
    steps = []
    for label in labels.unique():
        order = codes[labels == label][values[labels == label].argsort()]
        few = max(1, round(ENDS * len(order)))
        steps.append(order[-few:].mean(0) - order[:few].mean(0))
    step = torch.stack(steps).mean(0)
    return step / step.norm()


class Effect:
    """What moving along a direction does to the pictures of `codes` [n, latent].

    large: the least increase of `breadth` that counts.
    """

    def __init__(self, model, classifier, codes, large):
        self._model, self._classifier, self._codes, self._large = model, classifier, codes, large
        self._before = self._look(codes)

    def _look(self, codes):
        pictures = evaluation.decode(self._model, codes)
        named, pictures = self._classifier(pictures).argmax(1), pictures.reshape(-1, 28, 28)
        return named, breadth(pictures), lab.slant(pictures), lab.stroke_width(pictures)

    def __call__(self, direction):
        """{name: number}: the share `score` that becomes broader and keeps its digit; kept; the
        mean change of breadth, slant and stroke width."""
        named, *now = self._look(self._codes + STEP * direction)
        kept = named == self._before[0]
        changes = [after - before for after, before in zip(now, self._before[1:])]
        score = kept & (changes[0] >= self._large)
        means = dict(zip(("breadth", "slant", "stroke_width"), (c.mean().item() for c in changes)))
        return {"score": score.double().mean().item(), "kept": kept.double().mean().item()} | means


def contrast_measures(model, classifier, seed):
    """The effect of each of `KINDS` on test digits, {kind: what `Effect` gives}, and `large`.

    The latent, the random direction and their signs are the best of twenty on validation digits.
    The contrasts are made of training digits; "shuffled" mixes the breadths of each digit first.
    """
    mnist, generator = data.load_mnist(), arguments.generator(seed)
    images, labels = mnist.train_images[:LEARNED_FROM], mnist.train_labels[:LEARNED_FROM]
    values = torch.cat([breadth(part.float() / 255) for part in images.split(1000)])
    large = torch.stack([values[labels == digit].std() for digit in range(10)]).mean().item()
    codes = lab.posteriors(model, images, seed)[0]
    mixed = values.clone()
    for digit in range(10):
        own = (labels == digit).nonzero()[:, 0]
        mixed[own] = values[own[torch.randperm(len(own), generator=generator)]]
    on_validation, on_test = (
        Effect(model, classifier, lab.posteriors(model, some[:MOVED], seed)[0], large)
        for some in (mnist.validation_images, mnist.test_images))

    def best(directions):  # [ten, latent]
        both = torch.cat([directions, -directions])
        return max(both, key=lambda direction: on_validation(direction)["score"])

    latent = model.latent
    chosen = {"contrast": contrast(codes, values, labels), "latent": best(torch.eye(latent)),
              "random": best(lab.unit_directions(latent, latent, seed)),
              "shuffled": contrast(codes, mixed, labels)}
    return {kind: on_test(direction) for kind, direction in chosen.items()} | {"large": large}
