"""Pytest plugins: the controls test (layer 3), the distribution over processes, progress lines.

When nbval (layer 2) has run the last cell of a notebook, one more test runs in the same kernel. It
moves every control of every `View` to its minimum, middle and maximum and compares the data drawn.
"""

import collections
import re
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

import vae_helpers  # noqa: F401  (before torch: it sets how PyTorch's threads wait)

WALK = (Path(__file__).parent / "tests" / "notebooks" / "walk_controls.py").read_text()


class ControlsItem(pytest.Item):
    """A test of every control of every view, in the kernel that ran the notebook."""

    def runtest(self):
        kernel = self.parent.kernel
        message = kernel.execute_cell_input(WALK, allow_stdin=False)
        kernel.await_reply(message, timeout=300)
        printed = []
        while True:
            reply = kernel.get_message(stream="iopub", timeout=300)
            if reply["parent_header"].get("msg_id") != message:
                continue
            content = reply["content"]
            if reply["msg_type"] == "stream":
                printed.append(content["text"])
            elif reply["msg_type"] == "error":
                raise AssertionError(f"{content['ename']}: {content['evalue']}")
            elif reply["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        self.add_report_section("call", "controls", "".join(printed))

    def repr_failure(self, excinfo):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, None, f"{self.path.name}: every control of every view"


def pytest_collection_modifyitems(items):
    """Add a `ControlsItem` after each notebook's last cell."""
    last = {}
    for position, item in enumerate(items):
        if type(item).__name__ == "IPyNbCell":
            last[item.parent] = position
    for notebook, position in sorted(last.items(), key=lambda pair: -pair[1]):
        items.insert(position + 1, ControlsItem.from_parent(notebook, name="controls"))


LAYERS = {"tests/browser": "layer 4, browser", "notebooks": "layers 2 and 3, nbval and controls",
          "tests": "layer 1, units"}


def part_of(test):
    """The file of a test, or for a browser test the notebook whose page it uses."""
    page = re.search(r"^tests/browser/.*\[(\w+\.ipynb)\]$", test)
    return f"tests/browser/{page[1]}" if page else test.split("::")[0]


class Parts(LoadFileScheduling):
    """Assigns the tests of a file, or of a page, to one process, so that a page is opened once.

    xdist has no public interface for this; a test checks that this private one still works.
    """

    def _split_scope(self, nodeid):
        return part_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Parts(config, log) if config.getoption("dist") == "loadfile" else None


class Progress:
    """Prints one line for each file or page when all of its tests are done."""

    def __init__(self, reporter):
        self._reporter, self._left, self._failed, self._whole = reporter, {}, {}, 0
        self._counted = {}  # {test: passed/tried}

    def expect(self, ids):
        """Register all tests. Every process reports the same list, so repeats are ignored."""
        if not self._left:
            self._left = collections.Counter(map(part_of, ids))
            self._whole = sum(self._left.values())

    def pytest_collection_finish(self, session):
        self.expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        self.expect(ids)

    def pytest_runtest_logreport(self, report):
        file = part_of(report.nodeid)
        if report.failed:
            self._failed[file] = self._failed.get(file, 0) + 1
        if report.when == "teardown":
            self._counted |= {report.nodeid: count for name, count in report.user_properties
                              if name == "passed/tried"}
            self._left[file] -= 1
            if not self._left[file]:
                layer = next((f"{name}: " for start, name in LAYERS.items()
                              if file.startswith(start)), "")
                done = 100 - 100 * sum(self._left.values()) // self._whole
                failed = f"{self._failed[file]} FAILED" if file in self._failed else "passed"
                self._reporter.write_line(f"[{done:3d} %] {layer}{file} {failed}")

    def pytest_terminal_summary(self):
        sums = {}
        for test, count in self._counted.items():
            name = test.split("[")[0]
            passed, tried = (sum(pair) for pair in zip(map(int, count.split("/")),
                                                       sums.get(name, (0, 0))))
            sums[name] = passed, tried
        for name, (passed, tried) in sorted(sums.items()):
            self._reporter.write_line(f"passed/tried {passed}/{tried}: {name}")


def pytest_addoption(parser):
    """Options for the number of trials of the reliability tests."""
    for name, count, what in (
        ("kills", 10, "kills of a training run at random moments"),
        ("damaged", 24, "damaged files of data, checkpoints and stored models"),
        ("loads", 4, "processes that load MNIST at once"),
        ("series", 0, "runs of all notebooks, with one thread and with two"),
    ):
        parser.addoption(f"--{name}", type=int, default=count, help=f"{what} (default: {count})")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and config.get_verbosity() == 0:
        config.pluginmanager.register(Progress(reporter), "progress")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report, config):
    """Print no dots, since `Progress` prints lines."""
    if report.passed and report.when == "call" and config.pluginmanager.has_plugin("progress"):
        return "passed", "", "PASSED"
