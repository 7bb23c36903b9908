"""Records of finished runs: the workspace's or a DVC experiment's as one small file ``results/NAME.json``.

The file holds what is needed to recompute every figure: parameters, hashes, ids with labels and probabilities, and
the command that makes it. :mod:`lithoscope.experiments.results` builds the table from such files.
"""

import json
import re
import shlex
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json
from lithoscope.core.nested import flatten
from lithoscope.evaluation.human_judgements.summary import headlines
from lithoscope.evaluation.metric_intervals import read_groups, read_specimens
from lithoscope.experiments.dvc_runs import fetch_files
from lithoscope.experiments.recipes import (
    PLACES,
    committed_parameters,
    grid_member,
    load_recipe,
    overrides,
    parameters_with,
    recipe_and_seed,
    recipe_names,
)
from lithoscope.experiments.run_results import read_run_table
from lithoscope.models.saved_model import load_description, weights_digest
from lithoscope.tracking import DATA_TAG, PARAMETERS_TAG, WEIGHTS_TAG, Store, open_store

DIGITS = 5  # decimals of a probability
_NEEDED = (
    "params.yaml",
    "build/dataset.json",
    "build/model",
    "build/splits.csv",
    "metrics/data.json",
    "metrics/train.json",
    "plots/predictions.csv",
)

_OPTIONAL = ("metrics/people.json", "metrics/answers.json")  # experiments of earlier versions have none


def record_run(root: Path, name: str, experiment: str | None = None) -> Path:
    """Write ``results/<name>.json`` from a finished run and what MLflow knows of it.

    Args:
        root: The checkout.
        name: Of the result; ``<recipe>-seed<N>`` puts it into the table beside the recipe's other seeds.
        experiment: A finished DVC experiment, on whatever commit and not applied; None for the workspace's run.

    Raises:
        LithoscopeError: The name is no file name or is taken, there is no such experiment, or the run is unfinished.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise LithoscopeError(f"name {name!r}: allowed: lower-case letters, digits, '.', '_', '-'")
    target = root / "results" / f"{name}.json"
    if target.exists():
        raise LithoscopeError(f"{target} exists; a result is never overwritten: choose another name or remove it")
    if experiment is None:
        values = _collect(root, root, name, "")
    else:
        with tempfile.TemporaryDirectory() as folder:
            fetch_files(root, experiment, Path(folder), _NEEDED)
            fetch_files(root, experiment, Path(folder), _OPTIONAL, optional=True)
            values = _collect(root, Path(folder), name, experiment)
    target.parent.mkdir(exist_ok=True)
    target.write_text(_one_line_a_photograph(values), encoding="utf-8")
    return target


def _collect(root: Path, folder: Path, name: str, experiment: str) -> dict[str, Any]:
    """Return a result's content.

    Args:
        root: The checkout, whose MLflow store and recipes count.
        folder: Where the run's files are.
        name: Of the result.
        experiment: The DVC experiment's name, or "".
    """
    params = load_parameters(folder / "params.yaml", past=True)
    dataset, data = read_json(folder / "build" / "dataset.json"), read_json(folder / "metrics" / "data.json")
    description = load_description(folder / "build" / "model")
    weights = weights_digest(folder / "build" / "model")
    training = read_json(folder / "metrics" / "train.json")
    table = read_run_table(folder)
    split, accuracy = str(table["split"].iloc[0]), float((table["label"] == table["predicted"]).mean())
    tags, metrics = _matching_run(open_store(root)[1], params, weights, f"{split}.accuracy", accuracy, experiment)
    columns = [f"p_{label}" for label in description.classes]
    groups = read_groups(folder / "build" / "splits.csv", table["id"].tolist())
    specimens, clustered = read_specimens(folder / "build" / "splits.csv", table["id"].tolist())
    people = folder / "metrics" / "people.json"
    compared = headlines(read_json(people)) if people.is_file() else None
    answers = folder / "metrics" / "answers.json"
    answered = read_json(answers).get(split) if answers.is_file() else None
    shared = {group for group, count in Counter(groups).items() if count > 1}
    return {
        "dataset": {key: dataset[key] for key in ("name", "title", "synthetic", "citation", "published")},
        "data": data,
        "parameters": _without_places(params.model_dump()),
        "pretrained": description.pretrained,
        "temperature": description.temperature,
        "sha256": {"data": tags.get(DATA_TAG), "weights": weights, "parameters": params.digest()},
        "command": _command(root, params, name, experiment),
        "precision": tags.get("precision"),
        "device": tags.get("device"),
        "processor": tags.get("processor"),
        "seconds": round(metrics["seconds"], 1) if "seconds" in metrics else None,
        "training": training,
        **({"people": compared} if compared else {}),
        **({"answers": answered} if answered and answered["status"] == "on" else {}),
        "split": split,
        "classes": description.classes,
        **({"clustered": True} if clustered else {}),
        "photographs": [
            {
                "id": row["id"],
                "label": row["label"],
                **({"group": group} if group in shared else {}),
                **({"specimen": specimen} if specimen else {}),
                "p": [round(float(row[column]), DIGITS) for column in columns],
            }
            for (_, row), group, specimen in zip(table.iterrows(), groups, specimens, strict=True)
        ],
    }


def _matching_run(
    store: Store, params: Parameters, weights: str, metric: str, accuracy: float, experiment: str
) -> tuple[dict[str, str], dict[str, float]]:
    """Return tags and metrics of the MLflow run that trained these weights and was scored at this very accuracy.

    An experiment that was stopped before its evaluation keeps the figures of the commit it started from; those belong
    to no run of its weights, and are refused here. Of several, one of the experiment is preferred, then one that
    trained (and was not restored from DVC's cache).
    """
    candidates = []
    for past in store.past_runs():
        same = past.tags.get(WEIGHTS_TAG) == weights and past.tags.get(PARAMETERS_TAG) == params.digest()
        if same and past.status == "FINISHED" and abs(past.metrics.get(metric, -1.0) - accuracy) < 1e-5:
            candidates.append((past.experiment != experiment, "seconds" not in past.metrics, past.tags, past.metrics))
    if not candidates:
        raise LithoscopeError(
            f"MLflow holds no run of these weights and parameters with {metric} {accuracy:.3f}: the run is not "
            "finished, or it ran with another store; run `dvc repro`, or set MLFLOW_TRACKING_URI"
        )
    _, _, tags, metrics = min(candidates, key=lambda candidate: candidate[:2])
    return tags, metrics


def _command(root: Path, params: Parameters, name: str, experiment: str) -> str:
    """Return the line that repeats a run: the recipe it is named after, else DVC's, with what else differs."""
    committed, recipes = committed_parameters(root), {each: load_recipe(root, each) for each in recipe_names(root)}
    line, before = ["dvc", "exp", "run"], flatten(_without_places(committed))
    for made in filter(None, (experiment, name)):
        base, seed = recipe_and_seed(made)
        # The line of a grid's member runs the whole grid.
        recipe, tried = grid_member(recipes, base) or (recipes.get(base), {})
        if recipe is None or (recipe.grid and not tried):
            continue
        seeds = {} if seed is None else {"seed": seed, "split.seed": seed}
        planned = parameters_with(committed, {**recipe.differences, **tried, **seeds}, f"recipes/{recipe.name}.yaml")
        line = ["lithoscope", "recipe", recipe.name, *([] if seed is None else ["--seed", str(seed)])]
        before = flatten(_without_places(planned.model_dump()))
        break
    after = flatten(_without_places(params.model_dump()))
    changes = {key: value for key, value in after.items() if before.get(key) != value}
    return shlex.join([*line, *overrides(changes)])


def _without_places(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out where files lie on this machine; ``pretrained`` names the weights by their hash."""
    weights = parameters["model"]["weights"]
    place = {"weights": Path(weights).name} if weights else {}
    return {**_not_places(parameters), "model": {**parameters["model"], **place}}


def _not_places(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters but for those whose dotted name is among :data:`PLACES`."""
    return {
        name: _not_places(value, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in values.items()
        if f"{prefix}{name}" not in PLACES
    }


def _one_line_a_photograph(values: dict[str, Any]) -> str:
    """Return JSON with one line a photograph, so that Git shows which changed."""
    photographs = [json.dumps(photograph, ensure_ascii=False) for photograph in values["photographs"]]
    head = json.dumps({**values, "photographs": []}, indent=2, ensure_ascii=False)
    return head.replace('"photographs": []', '"photographs": [\n    ' + ",\n    ".join(photographs) + "\n  ]") + "\n"
