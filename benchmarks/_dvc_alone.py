"""What DVC takes for a folder of photographs that it is told of, without any of ours: one stage that copies the folder.

The folder is a dependency, its copy an output, as `mirror` and `build/raw` are where photographs are copied.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from _whole_pipeline import ABOUT_STEPS, Step, files_below, measure

PIPELINE = """
stages:
  copy:
    cmd: cp -r {photographs} raw
    deps: [{photographs}]
    outs: [raw]
"""
FIRST, NOTHING = "the first `dvc repro`", "`dvc repro` with nothing to do"


def run_dvc(dvc: Path, photographs: Path, folder: Path) -> tuple[dict[str, Step], int]:
    """Return what the two calls of DVC cost, and how many files its cache holds then."""
    folder.mkdir()
    for command in (["git", "init", "--quiet"], [str(dvc), "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    (folder / "dvc.yaml").write_text(PIPELINE.format(photographs=photographs), "utf-8")
    found = {step: measure(folder, [str(dvc), "repro"]) for step in (FIRST, NOTHING)}
    return found, files_below(folder / ".dvc/cache")


def report(costs: dict[int, tuple[dict[str, Step], int]], exponents: Sequence[str]) -> list[str]:
    """Return the table: seconds of processor by number of photographs."""
    counts = sorted(costs)
    lines = [
        ABOUT_STEPS,
        "",
        "| call | " + " | ".join(f"{count:,} files" for count in counts) + " | exponent of the last step |",
        "| --- | " + " | ".join("---:" for _ in counts) + " | ---: |",
    ]
    for step, exponent in zip((FIRST, NOTHING), exponents, strict=True):
        cells = [one.cell() for one in _of(costs, step)]
        lines.append(f"| {step} | " + " | ".join(cells) + f" | {exponent} |")
    lines.append("| files in its cache | " + " | ".join(f"{costs[count][1]:,}" for count in counts) + " | |")
    return lines


def _of(costs: dict[int, tuple[dict[str, Step], int]], step: str) -> list[Step]:
    return [costs[count][0][step] for count in sorted(costs)]
