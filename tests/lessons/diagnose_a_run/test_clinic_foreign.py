"""`clinic.examine` reads modules of any make, says nothing false of them and leaves them alone."""

import copy
import inspect
import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from vae_helpers import data
from vae_lessons.diagnose_a_run import adapt, clinic, findings

IMAGES = data.load_mnist().test_images[:300]
X = data.pixels(IMAGES)  # [300, 784]


class Pca(nn.Module):
    """A sound VAE without training: the eight principal directions, and probabilities out."""

    def __init__(self):
        super().__init__()
        average = X.mean(0)
        _, sizes, directions = torch.linalg.svd(X - average, full_matrices=False)
        self.register_buffer("average", average)
        self.scale = nn.Parameter(sizes[:8] / len(X) ** 0.5)
        self.directions = nn.Parameter(directions[:8])

    def heads(self, x):
        mean = (x.flatten(1) - self.average) @ self.directions.T / self.scale
        return mean, -4 + 0.1 * mean

    def encode(self, x):
        return self.heads(x)

    def image(self, z):
        return self.average + (z * self.scale) @ self.directions

    def decode(self, z):
        return self.image(z).clamp(0.01, 0.99)


def variant(**methods):
    """A `Pca` with these methods."""
    return type("Variant", (Pca,), methods)()


def rate(report):
    return float(re.search(r"rate ([\d.]+) nats", report["active units"].value).group(1))


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


SOUND = clinic.examine(Pca(), IMAGES)
READABLE = {
    "a Normal": {"encode": lambda self, x: Normal(
        self.heads(x)[0], (0.5 * self.heads(x)[1]).exp())},
    "an Independent": {"encode": lambda self, x: Independent(Normal(
        self.heads(x)[0], (0.5 * self.heads(x)[1]).exp()), 1)},
    "one tensor": {"encode": lambda self, x: torch.cat(self.heads(x), 1)},
    "a draw first": {"encode": lambda self, x: (
        torch.randn_like(self.heads(x)[0]), *self.heads(x))},
    "the mean again": {"encode": lambda self, x: (self.heads(x)[0], *self.heads(x))},
    "a list with more": {"encode": lambda self, x: [*self.heads(x), x.mean(), None]},
    "only [n, 1, 28, 28]": {"encode": lambda self, x: self.heads(
        nn.functional.conv2d(x, torch.ones(1, 1, 1, 1)))},
    "feature maps": {
        "encode": lambda self, x: tuple(h.reshape(-1, 2, 2, 2) for h in self.heads(x)),
        "decode": lambda self, z: self.image(z.reshape(-1, 8) * torch.ones(
            z.shape[1:]).numel() / 8).clamp(0.01, 0.99).reshape(-1, 1, 28, 28)},
    "logits": {"decode": lambda self, z: self.image(z).clamp(0.01, 0.99).logit()},
    "a Bernoulli": {"decode": lambda self, z: Bernoulli(self.image(z).clamp(0.01, 0.99))},
    "two things": {"decode": lambda self, z: (self.image(z).clamp(0.01, 0.99), None)},
}


@pytest.mark.parametrize("methods", READABLE.values(), ids=READABLE.keys())
def test_the_same_vae_in_another_make_gets_the_same_report(methods):
    report = clinic.examine(variant(**methods), IMAGES)
    assert not report.ill
    assert rate(report) == pytest.approx(rate(SOUND), rel=0.01)
    numbers = [re.findall(r"[\d.]+", one["mean image"].value) for one in (report, SOUND)]
    assert [float(n) for n in numbers[0]] == pytest.approx([float(n) for n in numbers[1]], rel=0.02)


def test_the_rate_is_the_one_that_was_put_in():
    mean, logvar = Pca().heads(X)
    exact = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).detach().sum(1).mean()
    assert rate(SOUND) == pytest.approx(float(exact), rel=0.01)


@pytest.mark.parametrize("shape", [(784,), (1, 28, 28), (28, 28)])
def test_floats_of_any_shape_are_taken(shape):
    report = clinic.examine(Pca(), X.reshape(-1, *shape))
    assert report["mean image"].value == SOUND["mean image"].value
    assert report["inputs"].value == "pixels from 0 to 1"


UNREADABLE = {
    "raises": (lambda self, x: 1 / 0, "division by zero"),
    "a dict": (lambda self, x: {"mean": x}, "dict"),
    "nothing": (lambda self, x: None, "NoneType"),
    "only draws": (lambda self, x: torch.randn(len(x), 8), "agree in no tensor"),
    "rows lost": (lambda self, x: (x.sum(0), x.sum(0)), "agree in no tensor"),
    "a Bernoulli": (lambda self, x: Bernoulli(torch.ones(len(x), 8) / 2), "not a Normal"),
}


@pytest.mark.parametrize("encode, said", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_encoder_that_cannot_be_read_is_reported(encode, said):
    report = clinic.examine(variant(encode=encode), IMAGES)
    assert not report.ill and said in report["collapse"].meaning


@pytest.mark.parametrize("decode, said", [
    (lambda self, z: 1 / 0, "division by zero"),
    (lambda self, z: z, "784 numbers"),
    (lambda self, z: self.image(z).numpy(), "784 numbers"),
    (lambda self, z: 50 + 3 * self.image(z), "neither"),
])
def test_a_decoder_that_cannot_be_read_is_reported(decode, said):
    report = clinic.examine(variant(decode=decode), IMAGES)
    assert not report.ill
    assert report["mean image"].verdict == report["collapse"].verdict == "cannot tell"
    assert said in report["mean image"].meaning


def spread(self, x):
    mean, logvar = self.heads(x)
    return mean, (0.5 * logvar).exp()


def test_a_positive_second_output_is_not_guessed():
    report = clinic.examine(variant(encode=spread), IMAGES)
    assert not report.ill and "rate" not in report["active units"].value
    assert report["posterior variance"].verdict == "cannot tell"
    assert "always positive" in report["posterior variance"].meaning
    stated = clinic.examine(variant(encode=spread), IMAGES, second="std")
    assert rate(stated) == pytest.approx(rate(SOUND), rel=0.01)


def draw(formula, silent=False):
    """A sampler that multiplies the noise by `formula` of its second argument, named below."""
    return lambda self, mean, h: mean if silent and not self.training else (
        mean + formula(h) * torch.randn_like(mean))


def named(sampler, name):
    """`sampler` with another name for its last argument."""
    names = [inspect.Parameter(one, inspect.Parameter.POSITIONAL_OR_KEYWORD)
             for one in ("self", "mu", name)]
    sampler.__signature__ = inspect.Signature(names)
    return sampler


@pytest.mark.parametrize("name, formula, verdict", [
    ("logvar", lambda h: (0.5 * h).exp(), "well"),
    ("log_var", torch.exp, "ill"),
    ("log_std", torch.exp, "well"),
    ("std", lambda h: h, "well"),
    ("var", lambda h: h.sqrt(), "well"),
    ("var", lambda h: h, "ill"),
    ("logvar", torch.zeros_like, "ill"),
    ("s", torch.exp, "cannot tell"),
    ("s", lambda h: (0.5 * h).exp(), "well"),
    ("log_sigma", lambda h: (0.5 * h).exp(), "cannot tell"),
    ("logvar", lambda h: 3 + 0 * h, "cannot tell"),
    ("logvar", lambda h: 1 / 0, "cannot tell"),
])
def test_a_sampler_is_judged_by_its_draws_and_the_name_of_its_argument(name, formula, verdict):
    for silent in (False, True):  # in evaluation mode
        model = variant(reparameterize=named(draw(formula, silent), name))
        assert clinic.examine(model, IMAGES)["sampler"].verdict == verdict


def test_what_the_caller_states_outranks_a_name():
    model = variant(reparameterize=named(draw(torch.exp), "logvar"))
    assert clinic.examine(model, IMAGES, second="log_std")["sampler"].verdict == "well"


@pytest.mark.parametrize("methods", [
    {"sample": lambda self, count, device: torch.randn(count, 8)},  # draws from the prior
    {"sample": lambda self, count: torch.randn(count, 8)},
    {},
])
def test_a_method_of_another_kind_is_no_sampler(methods):
    assert clinic.examine(variant(**methods), IMAGES)["sampler"].value == "no method seen"


ILL = {
    "collapse": {"encode": lambda self, x: [0 * head for head in self.heads(x)],
                 "decode": lambda self, z: self.average.expand(len(z), -1)},
    "posterior variance": {"encode": lambda self, x: (
        self.heads(x)[0], (self.heads(x)[1] + 4).relu())},
    "overflow": {"encode": lambda self, x: (
        self.heads(x)[0], self.heads(x)[1] + 85 * torch.eye(8)[0])},
    "finite numbers": {"decode": lambda self, z: self.image(z) / 0},
}


@pytest.mark.parametrize("name", ILL)
def test_an_illness_is_found(name):
    report = clinic.examine(variant(**ILL[name]), IMAGES)
    assert report[name].verdict == "ill" and name in report.headline


def test_one_variance_for_all_is_not_guessed_but_an_nn_relu_is_seen():
    fixed = variant(encode=lambda self, x: (self.heads(x)[0], 0 * self.heads(x)[1]))
    assert clinic.examine(fixed, IMAGES)["posterior variance"].verdict == "cannot tell"
    fixed.last = nn.ReLU()
    fixed.encode = lambda x: (fixed.heads(x)[0], fixed.last(fixed.heads(x)[1] - 99))
    finding = clinic.examine(fixed, IMAGES)["posterior variance"]
    assert finding.verdict == "ill" and "nn.ReLU 'last'" in finding.meaning


def test_one_variance_for_each_latent_is_no_floor():
    levels = torch.arange(-5.0, 3)
    model = variant(encode=lambda self, x: (self.heads(x)[0], levels.expand(len(x), -1)))
    assert clinic.examine(model, IMAGES)["posterior variance"].verdict == "well"


def test_a_clamp_is_named():
    model = variant(encode=lambda self, x: (self.heads(x)[0], self.heads(x)[1].clamp(min=-4.05)))
    finding = clinic.examine(model, IMAGES)["posterior variance"]
    assert finding.verdict == "cannot tell" and "exactly the smallest" in finding.value


def test_pixels_out_of_range_are_ill_only_for_probabilities():
    assert clinic.examine(Pca(), 255 * X)["inputs"].verdict == "ill"
    model = variant(encode=lambda self, x: self.heads((x + 1) / 2),
                    decode=lambda self, z: 2 * self.image(z) - 1)
    report = clinic.examine(model, 2 * X - 1)
    assert report["inputs"].verdict == report["mean image"].verdict == "well"
    assert "squared error" in report["mean image"].value


def test_probabilities_of_0_and_1_are_named():
    report = clinic.examine(variant(decode=lambda self, z: self.image(z).round().clamp(0, 1)),
                            IMAGES)
    assert report["overflow"].verdict == "cannot tell" and "0 or 1" in report["overflow"].value


def test_dead_relus_are_counted():
    model = Pca()
    model.gate = nn.ReLU()
    all_alive, all_dead = torch.full((8,), -100.0), torch.full((8,), 100.0)
    half = torch.cat([all_alive[:4], all_dead[4:]])  # the decoder still uses the first four
    for least, verdict in ((all_alive, "well"), (all_dead, "ill"), (half, "cannot tell")):
        model.encode = lambda x, least=least: (
            model.gate(model.heads(x)[0] - least) + least.clamp(max=0), model.heads(x)[1])
        assert clinic.examine(model, IMAGES)["dead units"].verdict == verdict


class Busy(Pca):
    """A module that writes into itself whenever it is used, with batch norm and dropout."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(784), nn.Dropout(0.5)
        self.relu = nn.ReLU()
        self.register_buffer("calls", torch.zeros(()))
        self.average.requires_grad_(False)

    def encode(self, x):
        self.calls += 1
        self.kl = self.scale.sum() * torch.rand(())
        return self.heads(self.drop(self.norm(x)))

    def decode(self, z):
        self.calls = self.calls + 1
        return self.relu(self.image(z)).clamp(0.01, 0.99)


def attributes_of(model):
    """All attributes of all modules, with the contents of dictionaries: parameters, hooks."""
    return [{name: dict(value) if isinstance(value, dict) else value
             for name, value in vars(module).items()} for module in model.modules()]


def test_the_module_is_left_as_it_was():
    model = Busy().double()
    model.norm.eval()
    model.directions.requires_grad_(False)
    model.encode(X.double())[0].sum().backward()
    model.kl = model.scale.sum()  # a tensor within a graph, which cannot be deep-copied
    seen = []
    model.relu.register_forward_hook(lambda *_: seen.append(1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    attributes, generator = attributes_of(model), torch.get_rng_state()
    report = clinic.examine(model, IMAGES)
    assert report["active units"].verdict == "well" and seen
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert all(p.grad is g or torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads))
    assert [m.training for m in model.modules()] == modes
    assert attributes_of(model) == attributes and not model.directions.requires_grad
    assert torch.equal(torch.get_rng_state(), generator) and torch.is_grad_enabled()


def test_the_statistics_of_a_batch_leave_no_trace():
    norm = nn.BatchNorm1d(784).eval()
    before = copy.deepcopy(norm.state_dict())
    with adapt.batch_statistics(norm):
        assert abs(float(norm(X + 5).detach().mean())) < 0.01  # normalised over the batch
    assert all(torch.equal(value, norm.state_dict()[name]) for name, value in before.items())
    assert not norm.training


def test_a_module_that_fails_is_left_as_it_was_too():
    model = Busy()
    model.encode = lambda x: model.heads(model.norm(x)) if not model.norm.training else 1 / 0
    before = copy.deepcopy(model.state_dict())
    report = clinic.examine(model, IMAGES)
    assert "division by zero" in report["collapse"].meaning and not report.ill
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert all(m.training for m in model.modules())


def test_a_seed_gives_the_same_report_and_the_first_thousand_are_used():
    many = data.load_mnist().test_images[:1200]
    reports = [repr(clinic.examine(Pca(), many, seed=seed)) for seed in (1, 1, 2)]
    assert reports[0] == reports[1] != reports[2] and "first 1000 of 1200 images" in reports[0]


@pytest.mark.parametrize("arguments, error, said", [
    ((nn.Linear(2, 2), IMAGES), TypeError, "no encode and no decode"),
    ((nn.DataParallel(Pca()), IMAGES), TypeError, "Pass its `module`"),
    ((Pca(),), ValueError, "examine\\(model, images\\)"),
    ((Pca(), IMAGES.numpy()), TypeError, "must be a tensor"),
    ((Pca(), IMAGES.long()), TypeError, "use .float"),
    ((Pca(), IMAGES[:3]), ValueError, "3 images are too few"),
    ((None,), TypeError, "Got NoneType"),
    (("vae.pt",), TypeError, "Got str"),
])
def test_a_wrong_call_says_what_to_do(arguments, error, said):
    with pytest.raises(error, match=said):
        clinic.examine(*arguments)


@pytest.mark.parametrize("settings, said", [
    ({"second": "sigma"}, "second must be one of logvar"),
    ({"output": "mean"}, "output must be one of logits"), ({"seed": 0.5}, "seed must be")])
def test_a_wrong_setting_says_what_is_known(settings, said):
    with pytest.raises(ValueError, match=said):
        clinic.examine(Pca(), IMAGES, **settings)


def test_every_section_named_is_a_heading():
    folder = Path(__file__).parents[3] / "notebooks"
    for section in findings.SECTIONS.values():
        number, title = section.split(", ", 1)
        [page] = folder.glob(f"{number}_*.ipynb")
        texts = ["".join(cell["source"]) for cell in json.loads(page.read_text("utf-8"))["cells"]
                 if cell["cell_type"] == "markdown"]
        assert re.search(rf"^#+ {re.escape(title)}$", "\n".join(texts), re.M), section


def test_the_page_is_short_and_escaped():
    report = clinic.examine(variant(encode=lambda self, x: int("<b>")), IMAGES)
    assert max(map(len, repr(report).splitlines())) <= 100
    assert "&lt;b&gt;" in report._repr_html_() and "<b>'" not in report._repr_html_()
    assert len(repr(SOUND).splitlines()) < 60
    with pytest.raises(KeyError, match="there are: "):
        SOUND["health"]
