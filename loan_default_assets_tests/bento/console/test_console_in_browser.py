"""The console in Chromium: by keyboard alone, with and without scripts, wide and narrow, without an error."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets_tests.bento.served_process import service
from loan_default_assets_tests.bento.tiny_models import ServedBank

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
USER, ADMIN = "user-key-0123456789", "admin-key-0123456789"
FILLED = {"c0": "30000", "c1": "5000", "c2": "2", "c4": "clerk", "c5": "2020-05-01"}


def focused(page: Any) -> str:
    """What names the focused element: its id or its target."""
    return str(
        page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href') || ''")
    )


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")
@pytest.mark.parametrize("scripts", [True, False])
def test_an_application_is_scored_by_keyboard(bank: ServedBank, tmp_path: Path, scripts: bool) -> None:
    from playwright.sync_api import sync_playwright

    keys = {"service_api_keys": USER, "service_admin_keys": ADMIN}
    with (
        service(
            tmp_path, ready="/health", portfolio=bank.portfolio_file, database_url=bank.url, **keys
        ) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": 400, "height": 900}, locale="ko-KR", java_script_enabled=scripts
        )
        page, errors = context.new_page(), []
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.http)
        assert page.url.endswith("/login?lang=ko")
        page.fill("#key", USER)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.title().startswith("개요")
        page.goto(served.http + "/score?lang=en")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        order = []
        for _ in range(9):
            page.keyboard.press("Tab")
            order.append(focused(page))
            if value := FILLED.get(order[-1]):
                page.keyboard.type(value)
            if order[-1] == "c3":
                page.keyboard.press("2")
        assert order == ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "loan_id", "as_of"]
        page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.inner_text("h2#result") == "Result"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert errors == []
        browser.close()
