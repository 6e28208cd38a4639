"""Test layer 3 rides on layer 2: when nbval has run a notebook, its live views are moved.

After the last cell of each notebook one more item runs in the same kernel. It moves every
control of every `View` to its minimum, middle and maximum and looks at the data drawn.
"""

from pathlib import Path

import pytest

import vae_helpers  # noqa: F401  (before torch: it sets how PyTorch's threads wait)

WALK = (Path(__file__).parent / "tests" / "notebooks" / "walk_controls.py").read_text()


class ControlsItem(pytest.Item):
    """Every control of every view in the kernel that ran the notebook."""

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
    """Put a `ControlsItem` behind each notebook's last cell."""
    last = {}
    for position, item in enumerate(items):
        if type(item).__name__ == "IPyNbCell":
            last[item.parent] = position
    for notebook, position in sorted(last.items(), key=lambda pair: -pair[1]):
        items.insert(position + 1, ControlsItem.from_parent(notebook, name="controls"))
