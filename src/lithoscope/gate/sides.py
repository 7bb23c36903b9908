"""The two sets of results that are compared: each is a handful of small files that Git holds."""

import hashlib
import io
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lithoscope.config.yaml import parse_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.gate.scores import Scores, read_scores

PARAMETERS, LOCK = "params.yaml", "dvc.lock"
PREDICTIONS, PACKED = "plots/predictions.csv", "plots/splits.csv"
EVALUATION, BASELINES, DATA = "metrics/evaluation.json", "metrics/baselines.json", "metrics/data.json"
PIPELINE = "dvc.yaml"
FILES = (PARAMETERS, PIPELINE, LOCK, PREDICTIONS, PACKED)
SNAPSHOT_FORMAT = 1


@dataclass(frozen=True)
class Side:
    """One set of results.

    Attributes:
        name: For people, such as ``main (1a2b3c4)``.
        files: The content of those of :data:`FILES` and of the pipeline's metrics that are there, by path.
        commit: Of a revision, in full; None for the workspace or a file.
        here: Whether it is the workspace.
    """

    name: str
    files: Mapping[str, str]
    commit: str | None = None
    here: bool = False

    def scores(self) -> Scores:
        """Return the predictions.

        Raises:
            LithoscopeError: There are none, or they are damaged.
        """
        if PREDICTIONS not in self.files:
            raise LithoscopeError(f"{PREDICTIONS} is not there in {self.name}")
        scores = read_scores(self.files[PREDICTIONS], f"{PREDICTIONS} in {self.name}")
        table = self.packed()
        if table is None:
            return scores
        groups = dict(zip(table["id"], table["group"], strict=True))
        return replace(scores, groups=[groups.get(name) or name for name in scores.ids])

    def packed(self) -> pd.DataFrame | None:
        """Return the table of the photographs that were packed, or None where it is missing or damaged."""
        try:
            table = pd.read_csv(io.StringIO(self.files[PACKED]), keep_default_na=False, dtype=str)
        except (KeyError, pd.errors.ParserError, pd.errors.EmptyDataError):
            return None
        return table if {"id", "split", "group", "file", "pixels"} <= set(table.columns) else None

    def metrics(self) -> list[str]:
        """Return the metrics files that are there."""
        return [name for name in self.files if name.endswith(".json")]

    def figures(self, name: str) -> dict[str, Any] | None:
        """Return the object that a JSON file holds, or None where the file is missing or is none."""
        try:
            values = json.loads(self.files[name])
        except (KeyError, json.JSONDecodeError):
            return None
        return values if isinstance(values, dict) else None

    def yaml(self, name: str) -> dict[str, Any]:
        """Return the mapping that a YAML file holds, an empty one where it is missing.

        Raises:
            LithoscopeError: It is no YAML.
        """
        values = parse_yaml(self.files.get(name, ""), f"{name} in {self.name}")
        return values if isinstance(values, dict) else {}

    def locked(self, path: str) -> dict[str, Any] | None:
        """Return what ``dvc.lock`` records of a file that a stage made (``md5``, ``size``), or None."""
        for stage in (self.yaml(LOCK).get("stages") or {}).values():
            for out in stage.get("outs", []):
                if out.get("path") == path:
                    return dict(out)
        return None

    def altered(self) -> list[str]:
        """Return the figures that are not those which ``dvc.lock`` says a stage made."""
        found = []
        for name, text in self.files.items():
            recorded = self.locked(name)
            made = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # DVC's own hash of a file
            if recorded and recorded.get("md5") != made:
                found.append(name)
        return found


def _collect(read: Callable[[str], bytes | None], name: str) -> dict[str, str]:
    files: dict[str, str] = {}

    def take(path: str) -> None:
        content = read(path)
        if content is not None:
            try:
                files[path] = content.decode("utf-8")
            except UnicodeDecodeError:
                raise LithoscopeError(f"{path} in {name}: not UTF-8") from None

    for path in FILES:
        take(path)
    pipeline = parse_yaml(files.get(PIPELINE, ""), f"{PIPELINE} in {name}")
    for stage in ((pipeline or {}).get("stages") or {}).values():
        for entry in stage.get("metrics", []):
            take(entry if isinstance(entry, str) else next(iter(entry)))
    return files


def workspace_side(root: Path) -> Side:
    """Return the results as they stand in a checkout's files."""

    def read(path: str) -> bytes | None:
        return (root / path).read_bytes() if (root / path).is_file() else None

    return Side("the workspace", _collect(read, "the workspace"), here=True)


def revision_side(root: Path, revision: str) -> Side:
    """Return the results as Git holds them in a revision.

    Raises:
        LithoscopeError: This is no Git checkout, or there is no such revision.
    """
    found = resolve(root, revision)
    if found is None:
        raise LithoscopeError(f"{revision}: no such revision here; fetch it, or name another one, or a file")
    commit, shown = found

    def read(path: str) -> bytes | None:
        done = subprocess.run(["git", "show", f"{commit}:./{path}"], cwd=root, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    return Side(f"{shown} ({commit[:9]})", _collect(read, shown), commit)


def resolve(root: Path, revision: str) -> tuple[str, str] | None:
    """Return a revision's commit and its name, or None.

    A clone that was made for one branch knows others as ``origin/…`` only, so that is tried second.
    """
    for name in (revision, f"origin/{revision}"):
        done = subprocess.run(
            ["git", "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.strip(), name
    return None


def baseline_side(root: Path, text: str) -> Side:
    """Return what ``--baseline`` names: a snapshot, a ``predictions.csv``, or a revision.

    Raises:
        LithoscopeError: It is none of them.
    """
    path = Path(text)
    if path.suffix not in (".json", ".csv"):
        return revision_side(root, text)
    if not path.is_file():
        raise LithoscopeError(f"--baseline {text}: no such file")
    content = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".csv":
        return Side(text, {PREDICTIONS: content})
    try:
        values = json.loads(content)
        known = values["format"] == SNAPSHOT_FORMAT and all(isinstance(file, str) for file in values["files"].values())
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise LithoscopeError(f"--baseline {text}: not a snapshot; `lithoscope gate --snapshot FILE` writes one")
    return Side(f"{text}, {values['name']}", values["files"])


def write_snapshot(side: Side, path: Path) -> None:
    """Write a side as one file that ``--baseline`` takes."""
    values = {"format": SNAPSHOT_FORMAT, "name": side.name, "files": dict(side.files)}
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
