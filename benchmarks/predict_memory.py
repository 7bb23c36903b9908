"""Most memory of ``lithoscope predict`` over ever more photographs; writes a section of docs/predicting.md.

Memory is a matter of what is held while photographs stream, not of the network, so that a small one is asked: ours, 64
pixels, with fresh weights. The list of photographs comes on standard input and names 100 small JPEGs, of the built-in
specimens, again and again; each is read, decoded, framed, answered and written to the table anew.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from _documents import DOCS, write_between
from _networks import ROOT, parameters
from PIL import Image

from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.serving.export import export_model

CLASSES, SIDE, PHOTOGRAPHS = ["a", "b", "c"], 64, 100
# Linux counts what a process held before it became another program, and this one holds torch: a small one starts it.
MEASURED = """
import os, sys
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(process, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def small_export(folder: Path) -> Path:
    """Export our own network, untrained."""
    torch.manual_seed(0)
    model = parameters().model.model_copy(update={"name": "cnn", "weights": None, "pooling": "average", "views": 1})
    architecture = Architecture(model, SIDE, len(CLASSES))
    description = ModelDescription(architecture, CLASSES, True, "folder", False, None)
    save_model(folder / "model", description, build_classifier(architecture).state_dict())
    export_model(folder / "model", folder / "export", "fp32", folder / "arrays")
    return folder / "export"


def small_photographs(folder: Path) -> list[str]:
    """Write some of the built-in specimens as small JPEGs."""
    folder.mkdir()
    for number, path in enumerate(sorted((ROOT / "data" / "specimens").rglob("*.jp*g"))[:PHOTOGRAPHS]):
        with Image.open(path) as image:
            image.resize((96, 96)).save(folder / f"{number:03}.jpg", quality=90)
    return sorted(map(str, folder.iterdir()))


def most_memory(export: Path, photographs: list[str], count: int, table: Path) -> tuple[float, int]:
    """Classify so many photographs, and return the process's most memory in MB and the table's rows."""
    command = [str(Path(sys.executable).with_name("lithoscope")), "predict", "-", "--model", str(export)]
    listed = "\n".join(itertools.islice(itertools.cycle(photographs), count))
    measured = [sys.executable, "-I", "-S", "-c", MEASURED, *command, "--output", str(table)]
    done = subprocess.run(measured, input=listed, capture_output=True, text=True, check=True)
    with table.open(encoding="utf-8") as stream:
        return int(done.stdout.splitlines()[-1]) / 1024, sum(1 for _ in stream) - 1


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    options = parser.parse_args()
    made = f"`python benchmarks/predict_memory.py --counts {' '.join(map(str, options.counts))}`, a small network:"
    lines = [made, "", "| photographs | most memory, MB | rows written |", "| ---: | ---: | ---: |"]
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
        export, photographs = small_export(Path(folder)), small_photographs(Path(folder) / "photographs")
        for count in options.counts:
            memory, rows = most_memory(export, photographs, count, Path(folder) / "table.csv")
            lines.append(f"| {count:,} | {memory:.0f} | {rows:,} |")
            print(lines[-1], flush=True)
    write_between(DOCS / "predicting.md", "predict_memory.py", lines)


if __name__ == "__main__":
    main()
