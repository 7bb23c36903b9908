"""What decoding JPEGs at a reduced scale changes: pixels of the squares, probabilities, labels, and the time it takes.

    python benchmarks/reduced_decoding.py EXPORT FOLDER

EXPORT is a folder that ``lithoscope export`` made, FOLDER holds photographs, which are enlarged first. The bold line is
what predictions do (``GAP`` in ``lithoscope.data.images.framed``), the last one what the stages do with JPEGs above 32
megapixels. Ends with status 1 where one of these two moves a probability further than ``TOLERANCE``.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
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


def main(export: str, folder: str) -> int:
    """Print a table."""
    model = OnnxModel.load(Path(export))
    photographs = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    print(f"{len(photographs)} photographs, squares of {model.description.image_size} px\n")
    print(
        "| | pixels differ by, mean | worst photograph's mean | most | probabilities, most | labels changed | s each |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    furthest = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        for longer, gaps in ((MIDDLE, GAPS), (LARGE, (None,))):
            files = enlarged(photographs, longer, Path(temporary))
            full, seconds = framed(files, model, None, whole=True)
            expected = model.run(full).probabilities
            print(f"| {longer:,} px at full scale | | | | | | {seconds:.2f} |")
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
                print(
                    f"| {longer:,} px, {name} | {means.mean():.2f} | {means.max():.2f} | {apart.max()} | {moved:.3f} "
                    f"| {changed} | {seconds:.2f} |"
                )
    print(f"\nNo probability moves by more than {furthest:.3f}; the tolerance is {TOLERANCE:g}.")
    return int(furthest > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
