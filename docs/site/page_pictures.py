"""Pictures of the server's page: ``python docs/site/page_pictures.py EXPORT PHOTOGRAPHS FOLDER``.

Each of the four kinds of answer at 360 and at 1,280 px, light and dark, into FOLDER, to be looked at; and one of them
into ``docs/images``. EXPORT is one of the built-in minerals (``build/export`` after ``lithoscope export``), PHOTOGRAPHS
a folder of such specimens (``data/specimens/test``). A model as good as that hardly ever answers with a set or a
coarser name: two photographs are mixed for those, and the limits of a copy of the export are moved.

Needs Debian's Chromium (``make browser``).
"""

import io
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from lithoscope.data.images.framed import read_framed
from lithoscope.evaluation.answers.limits import Limits
from lithoscope.serving.onnx_description import LIMITS
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server.answering import ExportedModel
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.run import bind
from lithoscope.serving.server.settings import ServerSettings

IMAGES = Path(__file__).resolve().parents[1] / "images"
KINDS = ("name", "set", "coarser", "none")
COARSE = {"biotite": "a silicate", "muscovite": "a silicate", "quartz": "a silicate", "chrysocolla": "a silicate"}
COARSE |= {"bornite": "a sulphide", "pyrite": "a sulphide", "malachite": "a carbonate"}
NEEDED, COARSE_NEEDED = 0.01, 0.6
SIZES: tuple[ViewportSize, ...] = ({"width": 360, "height": 740}, {"width": 1280, "height": 900})
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DRAWN = 40  # photographs that are tried, and mixed in pairs
SHOWN = (150, 0, 1130, 1330)  # of the page: all above the model's card
COLOURS = 128  # as pictures.py

Pixels = npt.NDArray[np.uint8]


def with_moved_limits(export: Path, folder: Path) -> ExportedModel:
    """Copy an export, so that it is content with less sure sets and coarse names."""
    shutil.copytree(export, folder)
    limits = Limits.load(folder / LIMITS)
    coarse = [COARSE.get(name, "") for name in limits.classes]
    replace(limits, coarse=coarse, needed=NEEDED, coarse_needed=COARSE_NEEDED).save(folder / LIMITS)
    return ExportedModel(OnnxModel.load(folder))


def one_of_each(model: ExportedModel, photographs: Path) -> dict[str, bytes]:
    """Return a file for each kind of answer."""
    paths = sorted(path for path in photographs.rglob("*") if path.suffix in (".jpg", ".png"))
    size, crop_border, reading = model.framing
    drawn = paths[:: max(1, len(paths) // DRAWN)]
    squares = [read_framed(path, reading, size, crop_border).square for path in drawn]
    mixed = [(one.astype(int) + other) // 2 for one, other in combinations(squares, 2)]
    found: dict[str, bytes] = {}
    for square in (*squares, *mixed):
        kind = _kind(model, square.astype(np.uint8))
        if kind not in found:
            packed = io.BytesIO()
            Image.fromarray(square.astype(np.uint8)).save(packed, "PNG")
            found[kind] = packed.getvalue()
        if len(found) == len(KINDS):
            break
    return found


def _kind(model: ExportedModel, square: Pixels) -> str:
    return str(model.answers(model.run(square[None]), {}, one_specimen=False)[0]["answer"])


@contextmanager
def serving(model: ExportedModel) -> Iterator[str]:
    """Serve a model; gives the page's address."""
    listening = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(model, ServerSettings(decoders=1)), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


def picture(
    browser: Browser, address: str, content: bytes, size: ViewportSize, scheme: Literal["light", "dark"]
) -> Image.Image:
    """Return the whole page with the answer to a photograph, and what was looked at."""
    page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page.goto(address)
    page.wait_for_selector("#card:not([hidden])")
    page.set_input_files("#files", {"name": "stone.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_selector("article")
    page.get_by_role("button", name="What it looked at").click()
    page.wait_for_selector(".looked canvas", timeout=120_000)
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    page.close()
    return taken


def main() -> None:
    """Take the pictures."""
    export, photographs, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        model = with_moved_limits(export, Path(scratch) / "export")
        files = one_of_each(model, photographs)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with serving(model) as address:
            for kind, size, scheme in product(KINDS, SIZES, SCHEMES):
                if kind not in files:
                    print(f"no photograph gets the answer: {kind}", file=sys.stderr)
                    continue
                taken = picture(browser, address, files[kind], size, scheme)
                taken.save(folder / f"{kind}-{size['width']}-{scheme}.png")
        browser.close()
    with Image.open(folder / "set-1280-light.png") as whole:
        whole.crop(SHOWN).quantize(COLOURS).save(IMAGES / "page.png", optimize=True)


if __name__ == "__main__":
    main()
