"""The pictures of the report in the documentation: ``python docs/site/pictures.py`` after ``make repro``.

Needs Debian's Chromium (``make browser``). Another report and folder: ``python docs/site/pictures.py REPORT FOLDER``.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
WIDE: ViewportSize = {"width": 1280, "height": 1150}
PHONE: ViewportSize = {"width": 360, "height": 900}
PLACES, GAP = ("", "#calibration", "#map"), 24
EVIDENCE = (1026, 1202)
COLOURS = 128  # pages of text and lines need no more, and the files stay small


def first_screen(browser: Browser, report: str) -> Image.Image:
    """Return what a wide screen shows first, light."""
    page = browser.new_page(viewport=WIDE, color_scheme="light")
    page.goto(report)
    return _picture(page.screenshot())


def three_places(browser: Browser, report: str) -> Image.Image:
    """Return three screens of a phone, dark, side by side."""
    shown = Image.new("RGB", (len(PLACES) * (PHONE["width"] + GAP) - GAP, PHONE["height"]), "white")
    for number, place in enumerate(PLACES):
        page = browser.new_page(viewport=PHONE, color_scheme="dark", reduced_motion="reduce")
        page.goto(report)
        if place:
            page.locator(place).evaluate("section => section.scrollIntoView()")
            page.wait_for_timeout(500)  # what is off the screen is painted late
        shown.paste(_picture(page.screenshot()), (number * (PHONE["width"] + GAP), 0))
    return shown


def evidence(browser: Browser, report: str) -> Image.Image:
    """Return the beginning of the section on evidence, light."""
    page = browser.new_page(viewport=WIDE, color_scheme="light")
    page.goto(report)
    return _picture(page.locator("section:has(.with-maps)").first.screenshot()).crop((0, 0, *EVIDENCE))


def _picture(taken: bytes) -> Image.Image:
    return Image.open(io.BytesIO(taken)).convert("RGB")


def main() -> None:
    """Take the pictures."""
    defaults = [str(ROOT / "report" / "index.html"), str(ROOT / "docs" / "images")]
    report, folder = map(Path, (sys.argv[1:] + defaults[len(sys.argv) - 1 :])[:2])
    address = report.resolve().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        first_screen(browser, address).quantize(COLOURS).save(folder / "report.png", optimize=True)
        three_places(browser, address).quantize(COLOURS).save(folder / "report-phone.png", optimize=True)
        evidence(browser, address).save(folder / "report-evidence.jpg", quality=80, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
