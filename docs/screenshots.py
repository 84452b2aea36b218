"""Pictures of the running product for the documentation: `make screenshots` writes them to docs/images/.

Start the product first, in another terminal: `make demo`, then `loan-default up`. Chromium must be installed; the pages
are those of the portfolio `demo` unless another is named.
"""

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

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
    """

    name: str
    path: str
    size: tuple[int, int]
    shows: str
    scale: float = 1.0


PICTURES = (
    Picture("dagster-evaluation", "/assets/{portfolio}/evaluation", (1300, 1700), "roc_curve", 0.75),
    Picture("dagster-features", "/assets/{portfolio}/processed_features", (1300, 1300), "Row count", 0.75),
    Picture(
        "dagster-partitions", "/assets/{portfolio}/raw_loans?view=partitions", (1300, 700), "Materialized ("
    ),
)


def take(url: str, portfolio: str, folder: Path, pictures: tuple[Picture, ...] = PICTURES) -> list[str]:
    """Write the pictures; the errors that the browser's console showed meanwhile are returned.

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
            page.goto(url + picture.path.format(portfolio=portfolio), wait_until="domcontentloaded")
            page.get_by_text(picture.shows).first.wait_for()
            page.wait_for_timeout(_SETTLE_MILLISECONDS)
            page.screenshot(path=str(folder / f"{picture.name}.png"))
            page.close()
        browser.close()
    return errors


def main() -> int:
    """Exit code 1 where a page shows an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="address of Dagster's UI")
    parser.add_argument("--portfolio", default="demo")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    given = parser.parse_args()
    errors = take(given.url, given.portfolio, given.folder)
    written = [str(given.folder / f"{each.name}.png") for each in PICTURES]
    sys.stdout.write("\n".join([*written, *errors, ""]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
