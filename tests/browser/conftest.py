"""Fixtures: one server, one browser and one site per process for all tests of this folder."""

import shutil
from collections import namedtuple

import pytest
from answered import answered

from site_pages import build

from .explorer_page import open_alone
from .harness import NOTEBOOKS, Server, open_browser

Opened = namedtuple("Opened", "page troubles")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """JupyterLab with a copy of the notebooks in which every exercise has a right answer."""
    root = tmp_path_factory.mktemp("root") / "notebooks"
    ignored = shutil.ignore_patterns(".ipynb_checkpoints")
    shutil.copytree(NOTEBOOKS, root, ignore=ignored)
    for path in NOTEBOOKS.glob("*.ipynb"):
        (root / path.name).write_text(answered(path), encoding="utf-8")
    with Server(root, tmp_path_factory.mktemp("private")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def alone(browser):
    """A function that opens an explorer on a page without kernel and widget manager."""
    pages = []

    def open_page(explorer, **options):
        pages.append(browser.new_page(**options))
        return open_alone(pages[-1], explorer)

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder


@pytest.fixture
def visit(site, browser):
    """Opens a page; `.troubles` collects its console, and requests that leave the site."""
    contexts = []

    def open_page(name, base=site.as_uri(), **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page, troubles = context.new_page(), []
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"uncaught: {error}"))
        page.on("request", lambda request: request.url.startswith((base, "data:", "blob:"))
                or troubles.append(f"to the outside: {request.url}"))
        page.goto(f"{base}/{name}")
        if options.get("java_script_enabled", True):
            page.evaluate("() => window.MathJax?.startup?.promise")
        return Opened(page, troubles)

    yield open_page
    for context in contexts:
        context.close()
