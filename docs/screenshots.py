"""Pictures of the running product for the documentation: `make screenshots` writes them to docs/images/.

Start the product first, in another terminal: `make demo`, then `loan-default up`. Chromium must be installed; the pages
are those of the portfolio `demo` unless another is named, and the form scores the application that the demo has scored.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LOAD_MILLISECONDS = 120_000
# Dagster's pages fetch their parts one after the other, and say nowhere that they have all.
_SETTLE_MILLISECONDS = 6_000


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: Name of the file, without `.png`.
        path: Path of the page; `{portfolio}` stands for the portfolio's name.
        size: Width and height of the window.
        shows: A text that the page must show before the picture is taken.
        scale: Pixels of the picture per pixel of the window.
        service: Whether the page is one of the service, not of Dagster.
        whole: Whether the picture has the whole page, not the window.
        form: Whether the page's form is filled and sent first.
        section: Id of the part of the page that alone is in the picture; empty for the page.
    """

    name: str
    path: str
    size: tuple[int, int]
    shows: str
    scale: float = 1.0
    service: bool = False
    whole: bool = False
    form: bool = False
    section: str = ""


PICTURES = (
    Picture("dagster-evaluation", "/assets/{portfolio}/evaluation", (1300, 1700), "roc_curve", 0.75),
    Picture("dagster-features", "/assets/{portfolio}/processed_features", (1300, 1300), "Row count", 0.75),
    Picture(
        "dagster-partitions", "/assets/{portfolio}/raw_loans?view=partitions", (1300, 700), "Materialized ("
    ),
    Picture("console", "/?lang=en", (1100, 900), "Overview", 0.75, service=True, whole=True),
    Picture("console-narrow-ko", "/?lang=ko", (400, 900), "챔피언", service=True, whole=True),
    Picture("console-score-ko", "/score?lang=ko", (700, 900), "부도", service=True, form=True),
    Picture("model-report", "/report", (1100, 1180), "Verdict and why", 0.75, service=True),
    Picture(
        "model-report-drift-ko",
        "/report?lang=ko",
        (1100, 900),
        "기간별 평점 PSI",
        service=True,
        section="drift",
    ),
)


def take(
    urls: tuple[str, str],
    portfolio: str,
    loan: Path,
    folder: Path,
    pictures: tuple[Picture, ...] = PICTURES,
) -> list[str]:
    """Write the pictures; the errors that the browser's console showed meanwhile are returned.

    Args:
        urls: Of Dagster's UI, and of the service.
        portfolio: Name of the portfolio.
        loan: File with the loan that forms are filled with, as `/predict` takes it.
        folder: Where the pictures are written.
        pictures: What is taken.

    Raises: RuntimeError where Chromium is missing; TimeoutError of Playwright where a page does not show its text.
    """
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if chromium is None:
        raise RuntimeError(
            "Chromium is not installed\nNext: apt install chromium, or your system's package of it"
        )
    errors: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        for picture in pictures:
            width, height = picture.size
            page = browser.new_page(
                viewport={"width": width, "height": height},
                device_scale_factor=picture.scale,
                color_scheme="light",
            )
            page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
            page.set_default_timeout(_LOAD_MILLISECONDS)
            path = picture.path.format(portfolio=portfolio)
            page.goto(urls[picture.service] + path, wait_until="domcontentloaded")
            if picture.form:
                _fill(page, json.loads(loan.read_text("utf-8")))
            page.get_by_text(picture.shows).first.wait_for()
            if not picture.service:
                page.wait_for_timeout(_SETTLE_MILLISECONDS)
            file = str(folder / f"{picture.name}.png")
            if picture.section:
                page.locator(f"#{picture.section}").screenshot(path=file)
            else:
                page.screenshot(path=file, full_page=picture.whole)
            page.close()
        browser.close()
    return errors


def _fill(page: Page, loan: dict[str, dict[str, object]]) -> None:
    """Fill and send the form, whose fields have the order of the portfolio `demo`: categories, then numbers."""
    values = [*loan["categorical_features"].values(), *loan["numerical_features"].values()]
    fields = page.locator("form fieldset:first-of-type").locator("select, input")
    for number, value in enumerate(values):
        if fields.nth(number).evaluate("each => each.tagName") == "SELECT":
            fields.nth(number).select_option(str(value))
        elif value is not None:
            fields.nth(number).fill(str(value))
    page.locator("form[action^=score] button").click()
    page.wait_for_load_state("load")


def main() -> int:
    """Exit code 1 where a page shows an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="address of Dagster's UI")
    parser.add_argument("--service-url", default="http://127.0.0.1:8000", help="address of the service")
    parser.add_argument("--portfolio", default="demo")
    parser.add_argument("--loan", type=Path, default=Path(".loan_default/loan.json"))
    parser.add_argument("--folder", type=Path, default=IMAGES)
    given = parser.parse_args()
    errors = take((given.url, given.service_url), given.portfolio, given.loan, given.folder)
    written = [str(given.folder / f"{each.name}.png") for each in PICTURES]
    sys.stdout.write("\n".join([*written, *errors, ""]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
