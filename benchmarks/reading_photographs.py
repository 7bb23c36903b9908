"""`lithoscope use` and the stage `download` on many photographs, this checkout against another, in turn.

The other checkout needs a virtual environment of its own in ``.venv``, with its Lithoscope installed. The photographs
are JPEGs of 96 by 72 pixels, drawn anew, so reading costs as much as the work around it. Counted are the seconds of
processor that the commands took, since seconds on the wall belong to whatever else runs.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from _paired import compare
from PIL import Image

HERE = Path(__file__).resolve().parent.parent
CLASSES = ("basalt", "gneiss", "granite", "schist")


def draw(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write photographs into one folder a class."""
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(size)
        place = folder / CLASSES[number % len(CLASSES)] / f"{number:05d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        grain = rng.normal(0, 12, (size[1], size[0], 3))
        Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)).save(place, quality=92)


def workspace(checkout: Path, folder: Path) -> Path:
    """Copy what `use` and `download` need of a checkout, so that neither is changed."""
    for name in ("stages", "src"):
        shutil.copytree(checkout / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(checkout / name, folder / name)
    (folder / "data").mkdir()
    run(folder, "git", "init", "--quiet")
    run(folder, str(checkout / ".venv/bin/dvc"), "init", "--quiet")
    return folder


def run(folder: Path, *command: str) -> None:
    """Run a command quietly."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def processor_seconds() -> float:
    """Return the seconds of processor of all commands that ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def use(folder: Path, checkout: Path, photographs: Path) -> None:
    """Run `lithoscope use`."""
    run(folder, str(checkout / ".venv/bin/lithoscope"), "use", str(photographs))


def download(folder: Path, checkout: Path) -> None:
    """Run the stage's script, from nothing."""
    shutil.rmtree(folder / "build", ignore_errors=True)
    run(folder, str(checkout / ".venv/bin/python"), "stages/download.py")


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--photographs", type=int, default=2000)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 72), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        photographs = Path(temporary) / "photographs"
        draw(photographs, arguments.photographs, tuple(arguments.size))
        sides = []
        for name, checkout in (("this", HERE), ("other", arguments.other.resolve())):
            (Path(temporary) / name).mkdir()
            sides.append((workspace(checkout, Path(temporary) / name), checkout))
        print("lithoscope use, this against the other", flush=True)
        ways = [partial(use, folder, checkout, photographs) for folder, checkout in sides]
        print(compare(ways[0], ways[1], arguments.repeats, processor_seconds), flush=True)
        print("stage download, this against the other", flush=True)
        ways = [partial(download, folder, checkout) for folder, checkout in sides]
        print(compare(ways[0], ways[1], arguments.repeats, processor_seconds), flush=True)


if __name__ == "__main__":
    main()
