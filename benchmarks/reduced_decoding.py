"""What decoding JPEGs at a reduced scale changes: pixels of the squares, probabilities, labels, and the time it takes.

    python benchmarks/reduced_decoding.py EXPORT FOLDER

EXPORT is a folder that ``lithoscope export`` made, FOLDER holds large JPEGs. The line of ``GAP`` in
``lithoscope.data.images.framed`` is what predictions use.
"""

import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lithoscope.data.images.framed import GAP, read_framed
from lithoscope.serving.onnx_model import OnnxModel

GAPS = (1.0, 1.5, float(GAP), 3.0, 4.0)


def framed(files: list[Path], model: OnnxModel, gap: float | None) -> tuple[npt.NDArray[np.uint8], float]:
    """Return the squares, uint8 (n, size, size, 3), and the seconds that a photograph took on one thread."""
    said, started = model.description, time.process_time()
    squares = [read_framed(file, said.reading, said.image_size, said.crop_border, gap).square for file in files]
    return np.stack(squares), (time.process_time() - started) / len(files)


def main(export: str, folder: str) -> None:
    """Print a table of gaps."""
    model, files = OnnxModel.load(Path(export)), sorted(Path(folder).glob("*.jp*g"))
    whole, seconds = framed(files, model, None)
    expected = model.run(whole).probabilities
    print(f"{len(files)} JPEGs, squares of {model.description.image_size} px; at full scale {seconds:.3f} s each\n")
    print("| gap | pixels differ by, mean | worst photograph's mean | most | probabilities | labels | s each |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for gap in GAPS:
        squares, seconds = framed(files, model, gap)
        apart = np.abs(squares.astype(int) - whole)
        found = model.run(squares).probabilities
        changed = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
        means, probabilities = apart.mean(axis=(1, 2, 3)), np.abs(found - expected).max()
        print(
            f"| {gap:g} | {means.mean():.2f} | {means.max():.2f} | {apart.max()} | {probabilities:.3f} "
            f"| {changed} | {seconds:.3f} |"
        )


if __name__ == "__main__":
    main(*sys.argv[1:3])
