"""Parts of the benchmarks that can be tested without measuring: tables, sections, losses."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
import torch

from vae_helpers import data, models

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import contestants  # noqa: E402
import notebook_cost  # noqa: E402
import report  # noqa: E402
import slider_latency  # noqa: E402
import training_speed  # noqa: E402

# --- tables and their place -------------------------------------------------------------


def test_a_table_is_markdown_with_its_columns_aligned():
    assert report.table(["what", "s"], [["a", 1.5], ["longer", "–"]]).splitlines() == [
        "| what   |   s |", "| :----- | --: |", "| a      | 1.5 |", "| longer |   – |",
    ]


def test_a_section_takes_its_place_and_leaves_the_others(tmp_path):
    path = tmp_path / "RESULTS.md"
    for title, text in [("b.py", "old\n\n| a |"), ("a.py", "first"), ("b.py --part x", "part"),
                        ("b.py", "new\n\n### inner\n\ntext")]:
        report.store(title, text, path)
    once = path.read_text()
    assert once.startswith(report.HEAD) and once.count("# What the benchmarks measured") == 1
    assert once.removeprefix(report.HEAD).split() == (
        "## a.py first ## b.py new ### inner text ## b.py --part x part".split()
    )
    report.store("b.py", "new\n\n### inner\n\ntext", path)
    assert path.read_text() == once


def test_a_section_is_stored_when_all_went_well(monkeypatch, capsys):
    stored = []
    monkeypatch.setattr(report, "store", lambda title, text: stored.append((title, text)))
    monkeypatch.setattr(report, "LOAD", 3.2)
    with pytest.raises(ZeroDivisionError), report.Section("x.py", ["torch"]) as section:
        section.add(str(1 / 0))
    with report.Section("x.py", ["torch"], quick=True) as section:
        section.add("a paragraph")
    assert stored == []
    with report.Section("x.py", ["torch"]) as section:
        section.add("a paragraph")
    (title, text), = stored
    assert title == "x.py" and text.endswith("\n\na paragraph")
    assert f"torch {torch.__version__.split('+')[0]}" in text
    assert "load average 3.2 at the start" in text and "do not quote" in text
    assert "WARNING: the load average is 3.2" in capsys.readouterr().err


def test_a_quiet_computer_and_a_count_are_not_warned_of(monkeypatch, capsys):
    for load, timed in [(0.3, True), (5.0, False)]:
        monkeypatch.setattr(report, "LOAD", load)
        report.Section("x.py", ["torch"], timed=timed)
    assert capsys.readouterr().err == ""


def test_the_computer_is_described_without_its_name():
    text = report.conditions(["torch"], 0.1)
    assert report.processor() in text and report.platform.node() not in text


# --- training speed ---------------------------------------------------------------------


@pytest.fixture
def net():
    torch.manual_seed(0)
    return contestants.ExampleVAE()


def test_our_model_with_an_example_s_weights_is_the_example(net):
    x = torch.rand(5, 784, generator=torch.Generator().manual_seed(1))
    ours = contestants.as_ours(net)
    mean, logvar = net.encode(x)
    assert torch.allclose(torch.cat(ours.encode(x), 1), torch.cat([mean, logvar], 1), atol=1e-6)
    assert torch.allclose(ours.decode(mean).sigmoid(), net.decode(mean), atol=1e-6)


def test_the_example_s_loss_is_the_negative_elbo(net):
    """The loss is summed over the batch; both use the same noise."""
    x = torch.rand(5, 784, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    eps = torch.randn(5, contestants.LATENT)
    torch.manual_seed(2)
    reconstruction, mean, logvar = net(x)
    distortion, rate = contestants.as_ours(net)(x, eps)
    loss = contestants.example_loss(reconstruction, x, mean, logvar)
    assert loss.item() == pytest.approx((distortion + rate).sum().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["ours", "dataloader", "pyro", "products"])
def test_a_contestant_trains(name):
    """All contestants except pythae, which only the benchmark installs."""
    images = data.load_mnist().train_images[:256]
    seconds, model = contestants.CONTESTANTS[name](images, 2, seed=0)
    assert len(seconds) == 2 and min(seconds) > 0
    assert name == "products" or isinstance(model, models.VAE)


def test_the_comparison_s_ratios():
    results = {
        "ours": [{"seconds": [2, 2, 8], "neg_elbo": 110.0},
                 {"seconds": [2, 2, 2], "neg_elbo": 112}],
        "pyro": [{"seconds": [6, 6, 6], "neg_elbo": 111.4},
                 {"seconds": [6, 7, 6], "neg_elbo": 111.4}],
        "products": [{"seconds": [1], "neg_elbo": None}],
    }
    ours, pyro, products = training_speed.comparison(results)
    assert ours[1:3] == ["2.00", "1.00"] and ours[4:] == ["111.00", "2.00"]
    assert pyro[2] == "3.00" and products[2] == "0.50" and products[4:] == ["–", "–"]
    assert training_speed.disagreement(results) == pytest.approx(0.4)


def test_growth():
    assert training_speed.growth([1.0] * 30) == 0
    assert training_speed.growth([1 + 0.01 * n for n in range(30)]) == pytest.approx(0.2 / 1.045)


# --- sliders and notebooks --------------------------------------------------------------


def test_a_row_of_a_slider_names_what_is_amiss():
    standard = {1: 60.0, 2: 90.0}
    verdicts = {
        (1, 40.0, 5.0, 5.0): "holds", (1, 70.0, 5.0, 5.0): "kernel slower than standard",
        (3, 80.0, 25.0, 17.0): "page over 20 ms, site over 16 ms", (0, 55.0, 20.0, 16.0): "holds",
    }
    for (panels, *took), verdict in verdicts.items():
        row = slider_latency.row("00", "beta", panels, *([one] * 5 for one in took), standard)
        assert row[-1] == verdict and row[3] == f"{took[0]:.0f} / {took[0]:.0f}"
    assert slider_latency.row("04", "β", 1, [40.0], [], [], standard)[4:] == ["–", "–", "holds"]
    assert slider_latency.row("00", "beta", 1, [], [], [], standard)[-1] == "moves no picture"


def test_what_a_takes_line_says():
    opening = (
        "# Title\n\n**Takes** about 40 minutes of reading and exercises; 25 seconds of "
        "computing on two quick processor cores; 1.2 GB of memory.\n"
    )
    assert notebook_cost.takes(opening) == (25, 1.2)
    for wrong in ("", "It **Takes** x; 2 seconds of computing x; 1 GB", "**Takes** an hour; 1 GB"):
        with pytest.raises(ValueError, match="Takes"):
            notebook_cost.takes(wrong)


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_every_takes_line_is_understood(path):
    seconds, gigabytes = notebook_cost.takes(nbformat.read(path, as_version=4).cells[0].source)
    assert 0 < seconds <= 60 and 0 < gigabytes <= 1.2


def test_a_row_of_a_notebook_names_what_is_amiss():
    assert notebook_cost.row("00", (25, 1.1), 29.9, 1.14)[-1] == "holds"
    assert notebook_cost.row("00", (25, 1.1), 30.1, 1.16)[-1] == "Takes: time, Takes: memory"
    assert notebook_cost.row("00", (60, 1.2), 61, 1.21)[-1] == "over 60 s, over 1.2 GB"


def rows(title):
    """Rows of the tables in a section of RESULTS.md: {first cell: [rows]}."""
    text = report.RESULTS.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in text.splitlines() if line.startswith("| ")]
    return {first: [row for row in cells if row[0] == first] for first, *_ in cells}


def of_notebooks(title, column):
    """The numbers in a column of a section's table, one or more for each notebook."""
    return [float(row[column]) for first, found in rows(title).items() if first[:2].isdigit()
            for row in found]


def medians(column):
    """The medians in a column of the sliders' table, in milliseconds."""
    return [int(row[column].split(" / ")[0]) for name, found in rows("slider_latency.py").items()
            if name[:2].isdigit() for row in found if row[column] != "–"]


@pytest.fixture(scope="module")
def documents():
    """The README and that of the benchmarks, each as one line."""
    return [" ".join((ROOT / name).read_text(encoding="utf-8").split())
            for name in ("README.md", "benchmarks/README.md")]


def test_what_was_measured_is_quoted(documents):
    seconds = of_notebooks("notebook_cost.py", 1)
    kernel, page, site = (medians(column) for column in (3, 4, 5))
    peaks = of_notebooks("notebook_cost.py", 3) + of_notebooks("classroom.py", 3)
    standard = [row[3].split(" / ")[0] for row in rows("slider_latency.py")["interact"]]
    ours, loader = (float(rows("training_speed.py")[name][0][1])
                    for name in ("Trainer, as shipped", "DataLoader + ToTensor"))
    resting, at_once = re.search(r"(\d+) learners whose kernels rest, (\d+) who all run it",
                                 report.RESULTS.read_text(encoding="utf-8")).groups()
    for quoted in (
        f"at most {max(peaks):.2f} GB",
        "took {:.0f} to {:.0f} seconds".format(min(seconds), max(seconds)),
        f"within {min(page)} to {max(page)} ms (medians)",
        f"web pages {min(site)} to {max(site)} ms",
        f"kernel answers, after {min(kernel)} to {max(kernel)} ms",
        "takes {} ms for one panel and {} ms for two".format(*standard),
        f"takes {ours:.1f} s; the usual loop over a DataLoader takes {loader:.1f} s",
        f"holds {resting} learners whose kernels rest, or {at_once} who all run",
    ):
        assert quoted in documents[1]
    assert f"at most {max(peaks):.2f} GB" in documents[0]
    assert f"within {min(page)} to {max(page)} ms (medians)" in documents[0]
