"""Places, paths and densities in a latent space, and two measures of the pictures decoded there."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from vae_helpers import arguments, data, elbo, evaluation
from vae_helpers.study import dense_trainer
from vae_lessons.meet_kl_collapse.lab import train_with_annealing

STEPS = 100  # of the probe's training, which is at rest by then


def quantile_grid(side):
    """The middles of `side` intervals of equal probability under N(0, 1): [side], ascending.

    The inverse normal CDF of the middles (k + ½) / side of the unit interval: Kingma &
    Welling 2013, figure 4.
    """
    side = arguments.whole_number(side, "side")
    return torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side)


def cell_counts(codes, side):
    """The number of codes [n, 2] in each of side² cells of equal prior probability: [side, side].

    Rows go from the largest second coordinate down, as a picture's do.
    """
    side = arguments.whole_number(side, "side")
    place = (torch.special.ndtr(codes.double()) * side).long().clamp(0, side - 1)  # [n, 2]
    cell = (side - 1 - place[:, 1]) * side + place[:, 0]
    return cell.bincount(minlength=side * side).reshape(side, side)


def map_axes(codes, spacing, reach=4):
    """Where codes [n, 2] and the edges of cells lie on the axes of a map of the prior.

    spacing: "equal probability", where an axis counts the prior's probability below z, or "equal
    distance", where it counts z from −reach to reach. Returns {"places" [n, 2], "edges" [21], of
    cells of equal probability, "marks" {place on the axis: z}}.
    """
    edges = torch.linspace(0, 1, 21)
    if spacing == "equal probability":
        marks = {torch.special.ndtr(torch.tensor(z)).item(): z for z in (-2.0, -1.0, 0.0, 1.0, 2.0)}
        return {"places": torch.special.ndtr(codes).numpy(), "edges": edges.numpy(), "marks": marks}
    edges = torch.special.ndtri(edges).clamp(-reach, reach)
    return {"places": codes.numpy(), "edges": edges.numpy(),
            "marks": {float(z): z for z in range(-reach, reach + 1)}}


def slerp(first, second, t):
    """Spherical interpolation from first to second, [..., latent]: the point at share t of the arc.

    White 2016 (arXiv 1609.04468), section 2.1. It meets both ends, whatever their norms are. It is
    undefined where the two vectors point in the same direction or in opposite directions.
    """
    cosine = F.cosine_similarity(first, second, dim=-1)[..., None]
    angle = cosine.clamp(-1, 1).acos()
    return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()


def set_along(codes, direction, value):
    """Codes [n, latent] whose component along the unit vector `direction` [latent] is `value`."""
    return codes + (value - codes @ direction)[:, None] * direction  # [n, latent]


def log_prior_ratio(z, mean, logvar):
    """log q(z) − log p(z) in nats, [k]: how much denser the codes lie at z than the prior does.

    z: [k, latent]; q(z) is the aggregate posterior, the average of N(mean, exp(logvar)) over
    the images, [n, latent] each.
    """
    log_q = torch.empty_like(z[:, 0])  # [k], filled one by one: [k, n, latent] would be too large
    for k, point in enumerate(z):
        log_q[k] = elbo.gaussian_log_prob(point, mean, logvar).logsumexp(0) - math.log(len(mean))
    return log_q - elbo.prior_log_prob(z)


def slant(pictures):
    """How far strokes lean to the right, in pixels for each pixel upwards: [n].

    pictures: [n, 28, 28], ink from 0 to 1. The slope of the least-squares line that predicts an
    ink pixel's column from its height, with the ink as weights.
    """
    places = torch.arange(28, dtype=pictures.dtype, device=pictures.device)
    ink = pictures.sum((1, 2))  # [n]
    height = -places[:, None] + (pictures.sum(2) @ places / ink)[:, None, None]  # [n, 28, 1]
    right = places - (pictures.sum(1) @ places / ink)[:, None, None]  # [n, 1, 28]
    return (pictures * height * right).sum((1, 2)) / (pictures * height**2).sum((1, 2))


def stroke_width(pictures):
    """The width of the strokes in pixels, twice the ink divided by the length of its edge: [n].

    pictures: [n, 28, 28], ink from 0 to 1. The edge is the total variation, the sum of the
    lengths of all gradients; a stroke has two edges, hence the factor.
    """
    down, across = pictures.diff(dim=1)[:, :, :-1], pictures.diff(dim=2)[:, :-1]  # [n, 27, 27]
    return 2 * pictures.sum((1, 2)) / torch.hypot(down, across).sum((1, 2))


def distance_correlation(first, second):
    """The correlation between two clouds of the same n codes, [n, ...] each, of all distances."""
    pairs = torch.stack([torch.pdist(codes.double()) for codes in (first, second)])
    return torch.corrcoef(pairs)[0, 1].item()


def linear_probe(codes, labels, test_codes, test_labels):
    """The accuracy on test codes of a linear classifier of codes [n, latent].

    Logistic regression on standardised codes, with a penalty of 10⁻³ · |weights|². The training
    codes are standardised in place: a copy of pixels would double the memory.
    """
    centre, spread = codes.mean(0), codes.std(0).clamp(min=1e-3)
    codes.sub_(centre).div_(spread)
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
        found = torch.cat([F.linear((part - centre) / spread, weight, bias).argmax(1)
                           for part in test_codes.split(1000)])
    return (found == test_labels).double().mean().item()


class Maps(nn.Module):
    """t-SNE's planes of two clouds of n codes at k perplexities, [2, k, n, 2], as a buffer."""

    def __init__(self, perplexities, n):
        super().__init__()
        self.register_buffer("places", torch.zeros(2, perplexities, n, 2))


def plane_trainer(seed, *, plane_hidden, **settings):
    """A trainer of the VAE with a plane for a latent space, on one thread."""
    return dense_trainer(seed, **settings | {"latent": 2, "hidden": plane_hidden})


def make_models(seed, *, epochs, plane_hidden, latent, hidden, **settings):
    """The trained plane's and the larger model's trainers."""
    plane = plane_trainer(seed, plane_hidden=plane_hidden, **settings)
    large = dense_trainer(seed, latent=latent, hidden=hidden, **settings)
    for trainer in (plane, large):
        train_with_annealing(trainer, epochs)
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


def unit_directions(n, latent, seed):
    """Random directions, each of length 1: [n, latent]."""
    directions = from_prior(n, latent, seed)
    return directions / directions.norm(dim=1, keepdim=True)


def classes(classifier, model, z):
    """The digit that a classifier sees in each picture decoded from z, and its probability: [n]."""
    probability, digit = classifier(evaluation.decode(model, z)).softmax(-1).max(-1)
    return digit, probability


def clear_examples(classifier, model, mean, labels):
    """Of each digit the first image whose reconstruction the classifier names right: {digit: n}.

    mean: [n, latent], of the images' posteriors; the classifier gives the digit more than 90 %.
    """
    digit, probability = classes(classifier, model, mean)
    clear = (digit == labels) & (probability > 0.9)
    return {d: ((labels == d) & clear).nonzero()[0].item() for d in range(10)}


PAGE = ("TensorBoard's embedding projector in a browser: a cloud of handwritten digits, zeros "
        "on its left and ones on its right, between panels for the data, the projection and a "
        "search.")


def picture_of_projector():
    """A page of the projector with the notebook's codes: uint8 [height, width, 3]."""
    with Image.open(Path(__file__).parent / "projector.png") as picture:
        return np.asarray(picture.convert("RGB"))


def pixel_components(images, k):
    """The mean [784] of the images' pixels and their k principal directions [784, k], float64.

    From the covariance, summed over pieces: all pixels at once would need much more memory.
    """
    total, products = torch.zeros(784).double(), torch.zeros(784, 784).double()
    for part in images.split(1000):
        x = data.pixels(part).double()  # [1000, 784]
        total += x.sum(0)
        products += x.T @ x
    mean = total / len(images)
    _, directions = torch.linalg.eigh(products / len(images) - torch.outer(mean, mean))
    return mean, directions[:, -k:]


def pca_of(x, components, seed):
    """scikit-learn's `PCA` of x [n, features], fitted."""
    # Imported here: every notebook loads the studies, and it costs 2 s and 80 MB.
    from sklearn.decomposition import PCA

    return PCA(components, random_state=seed).fit(x.numpy())


def tsne(codes, perplexity, seed):
    """The plane in which t-SNE places codes [n, latent]: [n, 2]."""
    from sklearn.manifold import TSNE  # not at the top, as in `pca_of`

    method = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    return torch.from_numpy(method.fit_transform(codes))


def flattened(codes, seed, perplexity=30):
    """Codes [n, latent] as they are, and in a plane by PCA and by t-SNE, [n, 2] each."""
    components = pca_of(codes, 2, seed).transform(codes.numpy())
    return {"codes": codes, "PCA": torch.from_numpy(components),
            "t-SNE": tsne(codes.numpy(), perplexity, seed)}


def neighbour_ranks(codes, plane):
    """For each point, the rank among the codes of its nearest neighbour in the plane: [n], from 1.

    codes: [n, latent]; plane: [n, 2], the same points.
    """
    far, flat = (torch.cdist(x, x).fill_diagonal_(math.inf) for x in (codes, plane))
    return 1 + (far < far.gather(1, flat.argmin(1, keepdim=True))).sum(1)


def nearest_distance(places):
    """The median distance from a place to its nearest neighbour, in spreads of the cloud."""
    nearest = torch.cdist(places, places).kthvalue(2, dim=1).values  # the first is itself
    return (nearest.median() / spread(places)).item()


def spread(places):
    """The root mean square distance of places [n, d] from their mean."""
    return ((places - places.mean(0)) ** 2).sum(1).mean().sqrt()
