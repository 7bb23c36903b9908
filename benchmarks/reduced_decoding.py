"""What decoding JPEGs at a reduced scale changes: pixels of the squares, probabilities, labels, and the time it takes.

    python benchmarks/reduced_decoding.py EXPORT FOLDER... [--each 14] [--write]

EXPORT is a folder that ``lithoscope export`` made; of the photographs below each FOLDER so many, evenly drawn by name,
are enlarged first. The bold line is what predictions do (``GAP`` in ``lithoscope.data.images.framed``), the last one
what the stages do with JPEGs above 32 megapixels. ``--write`` puts what is printed into docs/predicting.md. Ends with
status 1 where one of these two moves a probability further than ``TOLERANCE``.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _documents import DOCS, write_between
from _sections import words_of
from PIL import Image

from lithoscope.data.images.decode import read
from lithoscope.data.images.framed import GAP, TOLERANCE, read_framed
from lithoscope.data.images.square import to_square
from lithoscope.serving.onnx_model import OnnxModel

GAPS = (1.0, float(GAP), 3.0, 4.0)
MIDDLE, LARGE = 4000, 8192  # longer sides, px

Squares = npt.NDArray[np.uint8]


def enlarged(photographs: list[Path], longer: int, folder: Path) -> list[Path]:
    """Write photographs as JPEGs of a longer side, and return them."""
    made = []
    for number, path in enumerate(photographs):
        with Image.open(path) as image:
            picture = image.convert("RGB")
        scale = longer / max(picture.size)
        shape = round(picture.width * scale), round(picture.height * scale)
        made.append(folder / f"{longer}-{number}.jpg")
        picture.resize(shape, Image.Resampling.BICUBIC).save(made[-1], quality=92)
    return made


def framed(files: list[Path], model: OnnxModel, gap: float | None, *, whole: bool = False) -> tuple[Squares, float]:
    """Return the squares, uint8 (n, size, size, 3), and the seconds that a photograph took on one thread."""
    said, started = model.description, time.process_time()
    if whole:  # a side that none has
        pictures = (read(file, said.reading, side=1_000_000).picture for file in files)
        squares = [to_square(picture, said.image_size, said.crop_border) for picture in pictures]
    else:
        squares = [read_framed(file, said.reading, said.image_size, said.crop_border, gap).square for file in files]
    return np.stack(squares), (time.process_time() - started) / len(files)


def drawn(folder: Path, count: int) -> list[Path]:
    """Return so many of the photographs below a folder, evenly by their names."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [found[place] for place in np.unique(np.linspace(0, len(found) - 1, count).round().astype(int))]


def main() -> int:
    """Print a table, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--each", type=int, default=14)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines: list[str] = []

    def say(*more: str) -> None:
        lines.extend(more)
        print("\n".join(more), flush=True)

    model = OnnxModel.load(asked.export)
    photographs = [path for folder in asked.folders for path in drawn(folder, asked.each)]
    words = f"EXPORT {' '.join(['FOLDER'] * len(asked.folders))} {words_of(asked, {}, ('export', 'folders'))}"
    say(f"`python benchmarks/reduced_decoding.py {words}`: {len(photographs)} photographs, enlarged, squares of")
    say(f"{model.description.image_size} px; seconds of the processor.", "")
    say("| | pixels differ by, mean | worst photograph's mean | most | probabilities, most | labels changed | s each |")
    say("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    furthest = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        for longer, gaps in ((MIDDLE, GAPS), (LARGE, (None,))):
            files = enlarged(photographs, longer, Path(temporary))
            full, seconds = framed(files, model, None, whole=True)
            expected = model.run(full).probabilities
            say(f"| {longer:,} px at full scale | | | | | | {seconds:.2f} |")
            for gap in gaps:
                squares, seconds = framed(files, model, gap)
                apart = np.abs(squares.astype(int) - full)
                means, found = apart.mean(axis=(1, 2, 3)), model.run(squares).probabilities
                moved = float(np.abs(found - expected).max())
                changed = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
                name = (
                    "as the stages" if gap is None else f"**a gap of {gap:g}**" if gap == GAP else f"a gap of {gap:g}"
                )
                furthest = max(furthest, moved) if gap in (None, GAP) else furthest
                say(
                    f"| {longer:,} px, {name} | {means.mean():.2f} | {means.max():.2f} | {apart.max()} | {moved:.3f} "
                    f"| {changed} | {seconds:.2f} |"
                )
    say(
        "",
        f"On the bold line and the last one no probability moves by more than {furthest:.3f}; the tolerance is "
        f"{TOLERANCE:g}.",
    )
    if asked.write:
        write_between(DOCS / "predicting.md", "reduced_decoding.py", lines)
    return int(furthest > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
