"""Two fresh clones, in as different surroundings as one machine allows, run everything and make the same bytes."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.yaml import read_yaml

from helpers.pipeline_clone import Clone

pytestmark = pytest.mark.pipeline

PLACES = ("a", "b/a much longer way, with blanks/and another folder")
SURROUNDINGS: tuple[dict[str, str], ...] = (
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LC_ALL": "C", "USER": "ada", "COLUMNS": "60"},
    {"PYTHONHASHSEED": "77", "TZ": "America/Lima", "LC_ALL": "C.UTF-8", "USER": "bo", "COLUMNS": "200"},
)
UMASKS = (0o022, 0o077)


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory, checkout: Path, photographs: Path) -> list[Clone]:
    folder = tmp_path_factory.mktemp("repeats")
    made: list[Clone] = []
    for place, surroundings in zip(PLACES, SURROUNDINGS, strict=True):
        root = folder / place
        root.mkdir(parents=True)
        clone = Clone.of(checkout, root, pull=place == "a")
        clone.environment |= surroundings
        clone.tiny(photographs, epochs=2)
        made.append(clone)
    running = []
    for clone, umask in zip(made, UMASKS, strict=True):
        log = (clone.root.parent / f"{clone.root.name}.log").open("wb")
        running.append(
            subprocess.Popen(
                ["dvc", "repro"],
                cwd=clone.root,
                env=clone.environment,
                umask=umask,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        )
    for clone, process in zip(made, running, strict=True):
        status = process.wait()
        assert status == 0, (clone.root.parent / f"{clone.root.name}.log").read_text("utf-8")
    return made


def locked(clone: Clone) -> dict[str, str]:
    """Every hash in dvc.lock, by stage and path."""
    stages: dict[str, Any] = read_yaml(clone.root / "dvc.lock")["stages"]
    return {
        f"{stage}: {entry['path']}": entry["md5"]
        for stage, parts in stages.items()
        for entry in parts.get("deps", []) + parts["outs"]
    }


def files(clone: Clone) -> dict[str, bytes]:
    """Every byte that the stages made."""
    return {
        path.relative_to(clone.root).as_posix(): path.read_bytes()
        for folder in ("build", "metrics", "plots", "report")
        for path in (clone.root / folder).rglob("*")
        if path.is_file()
    }


def test_two_fresh_clones_end_with_the_same_lock(clones: list[Clone]) -> None:
    first, second = map(locked, clones)
    assert {key: value for key, value in first.items() if second.get(key) != value} == {}
    assert (clones[0].root / "dvc.lock").read_bytes() == (clones[1].root / "dvc.lock").read_bytes()
    made = {key.partition(": ")[2] for key in first}
    assert {
        "build/splits.csv",
        "build/arrays",
        "build/model",
        "plots/predictions.csv",
        "metrics/evaluation.json",
        "plots/photographs.png",
        "plots/augmented.png",
        "report",
    } <= made


def test_every_file_has_the_same_bytes(clones: list[Clone]) -> None:
    first, second = map(files, clones)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert "report/index.html" in first


def test_the_surroundings_were_as_different_as_they_should_be(clones: list[Clone]) -> None:
    modes = [(clone.root / "build" / "splits.csv").stat().st_mode & 0o777 for clone in clones]
    assert modes[0] != modes[1]
    assert len(clones[0].root.parts) != len(clones[1].root.parts)
    assert [(clone.root / "data" / "specimens").is_dir() for clone in clones] == [True, False]
