"""Exercises of notebook 10."""

import math

import torch

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
                "Your groups are made of draws that lie apart. That estimates as well, but here "
                "the first K draws are the first group: reshape to [groups, K, n]."),
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
        "log (1/K) Σ exp(w) = logsumexp(w) − log K.",
        "torch.logsumexp(log_weights.reshape(-1, k, n), dim=1) − math.log(k), with n the images.",
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
                "You treated the two models as if they had met different images. Some images are "
                "hard for both, and this cancels in the difference: take the std of a − b."),
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
                "This is the interval of one model's mean. Take the spread of a − b."),
        Mistake(_with_width(lambda a, b: 1.96 * (a.std() + b.std()) / math.sqrt(len(a))),
                "You added the two spreads. Most of each is common to both: take that of a − b."),
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
                "You averaged |a − b|. Keep the sign: it says which model is better."),
        Mistake(lambda a, b: _interval(b, a), "You took b − a. a − b is asked for."),
        Mistake(lambda a, b: torch.stack([(a - b).mean() - _interval(a, b)[1],
                                          (a - b).mean() + _interval(a, b)[1]]),
                "These are the interval's two ends. The mean and half the width are asked for."),
    ],
    [
        "Every image was met by both models. Of what should you take the spread?",
        "Of the differences, image by image; the spread of their mean is std / √n.",
        "d = a − b; torch.stack([d.mean(), 1.96 * d.std() / math.sqrt(len(d))]).",
    ],
)
