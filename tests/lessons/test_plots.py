"""Figures: updating in place draws the same picture as drawing anew."""

import functools
import inspect
import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from vae_helpers.plots import base
from vae_helpers.plots.base import ORANGE, png, show, small
from vae_helpers.plots.digits import digit_grid, tile
from vae_lessons.build_a_vae import figures
from vae_lessons.build_a_vae.figures_of_batch_norm import (
    dead_units,
    learning_curves,
    statistics_lag,
)
from vae_lessons.choose_a_log_variance.figures import (
    encoder_outputs,
    estimate_spread,
    gradient_noise,
    nll_bowls,
    residuals_of_zero,
)
from vae_lessons.choose_a_log_variance.figures_of_fits import (
    failure_maps,
    fitted_scales,
    not_finite_runs,
    unit_removed,
)
from vae_lessons.choose_a_log_variance.figures_of_noise import (
    noise_sweep,
    pixel_floors,
    starts_compared,
)
from vae_lessons.compare_the_estimators.figures import (
    along_mean,
    averages,
    baseline_gain,
    training_gaps,
    variance_curves,
)
from vae_lessons.compare_the_estimators.figures_deeper import (
    bound_tightening,
    layer_noise,
    signal_to_noise,
    slanted,
)
from vae_lessons.derive_the_elbo.figures import (
    both_directions,
    climb,
    evidence_bar,
    gap_against_kl,
    grid_cost,
    log_weights,
    one_draw_estimates,
    parts_of_gap,
    three_densities,
)
from vae_lessons.diagnose_a_run.figures import (
    decision_table,
    examination,
    gallery,
    readings_of,
)
from vae_lessons.meet_kl_collapse.figures import (
    active_latents,
    beta_sweep,
    code_clouds,
    curve_slopes,
    decoded_samples,
    own_and_common,
    rescaled_codes,
)
from vae_lessons.meet_kl_collapse.figures_of_linear import saddle_and_valley, surviving_dimensions
from vae_lessons.meet_kl_collapse.figures_of_remedies import remedy_gains
from vae_lessons.say_how_good_it_is.figures import (
    beside_the_paper,
    bound_against_evidence,
    bounds_of_models,
    chosen_on_test,
    gradient_race,
    image_by_image,
    kinds_of_digits,
    latent_activity,
)
from vae_lessons.see_through_the_noise.figures import (
    collapse_map,
    collapsed_decoder,
    early_latents,
    noise_plane,
    remedies,
)
from vae_lessons.see_through_the_noise.figures_deeper import constant_encoders, ridge, swapped_pair
from vae_lessons.start_here.figures import (
    beside_nearest,
    cluster_widths,
    one_way,
    plane_growth,
    seeds_and_live,
    training_on,
    training_progress,
)
from vae_lessons.start_here.planes import _spread, latent_explorer, latent_sliders
from vae_lessons.tour_the_latent_space.figures import (
    flattened,
    kinds_compared,
    latent_traversal,
    prior_map,
    scarce_codes,
    three_paths,
    tsne_map,
)
from vae_lessons.train_in_two_stages.figures import (
    by_budget,
    digit_rows,
    known_pictures,
    paired_variants,
    places_of_codes,
    race,
    unit_of_codes,
)
from vae_lessons.train_live.figures import (
    beta_schedules,
    schedules_compared,
    there_and_back,
    training_panel,
)
from vae_lessons.train_live.figures_deeper import browser_page, resumed_runs, too_late


def plane(seed, n=200):
    random = np.random.default_rng(seed)
    return {"codes": random.normal(size=(n, 2)), "labels": random.integers(0, 10, n)}


def progress(seed, steps):
    random = np.random.default_rng(seed)
    return plane(seed) | {
        "originals": random.random((10, 28, 28)),
        "reconstructions": random.random((10, 28, 28)),
        "steps": steps,
        "neg_elbo": [500 - step for step in steps],
        "total": 1440,
    }


def going_on(seed, more):
    now = progress(seed, [0, 60, 120])
    later = {"steps": [0, 60, 120, 120 + more], "neg_elbo": [*now["neg_elbo"], 380 - more / 9]}
    return {"first": now, "now": progress(seed + 5, [0]) | later}


def pairs(seed):
    random = np.random.default_rng(seed)
    return {"made": random.random((4, 28, 28)), "nearest": random.random((4, 28, 28)),
            "title": f"pairs {seed}"}


def widths(seed, guess):
    random = np.random.default_rng(seed)
    return plane(seed) | {"widths": random.random(10) * seed, "guess": guess}


def growth(seed, steps):
    random = np.random.default_rng(seed)
    return {"codes": random.normal(size=(3, 50, 2)), "labels": random.integers(0, 10, 50),
            "steps": steps, "title": "The plane grows"}


def way(seed):
    random = np.random.default_rng(seed)
    return {
        "image": random.random((28, 28)), "mean": random.normal(size=2), "sd": random.random(2),
        "point": random.normal(size=2), "decoded": random.random((28, 28)),
        "distortion": 100.0 + seed, "rate": 1.0 * seed,
    }


def test_the_scale_of_a_strip_reaches_as_far_as_its_values():
    strips = {"live": {"a": 1.5}, "scales": {"a": (0, 3, None, "")}, "title": "All are near"}
    inside = seeds_and_live({"a": [1.0, 2.0]}, **strips)
    assert inside.axes[0].get_xlim() == (0, 3)
    outside = seeds_and_live({"a": [1.0, 5.0]}, **strips | {"live": {"a": 9.0}})
    assert outside.axes[0].get_xlim() == (0, 9)


def strips(seed):
    random = np.random.default_rng(seed)
    return {
        "stored": {"a": list(random.random(5)), "b": list(random.random(5))},
        "live": {"a": random.random(), "b": random.random()},
        "scales": {"a": (0, seed, 1, "one"), "b": (-1, 2, None, "")}, "title": f"strips, {seed}",
    }


def grid(seed, n=20):
    return {"images": np.random.default_rng(seed).random((n, 28, 28)), "columns": 5,
            "title": f"twenty, {seed}"}


def explored(seed):
    random = np.random.default_rng(seed)
    return plane(seed) | {"point": random.normal(size=2), "digit": random.random((28, 28))}


def slid(seed, latent):
    random = np.random.default_rng(seed)
    return {"point": random.normal(size=latent), "digit": random.random((28, 28))}


Z = np.linspace(-4, 4, 50)


def bar(elbo, guess):
    return {"z": Z, "prior": np.exp(-Z**2), "likelihood": np.exp(-((Z - 1) ** 2)),
            "q": np.exp(-((Z - elbo) ** 2)), "log_evidence": -2.27, "elbo": elbo, "guess": guess}


def bells(shift):
    return {"z": Z, "prior": np.exp(-Z**2), "likelihood": np.exp(-((Z - shift) ** 2)),
            "posterior": np.exp(-2 * (Z - shift / 2) ** 2)}


def repeated(seed, draws):
    random = np.random.default_rng(seed)
    forms = ("Monte Carlo", "entropy", "KL")
    return {"estimates": {form: random.normal(-2, 1, 500) / seed for form in forms},
            "exact": -2.0, "draws": draws, "counts": np.array([1, 8, 64]),
            "spreads": {form: np.array([3.0, 2.0, 1.0]) for form in forms},
            "of_one": {form: 3.0 for form in forms}}


def curves(seed, guess):
    random = np.random.default_rng(seed)
    forms, panels = ("KL", "path derivative"), ("value", "gradient for mean")
    return {"z": Z, "posterior": np.exp(-Z**2), "q": np.exp(-seed * Z**2),
            "sd": np.linspace(0.2, 2, 30), "here": seed / 2, "shift": 1.0, "ratio": seed / 1.4,
            "crossover": 0.5, "guess": guess,
            "laws": {panel: {form: random.random(30) for form in forms} for panel in panels},
            "measured": {panel: {form: random.random() for form in forms} for panel in panels}}


def fanned(m, guess):
    means, noise = np.linspace(-0.5, 2.5, 20), np.array([-1.0, 0.0, 2.0])
    forms = ("Monte Carlo", "entropy")
    return {"means": means, "noise": noise, "here": m, "guess": guess, "posterior_mean": 1.0,
            "log_evidence": -2.0, "values": {form: m * noise for form in forms},
            "curves": {form: noise[:, None] * means for form in forms},
            "slopes": {form: (abs(m), 1.4) for form in forms}}


def trained(seed):
    random = np.random.default_rng(seed)
    names = ("KL", "path derivative")
    return {"curves": {name: np.exp(random.normal(size=(50, 4))) for name in names},
            "styles": {name: name for name in names}, "finding": "One comes closer"}


def based(seed):
    random = np.random.default_rng(seed)
    names = ("score function", "score function with baseline")
    return {"constants": [0, -10, -100],
            "variances": {name: np.exp(5 * random.random((3, 5))) for name in names}}


def tilted(slant, path):
    variances = {"value": {"Monte Carlo": slant, "entropy": 1.0},
                 "gradient": {"total derivative": 6.0, "path derivative": path}}
    return {"precision": np.array([[2, slant], [slant, 2]]), "sd": np.array([0.7, 0.7]),
            "laws": variances, "measured": variances}


def bounds(seed):
    random = np.random.default_rng(seed)
    return {"samples": [1, 2, 4], "bounds": -3 + random.random(3), "errors": random.random(3),
            "elbo": -3.0, "log_evidence": -2.0 + seed / 10}


def ratios(seed, guess):
    random = np.random.default_rng(seed)
    names = ("encoder", "encoder, DReG", "decoder")
    return {"samples": [4, 8, 16], "guess": guess,
            "ratios": {case: {name: random.random(3) for name in names} for case in "ab"},
            "slopes": {case: {name: random.normal() for name in names} for case in "ab"}}


def layered(seed):
    random = np.random.default_rng(seed)
    names = ("KL", "path derivative", "score function", "score function with baseline")
    return {"stages": [0, 240], "stored": {name: random.random((4, 2)) for name in names},
            "live": {name: random.random(2) for name in names}}


def parts(seed):
    random = np.random.default_rng(seed)
    return {"stored": {name: list(random.random(5)) for name in "abcd"},
            "live": {name: random.random() for name in "abcd"}}


def climbed(seed, guess):
    return {"elbos": [-5.0, -3.0, -2.5], "evidences": [-2.0, -2.0, -2.0 - seed], "moves": "q",
            "guess": guess}


def directions(shift):
    return {"z": Z, "p": np.exp(-Z**2), "mode_seeking": np.exp(-((Z - shift) ** 2)),
            "mass_covering": np.exp(-((Z - shift) ** 2) / 4)}


def scattered_gaps(seed):
    kls = np.random.default_rng(seed).random(30)
    return {"gaps": kls, "kls": kls}


def weighed(seed):
    random = np.random.default_rng(seed)
    return {"weights": {"q = a": random.normal(-3, 1, 200), "q = b": np.full(200, -2.0)},
            "log_evidence": -2.0}


def drawn_once(seed):
    random = np.random.default_rng(seed)
    return {"estimates": {form: random.normal(-3, 1, 200) for form in "ab"}, "exact": -3.0}


def priced(beta, guess):
    return {"beta": beta, "line": f"loss = distortion + {beta} * rate", "name": f"recipe {beta}",
            "source": "a page" if guess else "", "guess": guess}


def begun(seed):
    random = np.random.default_rng(seed)
    return {"losses": list(300 / seed + 20 * random.random(60)), "mean_image": 206.0,
            "originals": random.random((8, 28, 28)), "drawn": random.random((8, 28, 28))}


def redrawn(seed, guess):
    random = np.random.default_rng(seed)
    return {"originals": random.random((5, 28, 28)), "guess": guess,
            "drawn": {"one": random.random((5, 28, 28)), "other": random.random((5, 28, 28))}}


def repaired(seed, guess=None):
    random = np.random.default_rng(seed)
    return {"stored": {name: list(120 + 50 * random.random(4)) for name in "abcd"},
            "live": {"b": (130.0 + seed, 3), "d": (125.0, 3)}, "mean_image": 205.8, "epochs": 10,
            "guess": guess}


def learning(seed):
    random = np.random.default_rng(seed)
    return {"without": "without", "reached": {"with": {"epochs": 1 + 4 * random.random(3),
                                                       "seconds": 2 * random.random(3)}},
            "curves": {name: {"neg_elbo": 120 + 60 * random.random((3, 5)),
                              "seconds": np.cumsum(random.random((3, 5)), 1)}
                       for name in ("with", "without")}}


def lagging(seed, guess=None):
    random = np.random.default_rng(seed)
    return {"runs": {name: {mode: level + random.random(5) for mode, level in
                            (("evaluation", 200), ("renewed", 145), ("training", 150),
                             ("lag", 50 * seed))}
                     for name in "ab"}, "live": {"b": {"renewed": 140.0 + seed}}, "guess": guess}


def dying(seed):
    random = np.random.default_rng(seed)
    return {"units": 20, "heads": 6,
            "arms": {name: {"hidden": random.integers(0, 21, (4, 3)),
                            "heads": random.integers(0, 7, (4, 3))} for name in ("with", "no")}}


def panel(seed, steps, beta):
    random = np.random.default_rng(seed)
    return {
        "epochs": np.linspace(0, 1, steps + 1)[1:], "distortion": 100 + random.random(steps),
        "rate": 9 * random.random(steps), "validated": [1.0] * (steps > 3),
        "validation_neg_elbo": [150.0 + seed] * (steps > 3), "rates": 3 * seed * random.random(8),
        "active": [seed > k / 8 for k in range(8)],
        "originals": random.random((10, 28, 28)), "reconstructions": random.random((10, 28, 28)),
        "samples": random.random((20, 28, 28)), "beta": beta, "target_beta": 1.0,
        "settings": f"settings {seed}", "total": seed, "plateau": 200 + seed,
    }


def schedules(seed, steps):
    random = np.random.default_rng(seed)
    return {"schedules": {name: list(seed * random.random(steps)) for name in "abc"}}


def late(seed):
    random = np.random.default_rng(seed)
    return {"epochs": [1, 10, 100], "whole": 200 + 9 * random.random((4, 3)),
            "lowered": {"a": [200.0, 201.0], "b": [150.0 + seed]}, "plateau": 205 + seed}


def returned(seed, guess):
    random = np.random.default_rng(seed)
    stored = {beta: {"neg_elbo": 130 + 70 * random.random((3, 6)),
                     "active": random.integers(0, 9, (3, 6))} for beta in ("1", "20", "100")}
    live = {"neg_elbo": 150 + random.random(3), "active": [8, seed, 0]}
    return {"steps": range(50, 350, 50), "stored": stored, "live_steps": [50, 100, 150],
            "live": live, "raised": (100, 200), "plateau": 205 + seed, "guess": guess}


def ending(seed):
    random = np.random.default_rng(seed)
    values = [{name: list(150 + 40 * random.random(6)) for name in ("constant", "warm-up")}
              for which in range(2)]
    return {"objective": values[0], "distortion": values[1], "live": {"warm-up": (170.0, 150.0)},
            "beta": 9.8}


def left(seed):
    random = np.random.default_rng(seed)
    return {"step": 60, "differences": {"nothing": np.zeros(9), "a part": random.random(9)}}


def screen(seed):
    return {"pixels": np.random.default_rng(seed).integers(0, 256, (300, 480, 3), dtype=np.uint8)}


def fog(seed, noise, guess):
    random = np.random.default_rng(seed)
    return plane(seed) | {"step": 10 * seed, "noise": noise, "noises": [0, 0.1, 1, 2],
                          "purities": list(random.random(4)), "chance": 0.1 / seed,
                          "guess": guess}


def swapping(seed):
    random = np.random.default_rng(seed)
    return {"means": random.normal(size=(3, 2, 2)), "draws": random.normal(size=(3, 2, 20, 2)),
            "swaps": random.random((3, 2)), "steps": [0, 5, 50], "names": ["digit 4", "digit 9"]}


def early(seed, live):
    random = np.random.default_rng(seed)

    def net(*seeds):
        return {"sampled": random.random((*seeds, 4)), "means": random.random((*seeds, 4)),
                "signal_to_noise": np.exp(random.normal(size=(*seeds, 4, 3)))}

    return {"steps": [0, 10, 100, 1000], "stored": {"a": net(5), "b": net(5)},
            "live": {"b": net()} if live else {}, "chance": 0.1}


def decoded(seed, guess):
    random = np.random.default_rng(seed)
    return {"pictures": random.random((5, 28, 28)), "mean_image": random.random((28, 28)),
            "distortion": 206.0 + seed, "closed_form": 206.0, "guess": guess}


def mapped(seed, guess):
    random = np.random.default_rng(seed)
    return {"staying": {build: random.integers(0, 11, (2, 4)) for build in "ab"},
            "betas": [1.0, 9.8, 20.0, 40.0], "learning_rates": [1e-3, 1e-2], "seeds": 10,
            "guess": guess}


def remedied(seed, guess):
    random = np.random.default_rng(seed)
    gains = [{name: list(20 * random.random(6)) for name in ("no remedy", "a", "b")}
             for which in range(2)]
    return {"distortion": gains[0], "objective": gains[1], "live": {"a": (9.0 + seed, 3.0)},
            "beta": 9.8, "guess": guess}


def ridged(beta):
    scales, betas = np.linspace(-1, 1, 9), [10.0, 30.0]
    losses = np.array([0.5 * scales**2 * (1 - 20 / one) for one in betas])
    return {"beta": beta, "betas": betas, "scales": scales, "losses": losses, "threshold": 20.0}


def constants(seed):
    return {"stay": {"both": 4 + seed, "mean": 2}, "leave": {"both": 0, "mean": seed}}


SWEPT = [0.5, 1.0, 4.0]


def swept(here, seed):
    random = np.random.default_rng(seed)
    images = {name: random.random((10, 28, 28))
              for name in ("originals", "reconstructions", "samples")}
    return images | {"beta": SWEPT[here], "rate_per_latent": list(3 * random.random(4)),
                     "active": 1 + here, "betas": SWEPT,
                     "rates": [9.0, 5.0, 1.0], "distortions": [90.0, 100.0, 150.0], "here": here,
                     "entropy": 45.5, "plateau": 205.8}


def sloping(seed, guess):
    random = np.random.default_rng(seed)
    return {"betas": SWEPT, "stored": 0.5 + 2 * random.random((5, 2)), "guess": guess,
            "live": {1: 1 + random.random()}}


def counted(seed, guess):
    random = np.random.default_rng(seed)
    return {"betas": SWEPT, "stored": random.integers(0, 11, (5, 3)), "asked": 4.0, "guess": guess,
            "live": {0.5: 10, 4.0: seed}}


def ruled(seed, guess):
    random = np.random.default_rng(seed)
    return {"betas": SWEPT, "own": 100 + 50 * random.random((5, 3)), "guess": guess,
            "common": 100 + 50 * random.random((5, 3))}


def clouds(seed):
    random = np.random.default_rng(seed)
    return {"codes": {beta: random.normal(size=(40, 2)) / beta for beta in (4.0, 0.1)},
            "rates": {4.0: 8.0 + seed, 0.1: 35.0}}


def shrunk(seed):
    random = np.random.default_rng(seed)
    rate = np.array([90.0, 35.0, 20.0]) + random.random((5, 3))
    return {"betas": SWEPT, "mean_part": 0.6 * rate, "rate": rate, "rescaled": 0.5 * rate,
            "slopes": 0.5 + random.random((5, 2)), "rescaled_slopes": 0.6 + random.random((5, 2))}


def unscaled(seed):
    random = np.random.default_rng(seed)
    return {"rows": {name: random.random((5, 28, 28)) for name in ("as trained", "rescaled")}}


def gained(seed, guess):
    random = np.random.default_rng(seed)
    remedies = ("warm-up", "free bits")
    return {"gains": {q: {remedy: list(9 * random.random(4) - 2) for remedy in remedies}
                      for q in "ab"},
            "live": {"free bits": dict.fromkeys("ab", seed)}, "guess": guess,
            "notes": {name: (seed, 50) for name in ("constant", *remedies)},
            "labels": {q: f"By {q}" for q in "ab"}}


def saddle(beta):
    v, w = np.linspace(-1, 1, 31), np.linspace(-2, 2, 41)
    loss = beta * v**2 + w[:, None] ** 2 - 4 * v * w[:, None] + (v * w[:, None]) ** 2
    return {"beta": beta, "threshold": 4.0, "encoder": v, "decoder": w, "loss": loss}


def linear(noise_variance, live, guess):
    random = np.random.default_rng(int(10 * noise_variance))
    eigenvalues = 5 / np.arange(1, 21)
    images = random.random((6, 28, 28))
    return {"noise_variance": noise_variance, "eigenvalues": eigenvalues, "live": live,
            "spreads": np.clip(1 - noise_variance / eigenvalues[:15], 0, None) * np.ones((3, 1)),
            "originals": images, "reconstructions": images**2, "guess": guess}


def spoilt(seed, guess):
    random = np.random.default_rng(seed)
    sets = ("real", "blurred", "averages")
    return {"pictures": {name: random.random((6, 28, 28)) for name in sets}, "guess": guess,
            "measures": {measure: {name: random.random() for name in sets} for measure in "ab"},
            "labels": {measure: f"{measure} (share)" for measure in "ab"},
            "asked": ("b", "averages")}


BUDGETS, WAYS = [1.5, 3, 6], ("one VAE", "two stages")


def stopped(seconds, seed, guess):
    """The clock at another second shows other samples of the same race."""
    of_all, random = np.random.default_rng(0), np.random.default_rng(seed)
    return {"seconds": seconds, "asked": 3, "guess": guess, "budgets": BUDGETS, "real": 7.2,
            "frechet": {way: 10 + 90 * of_all.random((4, 3)) for way in WAYS},
            "live": dict.fromkeys(WAYS, 30.0),
            "samples": {way: random.random((10, 28, 28)) for way in WAYS}}


def clocked(seed, live):
    random = np.random.default_rng(seed)
    stored = {m: {way: 5 + 90 * random.random((4, 3)) for way in WAYS} for m in "abc"}
    own = {way: {m: 20 * random.random() + 5 for m in "abc"} for way in WAYS}
    return {"budgets": BUDGETS, "marked": 3, "stored": stored,
            "labels": {m: (m.upper(), "nats") for m in "abc"}, "live": own if live else None}


def rows_of_digits(seed):
    random = np.random.default_rng(seed)
    return {"rows": {name: random.random((10, 28, 28)) for name in "pqr"}, "title": f"Row {seed}"}


def from_places(seed):
    random = np.random.default_rng(seed)
    measures = {m: {name: random.random() for name in ("p", "q", "real digits")} for m in "ab"}
    return {"pictures": {name: (random.random((10, 28, 28)), [n > seed for n in range(10)])
                         for name in "pq"},
            "measures": measures, "labels": {m: f"{m} (share)" for m in "ab"}, "title": "Places"}


def varied(seed, guess):
    random = np.random.default_rng(seed)
    return {"stored": {m: {v: list(1 + random.random(4)) for v in "pqrs"} for m in "ab"},
            "reference": "s", "guess": guess, "flipped": ("b",), "title": f"After {seed} s",
            "asked": "q", "labels": {m: (m.upper(), f"{m} (nats)") for m in "ab"}}


def rescaled(unit, seed, guess):
    units = [0.1, 1, 10]
    return {"unit": unit, "units": units, "elbos": [-20.0 - seed * np.log(u) for u in units],
            "samples": np.random.default_rng(seed).random((10, 28, 28)), "guess": guess}


def scattered(seed, guess):
    random = np.random.default_rng(seed)
    variances = np.logspace(-4, 4, 9)
    return {"estimates": random.gamma(4, seed, 500), "variance": 4.0 * seed, "n": 9,
            "variances": variances, "laws": {"σ̂²": variances**2 / 4, "log σ̂²": 0 * variances + 0.2},
            "measured": {"σ̂²": 4.0 * seed, "log σ̂²": 3.0}, "crossover": 1 + seed / 10,
            "guess": guess}


def bowl(r):
    variance = r**2 * np.logspace(-3, 3, 61)
    return {"r": r, "variance": variance, "nll": 0.5 * (np.log(variance) + r**2 / variance),
            "gradients": {"variance": 1 / variance, "log variance": 0.5 + 0 * variance}}


def noisy_gradients(seed):
    random = np.random.default_rng(seed)
    kinds = ("variance", "log variance")
    return {"variances": [0.01, 1.0, 100.0], "laws": {kind: [9.0, 1.0, 0.1] for kind in kinds},
            "live": {kind: list(seed + random.random(3)) for kind in kinds}}


def encoded(seed):
    random = np.random.default_rng(seed)
    return {"as_variance": 0.1 * random.random(4), "as_log": 0.2 + random.random(4),
            "rescaled_variance": 2 + random.random(4), "factor": 10 * seed}


def bottomless(seed):
    traces = {name: list(-np.arange(9.0) / (k + seed))
              for k, name in enumerate(("variance", "log variance", "with a floor"))}
    return {"traces": traces | {"log variance": traces["log variance"][:4 + seed]}}


def floored(seed):
    return {"floors": [0.1, 0.01, 0.001], "train": [100, -900 * seed, -2000],
            "test": [100, -800, 5000 * seed]}


def standardised(seed):
    random, names = np.random.default_rng(seed), ("variance", "log variance", "softplus")
    return {"x": np.linspace(-1, 1, 7)[:, None], "truth": np.linspace(-seed, seed, 7)[:, None],
            "direct": {name: random.normal(size=(7, 1)) for name in names},
            "standardised": {name: random.normal(size=(7, 1)) for name in names},
            "excess": {name: (20.0 * seed, 0.1) for name in names}, "failing": 1.5,
            "scale": 10.0 * seed}


def started(seed):
    random = np.random.default_rng(seed)
    return {"above": {start: random.normal(size=4) for start in (1.0, 0.5, 0.1)},
            "first_error": 0.4 + seed / 20}


def three_fits(seed, guess, live):
    random = np.random.default_rng(seed)
    names = ("variance", "log variance", "softplus")
    return {"x": np.linspace(-1, 1, 7), "truth": np.linspace(-seed, seed, 7), "guess": guess,
            "stored": {name: random.normal(size=(4, 7)) for name in names},
            "live": {name: random.normal(size=7) for name in names} if live else {},
            "excess": {name: np.array([1.0, 20 * seed, np.inf, seed]) for name in names},
            "failures": {name: seed for name in names}, "settings": f"settings {seed}"}


def stopping(cured):
    counts = {"pixels": {"as it is": 10, "clipped": 4, "own": cured},
              "steps": {"as it is": 9, "clipped": 0, "own": cured}}
    return {"counts": counts, "notes": {("pixels", "own"): f"divide by {cured}"}, "of": 10}


def failing(seed, guess=None):
    random = np.random.default_rng(seed)
    names = ("variance", "log variance", "softplus")
    return {"failures": {name: random.integers(0, 11, (2, 3)) for name in names}, "of": 10,
            "optimizer": f"optimiser {seed}", "guess": guess,
            "learning_rates": [0.01, 0.1], "scales": [0.1, 1.0, 10.0]}


def chosen_noise(seed, guess):
    random = np.random.default_rng(seed)
    images = {name: random.random((10, 28, 28))
              for name in ("originals", "reconstructions", "samples")}
    return images | {"name": f"σ = {seed}", "sigmas": [1.0, 0.3, 0.1], "chosen": 0.1 * seed,
                     "learned": (0.1 + random.random(4) / 9, 50 * random.random(4)),
                     "optimal": 0.1 + random.random(4) / 9,
                     "own": 700 * random.random((4, 3)), "refitted": 400 * random.random((4, 3)),
                     "here": (0.3, 100.0 * seed), "numbers": f"rate {seed}", "guess": guess}


def three_kinds(seed, guess):
    random = np.random.default_rng(seed)
    tested = ("grey-scale", "binarised", "thresholded")
    trained = ("grey-scale", "dynamic", "fixed", "thresholded")
    return {"examples": {kind: random.random((28, 28)) for kind in tested},
            "stored": {a: {b: 90 + 30 * random.random(4) for b in trained} for a in tested},
            "guess": guess}


def estimated(seed, guess):
    random = np.random.default_rng(seed)
    draws, scale = [1, 10, 100], 1 / np.array([1.0, 3.0, 9.0])
    return {"draws": draws, "here": draws[seed], "errors": random.normal(-1, seed, (20, 30)),
            "gaps": {k: {"mean": s * seed, "half_width": 0.2 * s, "above": 0.1 * seed, "worst": 0.5,
                         "median": 0.3 * s}
                     for k, s in zip(draws, scale)},
            "stored": random.random((4, 1)) * scale, "guess": guess}


def published(seed):
    curves = {
        name: {"draws": k, "few": [(4, 99 - k - seed), (50, 92 - k)], "whole": [(50, 93 - k, seed)]}
        for name, k in (("K = 1", 1), ("K = 5", 5))
    }
    return {"curves": curves, "reported": {"paper": 86.0 - seed, "paper, 5": 85.0}}


def two_models(seed):
    random = np.random.default_rng(seed)
    found = {f"K = {k}": {n: -90 + n / 9 + random.random(12) for n in (1, 5, 50)} for k in (1, 5)}
    return {"draws": [1, 5, 50], "bounds": found}


def two_scores(seed):
    random = np.random.default_rng(seed)
    a = 90 + 20 * random.normal(size=30)
    return {"scores": {"A": a, "B": a + random.normal(size=30)}, "paired": 0.4, "unpaired": 9.0}


def chosen(seed):
    return {"bias": {runs: {100: 0.1 * runs + seed, 1000: 0.01 * runs} for runs in (2, 5, 10)}}


def raced(seed, guess):
    random = np.random.default_rng(seed)
    names = ("total", "path", "DReG")
    return {"stored": {k: {name: 90 + random.random(5) for name in names[:2 + k // 5]}
                       for k in (1, 5)}, "guess": guess}


def used_latents(seed):
    random = np.random.default_rng(seed)
    return {"activity": {"K = 1": 10 ** random.uniform(-4, 0, 20), "K = 5": random.random(20)},
            "threshold": 0.01 * seed}


def cells(seed, guess, side=5):
    random = np.random.default_rng(seed)
    return {"pictures": random.random((side, side, 28, 28)), "places": random.random((300, 2)),
            "labels": random.integers(0, 10, 300), "edges": np.linspace(0, 1, 9),
            "thin": random.random((8, 8)) < 0.2 * seed, "marks": {0.0: -9, 0.5: 0.0, 0.9: 1.5},
            "spacing": "some kind", "guess": guess}


def turned(seed, latent):
    random = np.random.default_rng(seed)
    return {"pictures": random.random((9, 28, 28)), "values": np.linspace(-3, 3, 9),
            "own": 1.0 * latent,
            "latent": latent, "means": random.normal(size=300), "rates": random.random(10)}


def walked(seed):
    random = np.random.default_rng(seed)
    return {name: random.random((9, 28, 28)) for name in ("average", "linear", "spherical")} | {
        "norms": {name: 3 * random.random(9) for name in ("linear", "spherical")},
        "shell": (1.0 * seed, 3.5), "pair": f"{seed} to 8"}


def compared(seed, guess):
    random = np.random.default_rng(seed)
    kinds, measures = ("one kind", "another"), ("share", "distance")
    return {"stored": {m: {kind: list(random.random(10)) for kind in kinds} for m in measures},
            "live": {m: {kind: random.random() for kind in kinds} for m in measures},
            "titles": {m: f"finding {seed}" for m in measures}, "guess": guess}


def scarce(seed, guess):
    random = np.random.default_rng(seed)
    names = ("nearest", "confident")
    return {"by_fifth": {name: random.random((10, 5)) for name in names},
            "of_codes": {name: random.random(10) for name in names},
            "live": {name: random.random(5) for name in names}, "guess": guess}


def flat(seed):
    random = np.random.default_rng(seed)
    return {"places": random.normal(size=(2, 200, 2)), "labels": random.integers(0, 10, 200),
            "names": ["PCA", "t-SNE"], "purities": random.random(2)}


def embedded(seed, guess):
    drawn = plane(seed)
    return {"codes": drawn["codes"], "labels": drawn["labels"], "purity": 0.4 * seed,
            "gaussian": drawn["codes"] ** 2, "perplexity": 10 * seed, "closeness": 0.3 * seed,
            "guess": guess}


def eight_runs(seed):
    random = np.random.default_rng(seed)
    return {"originals": random.random((5, 28, 28)), "neg_elbo": {"A": 120.0 * seed, "B": 130.0},
            "reconstructions": {name: random.random((5, 28, 28)) for name in "AB"},
            "samples": {name: random.random((5, 28, 28)) for name in "AB"}}


def one_run(seed, letter):
    random = np.random.default_rng(seed)
    log = {"step": np.arange(10, 100, 10), "distortion": 200 - 50 * random.random(9),
           "rate": 9 + random.random(9)}
    return {"letter": letter, "log": log, "mean_image": 200.0 + seed,
            "modes": {"evaluation mode": 150.0 * seed, "training mode": 140.0},
            "rates": random.random(10), "active": random.random(10) < 0.5,
            "variances": random.random((50, 10)),
            "numbers": {"β": (f"{seed}", "1"), "dead": ("7", "0 … 9")}}


def tabled(seed, word, guess=None):
    readings = {name: {"loss weights": (word, 1.0, seed > 1), "decline": ("at rest", 0.5, False)}
                for name in ("healthy", "stopped too early")}
    return {"readings": readings, "identified": {"loss weights": seed, "decline": 1},
            "together": seed, "guess": guess}


def read(seed, limits=(2.0,)):
    random = np.random.default_rng(seed)
    return {"name": "decline", "values": {name: 9 * random.random(10) for name in "abc"},
            "limits": limits, "unit": "nats", "identified": ["a", "b"][:seed]}


CASES = [
    (gallery, eight_runs(1), eight_runs(2)),
    (examination, one_run(1, "A"), one_run(2, "B")),
    (decision_table, tabled(1, "β near 1"), tabled(2, "β far above 1", 5)),
    (readings_of, read(1), read(0)),
    (readings_of, read(2, (0.1, 4.0)), read(1)),
    (kinds_of_digits, three_kinds(1, None), three_kinds(2, "thresholded")),
    (kinds_of_digits, three_kinds(2, "thresholded"), three_kinds(1, None)),
    (bound_against_evidence, estimated(1, None), estimated(2, "never")),
    (bound_against_evidence, estimated(2, "never"), estimated(1, None)),
    (beside_the_paper, published(1), published(2)),
    (bounds_of_models, two_models(1), two_models(10)),
    (image_by_image, two_scores(1), two_scores(2)),
    (chosen_on_test, chosen(1), chosen(2)),
    (latent_activity, used_latents(1), used_latents(2)),
    (gradient_race, raced(1, None), raced(2, "path")),
    (gradient_race, raced(2, "path"), raced(1, None)),
    (prior_map, cells(1, None), cells(2, 0.5)),
    (prior_map, cells(2, 0.5), cells(1, None)),
    (latent_traversal, turned(1, 0), turned(2, 9)),
    (three_paths, walked(1), walked(2)),
    (kinds_compared, compared(1, None), compared(2, "more")),
    (kinds_compared, compared(2, "more"), compared(1, None)),
    (scarce_codes, scarce(1, None), scarce(2, "neither")),
    (scarce_codes, scarce(2, "neither"), scarce(1, None)),
    (flattened, flat(1), flat(2)),
    (tsne_map, embedded(1, None), embedded(2, "a disc")),
    (tsne_map, embedded(2, "a disc"), embedded(1, None)),
    (estimate_spread, scattered(1, None), scattered(2, "σ̂²")),
    (estimate_spread, scattered(2, "σ̂²"), scattered(1, None)),
    (nll_bowls, bowl(0.1), bowl(3.0)),
    (gradient_noise, noisy_gradients(1), noisy_gradients(2)),
    (encoder_outputs, encoded(1), encoded(2)),
    (residuals_of_zero, bottomless(1), bottomless(2)),
    (pixel_floors, floored(1), floored(2)),
    (unit_removed, standardised(1), standardised(2)),
    (starts_compared, started(1), started(2)),
    (fitted_scales, three_fits(1, None, True), three_fits(2, "softplus", False)),
    (fitted_scales, three_fits(2, "softplus", False), three_fits(1, None, True)),
    (not_finite_runs, stopping(0), stopping(3)),
    (failure_maps, failing(1), failing(2, "softplus")),
    (noise_sweep, chosen_noise(1, None), chosen_noise(2, 0.3)),
    (noise_sweep, chosen_noise(2, 0.3), chosen_noise(1, None)),
    (known_pictures, spoilt(1, None), spoilt(2, 0.5)),
    (known_pictures, spoilt(2, 0.5), spoilt(1, None)),
    (race, stopped(3, 1, None), stopped(6, 2, np.inf)),
    (race, stopped(6, 2, 1.5), stopped(3, 1, None)),
    (by_budget, clocked(1, True), clocked(2, False)),
    (digit_rows, rows_of_digits(1), rows_of_digits(2)),
    (places_of_codes, from_places(1), from_places(2)),
    (paired_variants, varied(1, None), varied(2, 3.0)),
    (paired_variants, varied(2, 3.0), varied(1, None)),
    (unit_of_codes, rescaled(1, 1, None), rescaled(10, 16, 16)),
    (unit_of_codes, rescaled(10, 16, 16), rescaled(0.1, 3, None)),
    (beta_sweep, swept(0, 1), swept(2, 2)),
    (curve_slopes, sloping(1, None), sloping(2, 3.0)),
    (curve_slopes, sloping(2, 3.0), sloping(1, None)),
    (code_clouds, clouds(1), clouds(2)),
    (rescaled_codes, shrunk(1), shrunk(2)),
    (decoded_samples, unscaled(1), unscaled(2)),
    (remedy_gains, gained(1, None), gained(2, "warm-up")),
    (remedy_gains, gained(2, "warm-up"), gained(1, None)),
    (saddle_and_valley, saddle(2.0), saddle(6.0)),
    (saddle_and_valley, saddle(6.0), saddle(2.0)),
    (active_latents, counted(1, None), counted(2, 5)),
    (active_latents, counted(2, 5), counted(1, None)),
    (own_and_common, ruled(1, None), ruled(2, 4.0)),
    (own_and_common, ruled(2, 4.0), ruled(1, None)),
    (surviving_dimensions, linear(1.0, None, None), linear(0.5, [0.9, 0.5], 3)),
    (surviving_dimensions, linear(0.5, [0.9, 0.5], 3), linear(1.0, None, None)),
    (training_panel, panel(1, 0, 1.0), panel(20, 5, 0.5)),
    (training_panel, panel(40, 300, 0.5), panel(1, 1, 1.0)),
    (beta_schedules, schedules(1, 30), schedules(4, 9)),
    (there_and_back, returned(1, None), returned(2, "between")),
    (there_and_back, returned(2, "stays"), returned(1, None)),
    (schedules_compared, ending(1), ending(2)),
    (too_late, late(1), late(2)),
    (resumed_runs, left(1), left(2)),
    (browser_page, screen(1), screen(2)),
    (evidence_bar, bar(-2.27, None), bar(-5, "rises")),
    (evidence_bar, bar(-30, "falls"), bar(-2.5, None)),
    (three_densities, bells(2), bells(-1)),
    (latent_explorer, explored(1), explored(2)),
    (latent_sliders, slid(1, 5), slid(2, 5)),
    (training_progress, progress(1, [0]), progress(2, [0, 60, 120])),
    (training_progress, progress(2, [0, 60, 120]), progress(1, [0])),
    (training_on, going_on(1, 0), going_on(2, 9)),
    (training_on, going_on(2, 900), going_on(1, 0)),
    (beside_nearest, pairs(1), pairs(2)),
    (cluster_widths, widths(1, None), widths(3, "wide")),
    (cluster_widths, widths(3, "wide"), widths(1, "tight")),
    (cluster_widths, widths(3, "tight"), widths(1, None)),
    (plane_growth, growth(1, [0, 10, 1440]), growth(2, [5, 6, 7])),
    (one_way, way(1), way(2)),
    (seeds_and_live, strips(1), strips(2)),
    (figures.first_training, begun(1), begun(2)),
    (figures.reconstructions, redrawn(1, None), redrawn(2, "blurred digits")),
    (figures.two_repairs, repaired(1), repaired(2, "more than the sum")),
    (learning_curves, learning(1), learning(2)),
    (dead_units, dying(1), dying(2)),
    (statistics_lag, lagging(1), lagging(2, "one draw is noisy")),
    (averages, repeated(1, 8), repeated(2, 64)),
    (variance_curves, curves(1, None), curves(2, "KL")),
    (variance_curves, curves(2, "KL"), curves(1, None)),
    (along_mean, fanned(1.0, None), fanned(0.3, "no variance")),
    (along_mean, fanned(0.3, "no variance"), fanned(1.0, None)),
    (training_gaps, trained(1), trained(2)),
    (baseline_gain, based(1), based(2)),
    (slanted, tilted(0.1, 0.0), tilted(0.9, 2.0)),
    (bound_tightening, bounds(1), bounds(2)),
    (signal_to_noise, ratios(1, None), ratios(2, "rises")),
    (layer_noise, layered(1), layered(2)),
    (parts_of_gap, parts(1), parts(2)),
    (climb, climbed(0, None), climbed(1, "rises")),
    (climb, climbed(1, "rises"), climbed(0, None)),
    (both_directions, directions(0), directions(1)),
    (gap_against_kl, scattered_gaps(1), scattered_gaps(2)),
    (log_weights, weighed(1), weighed(2)),
    (one_draw_estimates, drawn_once(1), drawn_once(2)),
    (grid_cost, {"latents": [1, 2], "seconds": [0.1, 2.0], "points": 20},
     {"latents": [1, 2], "seconds": [0.2, 7.0], "points": 51}),
    (digit_grid, grid(1), grid(2)),
    (figures.hidden_beta, priced(9.8, None), priced(0.01, 784.0)),
    (figures.hidden_beta, priced(784.0, 0.1), priced(1.0, None)),
    (figures.hidden_beta, priced(0.0, None), priced(1e9, 1e-9)),
    (figures.hidden_beta, priced(1e9, 1e-9), priced(9.8e-5, 10.0)),
    (noise_plane, fog(1, 1, None), fog(2, 0, 0.3)),
    (noise_plane, fog(2, 0.1, 0.3), fog(3, 2, None)),
    (swapped_pair, swapping(1), swapping(2)),
    (early_latents, early(1, True), early(2, False)),
    (early_latents, early(2, False), early(1, True)),
    (collapsed_decoder, decoded(1, None), decoded(2, "noise")),
    (collapsed_decoder, decoded(2, "noise"), decoded(1, None)),
    (collapse_map, mapped(1, None), mapped(2, 5)),
    (collapse_map, mapped(2, 5), mapped(3, None)),
    (remedies, remedied(1, None), remedied(2, "a")),
    (remedies, remedied(2, "a"), remedied(1, None)),
    (ridge, ridged(10.0), ridged(30.0)),
    (ridge, ridged(30.0), ridged(10.0)),
    (constant_encoders, constants(1), constants(2)),
]


@functools.cache
def drawn(case):
    """The first figure of a case, for all tests that only look at it."""
    plot, data, _ = CASES[case]
    return plot(**data)


@pytest.mark.parametrize("plot, first, second", [
    case for case in CASES if "fig" in inspect.signature(case[0]).parameters])
def test_both_renderings_are_the_same_picture(plot, first, second):
    reused = plot(**first)
    before = png(reused)
    assert plot(**second, fig=reused) is reused
    anew = plot(**second)
    assert png(reused) == png(anew) != before
    assert reused.caption == anew.caption


def test_missing_digits_have_no_numeral():
    fig = cluster_widths(**widths(1, None) | {"labels": np.full(200, 3)})
    numerals = fig.axes[0].texts
    assert [text.get_text() for text in numerals if text.get_visible()] == ["3"]


def test_numerals_are_pushed_apart():
    places = _spread(np.zeros((10, 2)), 0.55)
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(10)
    assert gaps.min() > 0.4
    far = np.array([[0.0, 0.0], [3.0, 3.0]])
    assert np.abs(_spread(far, 0.55) - far).max() < 0.01


def test_a_speck_has_no_numerals():
    data = plane(1)
    for scale, count in ((0.01, 0), (10, 10)):
        codes = scale * data["codes"] + scale * data["labels"][:, None]
        fig = plane_growth(codes[None], data["labels"], [0], "")
        assert sum(text.get_visible() for text in fig.axes[0].texts) == count


def test_a_small_picture_is_the_same_picture():
    picture = png(cluster_widths(**widths(3, "wide")))
    smaller = small(picture)
    assert len(smaller) < len(picture) / 2
    pixels = [
        np.asarray(Image.open(io.BytesIO(p)).convert("RGB"), float) for p in (picture, smaller)
    ]
    assert pixels[0].shape == pixels[1].shape
    assert np.abs(pixels[0] - pixels[1]).mean() < 3


def test_the_frame_of_the_guess_is_on_its_side_of_the_median():
    for guess, below in (("tight", True), ("wide", False)):
        data = widths(2, guess)
        *bars, frame = cluster_widths(**data).axes[1].patches
        middle = frame.get_y() + frame.get_height() / 2
        assert (middle < np.median(data["widths"])) == below
        assert len(bars) == 10 and to_hex(frame.get_edgecolor()) == ORANGE.lower()
    assert len(cluster_widths(**widths(2, None)).axes[1].patches) == 10


def test_tile_places_images_in_rows():
    images = np.arange(5)[:, None, None] * np.ones((1, 28, 28))
    tiled = tile(images, 3)
    assert tiled.shape == (2 * 28, 3 * 28)
    assert tiled[0, ::28].tolist() == [0, 1, 2]
    assert tiled[28, ::28].tolist() == [3, 4, 0]  # the sixth place stays empty


def test_show_carries_its_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr(base, "display", lambda *a, **k: shown.append((a, k)))
    show(digit_grid(**grid(1)), alt="20 digits, 1,977 nats at z2 = −0.5.")
    (bundle,), keywords = shown[0]
    assert bundle["text/plain"] == "⟨20⟩ digits, ⟨1,977⟩ nats at z⟨2⟩ = −⟨0.5⟩."
    assert keywords["metadata"] == {"image/png": {"alt": "20 digits, 1,977 nats at z2 = −0.5."}}
    assert bundle["image/png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: CASES[case][0].__name__)
def test_figures_are_of_the_page_s_width_and_follow_their_data(case):
    plot, _, second = CASES[case]
    first = drawn(case)
    width, height = first.get_size_inches() * first.dpi
    assert 400 <= width <= 960 and height <= 600
    assert png(first) != png(plot(**second)) and first.caption


def test_the_elbo_moves_below_a_log_evidence_that_stays_the_same():
    tops = set()
    for elbo in (-2.3, -4, -9.5):
        parts = evidence_bar(**bar(elbo, None)).artists_of
        assert parts["gap"].get_y() == pytest.approx(elbo)
        assert list(parts["elbo"].get_ydata()) == pytest.approx(3 * [elbo])
        tops.add(round(parts["gap"].get_y() + parts["gap"].get_height(), 9))
    assert tops == {-2.27}


@pytest.mark.parametrize("seed, finding, does", [
    (0, "Gradient ascent on q shrinks the gap", "stays the same"),
    (1, "Raising the ELBO can lower log p(x)", "falls by 1.000"),
    (-1, "The ELBO and log p(x) rise together", "rises by 1.000")])
def test_a_climb_says_what_the_evidence_does(seed, finding, does):
    fig = climb(**climbed(seed, "falls"))
    title, guess = fig.axes[0].get_title("left").split("\n")
    assert title == finding and fig.caption.startswith(finding)
    assert guess == "your guess: log p(x) falls" and does in fig.caption


def test_a_climb_that_reaches_the_evidence_closes_the_gap():
    fig = climb([-5.0, -2.001], -2.0, "q")  # log p(x) does not change, so one number will do
    assert fig.axes[0].get_title("left") == "Gradient ascent on q closes the gap"


def test_the_form_with_the_smallest_variance_is_named():
    data = curves(1, "KL")
    data["measured"]["value"] = {"KL": 2.0, "path derivative": 1.0}
    _, value, gradient = variance_curves(**data).axes
    assert value.get_title("left").rstrip() == "Least variance of the value:\npath derivative"
    assert gradient.get_title("left").endswith("\nyour guess: KL")  # which is about the last


def test_a_form_without_variance_is_marked_at_the_foot_of_the_axis():
    data = curves(1, None) | {"shift": 0.0, "ratio": 1.004}
    data["measured"]["gradient for mean"] = {"KL": 2.0, "path derivative": 0.0}
    data["measured"]["value"] = {"KL": 2.0, "path derivative": 0.0}
    fig = variance_curves(**data)
    assert fig.axes[0].get_title("left").split("\n")[:2] == ["q: a = 0.0, s = 0.50",
                                                            "b = s/τ = 1.00"]
    assert fig.axes[1].get_title("left").startswith("At the posterior, Monte Carlo's\nvalue has no")
    assert fig.axes[2].get_title("left").startswith("At the posterior, the path\nderivative has no")
    low, _ = fig.axes[1].get_ylim()
    assert fig.artists_of["value", "path derivative"][1].get_ydata()[0] > low


def test_the_gradients_that_fall_with_more_draws_are_named():
    data = ratios(1, "rises")
    data["slopes"] = {"a": {"encoder": -0.5, "decoder": 0.5}, "b": {"encoder": 0.5, "decoder": 0.5}}
    data["ratios"] = {case: {name: np.ones(3) for name in ("encoder", "decoder")} for case in "ab"}
    titles = [axes.get_title("left") for axes in signal_to_noise(**data).axes]
    assert titles == ["a; your guess: it rises\nfalling: encoder",
                      "b; your guess: it rises\nfalling: none"]


def test_the_training_figure_tells_the_guess_and_clips_at_its_floor():
    data = trained(1) | {"guess": "moves away"}
    data["curves"]["KL"] = np.full((50, 4), 1e-15)
    fig = training_gaps(**data)
    assert "your guess: moves away" in fig.axes[0].get_title("left")
    assert "KL below 10⁻¹⁰" in fig.caption


def test_the_spread_is_drawn_where_it_was_measured():
    data = repeated(1, 8)
    _, mark = averages(**data).artists_of["KL"]
    assert mark.get_xydata().tolist() == [[8, pytest.approx(data["estimates"]["KL"].std())]]


@pytest.mark.parametrize("beta, words, place", [
    (0.0, "the KL hardly counts", 1e-7),
    (1e-9, "the KL hardly counts", 1e-7),
    (1e-6, "the KL hardly counts", 1e-6),
    (9.8e-5, "the KL hardly counts", 9.8e-5),
    (0.392, "near the ELBO", 0.392),
    (1.0, "this is the ELBO", 1.0),
    (9.8, "may collapse", 9.8),
    (50_176.0, "may collapse", 50_176.0),
    (1e9, "may collapse", 1e7),
])
def test_a_beta_is_marked_in_its_region(beta, words, place):
    fig = figures.hidden_beta(**priced(beta, None))
    assert words in fig.axes[0].get_title("left") and words in fig.caption
    mark = fig.artists_of["mark"]
    assert mark.get_xdata() == [pytest.approx(place)]
    assert mark.get_marker() == ("o" if beta == place else "<" if beta < place else ">")
    assert "rule of thumb" in fig.caption
    assert f"recipe {beta}" in fig.caption and "loss = distortion" in fig.caption
    assert len(fig.artists_of["guess"].get_xdata()) == 0


@pytest.mark.parametrize("guess, place", [
    (1e-9, 1e-7), (1e-6, 1e-6), (0.1, 0.1), (50_176.0, 50_176.0), (1e9, 1e7),
])
def test_a_guess_off_the_axis_is_an_arrow(guess, place):
    mark = figures.hidden_beta(**priced(9.8, guess)).artists_of["guess"]
    assert mark.get_xdata() == [pytest.approx(place)]
    assert mark.get_marker() == ("D" if guess == place else "<" if guess < place else ">")


@pytest.mark.parametrize("beta, written", [
    (0.0, "0"), (1e-6, "1e-06"), (9.8e-5, "9.8e-05"), (0.5, "0.5"), (9.8, "9.8"), (784.0, "784"),
    (4096.0, "4,096"), (50_176.0, "50,176"), (1_941_248.0, "1,941,248"), (1e9, "1e+09"),
])
def test_every_beta_can_be_read(beta, written):
    fig = figures.hidden_beta(**priced(beta, beta))
    assert fig.artists_of["value"].get_text() == f"β = {written}"
    for text in (fig.axes[0].get_title("left"), fig.caption):
        assert f"β = {written}" in text and f"your guess (hollow mark): {written}" in text
    fig.canvas.draw()
    value = fig.artists_of["value"].get_window_extent()
    axes = fig.axes[0].get_window_extent()
    assert axes.x0 <= value.x0 and value.x1 <= axes.x1, "the number leaves the axis"


def test_the_source_of_a_recipe_stands_in_the_caption():
    data = priced(9.8, None)
    assert "Source" not in figures.hidden_beta(**data).caption
    assert figures.hidden_beta(**data | {"source": "a page"}).caption.endswith("Source: a page")


def test_the_title_says_what_each_repair_gains():
    levels = {"broken": 200.0, "one": 160.0, "other": 155.0, "both": 115.0}
    stored = {name: [level - 1, level + 1] for name, level in levels.items()}
    fig = figures.two_repairs(stored, {"both": (120.0, 3)}, 206.0, 10)
    assert fig.axes[0].get_title("left").endswith("(40 and 45), both together 85")
    words = [text.get_text() for text in fig.axes[0].texts]
    assert words == ["the mean image", "200", "160", "155", "115"]
    guessed = figures.two_repairs(stored, {}, 206.0, 10, guess="more than the sum")
    assert guessed.axes[0].get_title("left").endswith("85\nyour guess: more than the sum")
    assert guessed.caption.endswith("Your guess: more than the sum.")


@pytest.mark.parametrize("spread, words", [(0.0, "the same blur"), (0.4, "each digit differently")])
def test_the_title_says_whether_the_pictures_differ(spread, words):
    images = 0.5 + spread * np.random.default_rng(0).normal(size=(5, 28, 28)).clip(-1, 1)
    fig = figures.reconstructions(images, {"the recipe": images}, guess="noise")
    title = fig.axes[0].get_title("left")
    assert title.startswith(f"The recipe draws {words}") and title.endswith("your guess: noise")
    assert fig.caption.endswith("Your guess: noise.")


@pytest.mark.parametrize("last, words", [(150, "falls well below"), (206, "has not left")])
def test_the_title_says_whether_training_leaves_the_mean_image(last, words):
    fig = figures.first_training(**begun(1) | {"losses": [300.0] + [last] * 30})
    assert words in fig.axes[0].get_title("left") and words in fig.caption


def test_runs_are_marked_where_their_twin_without_ends():
    data = learning(1)
    fig = learning_curves(**data)
    of_epochs, of_seconds = (
        next(line for line in axes.lines if line.get_marker() == "o") for axes in fig.axes)
    end = np.median(data["curves"]["without"]["neg_elbo"][:, -1])
    assert of_epochs.get_ydata() == pytest.approx([end]) == of_seconds.get_ydata()
    median = np.median(data["reached"]["with"]["epochs"])
    assert of_epochs.get_xdata() == pytest.approx([median])
    title = fig.axes[0].get_title("left")
    count = round(float(median))
    assert title == f"With batch norm, {count} epochs are\nas good as 5 without"
    one = {"with": {"epochs": [1.2] * 3, "seconds": [2.0] * 3},
           "too": {"epochs": [1.0] * 3, "seconds": [3.0] * 3}}
    data["curves"]["too"] = data["curves"]["with"]
    titles = [axes.get_title("left") for axes in learning_curves(**data | {"reached": one}).axes]
    assert titles[0].startswith("With batch norm, 1 epoch is\n")
    assert titles[1].startswith("With batch norm, 2 to 3 seconds are\n")


def test_the_lag_is_the_one_that_is_given():
    run = {"evaluation": [280.0, 130.0], "renewed": [180.0, 132.0], "training": [185.0, 133.0],
           "lag": [100.0, -2.0]}
    fig = statistics_lag({"here": run, "there": run}, {})
    assert fig.axes[0].get_title("left") == "here:\nlag 100 nats, at the end −2"


def test_the_title_says_what_dies():
    arms = {"with": {"hidden": [[1, 0]] * 3, "heads": [[2, 3]] * 3},
            "without": {"hidden": [[8, 9]] * 3, "heads": [[4, 4]] * 2 + [[4, 3]] * 2}}
    fig = dead_units(arms, units=10, heads=4)
    titles = [axes.get_title("left") for axes in fig.axes]
    assert titles[0].startswith("Without batch norm most hidden units die")
    assert titles[1].endswith("with batch norm too")
    assert "0 with, 9 without. Silent" in fig.caption and "3 with, 3.5 without." in fig.caption
    fig = dead_units({"with": arms["without"], "without": arms["with"]}, units=10, heads=4)
    assert "most" not in fig.axes[0].get_title("left")


def test_a_fit_that_failed_is_told_and_what_is_not_finite_is_not_drawn():
    data = three_fits(3, "softplus", False)
    data["stored"]["log variance"][1] = np.nan
    data["excess"]["log variance"] = np.full(4, np.inf)
    fig = fitted_scales(**data)
    titles = [axes.get_title("left") for axes in fig.axes]
    assert titles[1] == "log variance:\n3 of 4 fail, median excess ∞ nats"
    assert titles[2].startswith("softplus (your guess):")
    assert np.isnan(fig.artists_of["log variance"]["stored"][1].get_ydata()).all()
    assert len(fig.artists_of["variance"]["live"].get_xdata()) == 0


@pytest.mark.parametrize("done, total, end", [
    ([], 50, 1), ([0.4], 50, 1), ([1.0], 50, 2), ([2.0], 2, 2), ([4.5], 50, 10), ([9.0], 10, 10),
    ([40.0], 50, 50),
    ([30.0], 10, 30), ([120.0], 100, 120),
])
def test_the_epochs_axis_has_room_and_is_no_longer_than_the_plan(done, total, end):
    given = panel(1, len(done), 1.0) | {"epochs": done, "total": total}
    assert training_panel(**given).axes[0].get_xlim() == (0, end)


def test_a_race_is_run_seed_by_seed():
    stored = {1: {"total": [90.0, 80.0], "path": [89.0, 81.0]},
              5: {"total": [70.0, 60.0], "path": [71.0, 60.5], "DReG": [69.5, 59.0]}}
    fig = gradient_race(stored)
    seeds, means, _ = fig.axes[0].lines
    assert seeds.get_xdata().tolist() == [-1, 1, 1, 0.5, -0.5, -1]
    assert list(means.get_xdata()) == [0, 0.75, -0.75]
    title = fig.axes[0].get_title("left")
    assert title == "Leaving out the score does not help in every seed"
    stored[1]["path"], stored[5]["path"] = [89.0, 79.0], [69.0, 59.5]
    title = gradient_race(stored, "path").axes[0].get_title("left")
    assert title == "Leaving out the score gives the better model in every seed; your guess: path"


def test_a_trace_ends_in_a_cross_where_it_stops():
    fig = residuals_of_zero(**bottomless(1))  # the log variance's has five steps
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    cross, = (line for line in fig.axes[0].lines if line.get_marker() == "x")
    assert list(cross.get_xdata()) == [4] and len(lines["log variance"].get_xdata()) == 5
    assert "log variance stops at step 5" in fig.caption and "variance ends at" in fig.caption


def test_the_output_that_varies_more_is_named():
    titles = [axes.get_title("left") for axes in encoder_outputs(**encoded(1)).axes]
    assert titles[0].endswith("log σ² varies more\nin 4 of 4 latents")
    assert titles[1] == "z in units 10 times as small: σ² varies more\nin 4 of 4 latents"


def test_the_estimate_that_spreads_less_is_named():
    for measured, less in (
        ({"σ̂²": 0.1, "log σ̂²": 0.2}, "σ̂²"),
        ({"σ̂²": 3, "log σ̂²": 0.2}, "log σ̂²"),
    ):
        fig = estimate_spread(**scattered(1, "neither") | {"measured": measured})
        assert f"; {less} varies less" in fig.caption and "Your guess: neither" in fig.caption


def test_the_title_of_a_sweep_says_whether_the_optimal_noise_wins():
    data = chosen_noise(1, None)
    data["own"][:, 2] = 5.0
    assert noise_sweep(**data).axes[1].get_title("left") == (
        "The optimal σ beats every fixed σ;\nvalidation images choose 0.1")
    data["own"][0, 2] = -5.0
    assert "does not win" in noise_sweep(**data).axes[1].get_title("left")
