"""The picture of the report on the front page: ``python docs/site/picture.py`` after ``make repro``.

Needs Debian's Chromium (``make browser``). Other reports and places: ``python docs/site/picture.py REPORT PNG``.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SIZE: ViewportSize = {"width": 1280, "height": 1150}
COLOURS = 128  # a page of text and lines needs no more, and the file stays small


def photograph(report: Path) -> Image.Image:
    """Return the first screen of a report, light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(report.resolve().as_uri())
        taken = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS)


def main() -> None:
    """Take the picture."""
    defaults = [str(ROOT / "report" / "index.html"), str(ROOT / "docs" / "images" / "report.png")]
    report, target = (sys.argv[1:] + defaults[len(sys.argv) - 1 :])[:2]
    photograph(Path(report)).save(target, optimize=True)


if __name__ == "__main__":
    main()
