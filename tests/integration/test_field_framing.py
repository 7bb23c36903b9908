"""The page for the field sees what Python sees: its pixels in headless Chromium, bit for bit."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ImageCms
from playwright.sync_api import Page

from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.reading import DEFAULTS
from lithoscope.data.images.square import to_square
from lithoscope.serving.field.rules import page_framing

from helpers.odd_photographs import odd_photographs, refused_photographs
from helpers.static_files import script_page

pytestmark = pytest.mark.browser

FILES, REFUSED = odd_photographs(), refused_photographs()
FRAME = """async ([content, settings]) => {
    const { framed } = await import("./framing.js");
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    try {
        const square = await framed(new Blob([bytes]), settings);
        let text = "";
        for (let at = 0; at < square.length; at += 8192) text += String.fromCharCode(...square.subarray(at, at + 8192));
        return { pixels: btoa(text) };
    } catch (error) {
        return { problem: error.constructor.name === "Unreadable" ? error.message : `${error.stack}` };
    }
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with script_page("framing.js") as opened:
        yield opened


def framed(page: Page, content: bytes, size: int, crop_border: bool) -> dict[str, Any]:
    settings = page_framing(size, crop_border, DEFAULTS)
    found: dict[str, Any] = page.evaluate(FRAME, [base64.b64encode(content).decode(), settings])
    return found


def test_a_browser_with_other_pixels_than_python_refuses_what_it_shows_otherwise() -> None:
    settings = page_framing(96, False, DEFAULTS)
    black = base64.b64encode(bytes(3 * 32 * 32)).decode()  # which no browser sees
    settings["probes"] = {name: {**probe, "pixels": black} for name, probe in settings["probes"].items()}
    with script_page("framing.js") as opened:
        asked = ("AVIF", "PNG, transparent", "WebP, transparent", "PNG, palette")
        found = [opened.evaluate(FRAME, [base64.b64encode(FILES[name]).decode(), settings]) for name in asked]
    assert "an AVIF, of which this browser makes other pixels" in found[0]["problem"]
    assert [one["problem"] for one in found[1:3]] == [
        "transparent, which this browser mixes otherwise: lithoscope predict reads it"
    ] * 2
    assert "pixels" in found[3]


def reference(content: bytes, size: int, crop_border: bool) -> npt.NDArray[np.uint8]:
    return to_square(read_photograph(io.BytesIO(content)), size, crop_border)


@pytest.mark.parametrize("name", FILES)
def test_a_photograph_is_framed_as_in_python(page: Page, name: str) -> None:
    for size, crop_border in ((224, True), (96, False)):
        found = framed(page, FILES[name], size, crop_border)
        assert "problem" not in found, found["problem"]
        pixels = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8).reshape(size, size, 3)
        wanted = reference(FILES[name], size, crop_border)
        assert int(np.abs(pixels.astype(int) - wanted).max()) == 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_alike_is_refused_with_a_reason(page: Page, name: str) -> None:
    content, reason = REFUSED[name]
    assert reason in framed(page, content, 96, crop_border=True)["problem"]


def test_the_primaries_of_srgb_are_those_of_little_cms(page: Page) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).profile
    colorants = [srgb.red_colorant, srgb.green_colorant, srgb.blue_colorant]
    wanted = [[one[0][row] for one in colorants if one] for row in range(3)]
    assert page.evaluate("async () => (await import('./colour.js')).SRGB_COLORANTS") == wanted
