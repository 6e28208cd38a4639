"""A JupyterLab server, and its page in a real browser."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

import nbformat
from playwright.sync_api import sync_playwright

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
BROWSER_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
QUIET = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}
# All cells stay attached to the page, so that tests need not scroll to them.
UNWINDOWED = QUIET | {"notebook-extension/tracker": {"windowingMode": "none"}}
START_SECONDS = 60
PAGE_SECONDS = 60
RUN_SECONDS = 300


def find_browser():
    """The path of the browser: the variable CHROMIUM, set by `make test-browser`, or Chromium."""
    found = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if not found:
        raise RuntimeError("No Chromium found; install it, or set CHROMIUM to a browser's path.")
    return found


def write_notebook(path, *cells):
    """Write a notebook with these code cells and a kernel, for which JupyterLab would ask."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    )
    nbformat.write(notebook, path)


class Server:
    """A JupyterLab server on a loopback port.

    root: the folder that it serves, the working folder of kernels. private: a folder for all files
    of JupyterLab itself. settings: user settings, {extension: values}; others are the defaults.
    """

    def __init__(self, root, private, settings=UNWINDOWED):
        self.root, self._private, self._settings = Path(root), Path(private), settings
        self._token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self._port}"

    def __enter__(self):
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        folders = {name: str(self._private / name) for name in names}
        for name, values in self._settings.items():
            path = Path(
                folders["JUPYTER_CONFIG_DIR"], "lab", "user-settings", "@jupyterlab",
                f"{name}.jupyterlab-settings",
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1",
            f"--port={self._port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={self.root}",
            "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        self._log = open(self._private / "server.log", "w+", encoding="utf-8")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            env=os.environ | folders | {"JUPYTER_PREFER_ENV_PATH": "1"},
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error):
        with contextlib.suppress(OSError):
            self.ask("api/shutdown", "POST")  # stops the kernels too
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def ask(self, path, method="GET"):
        """The JSON reply of the server's REST interface; None for an empty reply."""
        headers = {"Authorization": f"token {self._token}"}
        request = urllib.request.Request(f"{self.origin}/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as reply:
            body = reply.read()
        return json.loads(body) if body else None

    def address(self, notebook, app="lab/tree"):
        """The URL of `notebook`, a path under the root, in a new workspace.

        app: the path of JupyterLab, or `notebooks` for Jupyter Notebook.
        """
        return f"{self.origin}/{app}/{quote(notebook)}?reset&token={self._token}"

    def stop_kernels(self):
        """Shut every session down."""
        for session in self.ask("api/sessions"):
            with contextlib.suppress(urllib.error.HTTPError):  # its kernel may have ended already
                self.ask(f"api/sessions/{session['id']}", "DELETE")

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.ask("api/status")
                return
            except OSError:
                time.sleep(0.1)
        self._log.seek(0)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read()}")


@contextlib.contextmanager
def open_browser():
    """Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_FLAGS)
        yield browser
        browser.close()


class LabPage:
    """One notebook open in JupyterLab, and the errors on its page.

    `.errors` collects console errors, uncaught exceptions, errors in the kernel that no cell shows,
    and requests to other servers.
    """

    def __init__(self, browser, server, **options):
        self.server, self.errors = server, []
        options = {"viewport": {"width": 1280, "height": 900}} | options
        self._context = browser.new_context(**options)
        self.page = self._context.new_page()
        self.page.set_default_timeout(PAGE_SECONDS * 1000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self._check_host(request.url))
        self.page.on("websocket", lambda socket: self._check_host(socket.url))

    def close(self):
        """Close the page and shut its kernel down."""
        self._context.close()
        self.server.stop_kernels()

    def _hear(self, message):
        # TensorBoard's projector asks for the focus, which the browser refuses to a frame.
        focus = message.text.startswith("Blocked autofocusing on a")
        if message.type == "error" and not focus:
            self.errors.append(f"console: {message.text} ({message.location.get('url')})")

    def _check_host(self, url):
        parts = urlsplit(url)
        # Other ports of this computer are allowed: TensorBoard uses one in its frame.
        local = parts.scheme in ("data", "blob", "about") or parts.hostname == "127.0.0.1"
        if not local:
            self.errors.append(f"request to the outside: {url}")

    def open(self, notebook, app="lab/tree"):
        """Open `notebook`, a path under the server's root, and wait for its kernel."""
        self.page.goto(self.server.address(notebook, app))
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.page.locator(".jp-Notebook").wait_for()
        self.page.wait_for_function(
            """() => {
                const panel = jupyterapp.shell.currentWidget;
                return panel?.context?.isReady && panel.sessionContext.isReady
                    && panel.sessionContext.session?.kernel?.status === "idle";
            }"""
        )

    def run_all(self, seconds=RUN_SECONDS):
        """Run all cells and wait for their widgets; returns False if a cell raised an error."""
        succeeded = self.page.evaluate(
            """(seconds) => Promise.race([
                jupyterapp.commands.execute("notebook:run-all-cells"),
                new Promise((_, reject) => setTimeout(
                    () => reject(new Error(`not finished after ${seconds} s`)), 1000 * seconds)),
            ])""",
            seconds,
        )
        if succeeded:
            self._wait_for_widgets()
        self._watch_kernel()
        return succeeded

    def _wait_for_widgets(self):
        """Wait until every output with a widget shows it and every picture is loaded."""
        self.page.wait_for_function(
            """() => {
                const widget = "application/vnd.jupyter.widget-view+json";
                const cells = jupyterapp.shell.currentWidget.content.widgets;
                const promised = cells.flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
                    .filter((output) => output.data?.[widget]).length;
                const panels = [...document.querySelectorAll(".jp-OutputArea-output.lm-Panel")];
                // An anywidget is an empty element without a class until its module has loaded.
                const waiting =
                    ".lm-Widget:empty:not(.jupyter-widgets, .jp-OutputPrompt, [hidden])";
                const shown = (panel) => panel.matches(".lm-mod-hidden")
                    || (panel.children.length > 0 && !panel.querySelector(waiting));
                const pictures = [...document.querySelectorAll(".jp-OutputArea img")];
                return panels.length >= promised && panels.every(shown)
                    && pictures.every((picture) => picture.complete);
            }"""
        )

    def _watch_kernel(self):
        """Collect errors that the kernel reports from now on, from the callbacks of widgets."""
        self.page.expose_function(
            "reportKernelError", lambda text: self.errors.append(f"kernel: {text}")
        )
        self.page.evaluate(
            """() => {
                window.lastMessage = performance.now();
                jupyterapp.shell.currentWidget.sessionContext.iopubMessage.connect((_, message) => {
                    // Frames that an idle kernel draws ahead are no answer to anything.
                    if (message.content.data?.method !== "custom")
                        window.lastMessage = performance.now();
                    if (message.header.msg_type === "error")
                        reportKernelError(`${message.content.ename}: ${message.content.evalue}`);
                });
            }"""
        )

    def settle(self, quiet_ms=300):
        """Wait until the kernel has sent no message for a while, so that all callbacks have run."""
        self.page.wait_for_function(
            """(quiet) => performance.now() - window.lastMessage > quiet
                && jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === "idle"
            """,
            arg=quiet_ms,
        )

    def unfold(self):
        """Open every folded section, and wait for the widgets in it."""
        self.page.evaluate("jupyterapp.commands.execute('notebook:expand-all-headings')")
        self._wait_for_widgets()

    def texts(self):
        """The plain text of all results that cells show, in their order."""
        return self.page.evaluate(
            """() => jupyterapp.shell.currentWidget.content.widgets
                .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
                .map((output) => [output.data?.["text/plain"] ?? ""].flat().join(""))"""
        )

    def error_outputs(self):
        """The tracebacks shown below cells."""
        return self.page.evaluate(
            """() => jupyterapp.shell.currentWidget.content.widgets
                .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
                .filter((output) => output.output_type === "error")
                .map((output) => `${output.ename}: ${output.evalue}`)"""
        )

    def ask_kernel(self, code):
        """Run `code` in the notebook's kernel; returns its printed output."""
        return self.page.evaluate(
            """async (code) => {
                const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const request = kernel.requestExecute({ code, store_history: false });
                let text = "";
                request.onIOPub = ({ header, content }) => {
                    if (header.msg_type === "stream") text += content.text;
                    if (header.msg_type === "error") text += `${content.ename}: ${content.evalue}`;
                };
                await request.done;
                return text;
            }""",
            code,
        )

    def names(self, selector):
        """The accessible name that the browser computes for each element of `selector`.

        [(description, name)]; hidden elements are left out.
        """
        session = self._context.new_cdp_session(self.page)
        root = session.send("DOM.getDocument")["root"]["nodeId"]
        found = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": selector})
        named = []
        for node in found["nodeIds"]:
            tree = session.send(
                "Accessibility.getPartialAXTree", {"nodeId": node, "fetchRelatives": False}
            )["nodes"][0]
            if not tree["ignored"]:
                html = session.send("DOM.getOuterHTML", {"nodeId": node})["outerHTML"]
                named.append((html[:200], tree["name"]["value"].strip()))
        session.detach()
        return named

    def screenshot(self, path):
        """Save a picture of the whole notebook, of any length, without the side bar."""
        path.parent.mkdir(exist_ok=True)
        self.page.evaluate(
            """() => document.querySelector("#jp-left-stack:not(.lm-mod-hidden)")
                && jupyterapp.commands.execute("application:toggle-left-area")"""
        )
        height = self.page.evaluate(
            """() => {
                const cells = [...document.querySelectorAll(".jp-Notebook .jp-Cell")];
                return cells.at(-1).getBoundingClientRect().bottom
                    - cells[0].getBoundingClientRect().top;
            }"""
        )
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": 1100, "height": min(int(height) + 160, 16_000)})
        self.page.locator(".jp-Notebook .jp-Cell").first.scroll_into_view_if_needed()
        self.page.screenshot(path=path)
        self.page.set_viewport_size(before)
