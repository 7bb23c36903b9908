"""The sections on learning curves, the confusion matrix and per-class metrics: one function a section."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.reporting import learning_curves as figures
from lithoscope.reporting.inputs import ReportInputs
from lithoscope.reporting.parameters_in_words import training_loss_words

CONFUSIONS_SHOWN = 10
MATRIX_CLASSES = 60  # a larger table can't be read; the most frequent confusions are still listed


def curves(inputs: ReportInputs) -> dict[str, Any]:
    """Loss and accuracy over the epochs, and the figures at the best one."""
    training = inputs.training
    best, networks = int(training["best_epoch"]), inputs.tuned_networks
    gap = float(training["train"]["accuracy"]) - float(training["validation"]["accuracy"]) if inputs.validated else 0.0
    mark = best_epoch_mark(inputs)
    return {
        "curves": [
            # The figure's own markup; it holds no text from the inputs.
            (quantity, Markup(figures.learning_curve(inputs.history, quantity, best, mark)))  # noqa: S704
            for quantity in ("loss", "accuracy")
        ],
        "best_epoch": best,
        "each_best": [int(one["best_epoch"]) for one in networks],
        "validated": inputs.validated,
        "networks": len(networks),
        "training": training,
        "gap": gap,
        "still_learning": inputs.chosen
        and len(inputs.history) > 1
        and all(one["best_epoch"] == one["epochs"] for one in networks),
        "single": len(inputs.history) == 1,
        "closed_form": inputs.closed_form,
        "head_epochs": int((inputs.history["phase"] == "head").sum()),
        "other_loss": "" if inputs.closed_form else training_loss_words(inputs.parameters),
    }


def best_epoch_mark(inputs: ReportInputs) -> str:
    """Say which epoch's weights were kept, for a mark in the curves."""
    if not inputs.chosen:
        return "last epoch"
    return "best epoch" if len(inputs.tuned_networks) == 1 else "best epoch, mean"


def confusion(inputs: ReportInputs) -> dict[str, Any]:
    """The confusion matrix as a table, and the most frequent confusions as a list."""
    classes = inputs.classes
    predictions = inputs.predictions
    counts = pd.crosstab(predictions["label"], predictions["predicted"]).reindex(
        index=classes, columns=classes, fill_value=0
    )
    table = counts.to_numpy()
    totals = table.sum(axis=1)
    coarse = inputs.dataset.get("coarse_classes") or {}
    starts = [i > 0 and coarse.get(name) != coarse.get(classes[i - 1]) for i, name in enumerate(classes)]
    pairs = [
        {"label": classes[i], "predicted": classes[j], "count": int(table[i, j]), "of": int(totals[i])}
        for i, j in np.argwhere(table > 0)
        if i != j
    ]
    pairs.sort(key=lambda pair: (-pair["count"], -pair["count"] / pair["of"], pair["label"], pair["predicted"]))
    return {
        "classes": classes,
        "starts": starts,
        "rows": None if len(classes) > MATRIX_CLASSES else table.tolist(),
        "totals": totals.tolist(),
        "groups": _groups(classes, coarse),
        "pairs": pairs[:CONFUSIONS_SHOWN],
        "more": max(len(pairs) - CONFUSIONS_SHOWN, 0),
        "split": inputs.split,
        "limit": MATRIX_CLASSES,
    }


def _groups(classes: list[str], coarse: Mapping[str, str]) -> list[tuple[str, int]]:
    """Name the coarse classes in the order of ``classes``, each with how many it has."""
    groups: list[tuple[str, int]] = []
    for label in classes:
        name = coarse.get(label, "")
        if groups and groups[-1][0] == name:
            groups[-1] = (name, groups[-1][1] + 1)
        else:
            groups.append((name, 1))
    return groups if coarse else []


def classes(inputs: ReportInputs) -> dict[str, Any]:
    """Figures of each class, the hardest first, recall with its interval."""
    predictions = inputs.predictions
    wrong = predictions[~inputs.right]
    rows = []
    for label, scores in inputs.per_class[inputs.split].items():
        n = int(scores["n"])
        hits = round(float(scores["recall"] or 0) * n)
        taken = wrong.loc[wrong["label"] == label, "predicted"].value_counts()
        most = min(taken.index[taken == taken.max()]) if len(taken) else ""
        low, high = wilson(hits, n)
        rows.append(
            {**scores, "label": label, "n": n, "hits": hits, "low": low, "high": high}
            | {"taken_for": most, "taken": int(taken.max()) if len(taken) else 0}
        )
    rows.sort(key=lambda row: (row["f1"] if row["f1"] is not None else -1, row["label"]))
    return {"rows": rows, "split": inputs.split, "scores": inputs.figures}


def coarse(inputs: ReportInputs) -> dict[str, Any] | None:
    """How often the kind of rock is right, and how many mistakes stay within it; None where a set has no kinds."""
    figures = inputs.figures.get("coarse")
    if figures is None:
        return None
    kinds = inputs.dataset.get("coarse_classes") or {}
    predictions = inputs.predictions
    truth, named = predictions["label"].map(kinds), predictions["predicted"].map(kinds)
    names = sorted(set(kinds.values()))
    table = pd.crosstab(truth, named).reindex(index=names, columns=names, fill_value=0).to_numpy()
    rows = []
    for name, counts in zip(names, table, strict=True):
        hits, n = int(counts[names.index(name)]), int(counts.sum())
        low, high = wilson(hits, n)
        rows.append({"name": name, "counts": counts.tolist(), "n": n, "hits": hits, "low": low, "high": high})
    return {"figures": figures, "names": names, "rows": rows, "accuracy": float(inputs.figures["accuracy"])}
