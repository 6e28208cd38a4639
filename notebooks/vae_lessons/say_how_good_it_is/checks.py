"""Exercises of notebook 10."""

import math

import torch
from torch.nn.functional import softplus

from vae_helpers import elbo, models
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity
from vae_lessons.say_how_good_it_is import lab

_BITS = 0.16  # a pixel
_NATS = _BITS * 784 * math.log(2)
bits_to_nats = Quantity(
    "bits_to_nats",
    _NATS,
    [
        (_BITS * 784, "These are bits per image. A bit is log 2 = 0.693 nats."),
        (_BITS * 784 / math.log(2), "You divided by log 2. A bit is less than a nat, so the "
         "number of nats is the smaller one."),
        (_BITS * math.log(2), "These are nats per pixel. The image has 784 pixels."),
        (_BITS * 1024 * math.log(2), "You took 32 × 32 pixels. MNIST has 28 × 28."),
        (_BITS * 28 * math.log(2), "You took 28 pixels, one row. The image has 28 × 28."),
        (_BITS * 784 * math.log(10), "That is the factor for digits to base 10. A bit is log 2 "
         "nats."),
        (_BITS * 784 * 8 * math.log(2), "Bits are asked for, not bytes: no factor 8."),
    ],
    [
        "Two steps: from a pixel to an image, and from bits to nats.",
        "28 × 28 pixels; one bit is log 2 nats.",
        "0.16 · 784 · log 2.",
    ],
    tolerance=0.06,
)


def _images():
    """Small models, black and white images and noise; q is far from the prior."""
    draw, cases = draw_from(13), []
    for seed, (draws, n, latent) in enumerate([(5, 3, 2), (4, 4, 4), (1, 2, 3)]):
        model = models.VAE(latent, (9,), seed=seed).double()
        with torch.no_grad():
            model.encoder[-1].weight.mul_(4)
        cases.append((model, (draw(n, 784) > 0).double(), draw(draws, n, latent)))
    return cases


def _weighed(z=elbo.reparameterize, likelihood=elbo.bernoulli_log_prob,
             log_weight=lambda likelihood, prior, q: likelihood + prior - q,
             prior=lambda z, mean: elbo.prior_log_prob(z), q=elbo.gaussian_log_prob):
    """`lab.log_weights` from its parts, of which one may be wrong."""
    def weights(model, x, eps):
        mean, logvar = model.encode(x)
        draws = z(mean, logvar, eps)
        return log_weight(likelihood(x, model.decode(draws)), prior(draws, mean),
                          q(draws, mean, logvar))

    return weights


def _closed_form(model, x, eps):
    mean, logvar = model.encode(x)
    likelihood = elbo.bernoulli_log_prob(x, model.decode(elbo.reparameterize(mean, logvar, eps)))
    return likelihood - elbo.gaussian_kl(mean, logvar)


def _without_logits(x, logits):
    probabilities = logits.sigmoid()
    return (x * probabilities - softplus(probabilities)).sum(-1)


def _bound(of):
    return lambda model, x, eps: of(lab.log_weights(model, x, eps))


log_weights = Exercise(
    "log_weights",
    lab.log_weights,
    _images,
    [
        Mistake(_weighed(log_weight=lambda likelihood, prior, q: likelihood - q),
                "The prior is missing: log p(x, z) = log p(x|z) + log p(z)."),
        Mistake(_weighed(log_weight=lambda likelihood, prior, q: likelihood + prior),
                "This is log p(x, z). A weight divides by the density that z was drawn from: "
                "subtract log q(z|x)."),
        Mistake(_weighed(log_weight=lambda likelihood, prior, q: likelihood),
                "This is log p(x|z) alone. The weight is p(x|z) p(z) / q(z|x)."),
        Mistake(_weighed(log_weight=lambda likelihood, prior, q: likelihood + prior + q),
                "You added log q(z|x). The weight divides by q, so its log is subtracted."),
        Mistake(_weighed(log_weight=lambda likelihood, prior, q: likelihood - prior + q),
                "Prior and q have changed places: the weight is p(x|z) p(z) / q(z|x)."),
        Mistake(_weighed(log_weight=lambda likelihood, prior, q: q - likelihood - prior),
                "This is minus the log weight. Return log p(x, z) − log q(z|x), not a loss."),
        Mistake(_closed_form,
                "You used the closed form of the KL. It averages over z, and a weight belongs to "
                "one draw: take log p(z) − log q(z|x) at that draw. (Averaged over draws both "
                "give the ELBO.)"),
        Mistake(_weighed(z=lambda mean, logvar, eps: mean + logvar.exp() * eps),
                "You scaled the noise by exp(logvar), the variance. The standard deviation is "
                "exp(½ logvar), and `elbo.reparameterize` takes it."),
        Mistake(_weighed(z=lambda mean, logvar, eps: mean + logvar * eps),
                "You scaled the noise by logvar itself. The standard deviation is exp(½ logvar)."),
        Mistake(_weighed(z=lambda mean, logvar, eps: mean.expand(eps.shape)),
                "z is the mean in every draw: the noise eps is not used."),
        Mistake(_weighed(z=lambda mean, logvar, eps: eps),
                "You put the noise eps itself into the decoder. It is a draw from the prior; the "
                "weight needs z = mean + exp(½ logvar) · eps, a draw from q."),
        Mistake(_weighed(q=lambda z, mean, logvar: elbo.gaussian_log_prob(z, mean, logvar / 2)),
                "`elbo.gaussian_log_prob` takes the log of the variance, logvar as it is."),
        Mistake(_weighed(q=lambda z, mean, logvar: elbo.gaussian_log_prob(z, mean, logvar.exp())),
                "`elbo.gaussian_log_prob` takes the log of the variance, logvar as it is, not its "
                "exp."),
        Mistake(_weighed(prior=lambda z, mean: elbo.prior_log_prob(mean)),
                "You took the prior's density at the mean. Take it at the draw z."),
        Mistake(_weighed(q=lambda z, mean, logvar: elbo.gaussian_log_prob(mean, mean, logvar)),
                "You took q's density at its mean. Take it at the draw z."),
        Mistake(_weighed(likelihood=lambda x, logits: elbo.bernoulli_log_prob(x, logits) / 784),
                "log p(x|z) is a sum over the 784 pixels; yours is their average."),
        Mistake(_weighed(likelihood=_without_logits),
                "`elbo.bernoulli_log_prob` takes the logits as the decoder gives them, without "
                "the sigmoid."),
        Mistake(_weighed(likelihood=lambda x, logits: -elbo.bernoulli_log_prob(x, logits)),
                "The sign of log p(x|z) is flipped: minus the cross entropy is wanted."),
        Mistake(_bound(lambda w: w.exp()),
                "These are the weights themselves, and exp(−600) is 0 in float32. Return their "
                "logarithms."),
        Mistake(_bound(lambda w: w.mean(0)),
                "You averaged over the draws. Return each draw's log weight: [K, n]."),
        Mistake(_bound(lambda w: torch.logsumexp(w, 0) - math.log(len(w))),
                "This is the bound already. Return each draw's log weight: [K, n]."),
        Mistake(_bound(lambda w: w.mean(1)),
                "You averaged over the images. Return each image's log weights: [K, n]."),
    ],
    [
        "Encode x, draw z with eps, decode it; then add and subtract three log densities.",
        "log p(x|z) + log p(z) − log q(z|x), all at the same z.",
        "mean, logvar = model.encode(x); z = elbo.reparameterize(mean, logvar, eps); then "
        "elbo.bernoulli_log_prob(x, model.decode(z)) + elbo.prior_log_prob(z) − "
        "elbo.gaussian_log_prob(z, mean, logvar).",
    ],
)


def _weights():
    draw = draw_from(10)
    return [(3 * draw(6, 4) - 90, 2), (2 * draw(12, 3) - 80, 4), (2 * draw(5, 2) - 800, 5),
            (draw(3, 5) - 100, 1)]


def _grouped(w, k):
    return w.reshape(len(w) // k, k, -1)  # [groups, K, n]


def _interleaved(w, k):
    return lab.grouped_bounds(
        w.reshape(k, len(w) // k, -1).transpose(0, 1).reshape(w.shape), k)


group_bounds = Exercise(
    "group_bounds",
    lab.grouped_bounds,
    _weights,
    [
        Mistake(lambda w, k: _grouped(w, k).mean(1),
                "You averaged the logs of a group. That is its ELBO, whatever K is: average the "
                "weights and take the log last."),
        Mistake(lambda w, k: torch.logsumexp(_grouped(w, k), 1),
                "You summed the weights of a group. Their average is asked for: subtract log K."),
        Mistake(lambda w, k: torch.logsumexp(_grouped(w, k), 1) + math.log(k),
                "log K was added. An average divides by K, so it is subtracted."),
        Mistake(lambda w, k: _grouped(w, k).exp().mean(1).log(),
                "Right on paper, but exp(−800) is 0 in the computer: use torch.logsumexp."),
        Mistake(lambda w, k: torch.logsumexp(_grouped(w, k), 1) - math.log(len(w)),
                "You divided by the number of all draws. A group has K of them."),
        Mistake(lambda w, k: lab.grouped_bounds(w, k).mean(0),
                "You averaged over the groups. Every group's estimate is asked for: [groups, n]."),
        Mistake(lambda w, k: torch.logsumexp(w, 0) - math.log(len(w)),
                "You put all draws into one group. Groups of K are asked for."),
        Mistake(_interleaved,
                "Your groups take every (draws / K)th draw. Such groups would do too, but here the "
                "first K draws are the first group: reshape to [groups, K, n]."),
        Mistake(lambda w, k: torch.logsumexp(_grouped(w, k).log(), 1) - math.log(k),
                "The weights are logarithms already, and negative: their log is NaN. Do not take "
                "it again."),
        Mistake(lambda w, k: _grouped(w, k).amax(1) - math.log(k),
                "You took the largest weight alone. It dominates, but the others count."),
        Mistake(lambda w, k: _grouped(w, k).amax(1),
                "This is the largest log weight of each group. It dominates, but the others "
                "count."),
        Mistake(lambda w, k: math.log(k) - torch.logsumexp(-_grouped(w, k), 1),
                "You put the negative log weights into logsumexp: this averages 1/w, so the "
                "smallest weights count most. Give it the log weights as they are."),
        Mistake(lambda w, k: torch.logsumexp(-_grouped(w, k), 1) - math.log(k),
                "You put the negative log weights into logsumexp. Give it the log weights as they "
                "are; a loss gets its minus afterwards."),
        Mistake(lambda w, k: torch.logsumexp(_grouped(w, k), (1, 2)) - math.log(k),
                "You took logsumexp over images as well. Every image keeps its own estimates: "
                "dim=1 of [groups, K, n]."),
        Mistake(lambda w, k: torch.logsumexp(_grouped(w, k), 1) / k,
                "You divided the log by K. The average is inside the log: subtract log K."),
        Mistake(lambda w, k: w.mean(0),
                "You averaged the logs of all draws. That is the ELBO, whatever K is: average the "
                "weights of each group and take the log last."),
        Mistake(lambda w, k: lab.grouped_bounds(w, k).mean(),
                "You averaged over groups and images. Every estimate is asked for: [groups, n]."),
    ],
    [
        "Reshape [draws, n] to [groups, K, n]; the bound is taken along one of these axes.",
        "log (1/K) Σ w = logsumexp(log w) − log K: give logsumexp the log weights.",
        "torch.logsumexp(log_weights.reshape(-1, K, n), dim=1) − math.log(K), with n the images.",
    ],
)


def _pairs():
    draw = draw_from(11)
    pairs = []
    for n, gap in ((40, 1.5), (12, -0.4), (7, 0.1)):
        hard = 20 * draw(n) - 90  # some images are hard for every model
        pairs.append((hard + draw(n), hard + draw(n) - gap))
    return pairs


def _interval(a, b):
    return torch.stack([(a - b).mean(), 1.96 * (a - b).std() / math.sqrt(len(a))])


def _with_width(width):
    return lambda a, b: torch.stack([(a - b).mean(), width(a, b)])


paired_interval = Exercise(
    "paired_interval",
    _interval,
    _pairs,
    [
        Mistake(_with_width(lambda a, b: 1.96 * ((a.var() + b.var()) / len(a)).sqrt()),
                "You treated the two models as if they had been tested on different images. Some "
                "images are hard for both, and this cancels in the difference: take the std of "
                "first − second."),
        Mistake(_with_width(lambda a, b: 1.96 * (a - b).std()),
                "This is the spread of single images. The mean of n of them spreads √n less."),
        Mistake(_with_width(lambda a, b: (a - b).std() / math.sqrt(len(a))),
                "This is the standard error. For 95 % take 1.96 of it to either side."),
        Mistake(_with_width(lambda a, b: (a - b).std()),
                "This is the spread of single images. The mean of n of them spreads √n less, and "
                "95 % take 1.96 of that to either side."),
        Mistake(_with_width(lambda a, b: 2 * (a - b).std() / math.sqrt(len(a))),
                "Nearly: you took 2 standard errors. Here 1.96 are asked for."),
        Mistake(_with_width(lambda a, b: 1.96 * a.std() / math.sqrt(len(a))),
                "This is the interval of one model's mean. Take the spread of first − second."),
        Mistake(_with_width(lambda a, b: 1.96 * (a.std() + b.std()) / math.sqrt(len(a))),
                "You added the two spreads. Most of each is common to both: take that of "
                "first − second."),
        Mistake(_with_width(lambda a, b: 1.96 * (a - b).var() / math.sqrt(len(a))),
                "This has the variance in it. Take its root, the standard deviation."),
        Mistake(_with_width(lambda a, b: 1.96 * (a - b).std() / len(a)),
                "You divided by n. The error of a mean falls with √n."),
        Mistake(_with_width(lambda a, b: 1.96 * (a - b).std(correction=0) / math.sqrt(len(a))),
                "Nearly: the spread is estimated around its own mean, so divide by n − 1, as "
                "std() does unless told otherwise."),
        Mistake(_with_width(lambda a, b: 3.92 * (a - b).std() / math.sqrt(len(a))),
                "This is the whole width of the interval. Half of it is asked for."),
        Mistake(_with_width(lambda a, b: 1.645 * (a - b).std() / math.sqrt(len(a))),
                "1.645 standard errors give 90 %. For 95 % take 1.96."),
        Mistake(_with_width(lambda a, b: 2.576 * (a - b).std() / math.sqrt(len(a))),
                "2.576 standard errors give 99 %. For 95 % take 1.96."),
        Mistake(lambda a, b: _interval(a, b).flip(0), "The mean comes first, half the width "
        "second."),
        Mistake(lambda a, b: torch.stack([(a - b).abs().mean(), _interval(a, b)[1]]),
                "You averaged |first − second|. Keep the sign: it says which model is better."),
        Mistake(lambda a, b: _interval(b, a),
                "You took second − first. first − second is asked for."),
        Mistake(lambda a, b: torch.stack([(a - b).mean() - _interval(a, b)[1],
                                          (a - b).mean() + _interval(a, b)[1]]),
                "These are the interval's two ends. The mean and half the width are asked for."),
    ],
    [
        "Both models were tested on every image. Of which numbers should you take the std?",
        "Of the paired differences, one an image; the standard error of their mean is std / √n.",
        "d = first − second; torch.stack([d.mean(), 1.96 * d.std() / math.sqrt(len(d))]).",
    ],
)


def _scores():
    draw, cases = draw_from(12), []
    for runs, images, others in ((4, 9, 30), (6, 5, 7), (3, 20, 4), (8, 12, 12)):
        runs_own = 0.3 * draw(runs, 1) + 110
        cases.append((runs_own + 3 * draw(runs, images), runs_own + 5 * draw(runs, others)))
    return cases


def _report(validation, test):
    return test.mean(1)[validation.mean(1).argmin()]


report = Exercise(
    "report",
    _report,
    _scores,
    [
        Mistake(lambda v, t: t.mean(1).min(),
                "You let the test images choose. Find the run with the validation images, then "
                "look at its test scores alone."),
        Mistake(lambda v, t: v.mean(1).min(),
                "This is the chosen run's score on the validation images, and it was chosen for "
                "being low there. Report its mean over the test images."),
        Mistake(lambda v, t: t.mean(1)[v.mean(1).argmax()],
                "You chose the largest −ELBO. It is a loss: the smallest is the best."),
        Mistake(lambda v, t: t.mean(1).max(),
                "You let the test images choose, and took the worst run. Find the run with the "
                "lowest mean on the validation images."),
        Mistake(lambda v, t: t.mean(), "This averages over all runs. Report the one run that the "
                "validation images choose."),
        Mistake(lambda v, t: v.mean(1).argmin(),
                "This is the number of the chosen run. Report its mean over the test images."),
        Mistake(lambda v, t: t[v.mean(1).argmin()],
                "The right run, but every image's score is here. Report their mean."),
        Mistake(lambda v, t: t.mean(1)[v.min(1).values.argmin()],
                "You chose the run with the single lowest image. Choose by the mean over the "
                "validation images."),
        Mistake(lambda v, t: t[v.mean(1).argmin()].min(),
                "You reported the chosen run's best image. Report its mean over the test images."),
        Mistake(lambda v, t: t.mean(1)[torch.cat([v, t], 1).mean(1).argmin()],
                "Your choice looks at the test images too. Choose with the validation images "
                "alone."),
        Mistake(lambda v, t: torch.cat([v, t], 1)[v.mean(1).argmin()].mean(),
                "You averaged the chosen run over validation and test images. It was chosen for "
                "being good on the first: report the test images alone."),
    ],
    [
        "Two steps: which run is best on the validation images? What is its mean on test?",
        "validation.mean(1) has a number for each run; argmin finds the lowest.",
        "test[validation.mean(1).argmin()].mean()",
    ],
)
