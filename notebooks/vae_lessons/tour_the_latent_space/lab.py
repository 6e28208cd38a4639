"""What two latent spaces are like inside: prior and codes, ways, holes, maps and what they keep."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import arguments, data, elbo, evaluation
from vae_helpers.study import dense_trainer
from vae_lessons.meet_kl_collapse.lab import settle
from vae_lessons.see_through_the_noise.lab import knn_purity
from vae_lessons.train_in_two_stages.realism import SURE, sure

BLOCK = 500_000  # distances at a time, which keeps the matrices small
STEPS = 100  # of the probe's training, which is at rest by then


def quantile_grid(side):
    """Where `side` cells of equal prior probability have their middles: [side], ascending.

    The middles (k + ½) / side of the unit interval through the inverse normal CDF:
    Kingma & Welling 2013, figure 4.
    """
    side = arguments.whole_number(side, "side")
    return torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side)


def cell_counts(codes, side):
    """How many codes [n, 2] lie in each of side² cells of equal prior probability.

    [side, side]: rows go from the largest second coordinate down, as a picture's do.
    """
    side = arguments.whole_number(side, "side")
    place = (torch.special.ndtr(codes.double()) * side).long().clamp(0, side - 1)  # [n, 2]
    cell = (side - 1 - place[:, 1]) * side + place[:, 0]
    return cell.bincount(minlength=side * side).reshape(side, side)


def slerp(first, second, t):
    """From first to second [..., latent] on an arc: the share t of the way, in the angle.

    White 2016 (arXiv 1609.04468), section 2.1. Both ends are met, whatever their norms are;
    undefined where the two point the same way or opposite ways.
    """
    cosine = F.cosine_similarity(first, second, dim=-1)[..., None]
    angle = cosine.clamp(-1, 1).acos()
    return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()


def move_along(codes, direction, value):
    """Codes [n, latent] whose component along the unit vector `direction` [latent] is `value`."""
    return codes + (value - codes @ direction)[:, None] * direction  # [n, latent]


def log_prior_ratio(z, mean, logvar):
    """log q(z) − log p(z) in nats, [k]: how much denser the codes lie at z than the prior does.

    z: [k, latent]; q(z) is the aggregate posterior, the average of N(mean, exp(logvar)) over
    the images, [n, latent] each.
    """
    precision = (-logvar).exp()
    # The quadratic form in products, or [k, n, latent] would have to be held at once.
    constant = -0.5 * (mean**2 * precision + logvar + math.log(2 * math.pi)).sum(-1)  # [n]
    average = [
        torch.logsumexp(
            chunk @ (mean * precision).T - 0.5 * chunk**2 @ precision.T + constant, dim=-1)
        for chunk in z.split(max(1, BLOCK // len(mean)))
    ]
    zero = torch.zeros_like(z)
    return torch.cat(average) - math.log(len(mean)) - elbo.gaussian_log_prob(z, zero, zero)


def distance_correlation(first, second):
    """The correlation of all distances between the same n codes in two pictures, [n, …] each."""
    pairs = torch.stack([torch.pdist(codes.double()) for codes in (first, second)])
    return torch.corrcoef(pairs)[0, 1].item()


def linear_probe(codes, labels, test_codes, test_labels):
    """The accuracy on test codes of a linear classifier of codes [n, latent].

    Logistic regression on standardised codes, with a penalty of 10⁻³ · |weights|².
    """
    centre, spread = codes.mean(0), codes.std(0).clamp(min=1e-3)
    codes = (codes - centre).div_(spread)
    weight = torch.zeros(10, codes.shape[1], dtype=codes.dtype, requires_grad=True)
    bias = torch.zeros(10, dtype=codes.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(codes, weight, bias), labels) + 1e-3 * (weight**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        found = F.linear((test_codes - centre).div_(spread), weight, bias).argmax(1)
    return (found == test_labels).double().mean().item()


class Maps(nn.Module):
    """t-SNE's pictures of two clouds of n codes at k perplexities, [2, k, n, 2], as a buffer."""

    def __init__(self, perplexities, n):
        super().__init__()
        self.register_buffer("places", torch.zeros(2, perplexities, n, 2))


SIDE = 20  # cells of the prior's plane in a row
WALKED = 500  # digits that each latent is turned for
PAIRS = 1000  # of digits that are walked between
DRAWN = 1000  # draws from the prior, and codes beside them
REAL = 10_000  # training digits among which a picture's nearest is looked for
MAPPED = 1000  # codes in t-SNE's pictures
COUNTED = 2000  # codes whose neighbours are looked for
PROBED = 10_000  # training digits of the linear probe
PERPLEXITY, SMALL_PERPLEXITY = 30, 2
FACTORS = (0.5, 1.0, 1.5, 2.0)  # by which draws from the prior are lengthened


def plane_trainer(seed, *, plane_hidden, **settings):
    """A trainer of the VAE with a plane for a latent space, on one thread."""
    return dense_trainer(seed, **settings | {"latent": 2, "hidden": plane_hidden})


def make_models(seed, *, epochs, plane_hidden, latent, hidden, **settings):
    """The trained plane's and the larger model's trainers."""
    plane = plane_trainer(seed, plane_hidden=plane_hidden, **settings)
    large = dense_trainer(seed, latent=latent, hidden=hidden, **settings)
    for trainer in (plane, large):
        settle(trainer, epochs)
    return plane, large


@torch.no_grad()
def posteriors(model, images, seed):
    """Mean, logvar and one draw of q(z|x) for each of the images: [n, latent] each."""
    with evaluation.evaluation_mode(model):
        parts = [model.encode(x) for x in evaluation.chunks(model, images)]
    mean, logvar = map(torch.cat, zip(*parts))
    generator = torch.Generator().manual_seed(seed)
    eps = torch.randn(mean.shape, generator=generator)
    return mean, logvar, elbo.reparameterize(mean, logvar, eps)


def from_prior(n, latent, seed):
    """Draws from the prior: [n, latent]."""
    return torch.randn(n, latent, generator=torch.Generator().manual_seed(seed))


def verdicts(judge, model, z):
    """What the classifier takes the pictures at z for: the digit, and how surely, [n] each."""
    sure, digit = judge(evaluation.decode(model, z)).softmax(-1).max(-1)
    return digit, sure


def plane_measures(model, judge, seed):
    """How evenly the codes fill the prior's plane, and what it is filled with."""
    mean, logvar, drawn = posteriors(model, data.load_mnist().test_images, seed)
    counts = cell_counts(drawn, SIDE)  # [side, side]
    fair = len(drawn) / SIDE**2
    line = quantile_grid(SIDE).float()
    grid = torch.cartesian_prod(line, line)
    digit, sure = verdicts(judge, model, grid)
    ratio = log_prior_ratio(drawn[:COUNTED].double(), mean.double(), logvar.double())
    return {
        "thin": (counts < fair / 2).double().mean().item(),
        "empty": (counts < fair / 10).double().mean().item(),
        "crowded": (counts > 2 * fair).double().mean().item(),
        "far_out": (drawn.norm(dim=1) > 3).double().mean().item(),
        "land": (digit.bincount(minlength=10) / SIDE**2).tolist(),
        "sure": (sure > SURE).double().mean().item(),
        "misfit": ratio.mean().item(),
        "rate": elbo.gaussian_kl(mean, logvar).mean().item(),
    }


def traversal_measures(model, judge, seed):
    """What turning one latent, or a random direction, from −3 to 3 does to pictures."""
    mean, _, _ = posteriors(model, data.load_mnist().test_images[:WALKED], seed)
    random = from_prior(model.latent, model.latent, seed)
    directions = {"axes": torch.eye(model.latent), "random": random / random.norm(dim=1)[:, None]}
    before, _ = verdicts(judge, model, mean)
    found = {}
    for kind, rows in directions.items():
        changed, moved = [], []
        for row in rows:
            ends = [move_along(mean, row, value) for value in (-3.0, 3.0)]
            changed.append((verdicts(judge, model, torch.cat(ends))[0] != before.repeat(2))
                           .double().mean().item())
            low, high = (evaluation.decode(model, end) for end in ends)
            moved.append((high - low).norm(dim=1).mean().item())
        found[kind] = {"changed": changed, "moved": moved}
    rates = evaluation.rate_per_latent(model, data.load_mnist().test_images).tolist()
    return found | {"rate_per_latent": rates}


def judged(pictures, judge, real):
    """How surely pictures [n, 784] are digits, how far from real ones, and how grey."""
    return {
        "sure": sure(judge, pictures),
        "nearest": torch.cdist(pictures, real).amin(1).mean().item(),
        "grey": ((pictures > 0.1) & (pictures < 0.9)).double().mean().item(),
    }


def way_measures(model, judge, seed):
    """The middles of the ways between unlike digits, and draws from the prior, lengthened."""
    real = data.pixels(data.load_mnist().train_images[:REAL])
    mean, _, _ = posteriors(model, data.load_mnist().test_images, seed)
    order = torch.randperm(len(mean), generator=torch.Generator().manual_seed(seed))
    first, second = order[:PAIRS], order[PAIRS : 2 * PAIRS]
    unlike = data.load_mnist().test_labels[first] != data.load_mnist().test_labels[second]
    a, b = mean[first[unlike]], mean[second[unlike]]
    middles = {"ends": a, "linear": torch.lerp(a, b, 0.5),
               "spherical": slerp(a, b, 0.5)}
    # The linear middle with the length of the ends: is it the way that matters, or the norm?
    length = (a.norm(dim=1) + b.norm(dim=1)) / 2
    middles["stretched"] = middles["linear"] * (length / middles["linear"].norm(dim=1))[:, None]
    prior = from_prior(DRAWN, model.latent, seed)
    middles |= {f"prior × {factor:g}": factor * prior for factor in FACTORS}
    found = {
        name: judged(evaluation.decode(model, z), judge, real)
        | {"norm": z.norm(dim=1).median().item()}
        for name, z in middles.items()
    }
    faded = (evaluation.decode(model, a) + evaluation.decode(model, b)) / 2
    return found | {"fade": judged(faded, judge, real)}


def prior_measures(model, judge, seed):
    """Where the prior draws and the codes do not lie, and what the decoder makes of it.

    By fifths: of the draws from the prior, from those where codes are scarcest to the densest.
    """
    real = data.pixels(data.load_mnist().train_images[:REAL])
    mean, logvar, _ = posteriors(model, data.load_mnist().train_images, seed)
    _, _, codes = posteriors(model, data.load_mnist().test_images[:DRAWN], seed)
    prior = from_prior(DRAWN, model.latent, seed)
    of_prior, of_codes = (log_prior_ratio(z, mean, logvar) for z in (prior, codes))
    fifths = [judged(evaluation.decode(model, prior[fifth]), judge, real)
              for fifth in of_prior.argsort().reshape(5, -1)]  # [draws] -> [5, draws / 5]
    return {
        "ratio_of_prior": of_prior.median().item(), "ratio_of_codes": of_codes.median().item(),
        "missed": (of_prior < math.log(0.1)).double().mean().item(),
        "by_fifth": {name: [fifth[name] for fifth in fifths] for name in fifths[0]},
        "of_codes": judged(evaluation.decode(model, codes), judge, real),
        "squared_norm": (codes**2).sum(1).mean().item(),
    }


def pca_of(x, components, seed):
    """scikit-learn's `PCA` of x [n, features], fitted."""
    # Imported here: every notebook loads the studies, and it costs 2 s and 80 MB.
    from sklearn.decomposition import PCA

    return PCA(components, random_state=seed).fit(x.numpy())


def tsne(codes, perplexity, seed):
    """t-SNE's picture of codes [n, latent]: [n, 2]."""
    from sklearn.manifold import TSNE  # not at the top, as in `pca_of`

    method = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    return torch.from_numpy(method.fit_transform(codes))


def kept_measures(model, seed):
    """Neighbour purity and a linear probe: of codes, of pixels, and of as many components."""
    mnist = data.load_mnist()
    labels, train_labels = mnist.test_labels, mnist.train_labels[:PROBED]
    mean, _, drawn = posteriors(model, mnist.test_images, seed)
    train_mean, _, train_drawn = posteriors(model, mnist.train_images[:PROBED], seed)
    x, train_x = data.pixels(mnist.test_images), data.pixels(mnist.train_images[:PROBED])
    pca = pca_of(train_x, model.latent, seed)
    components = [torch.from_numpy(pca.transform(part.numpy())).float() for part in (train_x, x)]
    kinds = {"means": (train_mean, mean), "draws": (train_drawn, drawn), "pixels": (train_x, x),
             "PCA of pixels": components}
    return {
        "purity": {name: knn_purity(codes[:COUNTED], labels[:COUNTED])
                   for name, (_, codes) in kinds.items()},
        "probe": {name: linear_probe(codes, train_labels, test_codes, labels)
                  for name, (codes, test_codes) in kinds.items()},
    }


def flattened(codes, seed):
    """Codes [n, latent] as they are, and in a plane by PCA and by t-SNE, [n, 2] each."""
    components = pca_of(codes, 2, seed).transform(codes.numpy())
    return {"codes": codes, "PCA": torch.from_numpy(components),
            "t-SNE": tsne(codes.numpy(), PERPLEXITY, seed)}


def flat_measures(planes):
    """What `flattened` test codes keep: neighbours, distances, and how wide zeros and ones are."""
    labels = data.load_mnist().test_labels[: len(planes["codes"])]
    return {
        "purity": {name: knn_purity(places, labels)
                   for name, places in planes.items()},
        "distances": {name: distance_correlation(planes["codes"], planes[name])
                      for name in ("PCA", "t-SNE")},
        "widths": {name: (spread(places, labels, 0) / spread(places, labels, 1)).item()
                   for name, places in planes.items()},
    }


def lump_measures(latent, seed):
    """How near the nearest neighbours lie in t-SNE's picture of one Gaussian, in its spreads.

    At a small perplexity; beside it as many draws from a Gaussian in the plane.
    """
    clouds = {"t-SNE": tsne(from_prior(MAPPED, latent, seed).numpy(), SMALL_PERPLEXITY, seed),
              "plane": from_prior(MAPPED, 2, seed)}
    found = {}
    for name, places in clouds.items():
        nearest = torch.cdist(places, places).kthvalue(2, dim=1).values  # the first is itself
        found[name] = (nearest.median() / spread(places, torch.zeros(MAPPED), 0)).item()
    return found


def spread(places, labels, digit):
    """How far the places of one digit lie from their middle: root mean square."""
    own = places[labels == digit]
    return ((own - own.mean(0)) ** 2).sum(1).mean().sqrt()


def maps(model, perplexities, seed):
    """t-SNE of the first codes, and of as many draws from the prior, at each perplexity."""
    kept = Maps(len(perplexities), MAPPED)
    mean, _, _ = posteriors(model, data.load_mnist().test_images[:MAPPED], seed)
    for row, cloud in enumerate((mean, from_prior(MAPPED, model.latent, seed))):
        for column, perplexity in enumerate(perplexities):
            kept.places[row, column] = tsne(cloud.numpy(), perplexity, seed)
    return kept
