"""The repairs of notebook 11: every planted fault is named, and right answers of any style pass."""

import copy
import inspect
import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_post_hook

from vae_helpers import data, elbo
from vae_helpers.check.runner import run
from vae_lessons.diagnose_a_run import repair, scripts

# For each script and fault: lines of the repaired function, the faulty ones, and words of the
# diagnosis.
PLANTED = {
    1: {
        "range": ("        mean, logvar", "        x = (x - 0.5) / 0.5\n        mean, logvar",
                  "targets from −1 to 1"),
        "variance": ("(0.5 * logvar).exp()\n", "logvar.exp()\n",
                     "That is the variance of q(z|x)"),
        "hidden β": ("bce.sum(-1).mean()", "bce.mean()", "averaged over the pixels"),
    },
    2: {
        "floor": ("        std =", "        logvar = F.relu(logvar)\n        std =",
                  "never falls below 1"),
        "no gradient": ("mean + std * torch.randn(mean.shape, generator=generator)",
                        "torch.normal(mean, std, generator=generator)",
                        "does not reach the mean"),
        "added up": ("        optimizer.zero_grad()\n", "", "all steps before it, added up"),
    },
}
SUBSETS = [(script, faults) for script, planted in PLANTED.items()
           for size in range(4) for faults in itertools.combinations(planted, size)]


def with_faults(script, faults):
    """The repaired function of a script with these faults planted, and its source."""
    source = inspect.getsource(getattr(scripts, f"repaired_training_{script}"))
    for fault in faults:
        right, wrong, _ = PLANTED[script][fault]
        assert source.count(right) == 1
        source = source.replace(right, wrong)
    room = {"torch": torch, "F": F}
    exec(source, room)
    return room[f"repaired_training_{script}"], source


@pytest.mark.parametrize("script", [1, 2])
def test_the_faulty_script_is_the_repaired_one_with_three_faults(script):
    _, source = with_faults(script, PLANTED[script])
    faulty = inspect.getsource(getattr(scripts, f"faulty_training_{script}"))
    assert source.replace("repaired", "faulty") == faulty


@pytest.mark.parametrize("script, faults", SUBSETS)
def test_every_planted_fault_is_named_and_no_other(script, faults):
    function, _ = with_faults(script, faults)
    seen = repair.faults(run(repair.observed, (function,), 60).value, math.nan)
    assert len(seen) == len(faults)
    for fault in faults:
        assert any(PLANTED[script][fault][2] in told for told in seen), seen


def in_distributions(model, batches, generator):
    """With torch.distributions and AdamW; the noise comes from PyTorch's own generator."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)
    prior = Normal(torch.zeros(10), torch.ones(10))
    for x in batches:
        mean, logvar = model.encode(x)
        posterior = Normal(mean, torch.exp(logvar / 2))
        likelihood = torch.distributions.Bernoulli(
            logits=model.decode(posterior.rsample()), validate_args=False)
        loss = kl_divergence(posterior, prior).sum() - likelihood.log_prob(x).sum()
        model.zero_grad(set_to_none=False)
        (loss / len(x)).backward()
        optimizer.step()
    return model


def warmed_up(model, batches, generator):
    """With a warm-up of β, two draws of z, clipping, a schedule and two backward passes."""
    parts = [torch.optim.Adam(part.parameters(), lr=6e-3)
             for part in (model.encoder, model.decoder)]
    falling = [torch.optim.lr_scheduler.OneCycleLR(part, 1e-2, total_steps=len(batches))
               for part in parts]
    for step, x in enumerate(batches):
        mean, logvar = model.encode(x)
        eps = torch.randn(2, *mean.shape, generator=generator)
        logits = model.decode(elbo.reparameterize(mean, logvar, eps))  # [2, 200, 784]
        model.zero_grad()
        distortion = -elbo.bernoulli_log_prob(x, logits).mean()
        distortion.backward(retain_graph=True)
        (min(1.0, step / 100) * elbo.gaussian_kl(mean, logvar).mean()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 200.0)
        for part in parts + falling:
            part.step()
    return model


def on_binary_pixels(model, batches, generator):
    """With dynamic binarisation, the Monte Carlo KL, a summed loss and a copy that is returned."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for x in batches:
        mean, logvar = model.encode(x)
        z = mean + (logvar / 2).exp() * torch.randn_like(mean)
        target = torch.bernoulli(x, generator=generator)
        log_weight = (elbo.prior_log_prob(z) - elbo.gaussian_log_prob(z, mean, logvar)
                      + elbo.bernoulli_log_prob(target, model.decode(z)))
        optimizer.zero_grad()
        (-log_weight.sum()).backward()
        optimizer.step()
    return copy.deepcopy(model)


def by_hand(model, batches, generator):
    """Without an optimiser: normalised gradients with momentum, from torch.autograd.grad."""
    weights = list(model.parameters())
    first, second = ([torch.zeros_like(w) for w in weights] for _ in range(2))
    for step, x in enumerate(list(batches), 1):
        distortion, rate = model(x, torch.randn(len(x), 10, generator=generator))
        found = torch.autograd.grad((distortion + rate).mean(), weights)
        with torch.no_grad():
            for w, g, m, v in zip(weights, found, first, second):
                m.lerp_(g, 0.1)
                v.lerp_(g**2, 0.001)
                w -= 5e-3 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    return model


@pytest.mark.parametrize("answer", [in_distributions, warmed_up, on_binary_pixels, by_hand])
def test_right_answers_of_any_style_pass_and_no_fault_is_seen_in_them(answer):
    result = repair.first.judge(answer)
    assert result.passed, result.diagnosis
    seen = repair.faults(run(repair.observed, (answer,), 60).value, 1.0)
    assert seen == []


def test_a_whole_check_gives_the_same_verdict_whatever_the_caller_s_state():
    """The faulty script fails with all its faults, and puts everything back."""
    hooks, state = [], torch.get_rng_state()
    faulty, _ = with_faults(2, PLANTED[2])
    told = [repair.second.judge(lambda *given: faulty(*given)).diagnosis]
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            told.append(repair.second.judge(lambda *given: faulty(*given)).diagnosis)
            assert torch.is_inference_mode_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert told[0] == told[1]
    assert all(fault[2] in told[0] for fault in PLANTED[2].values()) and "(3)" in told[0]
    assert torch.equal(torch.get_rng_state(), state)
    hook = register_optimizer_step_post_hook(lambda *_: hooks.append(1))
    weight = nn.Parameter(torch.ones(1))
    torch.optim.SGD([weight], lr=0.1).step()  # no hook of the check is left to raise or to count
    hook.remove()
    assert hooks == [1]


def one_image_after_another(model, batches, generator):
    """Two draws of z for each image, side by side; minibatches in two parts; free bits."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x in batches:
        for part in x.chunk(2):
            mean, logvar = model.encode(part)
            m, s = (each.repeat_interleave(2, dim=0) for each in (mean, logvar))
            logits = model.decode(m + (s / 2).exp() * torch.randn(m.shape, generator=generator))
            distortion = F.binary_cross_entropy_with_logits(
                logits, part.repeat_interleave(2, dim=0), reduction="sum") / 2
            free = elbo.gaussian_kl_per_latent(mean, logvar).mean(0).clamp(min=0.1).sum()
            ((distortion / len(part) + free) / 2).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def test_no_fault_is_seen_in_two_draws_side_by_side():
    facts = run(repair.observed, (one_image_after_another,), 60).value
    assert repair.faults(facts, math.nan) == [] and facts.noise == "right"


def quickly(monkeypatch):
    """Let trainings have 30 steps."""
    monkeypatch.setattr(scripts, "STEPS", 30)


def returning(value):
    return lambda model, batches, generator: value


def too_often(model, batches, generator):
    for _ in range(2):
        scripts.repaired_training_1(model, batches, generator)
    return model


def endless(model, batches, generator):
    while True:
        pass


@pytest.mark.parametrize("answer, words", [
    (returning(None), "is its return missing"),
    (returning(3.0), "must return the model"),
    (lambda model, batches, generator: nn.Linear(2, 2), "must return the model"),
    (lambda model, batches, generator: model, "makes 0 of 30 steps"),
    (lambda model: model, "TypeError"),
    (lambda model, batches, generator: model.nothing, "AttributeError"),
    (too_often, "You make 60 steps; 30 are allowed"),
    (endless, "did not finish"),
    (scripts.repaired_training_1, "A step changes a weight by up to ⟨0.004"),
    (3.0, "A function is expected"),
])
def test_other_answers_are_told_what_is_wrong(answer, words, monkeypatch):
    quickly(monkeypatch)
    if answer is endless:
        monkeypatch.setattr(repair, "TIME_LIMIT", 0.5)
    result = repair.second.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_a_stub_and_an_unchanged_script_are_unanswered():
    assert repair.first.judge(scripts.faulty_training_1).state == "unanswered"
    assert repair.second.judge(scripts.faulty_training_2).state == "unanswered"
    path = Path(__file__).parents[3] / "notebooks" / "11_diagnose_a_run.ipynb"
    for cell in nbformat.read(path, as_version=4).cells:  # as the page shows them
        for name, check in (("repair_1", repair.first), ("repair_2", repair.second)):
            if f"exercise:{name}" in cell.metadata.get("tags", []):
                page = {"torch": torch, "F": F}
                exec(cell.source, page)
                assert check.judge(page[f"my_{name}"]).state == "unanswered"
    assert repair.first.judge(...).state == "unanswered"
    assert repair.first.judge(returning(...)).state == "unanswered"


def stepping(draw=None, distortion=None, kl=None, inputs=None, of_kl=lambda logvar: logvar):
    """A training function that differs from the right one in the parts that are given."""
    def function(model, batches, generator):
        optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
        for x in batches:
            mean, logvar = model.encode(inputs(x) if inputs else x)
            z = (draw or (lambda m, s, e: m + (s / 2).exp() * e))(
                mean, logvar, torch.randn(mean.shape, generator=generator))
            cross = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none")
            rates = 0.5 * (mean**2 + of_kl(logvar).exp() - 1 - of_kl(logvar))
            optimizer.zero_grad()
            loss = (distortion or (lambda c: c.sum(-1).mean()))(cross)
            (loss + (kl or (lambda r: r.sum(-1).mean()))(rates)).backward()
            optimizer.step()
        return model

    return function


@pytest.mark.parametrize("answer, words", [
    (stepping(draw=lambda m, s, e: m), "no noise is added"),
    (stepping(draw=lambda m, s, e: m + s * e), "wrong size"),
    (stepping(draw=lambda m, s, e: (m + (s / 2).exp() * e).detach()), "does not reach the mean"),
    (stepping(inputs=lambda x: 2 * x - 1), "the encoder gets inputs from −1 to 1"),
    (stepping(of_kl=F.relu), "does not act on a negative logvar"),
    (stepping(kl=torch.mean), "β = ⟨0.1⟩. That is 1 ÷ the number of latents"),
    (stepping(kl=torch.sum), "β = ⟨200⟩. That is the number of images"),
    (stepping(distortion=torch.mean, kl=torch.mean), "pixels ÷ latents"),
    (stepping(distortion=torch.sum), "β = ⟨0.005⟩"),
    (stepping(kl=lambda r: 3 * r.sum(-1).mean()), "β = ⟨3⟩"),
    (stepping(kl=lambda r: -r.sum(-1).mean()), "wrong sign"),
])
def test_other_faults_are_named_alone(answer, words):
    told = repair.faults(run(repair.observed, (answer,), 60).value, math.nan)
    assert len(told) == 1 and words in told[0], told


def test_what_counts_is_the_kl_weight_at_the_end(monkeypatch):
    """A warm-up that never ends is named by where it stands, not by where it begins."""
    quickly(monkeypatch)
    steps = itertools.count()
    answer = stepping(kl=lambda r: min(0.5, next(steps) / 10) * r.sum(-1).mean())
    assert "half as large" in repair.first.judge(answer).diagnosis


def test_minibatches_are_the_same_each_time_and_each_epoch_has_another_order(monkeypatch):
    monkeypatch.setattr(scripts, "STEPS", 5)
    images = data.load_mnist().train_images[:500]  # two minibatches an epoch, and half of one
    batches = scripts.Minibatches(images, seed=0)
    once, again = list(batches), list(batches)
    assert len(once) == len(batches) == 5 and all(map(torch.equal, once, again))
    assert {tuple(x.shape) for x in once} == {(200, 784)}
    assert not torch.equal(once[0], once[2])
    first = torch.cat(once[:2])
    assert len(torch.unique(first, dim=0)) == 400 and 0 <= first.min() and first.max() == 1


def test_nobody_else_s_optimiser_is_counted():
    model = scripts.new_model(0, repair.Watched)
    watch = repair.Watch(model)
    other = SimpleNamespace(param_groups=[{"params": [nn.Parameter(torch.ones(1))]}])
    watch.stepped(other, (), {})
    assert set(watch.steps.values()) == {0}
