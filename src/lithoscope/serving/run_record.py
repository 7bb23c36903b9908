"""What the pipeline knows of a model's run: the data set, splits, figures and parameters beside ``build/model``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from lithoscope.config.yaml import read_yaml
from lithoscope.core.files import read_json
from lithoscope.serving.model_source import WORKSPACE
from lithoscope.serving.onnx_description import EVALUATION

Values = Mapping[str, Any]
_FIGURES = {"accuracy": "accuracy", "macro_f1": "macro F1", "top3_accuracy": "top-3 accuracy", "loss": "loss (nats)"}
_FIGURES |= {"ece": "expected calibration error", "brier": "Brier score"}


@dataclass(frozen=True)
class RunRecord:
    """The files of a run, as DVC recorded that they belong together.

    Attributes:
        dataset: ``build/dataset.json``.
        counts: ``metrics/data.json``.
        training: ``metrics/train.json``.
        split: What the model was scored on, ``test`` or ``validation``.
        evaluation: ``metrics/evaluation.json`` of that split.
        baselines: ``metrics/baselines.json`` of that split.
        parameters: ``params.yaml``.
    """

    dataset: Values
    counts: Values
    training: Values
    split: str
    evaluation: Values
    baselines: Values
    parameters: Values

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return the headline figures: ``value``, 95 % interval ``low`` and ``high``, ``n``, ``split``, ``name``."""
        ends, found = self.evaluation.get("interval", {}), {}
        for key, name in _FIGURES.items():
            value = self.evaluation["macro"]["f1"] if key == "macro_f1" else self.evaluation.get(key)
            if value is not None:
                interval = {end: ends.get(key, {}).get(end) for end in ("low", "high")}
                found[key] = {"value": value, **interval, "n": self.evaluation["n"], "split": self.split, "name": name}
        return found


def run_record(model: Path) -> RunRecord | None:
    """Return what is known of the run of a workspace's model; None where ``dvc.lock`` does not say that it is its run.

    Args:
        model: A saved model; only one at ``build/model`` of a checkout has its run beside it.

    Raises:
        LithoscopeError: A file of the run is damaged.
    """
    root = model.resolve().parent.parent
    if model.resolve() != root / WORKSPACE or not (root / "dvc.lock").is_file() or not (root / EVALUATION).is_file():
        return None
    stages = (read_yaml(root / "dvc.lock") or {}).get("stages") or {}
    scored = {dep.get("path"): dep.get("md5") for dep in stages.get("evaluate", {}).get("deps", [])}
    written = {out.get("path"): out.get("md5") for stage in stages.values() for out in stage.get("outs", [])}
    figures = hashlib.md5((root / EVALUATION).read_bytes(), usedforsecurity=False).hexdigest()
    if scored.get(WORKSPACE) != folder_md5(model) or written.get(EVALUATION) != figures:
        return None
    names = ("build/dataset.json", "metrics/data.json", "metrics/train.json", EVALUATION, "metrics/baselines.json")
    dataset, counts, training, evaluation, baselines = (read_json(root / name) for name in names)
    split = next(iter(evaluation))
    parameters = read_yaml(root / "params.yaml")
    return RunRecord(dataset, counts, training, split, evaluation[split], baselines.get(split, {}), parameters)


def folder_md5(folder: Path) -> str:
    """Return DVC's hash of a folder: the MD5 of the list of its files with theirs, and ``.dir``."""
    listed = [
        {
            "md5": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
            "relpath": path.relative_to(folder).as_posix(),
        }
        for path in folder.rglob("*")
        if path.is_file()
    ]
    listed.sort(key=itemgetter("relpath"))
    text = json.dumps(listed, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir"
