"""The page for the field beside Python, photograph by photograph, in headless Chromium without a network.

    lithoscope export --model MODEL --output EXPORT --web FOLDER
    python benchmarks/web_parity.py EXPORT FOLDER NAME=PHOTOGRAPHS:COUNT …

Counted are squares that differ from those of the reference framing in any number, how far probabilities are apart, and
labels and answers that changed; beside them the same of ``lithoscope predict``, which decodes large JPEGs at a reduced
scale. The odd files of the tests come along. PHOTOGRAPHS is a folder whose files are drawn evenly, COUNT of them.
"""

import argparse
import base64
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page

from lithoscope.data.images.framed import read_framed
from lithoscope.data.images.reading import UnreadablePhotograph
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server.answering import ExportedModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from helpers.browser import chromium
from helpers.odd_photographs import odd_photographs
from helpers.static_server import served

ASK = """async (text) => {
    const [{ ask, meetModel }, { framed }] = await Promise.all([import("./answerer.js"), import("./framing.js")]);
    const { framing } = await meetModel();
    const file = new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "photograph");
    const start = performance.now();
    let square;
    try { square = await framed(file, framing); } catch (error) { return { problem: error.message }; }
    const middle = performance.now();
    const row = (await ask([file], {})).predictions[0];
    let packed = "";
    for (let at = 0; at < square.length; at += 8192) packed += String.fromCharCode(...square.subarray(at, at + 8192));
    return { row, square: btoa(packed), framing: middle - start, all: performance.now() - middle };
}"""
HEAD = (
    "| photographs | files | refused by the page | squares that differ | probabilities, at most | labels changed "
    "| answers changed | predict's squares that differ | its labels changed | ms to frame | ms to answer |"
)


@dataclass
class Counts:
    """What a set of photographs showed."""

    files: int = 0
    refused: list[str] = field(default_factory=list)
    squares: int = 0
    apart: float = 0.0
    labels: int = 0
    answers: int = 0
    reduced: int = 0
    reduced_labels: int = 0
    framing: list[float] = field(default_factory=list)
    answering: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Return a row of the table."""
        medians = [statistics.median(some) if some else 0 for some in (self.framing, self.answering)]
        return (
            f"| {name} | {self.files} | {len(self.refused)} | {self.squares} | {self.apart:.1e} | {self.labels} "
            f"| {self.answers} | {self.reduced} | {self.reduced_labels} | {medians[0]:.0f} | {medians[1]:.0f} |"
        )


def compare(page: Page, model: OnnxModel, files: list[Path]) -> Counts:
    """Ask the page and Python about files."""
    said, asked, counts = model.description, ExportedModel(model), Counts()

    def answer(square: npt.NDArray[np.uint8]) -> dict[str, Any]:
        return asked.answers(asked.run(square[None]), {}, one_specimen=False)[0]

    for file in files:
        try:
            framings = [read_framed(file, said.reading, said.image_size, said.crop_border, gap) for gap in (None, 2)]
        except UnreadablePhotograph:
            continue
        square, reduced = (one.square for one in framings)
        counts.files += 1
        given = page.evaluate(ASK, base64.b64encode(file.read_bytes()).decode())
        if "problem" in given:
            counts.refused.append(f"{file.name}: {given['problem']}")
            continue
        expected, row = answer(square), given["row"]
        pixels = np.frombuffer(base64.b64decode(given["square"]), np.uint8).reshape(square.shape)
        counts.squares += bool((pixels != square).any())
        apart = max(abs(row["probabilities"][name] - value) for name, value in expected["probabilities"].items())
        counts.apart = max(counts.apart, apart)
        counts.labels += row["label"] != expected["label"]
        counts.answers += row.get("named") != expected.get("named")
        counts.reduced += bool((reduced != square).any())
        counts.reduced_labels += answer(reduced)["label"] != expected["label"]
        counts.framing.append(given["framing"])
        counts.answering.append(given["all"])
    return counts


def drawn(folder: Path, count: int) -> list[Path]:
    """Return so many files of a folder, evenly."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [files[place] for place in np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)]


def main() -> None:
    """Print the table and what was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("photographs", nargs="*")
    arguments = parser.parse_args()
    model, refused = OnnxModel.load(arguments.export), []
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        sets = {}
        for text in arguments.photographs:
            name, _, rest = text.partition("=")
            folder, _, count = rest.rpartition(":")
            sets[name] = drawn(Path(folder), int(count))
        odd = Path(scratch) / "odd"
        odd.mkdir()
        for name, content in odd_photographs().items():
            (odd / name.replace("/", " ")).write_bytes(content)
        sets["odd files"] = drawn(odd, 1000)
        page = browser.new_page()
        site = Path(shutil.copytree(arguments.folder, Path(scratch) / "site"))
        with served(site) as address:
            page.goto(address)
            page.wait_for_selector("#offline[data-state=ready]", timeout=120_000)
        page.context.set_offline(True)
        page.reload()
        print(f"Chromium {browser.version}, no network, one thread\n\n{HEAD}\n{'| --- ' + '| ---: ' * 10}|")
        for name, files in sets.items():
            counts = compare(page, model, files)
            print(counts.line(name), flush=True)
            refused += counts.refused
    print("\n" + "\n".join(f"- {line}" for line in refused))


if __name__ == "__main__":
    main()
