"""What the studies of notebook 09 measure, of which the notebook repeats parts live.

What the notebook teaches (`slerp`, `log_prior_ratio` and others) is an argument here.
"""

import math

import torch

from vae_helpers import data, elbo, evaluation
from vae_lessons.see_through_the_noise.lab import knn_purity
from vae_lessons.start_here.lab import correlation
from vae_lessons.tour_the_latent_space import lab
from vae_lessons.train_in_two_stages.realism import CONFIDENT, confident_share

SIDE = 20  # cells of the prior's plane in a row
WALKED = 500  # digits that are moved along each direction
VALUES = (-2.0, -1.0, 0.0, 1.0, 2.0)  # that the component along a direction is given
PAIRS = 1000  # of digits that are interpolated
DRAWN = 1000  # draws from the prior, and codes beside them
REAL = 10_000  # training digits among which a picture's nearest is looked for
MAPPED = 1000  # codes in t-SNE's planes
COUNTED = 2000  # codes whose neighbours are looked for
PROBED = 10_000  # training digits of the linear probe
SMALL_PERPLEXITY = 2
FACTORS = (0.5, 1.0, 1.5, 2.0)  # by which draws from the prior are lengthened


def plane_measures(model, classifier, seed, *, quantile_grid, cell_counts, log_prior_ratio):
    """How evenly the codes fill the prior's plane, and which digits the prior draws there."""
    mean, logvar, codes = lab.posteriors(model, data.load_mnist().test_images, seed)
    counts = cell_counts(codes, SIDE)  # [side, side]
    expected = len(codes) / SIDE**2
    line = quantile_grid(SIDE).float()
    digit, probability = lab.classes(classifier, model, torch.cartesian_prod(line, line))
    ratio = log_prior_ratio(codes[:COUNTED].double(), mean.double(), logvar.double())
    return {
        "thin": (counts < expected / 2).double().mean().item(),
        "empty": (counts < expected / 10).double().mean().item(),
        "crowded": (counts > 2 * expected).double().mean().item(),
        "far_out": (codes.norm(dim=1) > 3).double().mean().item(),
        "class_share": (digit.bincount(minlength=10) / SIDE**2).tolist(),
        "confident": (probability > CONFIDENT).double().mean().item(),
        "marginal_kl": ratio.mean().item(),
        "rate": elbo.gaussian_kl(mean, logvar).mean().item(),
    }


def beyond_the_map(model, seed, *, quantile_grid):
    """Codes outside the classic map, and what it costs to decode them from its edge instead.

    The map ends at the outermost places of `SIDE` cells. The cost is distortion in nats, averaged
    over the images whose codes lie outside.
    """
    images = data.load_mnist().test_images
    _, _, codes = lab.posteriors(model, images, seed)
    edge = quantile_grid(SIDE)[-1].item()
    outside = (codes.abs() > edge).any(dim=1)
    x, codes = data.pixels(images[outside]), codes[outside]
    with torch.no_grad():
        at_home, at_edge = (elbo.bernoulli_log_prob(x, model.decode(z))
                            for z in (codes, codes.clamp(-edge, edge)))
    return {"share": outside.double().mean().item(), "cost": (at_home - at_edge).mean().item()}


def traversal_measures(model, classifier, seed, *, set_along):
    """What moving along one latent, or a random direction, from −3 to 3 does to pictures."""
    mean, _, _ = lab.posteriors(model, data.load_mnist().test_images[:WALKED], seed)
    directions = {"axes": torch.eye(model.latent),
                  "random": lab.unit_directions(model.latent, model.latent, seed)}
    before, _ = lab.classes(classifier, model, mean)
    found = {}
    for kind, rows in directions.items():
        changed, moved = [], []
        for row in rows:
            ends = [set_along(mean, row, value) for value in (-3.0, 3.0)]
            after, _ = lab.classes(classifier, model, torch.cat(ends))
            changed.append((after != before.repeat(2)).double().mean().item())
            low, high = (evaluation.decode(model, end) for end in ends)
            moved.append((high - low).norm(dim=1).mean().item())
        found[kind] = {"changed": changed, "moved": moved}
    rates = evaluation.rate_per_latent(model, data.load_mnist().test_images).tolist()
    return found | {"rate_per_latent": rates}


def meaning_measures(model, seed, measures, *, set_along):
    """How well the place along a direction decides a measure of the decoded picture.

    measures: {name: a function from pictures [n, 28, 28] to [n]}. For each, the correlation of
    value and measure along the latents' axes, along as many random directions, and along the
    direction that a regression on the codes of all test digits finds for it.
    """
    images = data.load_mnist().test_images
    mean, _, _ = lab.posteriors(model, images, seed)
    directions = torch.cat([torch.eye(model.latent),
                            lab.unit_directions(model.latent, model.latent, seed)])
    real = images.float() / 255
    found = {}
    for name, measure in measures.items():
        own = torch.cat([measure(part) for part in real.split(1000)])  # [n]
        fitted, explained = regression(mean, own)
        values = [turned(model, mean[:WALKED], row, measure, set_along)
                  for row in (*directions, fitted)]
        found[name] = {"axes": values[:model.latent], "random": values[model.latent:-1],
                       "fitted": values[-1], "explained": explained,
                       "single": [correlation(column, own) for column in mean.T]}
    return found


def turned(model, codes, direction, measure, set_along):
    """The correlation of the value along a direction [latent] with the measure of the pictures.

    From each digit's five measures their average is subtracted first, so that only changes count.
    """
    moved = torch.cat([set_along(codes, direction, value) for value in VALUES])
    pictures = evaluation.decode(model, moved).reshape(-1, 28, 28)
    found = measure(pictures).reshape(len(VALUES), len(codes)).double()
    found = found - found.mean(0)
    along = torch.tensor(VALUES, dtype=torch.float64)[:, None].expand_as(found)
    return correlation(along.flatten(), found.flatten())


def regression(codes, target):
    """The unit direction [latent] along which a linear fit to target [n] rises, and its R²."""
    codes, target = codes - codes.mean(0), target - target.mean()
    weights = torch.linalg.lstsq(codes.double(), target[:, None].double()).solution[:, 0]
    left = target.double() - codes.double() @ weights
    explained = 1 - (left**2).sum() / (target.double() ** 2).sum()
    return (weights / weights.norm()).float(), explained.item()


def picture_measures(pictures, classifier, real):
    """Of pictures [n, 784]: the confident share, the distance to real digits, and the greyness."""
    return {
        "confident": confident_share(classifier, pictures),
        "nearest": torch.cat([torch.cdist(part, real).amin(1)
                              for part in pictures.split(200)]).mean().item(),
        "grey": ((pictures > 0.1) & (pictures < 0.9)).double().mean().item(),
    }


def path_measures(model, classifier, seed, *, slerp):
    """Pictures half-way between unlike digits, and at draws from the prior, lengthened."""
    real = data.pixels(data.load_mnist().train_images[:REAL])
    mean, _, _ = lab.posteriors(model, data.load_mnist().test_images, seed)
    order = torch.randperm(len(mean), generator=torch.Generator().manual_seed(seed))
    first, second = order[:PAIRS], order[PAIRS : 2 * PAIRS]
    unlike = data.load_mnist().test_labels[first] != data.load_mnist().test_labels[second]
    a, b = mean[first[unlike]], mean[second[unlike]]
    middles = {"ends": a, "linear": torch.lerp(a, b, 0.5),
               "spherical": slerp(a, b, 0.5)}
    # The linear middle with the length of the ends: does the path matter, or the norm?
    length = (a.norm(dim=1) + b.norm(dim=1)) / 2
    middles["stretched"] = middles["linear"] * (length / middles["linear"].norm(dim=1))[:, None]
    prior = lab.from_prior(DRAWN, model.latent, seed)
    middles |= {f"prior × {factor:g}": factor * prior for factor in FACTORS}
    found = {
        name: picture_measures(evaluation.decode(model, z), classifier, real)
        | {"norm": z.norm(dim=1).median().item()}
        for name, z in middles.items()
    }
    faded = (evaluation.decode(model, a) + evaluation.decode(model, b)) / 2
    return found | {"faded": picture_measures(faded, classifier, real)}


def prior_measures(model, classifier, seed, *, log_prior_ratio):
    """How scarce codes are at draws from the prior, and what the decoder draws there.

    In fifths of the draws, from where codes are scarcest to where they are densest.
    """
    real = data.pixels(data.load_mnist().train_images[:REAL])
    mean, logvar, _ = lab.posteriors(model, data.load_mnist().train_images, seed)
    _, _, codes = lab.posteriors(model, data.load_mnist().test_images[:DRAWN], seed)
    prior = lab.from_prior(DRAWN, model.latent, seed)
    of_prior, of_codes = (log_prior_ratio(z, mean, logvar) for z in (prior, codes))
    fifths = [picture_measures(evaluation.decode(model, prior[fifth]), classifier, real)
              for fifth in of_prior.argsort().reshape(5, -1)]  # [draws] -> [5, draws / 5]
    return {
        "ratio_of_prior": of_prior.median().item(), "ratio_of_codes": of_codes.median().item(),
        "missed": (of_prior < math.log(0.1)).double().mean().item(),
        "by_fifth": {name: [fifth[name] for fifth in fifths] for name in fifths[0]},
        "of_codes": picture_measures(evaluation.decode(model, codes), classifier, real),
        "squared_norm": (codes**2).sum(1).mean().item(),
    }


def kept_measures(model, seed):
    """k-NN purity and a linear probe: of codes, of pixels, and of as many principal components."""
    mnist = data.load_mnist()
    labels, train_labels = mnist.test_labels, mnist.train_labels[:PROBED]
    found = {"purity": {}, "probe": {}}
    for name, (train_codes, codes) in _kinds(model, mnist, seed):
        found["purity"][name] = knn_purity(codes[:COUNTED], labels[:COUNTED])
        found["probe"][name] = lab.linear_probe(train_codes, train_labels, codes, labels)
    return found


def _kinds(model, mnist, seed):
    """(name, (of training digits, of test digits)) of each kind of codes, one after another."""
    mean, _, draws = lab.posteriors(model, mnist.test_images, seed)
    train_mean, _, train_draws = lab.posteriors(model, mnist.train_images[:PROBED], seed)
    yield "means", (train_mean, mean)
    yield "draws", (train_draws, draws)
    parts = mnist.train_images[:PROBED], mnist.test_images
    yield "pixels", [data.pixels(part) for part in parts]
    centre, directions = lab.pixel_components(parts[0], model.latent)
    yield "PCA of pixels", [
        torch.cat([((data.pixels(some).double() - centre) @ directions).float()
                   for some in images.split(1000)]) for images in parts]


def flat_measures(planes):
    """What `flattened` test codes keep: neighbours, distances, and how wide zeros and ones are."""
    labels = data.load_mnist().test_labels[: len(planes["codes"])]
    return {
        "purity": {name: knn_purity(places, labels)
                   for name, places in planes.items()},
        "distances": {name: lab.distance_correlation(planes["codes"], planes[name])
                      for name in ("PCA", "t-SNE")},
        "widths": {name: (lab.spread(places[labels == 0]) / lab.spread(places[labels == 1])).item()
                   for name, places in planes.items()},
    }


def lump_measures(latent, seed):
    """How near the nearest neighbours lie in t-SNE's plane of draws from one Gaussian.

    At a small perplexity; beside it as many draws from a Gaussian in the plane.
    """
    draws = lab.from_prior(MAPPED, latent, seed)
    return {"t-SNE": lab.nearest_distance(lab.tsne(draws.numpy(), SMALL_PERPLEXITY, seed)),
            "plane": lab.nearest_distance(lab.from_prior(MAPPED, 2, seed))}


def maps(model, perplexities, seed):
    """t-SNE's planes of the first codes, and of as many draws from the prior, by perplexity."""
    kept = lab.Maps(len(perplexities), MAPPED)
    mean, _, _ = lab.posteriors(model, data.load_mnist().test_images[:MAPPED], seed)
    for row, cloud in enumerate((mean, lab.from_prior(MAPPED, model.latent, seed))):
        for column, perplexity in enumerate(perplexities):
            kept.places[row, column] = lab.tsne(cloud.numpy(), perplexity, seed)
    return kept
