"""What `clinic.examine` reads from logged numbers: the weights of the loss, and the run's end."""

import pytest
import torch

from vae_helpers.training import Record
from vae_lessons.diagnose_a_run import clinic, records


def log(weight=0.1, scale=1.0, steps=200, noise=1.0, floor=100.0, rate=20.0):
    """A run whose reconstruction falls to `floor` while its rate rises: {name: list}."""
    draws = torch.Generator().manual_seed(0)
    time = torch.arange(steps) / steps
    wobble = noise * torch.randn(2, steps, generator=draws)
    recon = scale * (floor + 400 * (-30 * time).exp() + wobble[0])
    kl = rate * (1 - (-20 * time).exp()) + 0.1 * wobble[1]
    return {"loss": (recon + weight * kl).tolist(), "recon_loss": recon.tolist(),
            "KLD": kl.tolist()}


@pytest.mark.parametrize("weight, scale", [(1.0, 1.0), (0.1, 1 / 784), (40.0, 1.0), (1e-3, 0.01)])
def test_the_weights_of_the_loss_are_found(weight, scale):
    found = records.weights(records.read(log(weight, scale)))
    assert found.problem is None
    assert (found.distortion, found.rate) == pytest.approx((1, weight), rel=1e-3)


def test_rounded_numbers_give_the_weights_too():
    rounded = {name: [round(v, 2) for v in values] for name, values in log(1.0).items()}
    found = records.weights(records.read(rounded))
    assert found.problem is None and found.rate == pytest.approx(1, rel=0.02)


def test_a_rate_logged_with_the_other_sign_is_positive():
    signed = log(3.0)
    signed["KLD"] = [-v for v in signed["KLD"]]
    signed["KLD"][0] = 0.0
    positive = log(3.0)
    positive["KLD"][0], signed["loss"] = 0.0, positive["loss"]
    assert records.weights(records.read(signed)).rate == pytest.approx(3, rel=0.05)


def changed(name, change):
    made = log()
    made[name] = change(made)
    return made


@pytest.mark.parametrize("made, said", [
    ({"loss": [1.0, 2.0], "kl": [0.1, 0.2]}, "no distortion"),
    (log(steps=4), "Only 4 entries"),
    (changed("KLD", lambda made: [0.0] * 200), "0 throughout"),
    (changed("loss", lambda made: [d + k / 200 * r for k, (d, r) in enumerate(
        zip(made["recon_loss"], made["KLD"]))]), "a weight changed"),
    (changed("loss", lambda made: [v + 30 * (k % 7) for k, v in enumerate(made["loss"])]),
     "other terms"),
    (changed("KLD", lambda made: [d / 5 for d in made["recon_loss"]]), "apart"),
    (changed("loss", lambda made: [r - d for d, r in zip(made["recon_loss"], made["KLD"])]),
     "negative weight"),
])
def test_weights_that_cannot_be_told_are_not_guessed(made, said):
    if said == "apart":
        made["loss"] = [d + 0.1 * r for d, r in zip(made["recon_loss"], made["KLD"])]
    finding = clinic.examine(made)["effective β"]
    assert finding.verdict == "cannot tell" and said in finding.meaning


def test_numbers_alone_do_not_say_whether_a_term_is_a_sum():
    report = clinic.examine(log(0.1, 1 / 784))
    assert report["effective β"].verdict == report["collapse"].verdict == "cannot tell"
    assert "0.1 · P/J" in report["effective β"].meaning


def test_images_show_that_a_reconstruction_is_no_sum():
    from vae_helpers import data
    images = data.load_mnist().test_images[:200]
    low = clinic.examine(log(0.1, 1 / 784), images)["effective β"]
    assert low.verdict == "cannot tell" and "below these images' pixel entropy" in low.meaning
    assert "entropy" not in clinic.examine(log(1.0), images)["effective β"].meaning
    named = {{"recon_loss": "mse"}.get(k, k): v for k, v in log(0.1, 1 / 784).items()}
    assert "entropy" not in clinic.examine(named, images)["effective β"].meaning


def recorded(beta, rate, steps=100):
    return [Record(k, beta if not callable(beta) else beta(k), 1e-3, 100.0 + 0.01 * (k % 3), rate,
                   (rate / 2, rate / 2)) for k in range(steps)]


@pytest.mark.parametrize("beta, verdict", [(1.0, "well"), (9.8, "ill"), (0.01, "ill")])
def test_records_of_the_series_state_their_beta(beta, verdict):
    report = clinic.examine(recorded(beta, 20.0))
    assert report["effective β"].verdict == verdict and f"{beta:g}" in report["effective β"].value
    assert report["collapse"].verdict == "cannot tell" and report["at rest"].verdict == "well"


@pytest.mark.parametrize("beta, said", [(40.0, "probably wants"), (1.0, "fell into"),
                                        (9.8, "is open")])
def test_beta_says_which_kind_of_collapse_it_is(beta, said):
    finding = clinic.examine(recorded(beta, 0.01))["collapse"]
    assert finding.verdict == "ill" and said in finding.meaning


def test_the_end_of_a_run():
    rest = lambda made: clinic.examine(made)["at rest"]  # noqa: E731
    assert rest(log(noise=0.1)).verdict == "well"
    falling = [500 - k + (k % 5) for k in range(200)]
    assert rest({"loss": falling}).verdict == "ill"
    assert rest({"loss": falling[::-1]}).verdict == "cannot tell"
    assert rest({"loss": falling[:20]}).value == "too few entries"
    assert rest(log(noise=30.0)).verdict == "cannot tell"
    broken = falling[:150] + [float("nan")] + falling[151:]
    assert rest({"loss": broken}).value == "entry 150 is NaN or infinite"
    assert "β changes" in rest(recorded(lambda k: k / 100, 5.0)).meaning
    without = {k: v for k, v in log(noise=0.1).items() if k != "loss"}
    assert rest(without).verdict == "well"


def test_a_broken_run_still_gives_its_weights():
    made = log(2.0)
    for column in made.values():
        column[-3:] = [float("nan")] * 3
    report = clinic.examine(made)
    assert report["at rest"].verdict == "ill" and "2 · KL" in report["effective β"].value


@pytest.mark.parametrize("made, error, said", [
    ([1.0, 2.0], TypeError, "a list of float"),
    ({}, ValueError, "None of the columns"),
    ({"accuracy": [1.0]}, ValueError, "Call them loss"),
    ({"loss": [1.0, 2.0], "kl": [1.0]}, ValueError, "equally long"),
    ({"loss": []}, ValueError, "not empty"),
    ({"recon": [1.0], "bce": [1.0]}, ValueError, "Two columns"),
    ({"loss": ["high"]}, TypeError, "list of numbers"),
    ({"loss": 3.0}, TypeError, "list of numbers"),
])
def test_records_that_cannot_be_read_are_refused(made, error, said):
    with pytest.raises(error, match=said):
        clinic.examine(made)


def test_tensors_and_per_latent_rates_are_read():
    made = {"train/loss": torch.rand(30), "rec": [torch.tensor(1.0)] * 30,
            "rate_per_latent": torch.ones(30, 4)}
    found = records.read(made)
    assert found.rate.tolist() == [4.0] * 30 and found.loss.dtype == torch.float64


def test_records_are_given_once():
    with pytest.raises(ValueError, match="pass logged numbers once"):
        clinic.examine(log(), records=log())
