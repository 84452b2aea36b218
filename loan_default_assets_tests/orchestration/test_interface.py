"""Dagster's UI in a browser: every asset of the portfolio on the lineage page, and no error."""

import os
import shutil
from pathlib import Path

import pytest

from loan_default_assets_tests.orchestration import drifting
from loan_default_assets_tests.orchestration.platform import Platform

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ASSETS = (
    "raw_loans",
    "processed_features",
    "pretrained_encoder",
    "classifier",
    "evaluation",
    "champion",
    "classifier_bento",
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")
def test_the_lineage_shows_every_asset_with_checks_and_freshness(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    described = drifting.describe(tmp_path, "demo", refresh="0 6 * * *")
    platform = Platform(tmp_path / "home", described)
    platform.done("run", "--from", drifting.FIRST, "--to", drifting.BEFORE_DRIFT)
    screenshot = Path(os.environ.get("SCREENSHOT", tmp_path / "lineage.png"))
    with platform.up("--no-service"), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1900, "height": 1300})
        page.goto(
            f"http://127.0.0.1:{platform.port}/asset-groups", wait_until="domcontentloaded", timeout=120_000
        )
        page.get_by_text("classifier_bento").first.wait_for(timeout=120_000)
        page.wait_for_timeout(5000)
        page.screenshot(path=str(screenshot))
        shown = page.inner_text("body")
        for asset in ("raw_loans", "evaluation"):
            page.goto(
                f"http://127.0.0.1:{platform.port}/assets/{platform.name}/{asset}",
                wait_until="domcontentloaded", timeout=120_000,
            )  # fmt: skip
            page.get_by_text(asset).first.wait_for(timeout=120_000)
            page.wait_for_timeout(5000)
            page.screenshot(path=str(screenshot.with_name(f"{asset}.png")))
            details = page.inner_text("body")
            assert "reshness" in details
            assert "checks" in details.lower()
        browser.close()
    assert [asset for asset in ASSETS if asset not in shown] == []
    for banner in ("An error occurred", "Failed to load", "Unexpected GraphQL error", "PythonError"):
        assert banner not in shown
