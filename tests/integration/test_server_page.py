"""The server's page in a real browser, from the photographs that go in to the words that come out."""

import base64
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from lithoscope.evaluation.answers.novelty import Reference
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.run import bind
from lithoscope.serving.server.settings import ServerSettings
from lithoscope.serving.server.training_photographs import TrainingPhotographs

from helpers.browser import chromium
from helpers.served_model import EachPage, RedOrBlue, paged, picture

pytestmark = pytest.mark.browser

PHONE, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
RED, BLUE, MIXED = picture((255, 0, 0)), picture((0, 0, 255)), picture((128, 0, 128))
COLOUR, NOTHING = picture((89, 0, 166)), picture((166, 0, 89))
HANDED = """([kind, name, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const held = new DataTransfer();
    held.items.add(new File([bytes], name, { type: "image/png" }));
    const carried = kind === "paste" ? { clipboardData: held } : { dataTransfer: held };
    const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
    const event = new Kind(kind, { bubbles: true, cancelable: true, ...carried });
    return document.getElementById("drop").dispatchEvent(event);
}"""
SECRET = "a token for this test"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def learnt() -> TrainingPhotographs:
    """Six photographs from red to blue, as if a model had learnt from them."""
    red = np.linspace(255, 0, 6).astype(np.uint8)
    squares = np.zeros((6, 48, 48, 3), np.uint8)
    squares[..., 0], squares[..., 2] = red[:, None, None], 255 - red[:, None, None]
    labels = [f"{'red' if one > 127 else 'blue'}" for one in red]
    return TrainingPhotographs(squares, np.arange(6), labels, list("abcdef"), Reference.of(red[:, None] / 255))


def serving(model: RedOrBlue, settings: ServerSettings, training: TrainingPhotographs | None = None) -> Iterator[str]:
    listening = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(model, settings, training), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from serving(RedOrBlue(), ServerSettings(decoders=1, max_files=3), learnt())


@pytest.fixture(scope="module")
def locked_address() -> Iterator[str]:
    """A server with a token, whose model takes each page of a file as a photograph."""
    yield from serving(EachPage(), replace(ServerSettings(decoders=1), token=SECRET))


class Opened:
    """The page in a window of its own, what it asked for and what went wrong in it."""

    def __init__(self, browser: Browser, address: str, size: Any = WIDE, scheme: Any = "light") -> None:
        self.page: Page = browser.new_context(viewport=size, color_scheme=scheme, accept_downloads=True).new_page()
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        # Choosers are caught from the first listener on; one that begins as a key is pressed may come too late.
        self.page.on("filechooser", lambda _: None)
        self.page.goto(address)

    def give(self, *contents: bytes, answers: int | None = None) -> None:
        files: Any = [
            {"name": f"stone {number}.png", "mimeType": "image/png", "buffer": content}
            for number, content in enumerate(contents)
        ]
        self.page.wait_for_selector("#card:not([hidden])")
        self.page.set_input_files("#files", files)
        self.page.wait_for_selector(f"article >> nth={(answers or len(contents)) - 1}")

    def texts(self, selector: str) -> list[str]:
        return [each.inner_text().replace("\xa0", " ") for each in self.page.query_selector_all(selector)]


def test_each_kind_of_answer_in_words(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.give(RED, MIXED, b"no picture", COLOUR, NOTHING, BLUE)
    assert opened.texts("article h3") == ["red", "red or blue", "No answer", "a colour", "none of these", "blue"]
    assert opened.texts("article .kind") == [
        *("Its name", "One of these", "Could not be read", "Its kind, no closer", "Not something it knows", "Its name")
    ]
    assert opened.texts("article .why")[3:5] == ["> 99.9 % sure. Made up.", "Made up."]
    assert opened.texts("article .why")[2] == "Not an image."
    assert opened.texts("article:first-child .share") == ["> 99.9 %", "0.0 %"]
    assert opened.texts("article:first-child .nearest li") == ["red", "red", "red", "blue"]
    assert opened.texts("article:last-child .nearest li")[:3] == ["blue", "blue", "blue"]
    assert opened.page.is_visible("#synthetic")
    assert opened.problems == []


def test_four_photographs_at_three_a_request_all_get_answers(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.give(RED, BLUE, RED, BLUE)
    assert opened.texts("article h3") == ["red", "blue", "red", "blue"]
    assert sum(url.endswith("/predict") for url in opened.asked) == 2


def test_nothing_is_asked_of_another_host(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.give(RED)
    assert all(url.startswith((address, f"blob:{address}"[:-1])) for url in opened.asked)


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_photographs_are_dropped_and_pasted(browser: Browser, address: str, kind: str) -> None:
    opened = Opened(browser, address)
    opened.page.wait_for_selector("#card:not([hidden])")
    outline = "border-top-style: {}".format
    style = "(box) => `border-top-style: ${getComputedStyle(box).borderTopStyle}`"
    if kind == "drop":
        opened.page.evaluate(HANDED, ["dragenter", "a.png", ""])
        assert opened.page.eval_on_selector("#drop", style) == outline("solid")
    went_on = opened.page.evaluate(HANDED, [kind, "held.png", base64.b64encode(BLUE).decode()])
    opened.page.wait_for_selector("article")
    assert went_on == (kind == "paste")  # or else the browser would open what is dropped
    assert (opened.texts("article h3"), opened.texts("article .name")) == (["blue"], ["held.png"])
    assert opened.page.eval_on_selector("#drop", style) == outline("dashed")


def test_a_camera_and_a_whole_folder_are_asked(browser: Browser, address: str, tmp_path: Path) -> None:
    opened = Opened(browser, address)
    opened.page.wait_for_selector("#card:not([hidden])")
    assert opened.page.get_attribute("#camera", "capture") == "environment"
    opened.page.set_input_files("#camera", {"name": "1.png", "mimeType": "image/png", "buffer": RED})
    opened.page.wait_for_selector("article")
    (tmp_path / "stones" / "deep").mkdir(parents=True)
    for name in ("deep/a.png", "b.png", ".hidden.png"):
        (tmp_path / "stones" / name).write_bytes(BLUE)
    opened.page.set_input_files("#folder", tmp_path / "stones")
    opened.page.wait_for_selector("article >> nth=2")
    assert sorted(opened.texts("#rows th")) == ["1.png", "stones/b.png", "stones/deep/a.png"]
    for name, opens in (("Take a photograph", False), ("A whole folder", True)):
        with opened.page.expect_file_chooser() as chooser:
            opened.page.get_by_role("button", name=name).click()
        assert chooser.value.is_multiple() == opens


def test_nothing_moves_where_the_device_asks_for_that(browser: Browser, address: str) -> None:
    asked = (
        "() => [...document.querySelectorAll('.drop, button')].map((one) => getComputedStyle(one).transitionDuration)"
    )
    opened = Opened(browser, address)
    opened.give(MIXED)
    for wish, durations in (("reduce", {"0s"}), ("no-preference", {"0.15s"})):
        opened.page.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
        assert set(opened.page.evaluate(asked)) == durations


def test_a_line_of_the_table_changes_with_its_answer(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.give(MIXED, BLUE)
    opened.page.get_by_role("button", name="red", exact=True).click()
    opened.page.wait_for_selector("article[data-kind=name] >> nth=1")
    assert opened.texts("#rows td:nth-child(2)") == ["red", "blue"]
    opened.page.click("#clear")
    assert (opened.page.is_visible("#whole"), opened.texts("#rows tr")) == (False, [])
    opened.give(RED)
    assert not opened.page.is_visible("#whole")  # one photograph is no table
    opened.give(BLUE, answers=2)
    assert len(opened.page.query_selector_all("#rows tr")) == 2


def test_photographs_of_one_specimen_get_one_answer(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.page.check("#specimen")
    opened.give(RED, BLUE, answers=1)
    assert opened.texts("article h3") == ["red or blue"]
    assert opened.texts("article .name") == ["2 photographs of one specimen"]


def test_a_photograph_that_cannot_be_read_leaves_its_specimen_the_others(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.page.check("#specimen")
    opened.give(b"no picture", RED, MIXED, answers=2)
    assert opened.texts("article .name")[0] == "2 photographs of one specimen"
    opened.page.get_by_role("button", name="What it looked at").first.click()
    opened.page.wait_for_selector(".looked canvas")
    assert opened.page.locator(".looked canvas").count() == 2
    assert opened.problems == []


def test_a_tap_on_a_field_tests_outcome_answers_again(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.give(MIXED)
    assert "The test that would settle most: streak." in opened.page.inner_text(".test")
    opened.page.get_by_role("button", name="red", exact=True).click()
    opened.page.wait_for_selector("article[data-kind=name]")
    assert opened.texts("article h3") == ["red"]
    assert "Counted in: streak: red." in opened.page.inner_text(".test")
    assert opened.page.inner_text("#status") == "Now: red."


def test_what_it_looked_at_is_shown_when_it_is_asked_for(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.give(RED)
    assert not any(url.endswith("/evidence") for url in opened.asked)
    button = opened.page.get_by_role("button", name="What it looked at")
    button.click()
    opened.page.wait_for_selector(".looked canvas")
    assert button.get_attribute("aria-expanded") == "true"
    assert (
        "where red becomes less probable when that part is covered. > 99.9 % falls nowhere."
        in opened.texts(".looked")[0]
    )
    pixels = "(canvas) => [...canvas.getContext('2d').getImageData(24, 24, 1, 1).data]"
    red, green, blue, _ = opened.page.eval_on_selector(".looked canvas", pixels)
    assert red == green == blue  # nothing speaks for it more in one place than in another: all grey
    button.click()
    assert not opened.page.is_visible(".looked")
    assert opened.problems == []


def test_the_whole_model_card_opens_below_the_facts(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.page.wait_for_selector("#card:not([hidden])")
    assert not opened.page.is_visible("#whole-card h3")
    opened.page.click("#whole-card summary")
    assert opened.texts("#whole-card h3, #whole-card h4") == ["A made-up model", "Figures"]
    assert opened.texts("#whole-card td") == ["accuracy", "<b>1</b>"]
    assert opened.problems == []


def test_the_table_is_downloaded_and_no_cell_is_a_formula(browser: Browser, address: str, tmp_path: Path) -> None:
    opened = Opened(browser, address)
    opened.page.wait_for_selector("#card:not([hidden])")
    files: Any = [{"name": name, "mimeType": "image/png", "buffer": RED} for name in ("=1+1.png", 'b "quoted".png')]
    opened.page.set_input_files("#files", files)
    opened.page.wait_for_selector("article >> nth=1")
    with opened.page.expect_download() as download:
        opened.page.click("#csv")
    download.value.save_as(tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == '"photograph","answer","most_probable","confidence","why"'
    assert lines[1].startswith('"\'=1+1.png","red","red","1.000"')
    assert lines[2].startswith('"b ""quoted"".png"')


def test_the_keyboard_alone_reaches_the_photographs(browser: Browser, address: str) -> None:
    opened = Opened(browser, address)
    opened.page.wait_for_selector("#card:not([hidden])")
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the photographs"
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Choose photographs"
    with opened.page.expect_file_chooser():
        opened.page.keyboard.press("Enter")


def test_a_token_is_asked_for_and_kept_out_of_addresses(browser: Browser, locked_address: str) -> None:
    opened = Opened(browser, locked_address)
    opened.page.wait_for_selector("#enter:not([hidden])")
    opened.page.fill("#token", "wrong")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector("text=That is not the token.")
    opened.page.fill("#token", SECRET)
    opened.page.keyboard.press("Enter")
    opened.give(RED)
    assert opened.texts("article h3") == ["red"]
    assert not any("token" in url for url in opened.asked)
    assert not opened.page.is_visible(".nearest")  # a server that does not show what its model learnt from


def test_each_page_of_a_file_gets_a_card_which_is_asked_about_by_itself(browser: Browser, locked_address: str) -> None:
    opened = Opened(browser, locked_address)
    opened.page.wait_for_selector("#enter:not([hidden])")
    opened.page.fill("#token", SECRET)
    opened.page.keyboard.press("Enter")
    opened.give(paged((0, 0, 255), (128, 0, 128)), RED, answers=3)
    named = ["blue", "red or blue", "red"]
    assert opened.texts("article h3") == named
    assert opened.texts("article .name") == ["stone 0.png", "stone 0.png, page 2", "stone 1.png"]
    opened.page.click("article:nth-child(2) .buttons button >> text=white")
    opened.page.wait_for_selector("text=Counted in: streak: white.")
    assert opened.texts("article h3") == named
    opened.page.click("article:nth-child(2) .look")
    opened.page.wait_for_selector("article:nth-child(2) figcaption")
    assert opened.texts("article:nth-child(2) figcaption")[0].startswith("Coloured, from violet to yellow: where red ")


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (WIDE, "light"), (WIDE, "dark")])
def test_it_reads_well_for_everyone(browser: Browser, address: str, size: Any, scheme: Any) -> None:
    opened = Opened(browser, address, size, scheme)
    opened.give(RED, MIXED, b"no picture", COLOUR, NOTHING)
    opened.page.get_by_role("button", name="What it looked at").first.click()
    opened.page.wait_for_selector(".looked canvas")
    opened.page.click("#whole-card summary")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert Axe().run(opened.page).response["violations"] == []
