"""Finished runs on real photographs: one small file each, and the table that is rebuilt from them.

A file keeps what is needed to recompute every figure: parameters, hashes, ids with labels and probabilities. The
table recomputes accuracy and its interval from those, so no figure in it was typed in.
"""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lithoscope.errors import LithoscopeError
from lithoscope.evaluation import evaluate
from lithoscope.intervals import wilson
from lithoscope.json_files import read_json
from lithoscope.model_io import load_description, weights_digest
from lithoscope.params import load_parameters
from lithoscope.summary import photographs_in_words
from lithoscope.tracking import DATA_TAG, open_store

DIGITS = 5


def record(root: Path, name: str) -> Path:
    """Write ``results/<name>.json`` from the workspace's finished run and its MLflow run.

    Raises:
        LithoscopeError: The name is no file name, it is taken, or the pipeline has not run.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise LithoscopeError(f"name {name!r}: allowed: lower-case letters, digits, '.', '_', '-'")
    target = root / "results" / f"{name}.json"
    if target.exists():
        raise LithoscopeError(f"{target} exists; a result is never overwritten: choose another name or remove it")
    params = load_parameters(root / "params.yaml")
    dataset, data = read_json(root / "build" / "dataset.json"), read_json(root / "metrics" / "data.json")
    description = load_description(root / "build" / "model")
    weights = weights_digest(root / "build" / "model")
    run = open_store(root)[1].find(params.digest(), weights)
    if run is None:
        raise LithoscopeError("MLflow holds no run of these weights and parameters, so how long it took is not known")
    tags, metrics = run.facts()
    table = pd.read_csv(root / "plots" / "predictions.csv", float_precision="round_trip")
    columns = [f"p_{label}" for label in description.classes]
    values = {
        "dataset": {key: dataset[key] for key in ("name", "title", "synthetic", "citation", "published")},
        "data": data,
        "parameters": _without_places(params.model_dump()),
        "pretrained": description.pretrained,
        "sha256": {"data": tags.get(DATA_TAG), "weights": weights, "parameters": params.digest()},
        "processor": tags.get("processor"),
        "seconds": round(metrics["seconds"], 1) if "seconds" in metrics else None,
        "training": read_json(root / "metrics" / "train.json"),
        "split": str(table["split"].iloc[0]),
        "classes": description.classes,
        "photographs": [
            {"id": row["id"], "label": row["label"], "p": [round(float(row[column]), DIGITS) for column in columns]}
            for _, row in table.iterrows()
        ],
    }
    target.parent.mkdir(exist_ok=True)
    target.write_text(_compact(values), encoding="utf-8")
    return target


def _without_places(parameters: dict[str, Any]) -> dict[str, Any]:
    """Leave out where files lie on this machine; ``pretrained`` names the weights by their hash."""
    weights = parameters["model"]["weights"]
    place = {"weights": Path(weights).name} if weights else {}
    kept = {name: value for name, value in parameters.items() if name != "mirror"}
    return {**kept, "model": {**parameters["model"], **place}}


def _compact(values: dict[str, Any]) -> str:
    """Return JSON with one line a photograph, so that Git shows which changed."""
    photographs = [json.dumps(photograph, ensure_ascii=False) for photograph in values["photographs"]]
    head = json.dumps({**values, "photographs": []}, indent=2, ensure_ascii=False)
    return head.replace('"photographs": []', '"photographs": [\n    ' + ",\n    ".join(photographs) + "\n  ]") + "\n"


def _row(path: Path) -> dict[str, Any]:
    result = read_json(path)
    classes = result["classes"]
    probabilities = np.array([photograph["p"] for photograph in result["photographs"]])
    labels = np.array([classes.index(photograph["label"]) for photograph in result["photographs"]])
    figures = evaluate(probabilities, labels, classes).overall
    low, high = wilson(round(figures["accuracy"] * figures["n"]), figures["n"])
    parameters = result["parameters"]
    base, _, seed = path.stem.rpartition("-seed")
    return {"recipe": base or path.stem, "seed": seed, "result": result, "figures": figures, "interval": (low, high),
            "model": parameters["model"]["name"], "parameters": parameters}  # fmt: skip


def render_table(folder: Path) -> str:
    """Return ``docs/results.md`` made from every ``*.json`` in a folder."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        row = _row(path)
        groups[row["recipe"]].append(row)
    lines = [
        "# Results on real photographs",
        "",
        "Made by `lithoscope results` from the files in `results/`; do not edit. Each accuracy stands with its 95 %",
        "Wilson interval at its own n; several seeds give a mean ± standard deviation, and their intervals are never",
        "pooled, since all of them are read on the same photographs.",
        "",
        "| run | data (training / validation / test) | model | split | n | accuracy | loss | macro F1 "
        "| best epoch | training, s |",
        "| --- | --- | --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for recipe, rows in groups.items():
        lines += [_line(recipe, row) for row in rows]
        if len(rows) > 1:
            accuracies = [row["figures"]["accuracy"] for row in rows]
            lines.append(
                f"| **{recipe}**, mean of {len(rows)} seeds | | | | | "
                f"**{_short(np.mean(accuracies))} ± {_short(np.std(accuracies, ddof=1))}** | | | | |"
            )
    return "\n".join(lines) + "\n"


def _line(recipe: str, row: dict[str, Any]) -> str:
    result, figures = row["result"], row["figures"]
    low, high = (_short(value) for value in row["interval"])
    counts = result["data"]["splits"]
    seen = " / ".join(str(counts[name]["photographs"]) for name in ("train", "val", "test"))
    synthetic = " (synthetic)" if result["dataset"]["synthetic"] else ""
    photographs = photographs_in_words(result["data"]["photographs"], result["dataset"]["published"])
    return (
        f"| {recipe}{', seed ' + row['seed'] if row['seed'] else ''} | {result['dataset']['name']}{synthetic}, "
        f"{photographs}: {seen} "
        f"| {row['model']} | {result['split']} | {figures['n']} | {_short(figures['accuracy'])} [{low}, {high}] | "
        f"{figures['loss']:.3f} | {_short(figures['macro']['f1'])} | {result['training']['best_epoch']} | "
        f"{result['seconds'] or '–'} |"
    )


def _short(value: Any) -> str:
    return f"{float(value):.3f}".removeprefix("0")


def write_table(root: Path) -> Path:
    """Rebuild ``docs/results.md``.

    Raises:
        LithoscopeError: There are no results, so this is no checkout; an empty table is never written.
    """
    if not (root / "params.yaml").is_file() or not any((root / "results").glob("*.json")):
        raise LithoscopeError(f"{root / 'results'}: no results there; run this at the root of a Lithoscope checkout")
    target = root / "docs" / "results.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(render_table(root / "results"), encoding="utf-8")
    return target
