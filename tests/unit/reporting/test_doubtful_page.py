"""The page of doubtful labels: what it holds, and its keyboard in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from lithoscope.reporting.doubtful_page import DoubtfulLabel, doubtful_page

from helpers.browser import chromium

CLASSES = ["</script>", "a, b", "gneiss"]
PICTURE = np.full((24, 24, 3), 120, np.uint8)
SHOWN = [
    DoubtfulLabel("x/1.jpg", "gneiss", 0.02, [("a, b", 0.9), ("</script>", 0.08)], PICTURE),
    DoubtfulLabel("x/2.jpg", "a, b", 0.1, [("gneiss", 0.8), ("</script>", 0.1)], PICTURE),
]
EVERY = [("x/1.jpg", "gneiss"), ("x/2.jpg", "a, b"), ('x/"3".jpg', "</script>")]


def test_what_a_class_is_called_ends_no_script() -> None:
    page = doubtful_page("Rocks <b>", SHOWN, EVERY, CLASSES)
    assert page.count("</script>") == 2
    assert "Rocks &lt;b&gt;" in page
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found is not None
    values = json.loads(found[1])
    assert [one["file"] for one in values["labels"]] == ["x/1.jpg", "x/2.jpg"]
    assert values["every"] == [list(pair) for pair in EVERY]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("page") / "doubtful.html"
    path.write_text(doubtful_page("Rocks", SHOWN, EVERY, CLASSES), encoding="utf-8")
    with chromium() as opened:
        shown = opened.new_page()
        shown.goto(path.as_uri())
        yield shown


@pytest.mark.browser
def test_the_keyboard_steps_chooses_and_saves_a_table(page: Page, tmp_path: Path) -> None:
    assert page.inner_text("#place") == "1 of 2"
    page.keyboard.press("1")
    assert page.inner_text("#changed") == "1 changed"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#file") == "x/2.jpg"
    page.keyboard.press("2")
    page.keyboard.press("0")  # kept after all
    page.keyboard.press("ArrowRight")  # the last one stays
    assert page.inner_text("#place") == "2 of 2"
    with page.expect_download() as saved:
        page.keyboard.press("d")
    saved.value.save_as(tmp_path / "labels.csv")
    expected = 'file,label\nx/1.jpg,"a, b"\nx/2.jpg,"a, b"\n"x/""3"".jpg",</script>\n'
    assert (tmp_path / "labels.csv").read_text("utf-8") == expected
    assert saved.value.suggested_filename == "labels.csv"
