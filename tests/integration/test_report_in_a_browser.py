"""The report in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from lithoscope.experiments.full_report import full_page
from lithoscope.reporting.page import render_page

from helpers.browser import chromium
from helpers.contrast import CONTRAST
from helpers.made_up_findings import write_explained, write_people
from helpers.made_up_run import make_run
from helpers.read_pages import inputs_of

pytestmark = pytest.mark.browser

SECTIONS = [
    "curves",
    "confusion",
    "classes",
    "calibration",
    "selective",
    "answers",
    "coarse",
    "people",
    "looked",
    "map",
    "mistakes",
    "suspects",
    "data",
    "augmented",
    "card",
    "find",
    "repeat",
]
KINDS = {"biotite": "silicate", "bornite, of an unusually long name indeed": "sulphide", "malachite": "carbonate"}
NOT_BETTER: Any = {"verdicts": {"colour_histogram": "not shown"}}
PHONE, WIDE = {"width": 360, "height": 740}, {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report and the full report of one made-up run that has everything."""
    root = tmp_path_factory.mktemp("run")
    parameters = make_run(root, classes=list(KINDS), coarse=KINDS, each=12, skill=0.5, synthetic=True, **NOT_BETTER)
    write_explained(root, suspects=["the model is sure of another class"] * 3)
    write_people(root)
    inputs = inputs_of(root, parameters)
    written = {"report": root / "report.html", "full": root / "full.html"}
    written["report"].write_text(render_page(inputs), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        written["full"].write_text(full_page(root, inputs), encoding="utf-8")
    return written


class Opened:
    """A page in a window of its own, and what went wrong in it."""

    def __init__(self, browser: Browser, path: Path, size: Any, scheme: Any = "light") -> None:
        self.context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url[:80]}"))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *_: object) -> None:
        self.context.close()
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("file:///", "data:"))] == []


@pytest.mark.parametrize("name", ["report", "full"])
def test_it_opens_without_a_complaint_or_a_request_and_every_section_is_there(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    opened = Opened(browser, pages[name], WIDE)
    with opened as page:
        wanted = SECTIONS + (["run", "compared", "lock"] if name == "full" else [])
        assert [section.get_attribute("id") for section in page.locator("section").all()] == wanted
        for key in wanted:
            assert page.locator(f"#{key} h2").is_visible()
            assert page.locator(f".rail a[href='#{key}']").is_visible()
        unloaded = "() => [...document.images].filter((one) => one.src && one.naturalWidth === 0).length"
        page.wait_for_function(f"({unloaded})() === 0")
    assert opened.requests[0] == pages[name].as_uri()


def column(page: Page, number: int) -> list[float]:
    cells = page.locator(f"table.classes tbody tr > :nth-child({number})").all()
    return [float(cell.get_attribute("data-v") or cell.inner_text()) for cell in cells]


@pytest.mark.parametrize("by", ["click", "Enter", "Space"])
def test_a_heading_sorts_its_table(browser: Browser, pages: dict[str, Path], by: str) -> None:
    with Opened(browser, pages["report"], WIDE) as page:
        heading = page.locator("table.classes th", has_text="Precision")
        button = heading.get_by_role("button")
        before = column(page, 4)
        assert heading.get_attribute("aria-sort") == "none"
        for order, backwards in (("descending", True), ("ascending", False)):
            if by == "click":
                button.click()
            else:
                button.focus()
                page.keyboard.press(by)
            assert heading.get_attribute("aria-sort") == order
            assert column(page, 4) == sorted(before, reverse=backwards)
        assert page.locator("table.classes th[aria-sort=ascending]").count() == 1
        names = page.locator("table.classes th", has_text="Class")
        names.get_by_role("button").click()
        assert page.locator("table.classes tbody th").all_inner_texts() == sorted(KINDS)


def test_a_picture_enlarges_and_escape_closes_it(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["report"], WIDE) as page:
        viewer, first = page.locator("#viewer"), page.locator("#looked [data-enlarge]").first
        assert not viewer.is_visible()
        first.focus()
        page.keyboard.press("Enter")
        assert viewer.is_visible()
        assert viewer.locator("img").count() == 2  # the photograph and its map
        small, large = (one.bounding_box() for one in (first.locator("img").first, viewer.locator("img").first))
        assert small is not None
        assert large is not None
        assert large["width"] > 1.5 * small["width"]
        shown = viewer.locator(".viewer-text").inner_text()
        page.keyboard.press("ArrowRight")
        assert viewer.locator(".viewer-text").inner_text() != shown
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Escape")
        assert not viewer.is_visible()
        assert first.evaluate("(one) => one === document.activeElement")


def test_the_augmented_photographs_enlarge_by_a_click_and_close_by_the_button(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages["report"], WIDE) as page:
        page.locator("#augmented [data-enlarge]").click()
        page.get_by_role("button", name="Close").click()
        assert not page.locator("#viewer").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "full"])
def test_a_phone_scrolls_down_only(browser: Browser, pages: dict[str, Path], name: str, scheme: str) -> None:
    with Opened(browser, pages[name], PHONE, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        outside = """() => [...document.querySelectorAll("h1, h2, h3, p, img, svg, figure, ul.photos, .card")]
            .filter((one) => one.getBoundingClientRect().right > 360.5 && !one.closest(".scroll, dialog, .unseen"))
            .map((one) => one.outerHTML.slice(0, 80))"""
        assert page.evaluate(outside) == []


def test_a_phone_opens_its_contents_by_a_button(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["report"], PHONE) as page:
        link, menu = page.locator(".rail a[href='#people']"), page.locator(".rail .menu")
        assert not link.is_visible()
        menu.focus()
        page.keyboard.press("Enter")
        assert link.is_visible()
        page.keyboard.press("Escape")
        assert not link.is_visible()
        assert menu.evaluate("(one) => one === document.activeElement")
        menu.click()
        link.click()
        assert not link.is_visible()
        top = page.locator("#people h2").bounding_box()
        assert top is not None
        assert 0 <= top["y"] < 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_told_from_its_ground(browser: Browser, pages: dict[str, Path], scheme: str) -> None:
    with Opened(browser, pages["full"], WIDE, scheme) as page:
        found = page.evaluate(CONTRAST)
        assert found["texts"] > 300
        assert found["faint"] == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(20, 23, 26)") == (scheme == "dark")


def test_a_class_of_the_map_can_be_seen_alone(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["report"], WIDE) as page:
        button = page.locator(".legend button").nth(1)
        button.focus()
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator("svg.map.chosen").count() == 2
        here = page.locator("svg.map g.here").all()
        assert here
        assert all((group.get_attribute("class") or "").startswith("k1 ") for group in here)
        page.keyboard.press("Enter")
        assert page.locator("svg.map.chosen").count() == 0


def test_a_keyboard_reaches_the_figures_and_walks_the_confusion_matrix(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages["report"], WIDE) as page:
        page.locator("body").press("Tab")
        skip = page.locator(".skip")
        assert skip.evaluate("(one) => one === document.activeElement")
        assert skip.evaluate("(one) => one.getBoundingClientRect().width") > 50
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")
        page.locator("table.matrix td[tabindex='0']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert "called so, rightly" in page.locator(".matrix-line").inner_text()
