"""The sections on the data set and the model card."""

from typing import Any

from lithoscope.data.packed.arrays import SPLIT_FILES
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.reporting.formatting import data_uri
from lithoscope.reporting.inputs import ReportInputs
from lithoscope.reporting.parameters_in_words import POLICIES, answer_words, model_words, recipe_words

SET_ASIDE_SHOWN = 100
SPLITS = {name: word for word, name in SPLIT_FILES.items()} | {"aside": "set aside"}
FEW = 10  # photographs of a class, below which its own figures say little


def data(inputs: ReportInputs) -> dict[str, Any]:
    """How many photographs of what, where they went, and what was found to be wrong with them."""
    index, splits = inputs.index, inputs.splits
    counts = splits.groupby(["label", "split"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=inputs.classes, columns=list(SPLITS), fill_value=0)
    unreadable = inputs.set_aside["label"].value_counts().reindex(inputs.classes, fill_value=0)
    table = counts.assign(aside=counts["aside"] + unreadable).to_numpy(dtype=int)
    used = splits[splits["split"] != "aside"]
    groups = used.groupby("group").size()
    exact = index.groupby("sha256").size()
    aside = [
        {"id": row.id, "label": row.label, "reason": row.reason}
        for files in (inputs.set_aside, splits[splits["split"] == "aside"])
        for row in files.sort_values("id").itertuples()
    ]
    return {
        "dataset": inputs.dataset,
        "splits": list(SPLITS.values()),
        "rows": list(zip(inputs.classes, table.tolist(), strict=True)),
        "totals": table.sum(axis=0).tolist(),
        "largest": max(int(table.max(initial=0)), 1),
        "read": len(index),
        "official": int((index["official_split"] != "").sum()),
        "exact": int((exact - 1).sum()),
        "balance": [int(part(index["label"].value_counts())) for part in (min, max)] if len(index) else [0, 0],
        "near_pairs": int(inputs.counts["duplicates"]["near_pairs"]),
        "near_groups": int((groups > 1).sum()),
        "near": int(groups[groups > 1].sum()),
        "formats": [(str(name), int(n)) for name, n in sorted(index["format"].value_counts().items())],
        "smallest": _size(inputs, 0),
        "median": _size(inputs, len(index) // 2),
        "largest_size": _size(inputs, len(index) - 1),
        "copies": inputs.parameters["augment.copies"],
        "aside": aside[:SET_ASIDE_SHOWN],
        "aside_total": len(aside),
        "folds": inputs.parameters["split.folds"],
        "validated": inputs.validated,
    }


def _size(inputs: ReportInputs, rank: int) -> str:
    """Write the size of the photograph that stands at ``rank`` in the order of their areas."""
    index = inputs.index
    if index.empty:
        return ""
    order = (index["width"] * index["height"]).sort_values(kind="stable").index
    position = order[rank]
    return f"{index['width'].astype(int)[position]} × {index['height'].astype(int)[position]}"


def augmented(inputs: ReportInputs) -> dict[str, Any] | None:
    """The picture of originals beside their augmented copies."""
    if inputs.augmented is None:
        return None
    return {
        "uri": data_uri(inputs.augmented, "image/png"),
        "copies": inputs.parameters["augment.copies"],
        "online": inputs.parameters["augment.online"],
        "policy": POLICIES.get(inputs.parameters["augment.policy"], ""),
    }


def card(inputs: ReportInputs) -> dict[str, Any]:
    """What the model is for and where it ends, as far as the data say it."""
    scores = inputs.per_class[inputs.split]
    trained = inputs.splits.loc[inputs.splits["split"] == "train", "label"].value_counts()
    most, least = (int(trained.max()), int(trained.min())) if len(trained) else (0, 0)
    weak, few = [], []
    for label in sorted(scores):
        n, recall = int(scores[label]["n"]), float(scores[label]["recall"] or 0)
        if n and wilson(round(recall * n), n)[1] < 0.5:
            weak.append(label)
        if n < FEW:
            few.append(label)
    adapted = inputs.training.get("adapt") or {}
    parameters = {**inputs.parameters, **{f"train.{key}": value for key, value in adapted.get("instead", {}).items()}}
    recipe = "; ".join(recipe_words(parameters, closed_form=inputs.closed_form))
    n, accuracy = int(inputs.figures["n"]), float(inputs.figures["accuracy"])
    ends = inputs.figures["interval"]["accuracy"]
    return {
        "model": model_words(inputs.parameters),
        "answer": answer_words(inputs.parameters),
        "recipe": recipe[0].upper() + recipe[1:],
        "adapted": adapted,
        "validated": inputs.validated,
        "side": inputs.parameters["image_size"],
        "crop": inputs.parameters["augment.crop_border"],
        "dataset": inputs.dataset,
        "classes": inputs.classes,
        "trained": int(trained.sum()),
        "most": most,
        "least": least,
        "split": inputs.split,
        "official": bool((inputs.index["official_split"] == SPLIT_FILES[inputs.split]).any()),
        "n": n,
        "accuracy": accuracy,
        "low": float(ends["low"]),
        "high": float(ends["high"]),
        "beats": bool(inputs.compared["beats_baselines"]),
        "calibrated": inputs.tempered,
        "weak": weak,
        "few": few,
        "few_limit": FEW,
        "pretrained": inputs.parameters["model.weights"] is not None,
    }
