"""How the work before training grows with the photographs: `lithoscope use`, `download`, `split`, `augment`.

``python benchmarks/growth.py [CHECKOUT] --counts 2000 8000 32000`` draws photographs of 400 by 300 pixels and runs the
four in turn, here and in the other checkout, which needs a virtual environment of its own in ``.venv``. Each count
takes the first so many of the same photographs. It writes a section of ``growth.md``: seconds on the wall, seconds of
processor and most memory of one process, child processes counted in both, and the exponents from one count to the
next: 1 means that twice the photographs take twice as long.

``python benchmarks/growth.py --whole --counts 8000 50000`` runs all stages here under DVC on photographs of 96 by 72
pixels, in their place, and writes the other section (:mod:`_whole_pipeline`), and its tables of costs into
``docs/scaling.md``. With ``--until augment`` it ends there.
``--dvc`` measures DVC alone on a folder of such files (:mod:`_dvc_alone`).
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from _documents import DOCS, write_between
from _dvc_alone import FIRST, NOTHING, run_dvc
from _dvc_alone import report as report_dvc
from _sections import write_section
from _whole_pipeline import STAGES, Held, Step, costs_table, extrapolated, report, run_pipeline
from reading_photographs import HERE, draw, workspace

from lithoscope.core.processor import processor_name_and_family

STEPS = ("use", "download", "split", "augment")
SIZE, SMALL = (400, 300), (96, 72)
FOUND = Path(__file__).with_suffix(".md")
HEAD = "# How the work grows with the photographs"
TITLES = {"before": "Before training", "whole": "The whole pipeline", "dvc": "DVC alone, told of each photograph"}

Costs = dict[tuple[str, int, str], Step]
"""By checkout, photographs and step."""


def measure(folder: Path, command: Sequence[str]) -> Step:
    """Run a command, which must succeed, and return what it cost."""
    # What it prints goes to a file: a pipe that nobody reads would stop it.
    with tempfile.TemporaryFile() as printed:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
        _, status, spent = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            printed.seek(0)
            sys.exit(f"error: {' '.join(command)} failed: {printed.read()[-2000:].decode(errors='replace')}")
    return Step(wall, spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024)


def measure_steps(checkout: Path, photographs: Path, folder: Path) -> dict[str, Step]:
    """Run all steps in a new workspace of a checkout."""
    folder.mkdir()
    workspace(checkout, folder)
    commands = {step: [str(checkout / ".venv/bin/python"), f"stages/{step}.py"] for step in STEPS}
    commands["use"] = [str(checkout / ".venv/bin/lithoscope"), "use", str(photographs)]
    costs = {}
    for step, command in commands.items():
        costs[step] = measure(folder, command)
        print(f"  {step}: {costs[step].wall:.1f} s", flush=True)
    shutil.rmtree(folder)
    return costs


def exponent(small: int, few: float, large: int, many: float) -> float:
    """Return the power of the number of photographs with which a cost grows from one count to a larger one."""
    return math.log(many / few) / math.log(large / small)


def table(costs: Costs, sides: Sequence[str], counts: Sequence[int]) -> list[str]:
    """Return the rows of ``growth.md``."""
    powers = [f"exponent {small:,} → {large:,}" for small, large in pairwise(counts)]
    lines = [
        "| step | photographs | " + " | ".join(f"{side}: wall, processor, memory" for side in sides) + " |",
        "| --- | ---: | " + " | ".join("---:" for _ in sides) + " |",
    ]
    for step in STEPS:
        for count in counts:
            cells = [one.cell() if one else "–" for one in (costs.get((side, count, step)) for side in sides)]
            lines.append(f"| {step} | {count:,} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| step | side | " + " | ".join(powers) + " |",
        "| --- | --- | " + " | ".join("---:" for _ in powers) + " |",
    ]
    for step in STEPS:
        for side in sides:
            cells = []
            for small, large in pairwise(counts):
                few, many = costs.get((side, small, step)), costs.get((side, large, step))
                cells.append(f"{exponent(small, few.processor, large, many.processor):.2f}" if few and many else "–")
            lines.append(f"| {step} | {side} | " + " | ".join(cells) + " |")
    for count in counts:
        totals = [
            sum(cost.processor for (by, of, step), cost in costs.items() if (by, of) == (side, count) and step != "use")
            for side in sides
        ]
        if len(totals) > 1 and all(totals):
            lines += [
                "",
                f"`download`, `split` and `augment` of {count:,} photographs: {totals[0] / totals[1]:.2f} × "
                "the other's seconds of processor.",
            ]
    return lines


def main() -> None:
    """Measure, and write what was found after each count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, nargs="?", help="the other checkout")
    parser.add_argument("--counts", type=int, nargs="+", default=[2000, 8000, 32000])
    parser.add_argument("--other-up-to", type=int, default=8000, help="the other checkout runs counts up to this one")
    parser.add_argument("--whole", action="store_true", help="all stages under DVC, here alone")
    parser.add_argument("--dvc", action="store_true", help="DVC alone on folders of so many files")
    parser.add_argument("--drawn", type=Path, help="with these two: where the photographs are drawn, or were before")
    parser.add_argument("--until", choices=STAGES, default=STAGES[-1], help="with --whole: the last stage that runs")
    arguments = parser.parse_args()
    if arguments.whole or arguments.dvc:
        measure_here = partial(_measure_whole, until=arguments.until) if arguments.whole else _measure_dvc
        measure_here(sorted(arguments.counts), arguments.drawn)
        return
    checkouts = {"this": HERE} | ({"other": arguments.other.resolve()} if arguments.other else {})
    costs: Costs = {}
    with tempfile.TemporaryDirectory() as temporary:
        for count in sorted(arguments.counts):
            photographs = Path(temporary) / f"{count}"
            draw(photographs, count, SIZE)
            for side, checkout in checkouts.items():
                if side == "other" and count > arguments.other_up_to:
                    continue
                print(f"{side}, {count:,} photographs", flush=True)
                found = measure_steps(checkout, photographs, Path(temporary) / "workspace")
                costs |= {(side, count, step): cost for step, cost in found.items()}
            shutil.rmtree(photographs)
            _write(costs, list(checkouts), sorted(arguments.counts), arguments.other)


def _measure_whole(counts: Sequence[int], drawn: Path | None, until: str) -> None:
    costs: dict[int, tuple[dict[str, Step], Held]] = {}
    stages = STAGES[: STAGES.index(until) + 1]
    for count, photographs, workplace in _folders(counts, drawn):
        costs[count] = run_pipeline(HERE, photographs, workplace, ["--in-place"], stages)
        words = f"python benchmarks/growth.py --whole --counts {' '.join(map(str, counts))} --until {until}"
        about = _about_small("in their place")
        write_section(FOUND, HEAD, TITLES, "whole", words, [about, "", *report(costs)])
        shown = [f"`{words}`: {about}", "", *costs_table(costs), *extrapolated(costs)]
        write_between(DOCS / "scaling.md", "growth.py", shown)


def _measure_dvc(counts: Sequence[int], drawn: Path | None) -> None:
    costs: dict[int, tuple[dict[str, Step], int]] = {}
    for count, photographs, workplace in _folders(counts, drawn):
        costs[count] = run_dvc(HERE / ".venv/bin/dvc", photographs, workplace)
        print(f"  {costs[count]}", flush=True)
        exponents = ["–", "–"]
        if len(costs) > 1:
            few, many = sorted(costs)[-2:]
            pairs = [(costs[few][0][step].processor, costs[many][0][step].processor) for step in (FIRST, NOTHING)]
            exponents = [f"{exponent(few, one, many, other):.2f}" for one, other in pairs]
        words = f"python benchmarks/growth.py --dvc --counts {' '.join(map(str, counts))}"
        write_section(FOUND, HEAD, TITLES, "dvc", words, [_about_small("copied"), "", *report_dvc(costs, exponents)])


def _folders(counts: Sequence[int], drawn: Path | None) -> Iterator[tuple[int, Path, Path]]:
    """Give for each count a folder of photographs and the path of a new folder to work in."""
    with tempfile.TemporaryDirectory() as temporary:
        photographs = drawn or Path(temporary) / "photographs"
        if sum(1 for _ in photographs.rglob("*.jpg")) < max(counts):
            draw(photographs, max(counts), SMALL)
        for count in counts:
            print(f"{count:,} photographs", flush=True)
            part = Path(temporary) / f"{count}"
            for file in photographs.rglob("*.jpg"):
                if int(file.stem) < count:
                    (part / file.parent.name).mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, part / file.parent.name / file.name)
            yield count, part, Path(temporary) / f"workplace {count}"


def _about_small(how: str) -> str:
    return f"JPEGs of {SMALL[0]} × {SMALL[1]} px, four classes, {how}; {_machine()}."


def _machine() -> str:
    load = os.getloadavg()[2]  # of what runs besides, too: at more than the cores, seconds on the wall say little
    return f"{os.cpu_count()} cores of {processor_name_and_family()[0]}, load average of 15 minutes {load:.0f}"


def _write(costs: Costs, sides: Sequence[str], counts: Sequence[int], other: Path | None) -> None:
    commit = ["git", "-C", str(other), "rev-parse", "--short", "HEAD"] if other else None
    against = f" Other: commit {subprocess.check_output(commit, text=True).strip()}." if commit else ""
    words = "python benchmarks/growth.py" + " CHECKOUT" * bool(other) + f" --counts {' '.join(map(str, counts))}"
    about = (
        f"JPEGs of {SIZE[0]} × {SIZE[1]} px, four classes, {_machine()}.{against} "
        "The exponents are those of the seconds of processor. Memory counts pages of mapped files here, which the "
        "system takes back when it needs them."
    )
    write_section(FOUND, HEAD, TITLES, "before", words, [about, "", *table(costs, sides, counts)])


if __name__ == "__main__":
    main()
