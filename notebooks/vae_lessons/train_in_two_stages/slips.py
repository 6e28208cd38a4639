"""What people write in place of sampling through both decoders, and what each is told."""

import torch

from vae_helpers.check.exercise import Mistake
from vae_helpers.check.laboratory import draw_from
from vae_lessons.train_in_two_stages import lab


def _small_stages(seed):
    """Both stages with random weights: 9 pixels, codes of 3 latents, w of 3 numbers."""
    first = lab.Autoencoder(3, (6,), 9, seed=seed).double()
    second = lab.CodeVAE(3, (5,), 3, seed=seed + 1).double()
    second.variance.fill_(0.3)
    return first, second.eval()


def sample_cases():
    """Arguments of `lab.sample`: first, second, reference, w, eps."""
    draw = draw_from(27)
    return [(*_small_stages(seed), 3 * draw(m, 3) * torch.tensor([0.5, 1.0, 2.0]) + 2,
             draw(n, 3), draw(n, 3)) for seed, m, n in [(1, 40, 6), (5, 30, 4)]]


def _back(code, reference):
    return code * reference.std(0) + reference.mean(0)


def _decoded(change):
    """A wrong answer that is right but for the code: change(second, reference, w, eps)."""
    return lambda first, second, reference, w, eps: first.decode(change(second, reference, w, eps))


def _noise(second, eps):
    return second.variance.sqrt() * eps


SAMPLE_SLIPS = [
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(w), r)),
            "You took the mean of the second decoder and left out its noise. The second stage "
            "says code ~ N(decode(w), σ² I): without the noise your codes lie closer together "
            "than real codes do. Add the standard deviation times eps."),
    Mistake(_decoded(lambda s, r, w, e: s.decode(w) + _noise(s, e)),
            "You forgot to undo the standardising. The second stage makes standardised codes, "
            "the first decoder has learned the original ones: times the standard deviation of "
            "reference, plus its mean."),
    Mistake(_decoded(lambda s, r, w, e: s.decode(w)),
            "Two things are missing: the noise of the second decoder, and the way back from "
            "standardised codes to the first decoder's."),
    Mistake(_decoded(lambda s, r, w, e: e),
            "You decoded codes from N(0, I). The first stage never learned that its codes "
            "look like that: let the second decoder turn w into a code."),
    Mistake(_decoded(lambda s, r, w, e: w),
            "You gave w to the first decoder. w is the latent of the second stage: its decoder "
            "turns w into a code first."),
    Mistake(_decoded(lambda s, r, w, e: _back(e, r)),
            "Your codes have the mean and the spread of real codes, and nothing else of them: "
            "w is not used. The second decoder turns w into a code."),
    Mistake(_decoded(lambda s, r, w, e: _back(w, r)),
            "You took w for a standardised code. It is the latent of the second stage: its "
            "decoder turns w into a code."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(w) + s.variance * e, r)),
            "You multiplied the noise by the variance. Its standard deviation is the square "
            "root: second.variance.sqrt()."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(w) + (0.5 * s.variance).exp() * e, r)),
            "second.variance is a variance, not its logarithm: the standard deviation is "
            "second.variance.sqrt()."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(w) + e, r)),
            "Your noise has variance 1. The decoder's variance is second.variance."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(w), r) + _noise(s, e)),
            "You added the noise after undoing the standardising, in other units. σ belongs to "
            "standardised codes: add the noise first."),
    Mistake(_decoded(lambda s, r, w, e: (s.decode(w) + _noise(s, e) + r.mean(0)) * r.std(0)),
            "The order: standardising subtracts the mean and then divides, so the way back "
            "multiplies first and then adds the mean."),
    Mistake(_decoded(lambda s, r, w, e: (s.decode(w) + _noise(s, e) - r.mean(0)) / r.std(0)),
            "You standardised once more. The way back multiplies by the standard deviation and "
            "adds the mean."),
    Mistake(_decoded(lambda s, r, w, e: (s.decode(w) + _noise(s, e)) * r.var(0) + r.mean(0)),
            "You multiplied by the variance of reference. Multiply by its standard deviation."),
    Mistake(_decoded(lambda s, r, w, e: (s.decode(w) + _noise(s, e)) * r.std() + r.mean()),
            "You took one mean and one spread for all latents. Each has its own: axis 0."),
    Mistake(lambda f, s, r, w, e: lab.sample(f, s, r, w, e).sigmoid(),
            "These are pixel probabilities. The logits are asked for: leave out the sigmoid."),
    Mistake(_decoded(lambda s, r, w, e: r),
            "You decoded the codes of training images. That gives the training images back. "
            "A new image begins with a draw from the prior, w."),
    Mistake(_decoded(lambda s, r, w, e: _back(
                s.decode(s.encode((r - r.mean(0)) / r.std(0))[0]), r)),
            "You encoded real codes and decoded their posterior means. That reconstructs "
            "training images. A new image begins with a draw from the prior, w."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(s.encode(w)[0]) + _noise(s, e), r)),
            "You encoded w. It is a draw from the prior already: decode it."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(e) + _noise(s, w), r)),
            "You exchanged w and eps: w goes into the second decoder, eps is its noise."),
    Mistake(_decoded(lambda s, r, w, e: _back(s.decode(w) + _noise(s, w), r)),
            "You used w as the noise too. The noise is eps, which does not depend on w."),
]
