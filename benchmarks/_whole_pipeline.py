"""The whole pipeline on many photographs: what each stage costs, what lies on the disk, what nothing to do costs.

The parameters are the defaults but for small squares and a head in closed form, so that what is measured is the
handling of photographs. Memory is what a process holds of its own; pages of mapped files, which the system takes back
when it needs them, do not count.
"""

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from reading_photographs import workspace
from ruamel.yaml import YAML

STAGES = ("download", "split", "augment", "train", "evaluate", "report")
NOTHING = "dvc repro, nothing to do"
SETTINGS: dict[str, Any] = {"image_size": 56, "model.views": 1, "train.adapt": "head", "train.head_passes": 0}
LARGER = (100_000, 1_000_000, 10_000_000)
_EACH = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Step:
    """What a command cost.

    Attributes:
        wall: Seconds.
        processor: Seconds of processor, of child processes too.
        memory: MB, the most of one process; in this module of what it held of its own.
    """

    wall: float
    processor: float
    memory: float

    def cell(self) -> str:
        """Return what a table says of it."""
        return f"{self.wall:.1f} s, {self.processor:.1f} s, {self.memory:,.0f} MB"


ABOUT_STEPS = "Wall seconds, seconds of processor, and the most memory that one process held of its own, MB."


@dataclass(frozen=True)
class Held:
    """What lies on the disk afterwards, in bytes, and how many files DVC keeps."""

    photographs: int
    raw: int
    squares: int
    arrays: int
    cache: int
    cached_files: int
    shards: int


def run_pipeline(
    checkout: Path, photographs: Path, folder: Path, options: Sequence[str], stages: Sequence[str]
) -> tuple[dict[str, Step], Held]:
    """Run `lithoscope use`, stage by stage `dvc repro`, and once more with nothing to do, in a new workspace."""
    folder.mkdir()
    workspace(checkout, folder)
    dvc = str(checkout / ".venv/bin/dvc")
    found = {"use": measure(folder, [str(checkout / ".venv/bin/lithoscope"), "use", str(photographs), *options])}
    _set(folder / "params.yaml", SETTINGS)
    for stage in stages:
        found[stage] = measure(folder, [dvc, "repro", "--single-item", stage])
        print(f"  {stage}: {found[stage]}", flush=True)
    found[NOTHING] = measure(folder, [dvc, "repro", stages[-1]])
    print(f"  {NOTHING}: {found[NOTHING]}", flush=True)
    build, cache = folder / "build", folder / ".dvc/cache"
    held = Held(
        photographs=_size(photographs),
        raw=_size(build / "raw"),
        squares=_size(build / "squares"),
        arrays=_size(build / "arrays"),
        cache=_size(cache),
        cached_files=files_below(cache),
        shards=len([*build.glob("squares/*.npy"), *build.glob("arrays/*.npy")]),
    )
    print(f"  {held}", flush=True)
    shutil.rmtree(folder)
    return found, held


def measure(folder: Path, command: Sequence[str]) -> Step:
    """Run a command, which must succeed, and return what it cost."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # dvc.yaml says `python`
    with tempfile.TemporaryFile() as printed:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PATH": path}, stdout=printed, stderr=subprocess.STDOUT
        )
        peak = [0.0]
        watching = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
        watching.start()
        _, status, spent = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watching.join()
        if status:
            printed.seek(0)
            sys.exit(f"error: {' '.join(command)} failed: {printed.read()[-3000:].decode(errors='replace')}")
    return Step(wall, spent.ru_utime + spent.ru_stime, peak[0])


def _watch(number: int, peak: list[float]) -> None:
    """Keep the most memory that a process or one below it held of its own, until it has ended."""
    while True:
        try:
            top = psutil.Process(number)
            if top.status() == psutil.STATUS_ZOMBIE:
                return
            for process in (top, *top.children(recursive=True)):
                text = Path(f"/proc/{process.pid}/status").read_text("utf-8", "replace")
                found = re.search(r"^RssAnon:\s+(\d+) kB", text, re.MULTILINE)
                peak[0] = max(peak[0], int(found[1]) / 1024 if found else 0.0)
        except psutil.NoSuchProcess:
            return
        except OSError:  # one below it ended meanwhile
            pass
        time.sleep(_EACH)


def report(costs: dict[int, tuple[dict[str, Step], Held]]) -> list[str]:
    """Return the tables: costs by step and number of photographs, what lies on the disk, and what larger sets take."""
    counts = sorted(costs)
    lines = [*costs_table(costs), ""]
    lines += [
        "| on the disk, MB | " + " | ".join(f"{count:,} photographs" for count in counts) + " |",
        "| --- | " + " | ".join("---:" for _ in counts) + " |",
    ]
    names = {"photographs": "the photographs", "raw": "`build/raw`", "squares": "`build/squares`"}
    names |= {"arrays": "`build/arrays`", "cache": "DVC's cache"}
    for name, words in names.items():
        cells = [f"{getattr(costs[count][1], name) / 1e6:,.1f}" for count in counts]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    for name, words in (("cached_files", "files in DVC's cache"), ("shards", "files of packed pictures")):
        lines.append(f"| {words} | " + " | ".join(f"{getattr(costs[count][1], name):,}" for count in counts) + " |")
    return [*lines, *extrapolated(costs)]


def costs_table(costs: dict[int, tuple[dict[str, Step], Held]]) -> list[str]:
    """Return the table of what each step cost, by number of photographs."""
    counts = sorted(costs)
    lines = [
        ABOUT_STEPS,
        "",
        "| step | " + " | ".join(f"{count:,} photographs" for count in counts) + " |",
        "| --- | " + " | ".join("---:" for _ in counts) + " |",
    ]
    for step in ("use", *STAGES, NOTHING):
        made = [costs[count][0].get(step) for count in counts]
        cells = [one.cell() if one else "–" for one in made]
        lines.append(f"| {step} | " + " | ".join(cells) + " |")
    return lines


def extrapolated(costs: dict[int, tuple[dict[str, Step], Held]]) -> list[str]:
    """Return an empty line and what larger sets would cost if the growth between the last two counts went on.

    Nothing where one count alone was measured.
    """
    if len(costs) < 2:
        return []
    few, many = sorted(costs)[-2:]
    few_costs, many_costs = costs[few][0], costs[many][0]
    lines = [
        "",
        f"**Not measured**: what the growth from {few:,} to {many:,} photographs would come to, in hours of processor "
        "and GB of memory. The exponent is that of the seconds of processor; one below 1 is the start of the programs, "
        "and counts as 1. Memory goes on by the bytes that each further photograph took.",
        "",
        "| step | exponent | bytes a photograph | " + " | ".join(f"{count:,}" for count in LARGER) + " |",
        "| --- | ---: | ---: | " + " | ".join("---:" for _ in LARGER) + " |",
    ]
    for step in ("use", *STAGES, NOTHING):
        if step not in few_costs or step not in many_costs:
            continue
        small, large = few_costs[step], many_costs[step]
        power = math.log(large.processor / small.processor) / math.log(many / few)
        each = max(0.0, large.memory - small.memory) * 2**20 / (many - few)
        cells = []
        for count in LARGER:
            hours = large.processor * (count / many) ** max(1.0, power) / 3600
            gigabytes = (large.memory * 2**20 + each * (count - many)) / 1e9
            cells.append(f"{hours:,.2f} h, {gigabytes:,.1f} GB")
        lines.append(f"| {step} | {power:.2f} | {each:,.0f} | " + " | ".join(cells) + " |")
    return lines


def _set(path: Path, values: dict[str, Any]) -> None:
    yaml = YAML()
    parameters = yaml.load(path)
    for name, value in values.items():
        block, _, key = name.rpartition(".")
        (parameters[block] if block else parameters)[key] = value
    yaml.dump(parameters, path)


def files_below(folder: Path) -> int:
    """Return how many files lie in a folder, at any depth."""
    return sum(file.is_file() for file in folder.rglob("*"))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
