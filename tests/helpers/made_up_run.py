"""A run that never happened: the files the stages before the report leave, small and drawn from a seed."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.calibration import reliability_table
from lithoscope.evaluation.selective import accuracy_by_coverage
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.evaluation.superclasses import coarse_figures

from helpers.made_up_findings import add, write_comparisons, write_json
from helpers.made_up_history import write_csv, write_history

DIGEST = "d" * 64  # stands for the hash of the parameters
TOO_FEW_HELD_OUT = {"status": "off", "reason": "12 held-out photographs are too few, 19 are needed"}
TOO_FEW = {"threshold": None, "validation_photographs": 12, "reason": "too few photographs: at least 99 are needed"}
OFF = {"status": "off", "note": "folder has no human data: nothing to compare with"}

PARAMETERS: dict[str, Any] = {
    "pages": "first",
    "max_megapixels": 179,
    "dataset": "folder",
    "mirror": "data",
    "osf_api": "https://api.osf.io/v2",
    "folder.depth": 1,
    "folder.specimens": "none",
    "folder.labels": None,
    "folder.table": "stages/no_labels.csv",
    "folder.columns": None,
    "image_size": 32,
    "lr": 2e-3,
    "epochs": 12,
    "batch_size": 32,
    "seed": 0,
    "precision": "fp32",
    "threads": 2,
    "device": "cpu",
    "split.seed": 0,
    "split.test": 0.2,
    "split.validation": 0.1,
    "split.folds": 0,
    "split.fold": 0,
    "augment.crop_border": True,
    "augment.copies": 1,
    "augment.rotation": 180.0,
    "augment.shear": 10.0,
    "augment.zoom": 0.2,
    "augment.crop": 0.0,
    "augment.flip": True,
    "augment.brightness": 0.2,
    "augment.contrast": 0.2,
    "augment.colour": 0.1,
    "augment.online": 0.5,
    "augment.policy": "none",
    "model.name": "cnn",
    "model.weights": None,
    "model.pooling": "average",
    "model.head": "linear",
    "model.dropout": 0.2,
    "model.stochastic_depth": 0.0,
    "model.members": 1,
    "model.views": 1,
    "train.adapt": "tune",
    "train.optimizer": "adamw",
    "train.weight_decay": 0.01,
    "train.schedule": "cosine",
    "train.warmup": 1,
    "train.patience": 8,
    "train.keep": "loss",
    "train.label_smoothing": 0.0,
    "train.head_epochs": 0,
    "train.head_passes": 0,
    "train.head_lr": 1e-3,
    "train.head_fit": "gradient",
    "train.head_refit": False,
    "train.shrinkage": 0.5,
    "train.norms": "batch",
    "train.frozen": 0.0,
    "train.cached_views": 0,
    "train.layer_decay": 1.0,
    "train.ema": 0.0,
    "train.mixup": 0.0,
    "train.cutmix": 0.0,
    "train.class_balance": "none",
    "train.accumulate": 1,
    "train.clip": 0.0,
    "train.temperature": None,
    "evaluate.on": "test",
    "evaluate.crop": 0.0,
}


def make_run(
    root: Path,
    classes: Sequence[str] = ("biotite", "bornite", "malachite"),
    *,
    each: int = 4,
    skill: float = 0.7,
    epochs: int = 6,
    on: str = "test",
    synthetic: bool = False,
    coarse: Mapping[str, str] | None = None,
    title: str = "Minerals made up for a test",
    validation: bool = True,
    members: int = 1,
    head_epochs: int = 0,
    verdicts: Mapping[str, str] | None = None,
    calibrated: bool = True,
    **changed: Any,
) -> dict[str, Any]:
    """Write the report's inputs below ``root`` and return the flat parameters that belong to them.

    Args:
        root: An empty folder, or one with an earlier run.
        classes: Class names, any text.
        each: Photographs of each class in the split that is scored.
        skill: About the share that is right.
        epochs: Rows of the history.
        on: ``test`` or ``validation``.
        synthetic: Whether the set calls itself synthetic.
        coarse: Coarse class of each class.
        title: The set's title.
        validation: Whether there were validation photographs.
        members: How many networks the model averages.
        head_epochs: How many of the epochs trained the head alone.
        verdicts: What ``metrics/comparisons.json`` says of the network and each baseline; ``better`` where it is not
            named.
        calibrated: Whether a temperature was fitted.
        changed: Other parameters, ``__`` for the dot: ``train__mixup=0.2``.
    """
    classes = sorted(classes)
    parameters = PARAMETERS | {"evaluate.on": on, "model.members": members, "train.head_epochs": head_epochs}
    parameters |= {name.replace("__", "."): value for name, value in changed.items()}
    if not validation:
        parameters |= {"split.validation": 0.0, "epochs": epochs - head_epochs}
    for folder in ("build/arrays", "metrics", "plots"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    index = pd.DataFrame(
        [
            {"id": f"{number:02d}/{split}_{k}.jpg", "label": label, "split": split}
            for number, label in enumerate(classes)
            for split, n in (("train", 3 * each), ("val", each * validation), ("test", each))
            for k in range(n)
        ]
    ).sort_values("id", ignore_index=True)
    _write_data(root, index, classes, synthetic, dict(coarse or {}), title)
    _write_arrays(root, index, classes, parameters["image_size"])
    scored = index[index["split"] == ("val" if on == "validation" else on)]
    _write_scores(root, scored, classes, on, skill, dict(coarse or {}), calibrated)
    write_comparisons(root, on, dict(verdicts or {}))
    write_history(root, epochs, skill, validation, members, head_epochs)
    told = {"photographs": 30} if calibrated else {"photographs": 0, "reason": "made up without one"}
    add(root / "metrics/train.json", calibration={"temperature": 1.4 if calibrated else 1.0, **told})
    write_json(root / "metrics/people.json", OFF)
    write_json(root / "metrics/answers.json", {on: TOO_FEW_HELD_OUT})
    write_csv(
        root / "plots/people.csv", pd.DataFrame(columns=["split", "id", "dimension", "people", "model", "authors"])
    )
    (root / "build/model").mkdir(exist_ok=True)
    (root / "build/model/model.safetensors").write_bytes(f"weights of skill {skill}".encode())
    return parameters


def _write_data(
    root: Path, index: pd.DataFrame, classes: list[str], synthetic: bool, coarse: dict[str, str], title: str
) -> None:
    twice = [index["id"][0], index["id"][0], *index["id"][2:]]
    photographs = index[["id", "label"]].assign(
        path="build/raw/" + index["id"],
        official_split=index["split"].where(index["split"] == "test", ""),
        # The first two hold the same bytes, and so belong to one group.
        sha256=[hashlib.sha256(name.encode()).hexdigest() for name in twice],
        phash="0" * 16,
        width=640,
        height=480,
        format="JPEG",
    )
    columns = ["id", "path", "label", "official_split", "sha256", "phash", "width", "height", "format"]
    write_csv(root / "build/index.csv", photographs[columns])
    splits = index.assign(path=photographs["path"], group=twice, reason="")
    write_csv(root / "build/splits.csv", splits[["id", "path", "label", "split", "group", "reason"]])
    broken = [("00/broken.jpg", "build/raw/00/broken.jpg", classes[0], "truncated: 30 of 400 rows")]
    write_csv(root / "build/set_aside.csv", pd.DataFrame(broken, columns=["id", "path", "label", "reason"]))
    about = {
        "name": "folder",
        "title": title,
        "synthetic": synthetic,
        "citation": "Nobody (2026)",
        "rights": "none",
        "published": None,
    }
    duplicates = {"exact": 1, "near_pairs": 0, "groups": 1, "photographs_in_groups": 2}
    write_json(root / "metrics/data.json", {"photographs": len(index), "duplicates": duplicates})
    write_json(root / "build/dataset.json", about | {"classes": classes, "coarse_classes": coarse, "human_data": False})


def _write_arrays(root: Path, index: pd.DataFrame, classes: list[str], side: int) -> None:
    ramp = np.linspace(-40, 40, side)
    for split in ("train", "val", "test"):
        rows = index[index["split"] == split].reset_index(drop=True)
        pictures = np.empty((len(rows), side, side, 3), np.uint8)
        for row, (name, label) in enumerate(zip(rows["id"], rows["label"], strict=True)):
            colour = generator(0, "class", classes.index(label)).integers(60, 200, 3)
            noise = generator(0, "photograph", name).normal(0, 12, (side, side, 1))
            pictures[row] = np.clip(colour + ramp[:, None, None] + noise, 0, 255).astype(np.uint8)
        np.save(root / f"build/arrays/{split}.npy", pictures)
        table = pd.DataFrame({"row": range(len(rows)), "id": rows["id"], "label": rows["label"], "copy": 0})
        write_csv(root / f"build/arrays/{split}.csv", table)
    Image.fromarray(np.concatenate(list(pictures[:3]), axis=1)).save(root / "plots/augmented.png")
    write_json(root / "build/arrays/classes.json", classes)


def _write_scores(
    root: Path,
    scored: pd.DataFrame,
    classes: list[str],
    on: str,
    skill: float,
    coarse: dict[str, str],
    calibrated: bool,
) -> None:
    n = len(classes)
    truth = np.array([classes.index(label) for label in scored["label"]])
    probabilities = np.empty((len(scored), n))
    for row, (name, label) in enumerate(zip(scored["id"], truth, strict=True)):
        draw = generator(0, "answer", name)
        # Neighbours in the list look alike, so the mistakes are not spread evenly.
        right = draw.random() < skill
        answer = label if right or n == 1 else (label + 1 if draw.random() < 0.7 else draw.integers(n)) % n
        logits = draw.normal(0, 0.8, n)
        logits[answer] = logits.max() + draw.gamma(4.0 if right else 1.6, 0.9)
        probabilities[row] = np.exp(logits) / np.exp(logits).sum()
    chosen = probabilities.argmax(axis=1)
    predictions = pd.DataFrame(
        {"id": scored["id"], "split": on, "label": scored["label"], "predicted": [classes[i] for i in chosen]}
    ).assign(
        confidence=probabilities.max(axis=1), **{f"p_{label}": probabilities[:, i] for i, label in enumerate(classes)}
    )
    write_csv(root / "plots/predictions.csv", predictions)
    per_class = {}
    for i, label in enumerate(classes):
        hits, own, said = int(((chosen == i) & (truth == i)).sum()), int((truth == i).sum()), int((chosen == i).sum())
        precision, recall = hits / said if said else 0.0, hits / own if own else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        per_class[label] = {"precision": precision, "recall": recall, "f1": f1, "n": own}
    means = {
        key: float(np.mean([figures[key] for figures in per_class.values()])) for key in ("precision", "recall", "f1")
    }
    overall = {
        "n": len(scored),
        "accuracy": float((chosen == truth).mean()),
        "loss": float(-np.log(probabilities[np.arange(len(truth)), truth]).mean()),
        "top3_accuracy": float(np.mean([t in np.argsort(-p)[:3] for t, p in zip(truth, probabilities, strict=True)])),
        "macro": means,
        "weighted": means,
    }
    low, high = wilson(int((chosen == truth).sum()), len(truth))
    names = ("loss", "brier", "top3_accuracy", "macro_f1", "ece")
    ends = {name: {"low": 0.1 + 0.01 * place, "high": 0.9} for place, name in enumerate(names)}
    overall |= {"ece": 0.12, "brier": 0.4, "interval": {"accuracy": {"low": low, "high": high}, **ends}}
    before = {
        "loss": 1.5,
        "ece": 0.2,
        "brier": 0.5,
        "interval": {name: ends[name] for name in ("loss", "ece", "brier")},
    }
    overall["calibration"] = {
        "temperature": 1.4 if calibrated else 1.0,
        "photographs": 30 if calibrated else 0,
        "before": before,
        "ece_if_calibrated": {"mean": 0.08, "high": 0.15},
    }
    overall["selective"] = {"target": 0.95, **TOO_FEW, "in_sample": on == "validation"}
    if kinds := coarse_figures(chosen, truth, classes, coarse):
        overall["coarse"] = kinds
    write_json(root / "metrics/evaluation.json", {on: overall})
    write_json(root / "metrics/per_class.json", {on: per_class})
    write_csv(root / "plots/reliability.csv", reliability_table(probabilities, probabilities, truth))
    write_csv(root / "plots/selective.csv", accuracy_by_coverage(probabilities.max(axis=1), chosen == truth))
