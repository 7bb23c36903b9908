"""The page for the field beside Python, photograph by photograph, in a headless browser without a network.

    lithoscope export --model MODEL --output EXPORT --web FOLDER
    python benchmarks/web_parity.py EXPORT FOLDER NAME=PHOTOGRAPHS:COUNT … --browser firefox --write

Counted are squares that differ from those of the reference framing in any number, how far numbers and probabilities are
apart, and labels and answers that changed; beside them the same of ``lithoscope predict``, which decodes large JPEGs at
a reduced scale. The odd files of the tests come along. PHOTOGRAPHS is a folder whose files are drawn evenly, COUNT of
them. ``--write`` puts the table where ``docs/field.md`` has the marks of this browser and precision.
"""

import argparse
import base64
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _browsers import Window, firefox, webkit
from _documents import DOCS, write_between

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
READY = "() => document.getElementById('offline').dataset.state === 'ready'"
STATE = "() => document.getElementById('offline').textContent"
NAMED = "() => document.querySelector('article h3')?.textContent"
HEAD = (
    "| photographs | files | refused by the page | squares that differ | in numbers, at most by "
    "| probabilities, at most | labels changed | answers changed | predict's squares that differ | its labels changed "
    "| ms to frame | ms to answer |"
)
RULE = f"| --- {'| ---: ' * 11}|"
Ask = Callable[[str], Any]


@dataclass
class Counts:
    """What a set of photographs showed."""

    files: int = 0
    refused: list[str] = field(default_factory=list)
    squares: list[str] = field(default_factory=list)
    levels: int = 0
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
            f"| {name} | {self.files} | {len(self.refused)} | {len(self.squares)} | {self.levels} | {self.apart:.1e} "
            f"| {self.labels} | {self.answers} | {self.reduced} | {self.reduced_labels} | {medians[0]:.0f} "
            f"| {medians[1]:.0f} |"
        )


def compare(ask: Ask, model: OnnxModel, files: list[Path]) -> Counts:
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
        given = ask(base64.b64encode(file.read_bytes()).decode())
        if "problem" in given:
            counts.refused.append(f"{file.name}: {given['problem']}")
            continue
        expected, row = answer(square), given["row"]
        pixels = np.frombuffer(base64.b64decode(given["square"]), np.uint8).reshape(square.shape)
        levels = np.abs(pixels.astype(int) - square)
        if levels.any():
            counts.squares.append(f"{file.name}: {levels.mean():.2f} levels on average, {levels.max()} at most")
            counts.levels = max(counts.levels, int(levels.max()))
        apart = max(abs(row["probabilities"][name] - value) for name, value in expected["probabilities"].items())
        counts.apart = max(counts.apart, apart)
        counts.labels += row["label"] != expected["label"]
        counts.answers += row.get("named") != expected.get("named")
        if (reduced != square).any():
            counts.reduced += 1
            counts.reduced_labels += answer(reduced)["label"] != expected["label"]
        counts.framing.append(given["framing"])
        counts.answering.append(given["all"])
    return counts


def drawn(folder: Path, count: int) -> list[Path]:
    """Return so many files of a folder, evenly."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [files[place] for place in np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)]


@contextmanager
def in_chromium(site: Path) -> Iterator[tuple[str, Ask]]:
    """Open the page in Chromium and take its network away; yield what runs, and who answers."""
    with chromium() as browser:
        page = browser.new_page()
        with served(site) as address:
            page.goto(address)
            page.wait_for_selector("#offline[data-state=ready]", timeout=120_000)
        page.context.set_offline(True)
        page.reload()
        yield f"Chromium {browser.version}, no network", lambda text: page.evaluate(ASK, text)


@contextmanager
def in_window(site: Path, one: Path, window: Window) -> Iterator[tuple[str, Ask]]:
    """The same in another browser, in a page beside the page, which holds :data:`ASK`; the server ends before.

    At last the page itself is opened without the server and given a photograph.
    """
    (site / "parity.js").write_text(f"globalThis.parity = {ASK};", encoding="utf-8")
    (site / "parity.html").write_text('<script type="module" src="parity.js"></script>', encoding="utf-8")
    with ExitStack() as serving:
        address = serving.enter_context(served(site))
        window.goto(address)
        ready = window.until(READY, 120)
        print(window.evaluate(STATE), file=sys.stderr)
        window.goto(f"{address}parity.html")
        window.until("() => Boolean(window.parity)", 60)
        if ready:
            serving.close()
        network = "no network" if ready else "with a network, since it keeps no pages"
        yield f"{window.name}, {network}", lambda text: window.evaluate("(text) => window.parity(text)", text)
        window.goto(address)
        window.until("() => !document.getElementById('card').hidden", 60)
        window.give("#files", one)
        print(f"the page opened anew names {one.name}: {window.until(NAMED, 120)}", file=sys.stderr)


def main() -> None:
    """Print the table, what differed and what was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("photographs", nargs="*")
    parser.add_argument("--browser", choices=["chromium", "firefox", "webkit"], default="chromium")
    parser.add_argument("--write", action="store_true", help="put the table into docs/field.md")
    arguments = parser.parse_args()
    model = OnnxModel.load(arguments.export)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
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
        site = Path(shutil.copytree(arguments.folder, Path(scratch) / "site"))
        if arguments.browser == "chromium":
            what, ask = stack.enter_context(in_chromium(site))
        else:
            window = stack.enter_context({"firefox": firefox, "webkit": webkit}[arguments.browser]())
            what, ask = stack.enter_context(in_window(site, next(iter(sets.values()))[0], window))
        lines = [f"{what}, one thread, {model.description.precision}:", "", HEAD, RULE]
        print("\n".join(lines))
        notes = []
        for name, files in sets.items():
            counts = compare(ask, model, files)
            lines.append(counts.line(name))
            print(lines[-1], flush=True)
            notes += [f"- differs: {line}" for line in counts.squares] + [
                f"- refused: {line}" for line in counts.refused
            ]
    print("\n" + "\n".join(notes))
    if arguments.write:
        write_between(DOCS / "field.md", f"web_parity.py, {arguments.browser}, {model.description.precision}", lines)


if __name__ == "__main__":
    main()
