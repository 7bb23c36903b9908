"""The whole first ``make repro`` of a new user, and the second, of one commit after another.

    python benchmarks/first_run.py COMMIT... [--pairs 3]

Each commit of this repository is cloned, and ``make repro`` runs in the clone: an environment is made, with packages
fetched anew, and the whole pipeline runs. Then ``make repro`` and ``dvc repro``, for which nothing is to do, run in
turn. Prints seconds on the wall; on a busy machine they say little.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRESH = {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
CALLERS = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
"""What must not come along: another environment, and an order to compile every package anew in every process."""


def seconds(command: Sequence[str], folder: Path) -> float:
    """Run a command and return the seconds that it took."""
    began = time.monotonic()
    kept = {name: value for name, value in os.environ.items() if name not in CALLERS}
    subprocess.run(command, cwd=folder, env={**kept, **FRESH}, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def row(commit: str, folder: Path, pairs: int) -> str:
    """Clone a commit, run it and return its line."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "--quiet", commit], cwd=folder, check=True)
    first = seconds(["make", "repro"], folder)
    again, plain = [], []
    for _ in range(pairs):
        again.append(seconds(["make", "repro"], folder))
        plain.append(seconds([str(folder / ".venv" / "bin" / "dvc"), "repro"], folder))
    ratio = statistics.median(one / other for one, other in zip(again, plain, strict=True))
    second, alone = statistics.median(again), statistics.median(plain)
    return f"| {commit} | {first:.0f} | {second:.1f} | {alone:.1f} | {ratio:.2f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    print("| commit | first `make repro`, s | second, s | second `dvc repro`, s | ratio of the second ones |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as place:
        for commit in options.commits:
            print(row(commit, Path(place) / commit, options.pairs), flush=True)


if __name__ == "__main__":
    main()
