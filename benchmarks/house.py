"""The house in figures: parts, levels, arrows and circles of the import graph, lines, and how fast the command answers.

``python benchmarks/house.py CHECKOUT …`` prints a table with a column for each checkout of this project, old or new.

- **parts**: what lies directly in ``src/lithoscope``: packages and modules, front pages (``__init__.py``) with theirs.
- **arrows**: pairs of parts of which the first imports from the second, anywhere, also for the type checker alone.
- **circles**: groups of parts that can all reach each other along arrows.
- **upward**: arrows that would have to go for no circle to be left, as grimp nominates them.
- **levels**: parts on the longest way along arrows, a circle counting as one.
"""

import argparse
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median
from time import perf_counter

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PACKAGE, REPEATS = "lithoscope", 9


def import_graph(checkout: Path) -> dict[str, int]:
    """Return parts, levels, arrows, upward arrows and circles of a checkout's imports."""
    sys.path.insert(0, str(checkout / "src"))
    try:
        graph = grimp.build_graph(PACKAGE, cache_dir=None)
    finally:
        sys.path.pop(0)
    parts = sorted(graph.find_children(PACKAGE))
    upward = {(_part(importer), _part(imported)) for importer, imported in graph.nominate_cycle_breakers(PACKAGE)}
    for part in parts:
        graph.squash_module(part)
    arrows = [
        (parts.index(part), parts.index(imported))
        for part in parts
        for imported in graph.find_modules_directly_imported_by(part)
        if imported in parts and imported != part
    ]
    return summarise(len(parts), arrows, len(upward))


def summarise(parts: int, arrows: list[tuple[int, int]], upward: int) -> dict[str, int]:
    """Return the figures of a graph of numbered parts."""
    ends = np.array(arrows, dtype=np.int64).reshape(-1, 2)
    matrix = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(parts, parts))
    groups, member = connected_components(matrix, directed=True, connection="strong")
    below: dict[int, set[int]] = {group: set() for group in range(groups)}
    for start, end in ends:
        if member[start] != member[end]:
            below[int(member[start])].add(int(member[end]))
    level: dict[int, int] = {}
    for group in TopologicalSorter(below).static_order():
        level[group] = 1 + max((level[lower] for lower in below[group]), default=0)
    circles = int((np.bincount(member) > 1).sum())
    levels = max(level.values(), default=0)
    return {"parts": parts, "levels": levels, "arrows": len(set(arrows)), "upward": upward, "circles": circles}


def lines(*paths: Path) -> int:
    """Return how many lines the Python files in some folders have."""
    return sum(len(file.read_text("utf-8").splitlines()) for path in paths for file in path.rglob("*.py"))


def help_command(checkout: Path) -> list[str]:
    """Return what ``lithoscope --help`` runs, on a checkout's own code."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, function = project["scripts"][PACKAGE].partition(":")
    code = f"import sys; sys.path.insert(0, {str(checkout / 'src')!r}); import {module} as m; m.{function}()"
    return [sys.executable, "-c", code, "--help"]


def seconds_of_help(checkouts: list[Path]) -> list[float]:
    """Return the median seconds of ``--help`` of each checkout, measured in turn; the first round warms up."""
    measured: list[list[float]] = [[] for _ in checkouts]
    for repeat in range(REPEATS + 1):
        for checkout, seconds in zip(checkouts, measured, strict=True):
            start = perf_counter()
            subprocess.run(help_command(checkout), check=True, capture_output=True)
            if repeat:
                seconds.append(perf_counter() - start)
    return [median(seconds) for seconds in measured]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="+", type=Path, metavar="CHECKOUT")
    checkouts: list[Path] = [path.resolve() for path in parser.parse_args().checkouts]
    columns: list[dict[str, str]] = []
    for checkout, seconds in zip(checkouts, seconds_of_help(checkouts), strict=True):
        pipeline = (checkout / "dvc.yaml").read_text("utf-8").splitlines()
        columns.append(
            {
                **{name: f"{value:,}" for name, value in import_graph(checkout).items()},
                "lines of Python in src/ and stages/": f"{lines(checkout / 'src', checkout / 'stages'):,}",
                "lines of Python in tests/": f"{lines(checkout / 'tests'):,}",
                "lines of dvc.yaml that name source": f"{sum('- src/' in line for line in pipeline):,}",
                "lithoscope --help, seconds": f"{seconds:.2f}",
            }
        )
    names = [checkout.name for checkout in checkouts]
    print(f"| | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for title in columns[0]:
        print(f"| {title} | {' | '.join(column[title] for column in columns)} |")


def _part(module: str) -> str:
    return ".".join(module.split(".")[:2])


if __name__ == "__main__":
    main()
