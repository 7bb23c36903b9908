"""The package that only predicts stays small: what `pip install .` brings, as its parts' own lists say."""

import csv
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lithoscope

MOST = 250e6  # bytes; `pyproject.toml` and the documentation promise it


def needed(declared: list[str]) -> set[tuple[str, str]]:
    """Return what requirements bring on this machine, each as its name and an extra of it or ``""``."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in declared]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            if (one := (canonicalize_name(requirement.name), wanted)) not in found:
                found.add(one)
                waiting += [(Requirement(line), wanted) for line in distribution(one[0]).requires or []]
    return found


def installed_bytes(name: str) -> int:
    """Return the sum of the sizes in a distribution's RECORD, which has none of compiled Python files."""
    record = distribution(name).read_text("RECORD")
    assert record, name
    return sum(int(size) for _, _, size in csv.reader(record.splitlines()) if size)


def test_what_only_predicts_is_below_250_megabytes(checkout: Path) -> None:
    declared = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    sizes = {name: installed_bytes(name) for name in {name for name, _ in needed(declared)}}
    sizes["lithoscope"] = sum(file.stat().st_size for file in Path(lithoscope.__file__).parent.rglob("*.*"))
    print({name: f"{size / 1e6:.1f} MB" for name, size in sizes.items()}, f"{sum(sizes.values()) / 1e6:.0f} MB in all")
    assert {"onnxruntime", "flatbuffers", "mdurl"} <= set(sizes), "what they need in turn counts too"
    assert sum(sizes.values()) < MOST, sizes
    assert {"torch", "dvc", "pandas"}.isdisjoint(sizes)
