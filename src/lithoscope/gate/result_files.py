"""Result files of a checkout, a revision or a snapshot: the small files of a run that Git holds."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from lithoscope.config.yaml import parse_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import git_output, read_blobs
from lithoscope.gate.predictions import Predictions, read_predictions

PARAMETERS, LOCK = "params.yaml", "dvc.lock"
PREDICTIONS, SPLITS = "plots/predictions.csv", "plots/splits.csv"
EVALUATION, BASELINES, DATA = "metrics/evaluation.json", "metrics/baselines.json", "metrics/data.json"
PIPELINE = "dvc.yaml"
FILES = (PARAMETERS, PIPELINE, LOCK, PREDICTIONS, SPLITS)
SNAPSHOT_FORMAT = 1


@dataclass(frozen=True)
class ResultFiles:
    """The result files of one run.

    Attributes:
        name: For people, such as ``main (1a2b3c4)``.
        files: The content of those of :data:`FILES` and of the pipeline's metrics that are there, by path.
        commit: Of a revision, in full; None for the workspace or a file.
        is_workspace: Whether it is the workspace.
    """

    name: str
    files: Mapping[str, str]
    commit: str | None = None
    is_workspace: bool = False

    def predictions(self) -> Predictions:
        """Return the predictions.

        Raises:
            LithoscopeError: There are none, or they are damaged.
        """
        if PREDICTIONS not in self.files:
            raise LithoscopeError(f"{PREDICTIONS} is not there in {self.name}")
        predictions = read_predictions(self.files[PREDICTIONS], f"{PREDICTIONS} in {self.name}")
        table = self.split_table()
        if table is None:
            return predictions
        groups = dict(zip(table["id"], table["group"], strict=True))
        return replace(predictions, groups=[groups.get(name) or name for name in predictions.ids])

    def split_table(self) -> pd.DataFrame | None:
        """Return the table of the photographs that were packed, or None where it is missing or damaged."""
        try:
            table = pd.read_csv(io.StringIO(self.files[SPLITS]), keep_default_na=False, dtype=str)
        except (KeyError, pd.errors.ParserError, pd.errors.EmptyDataError):
            return None
        return table if {"id", "split", "group", "file", "pixels"} <= set(table.columns) else None

    def metrics_files(self) -> list[str]:
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

    def lock_entry(self, path: str) -> dict[str, Any] | None:
        """Return what ``dvc.lock`` records of a file that a stage made (``md5``, ``size``), or None."""
        for stage in (self.yaml(LOCK).get("stages") or {}).values():
            for out in stage.get("outs", []):
                if out.get("path") == path:
                    return dict(out)
        return None

    def altered_files(self) -> list[str]:
        """Return the figures that are not those which ``dvc.lock`` says a stage made."""
        found = []
        for name, text in self.files.items():
            recorded = self.lock_entry(name)
            made = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # DVC's own hash of a file
            if recorded and recorded.get("md5") != made:
                found.append(name)
        return found


def _decoded(contents: Mapping[str, bytes], where: str) -> dict[str, str]:
    files = {}
    for path, content in contents.items():
        try:
            files[path] = content.decode("utf-8")
        except UnicodeDecodeError:
            raise LithoscopeError(f"{path} in {where}: not UTF-8") from None
    return files


def _read(read: Callable[[Sequence[str]], dict[str, bytes]], where: str) -> dict[str, str]:
    """Read :data:`FILES`, and the files of figures that the pipeline among them names."""
    files = _decoded(read(FILES), where)
    pipeline = parse_yaml(files.get(PIPELINE, ""), f"{PIPELINE} in {where}")
    stages = ((pipeline or {}).get("stages") or {}).values()
    entries = [entry for stage in stages for entry in [*stage.get("metrics", []), *stage.get("plots", [])]]
    paths = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    metrics = [path for path in paths if path.endswith(".json")]  # all but the headline are declared as plots
    return files | _decoded(read(metrics), where)


def workspace_files(root: Path) -> ResultFiles:
    """Return the results as they stand in a checkout's files."""

    def read(paths: Sequence[str]) -> dict[str, bytes]:
        return {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}

    return ResultFiles("the workspace", _read(read, "the workspace"), is_workspace=True)


def revision_files(root: Path, revision: str) -> ResultFiles:
    """Return the results as Git holds them in a revision.

    Raises:
        LithoscopeError: This is no Git checkout, or there is no such revision.
    """
    found = resolve_revision(root, revision)
    if found is None:
        raise LithoscopeError(f"{revision}: no such revision here; fetch it, or name another one, or a file")
    commit, name = found

    def read(paths: Sequence[str]) -> dict[str, bytes]:
        contents = read_blobs(root, (f"{commit}:./{path}" for path in paths))
        return {name.partition(":./")[2]: content for name, content in contents.items()}

    return ResultFiles(f"{name} ({commit[:9]})", _read(read, name), commit)


def resolve_revision(root: Path, revision: str) -> tuple[str, str] | None:
    """Return a revision's commit and its name, or None.

    A clone that was made for one branch knows others as ``origin/…`` only, so that is tried second.
    """
    for name in (revision, f"origin/{revision}"):
        commit = git_output(root, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
        if commit:
            return commit, name
    return None


def baseline_files(root: Path, text: str) -> ResultFiles:
    """Return what ``--baseline`` names: a snapshot, a ``predictions.csv``, or a revision.

    Raises:
        LithoscopeError: It is none of them.
    """
    path = Path(text)
    if path.suffix not in (".json", ".csv"):
        return revision_files(root, text)
    if not path.is_file():
        raise LithoscopeError(f"--baseline {text}: no such file")
    content = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".csv":
        return ResultFiles(text, {PREDICTIONS: content})
    try:
        values = json.loads(content)
        known = values["format"] == SNAPSHOT_FORMAT and all(isinstance(file, str) for file in values["files"].values())
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise LithoscopeError(f"--baseline {text}: not a snapshot; `lithoscope gate --snapshot FILE` writes one")
    return ResultFiles(f"{text}, {values['name']}", values["files"])


def write_snapshot(results: ResultFiles, path: Path) -> None:
    """Write result files as one snapshot that ``--baseline`` takes."""
    values = {"format": SNAPSHOT_FORMAT, "name": results.name, "files": dict(results.files)}
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
