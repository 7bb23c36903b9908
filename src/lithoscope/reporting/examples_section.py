"""The sections of single photographs: attribution maps, mistakes, label issues, correct answers."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lithoscope.reporting.explained_input import FOLDER, Explained
from lithoscope.reporting.formatting import picture_uri
from lithoscope.reporting.inputs import ReportInputs
from lithoscope.reporting.learning_sections import classes

MISTAKES_SHOWN = 24
EXAMPLES_SHOWN = 12
TOP = 3
ABSENT = f"{FOLDER} is missing: the evaluation left none; `dvc repro evaluate` makes it"


def attribution_maps(inputs: ReportInputs) -> dict[str, Any]:
    """Attribution maps of correctly classified photographs and of some misclassified ones."""
    found = inputs.explained
    if found is None:
        return {"missing": ABSENT}
    shown = [_explained(inputs, found, one) for one in found.about["examples"]]
    return {
        "missing": "",
        "attribution": {name: found.about["attribution"].get(name) for name in ("method", "layer", "source", "note")},
        "right": [photo for photo in shown if photo["right"]],
        "wrong": [photo for photo in shown if not photo["right"]],
        "maps": sum(photo["map"] is not None for photo in shown),
    }


def mistakes(inputs: ReportInputs) -> dict[str, Any]:
    """The most confident mistakes, with the training photographs that look most alike to it."""
    total, found = int((~inputs.right).sum()), inputs.explained
    if found is not None and (found.about["mistakes"] or not total):
        listed = found.about["mistakes"][:MISTAKES_SHOWN]
        photographs = [
            {**_explained(inputs, found, one), "neighbours": _neighbours(found, one["neighbours"])} for one in listed
        ]
        return {"photographs": photographs, "total": total, "missing": ""}
    wrong = inputs.predictions[~inputs.right].sort_values(["confidence", "id"], ascending=[False, True], kind="stable")
    photographs = [{**photo, "neighbours": []} for photo in _photographs(inputs, wrong.index[:MISTAKES_SHOWN])]
    return {"photographs": photographs, "total": total, "missing": ABSENT if found is None else ""}


def suspects(inputs: ReportInputs) -> dict[str, Any]:
    """Photographs whose label may be wrong: the model is sure of another class."""
    found = inputs.explained
    if found is None:
        return {"missing": ABSENT, "photographs": []}
    photographs = []
    for one in found.about["suspects"]:
        scored = one["split"] == inputs.split
        photographs.append(
            {
                **_plain(inputs, one, scored=scored),
                "uri": found.uri(one["photo"]),
                "map": None,
                "split": one["split"],
                "reason": one["reason"],
            }
        )
    return {"missing": "", "photographs": photographs}


def examples(inputs: ReportInputs) -> dict[str, Any] | None:
    """Right answers of ordinary confidence: for each class the median one, the hardest classes first.

    None where the section on what the model looked at already shows some.
    """
    if inputs.explained is not None and any(one["right"] for one in inputs.explained.about["examples"]):
        return None
    chosen: list[int] = []
    order = [row["label"] for row in classes(inputs)["rows"]]
    right = inputs.predictions[inputs.right].sort_values(["confidence", "id"], kind="stable")
    for label in order:
        own = right.index[right["label"] == label]
        if len(own):
            chosen.append(int(own[len(own) // 2]))
    return {
        "photographs": _photographs(inputs, chosen[:EXAMPLES_SHOWN]),
        "total": int(inputs.right.sum()),
        "classes": len(chosen),
    }


def _explained(inputs: ReportInputs, found: Explained, one: Mapping[str, Any]) -> dict[str, Any]:
    return {**_plain(inputs, one), "uri": found.uri(one["photo"]), "map": found.uri(one["map"])}


def _plain(inputs: ReportInputs, one: Mapping[str, Any], *, scored: bool = True) -> dict[str, Any]:
    """Return what a picture's words are made of; of photographs that were scored also the most probable classes."""
    rows = inputs.row_of
    return {
        "id": one["photograph"],
        "label": one["label"],
        "predicted": one["predicted"],
        "confidence": float(one["confidence"]),
        "right": one["label"] == one["predicted"],
        "top": _top(inputs, rows[one["photograph"]]) if scored and one["photograph"] in rows else [],
    }


def _neighbours(found: Explained, neighbours: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": one["photograph"],
            "label": one["label"],
            "similarity": float(one["similarity"]),
            "uri": found.uri(one["photo"]),
        }
        for one in neighbours
    ]


def _photographs(inputs: ReportInputs, rows: Iterable[int]) -> list[dict[str, Any]]:
    """Collect the pictures of some predictions as the network saw them."""
    shown = []
    for row in rows:
        prediction: dict[str, Any] = {str(name): value for name, value in inputs.predictions.loc[row].items()}
        shown.append(
            {
                "id": prediction["id"],
                "label": prediction["label"],
                "predicted": prediction["predicted"],
                "confidence": float(prediction["confidence"]),
                "right": prediction["label"] == prediction["predicted"],
                "top": _top(inputs, row),
                "uri": picture_uri(inputs.pictures[prediction["id"]]),
                "map": None,
            }
        )
    return shown


def _top(inputs: ReportInputs, row: int) -> list[tuple[str, float]]:
    """Return the most probable classes of a prediction, each with its probability."""
    columns = [str(name) for name in inputs.predictions.columns if str(name).startswith("p_")]
    probabilities = inputs.predictions.loc[row, columns].to_numpy(dtype=float)
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return [(columns[i].removeprefix("p_"), float(probabilities[i])) for i in best]
