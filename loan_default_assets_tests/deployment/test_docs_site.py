"""The site of the documentation: its pages ask no other host for anything, and show their diagrams all the same."""

import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# `make docs` installs it there.
MKDOCS = shutil.which("mkdocs", path=f"{ROOT / '.venv' / 'docs' / 'bin'}{os.pathsep}{os.environ['PATH']}")
DIAGRAMS = {"architecture/": 2, "retraining/": 1}


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of the site and its pages."""
    assert MKDOCS is not None
    subprocess.run([MKDOCS, "build", "--strict", "--site-dir", str(tmp_path)], cwd=ROOT, check=True)
    handler = functools.partial(_Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        pages = [str(path.parent.relative_to(tmp_path)) + "/" for path in tmp_path.rglob("index.html")]
        try:
            yield f"http://127.0.0.1:{server.server_port}/", pages
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")
@pytest.mark.skipif(MKDOCS is None, reason="needs MkDocs: make docs")
def test_no_page_asks_another_host_and_every_diagram_is_shown(site: tuple[str, list[str]]) -> None:
    from playwright.sync_api import Route, sync_playwright

    address, pages = site
    foreign, errors = [], []

    def within(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page: Any = browser.new_page()
        page.route("**/*", within)
        page.on("pageerror", lambda error: errors.append(str(error)))
        for name in pages:
            page.goto(address + name)
            diagrams = DIAGRAMS.get(name, 0)
            # The theme replaces each source by a diagram.
            page.wait_for_function("document.querySelectorAll('pre.mermaid').length === 0")
            page.wait_for_function(f"document.querySelectorAll('div.mermaid').length === {diagrams}")
            boxes = page.evaluate(
                "[...document.querySelectorAll('div.mermaid')].map(each => each.getBoundingClientRect().height)"
            )
            assert all(height > 100 for height in boxes), name
        browser.close()
    assert set(DIAGRAMS) <= set(pages)
    assert (foreign, errors) == ([], [])
