"""The route of the model report: the served version's file with its recorded hash, or 404."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from bento.access.api_keys import Keys
from bento.http_api.endpoints import read_only_app
from loan_default_assets.report_files import in_korean, store_report
from loan_default_assets.reports.rendering.html_page import render
from loan_default_assets_tests.reports.sample_figures import report_figures

VERSION, OTHER = "c0123456789ab", "cba9876543210"
PAGE = "<!doctype html><title>모형 보고서</title>".encode()


def get(root: Path, version: str | None, path: str = "/report", accepted: str = "") -> httpx.Response:
    """The response of a worker that serves a version to a browser that accepts languages."""
    current = None if version is None else SimpleNamespace(version=version)
    runtime: Any = SimpleNamespace(champion=SimpleNamespace(current=current))
    app = read_only_app(lambda: runtime, b"{}", Keys([], []), root)

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://service"
        ) as client:
            return await client.get(path, headers={"accept-language": accepted})

    return asyncio.run(request())


def test_the_report_of_the_served_model_is_sent_as_it_was_written(tmp_path: Path) -> None:
    store_report(tmp_path, VERSION, 3, PAGE)
    store_report(tmp_path, OTHER, 4, b"another")
    response = get(tmp_path, VERSION)
    assert (response.status_code, response.content) == (200, PAGE)
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-store"
    # The page may run and load nothing, whatever is in it.
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


@pytest.mark.parametrize("case", ["no model", "no report", "altered", "no file"])
def test_without_an_intact_report_there_is_none(tmp_path: Path, case: str) -> None:
    if case in ("altered", "no file"):
        stored = store_report(tmp_path, VERSION, 3, PAGE)
        stored.path.write_bytes(PAGE + b" ") if case == "altered" else stored.path.unlink()
    response = get(tmp_path, None if case == "no model" else VERSION)
    assert (response.status_code, response.json()["code"]) == (404, "no_report")
    assert "loan-default report" in response.json()["error"]
    assert str(tmp_path) not in response.text


@pytest.mark.parametrize(
    ("path", "accepted", "korean"),
    [
        ("/report", "", False),
        ("/report", "en-US,en;q=0.9", False),
        ("/report", "ko-KR,ko;q=0.9,en;q=0.8", True),
        ("/report?lang=ko", "en-US", True),
        ("/report?lang=en", "ko-KR", False),
        (f"/report?version={VERSION}&lang=ko", "", True),
    ],
)
def test_the_report_opens_in_the_language_of_the_reader(
    tmp_path: Path, path: str, accepted: str, korean: bool
) -> None:
    page = render(report_figures())
    store_report(tmp_path, VERSION, 3, page.encode())
    sent = get(tmp_path, VERSION, path, accepted).text
    assert ('<html lang="ko">' in sent, 'id="korean" class="switch" checked' in sent) == (korean, korean)
    assert ('<html lang="en">' in sent, 'id="english" class="switch" checked' in sent) == (
        not korean,
        not korean,
    )
    # Nothing else differs from the recorded file.
    assert (sent == page) == (not korean)
    assert len(sent) == len(page)


def test_a_page_of_another_layout_is_sent_as_it_is() -> None:
    assert in_korean(PAGE) == PAGE
    twice = render(report_figures()).encode().replace(b"</header>", b'<html lang="en"></header>')
    assert in_korean(twice) == twice
