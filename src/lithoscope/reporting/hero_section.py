"""The first screen: what on what, the headline with its interval, and whether it beats the baselines."""

from collections.abc import Mapping
from typing import Any

from lithoscope.evaluation.statistics.against_baselines import NAMES, NETWORK, difference_in_words
from lithoscope.reporting.inputs import ReportInputs
from lithoscope.reporting.parameters_in_words import model_words

KEPT = {
    "loss": "lowest validation loss",
    "accuracy": "highest validation accuracy",
    "last": "the last one; none was chosen",
}


def hero(inputs: ReportInputs) -> dict[str, Any]:
    """What data, how many photographs, how well and how sure that is, against what, and whether it was synthetic."""
    scores, parameters = inputs.figures, inputs.parameters
    n, accuracy = int(scores["n"]), float(scores["accuracy"])
    allowed = int(parameters["epochs"]) + int(parameters["train.head_epochs"])
    each, best = ([int(one[key]) for one in inputs.tuned_networks] for key in ("epochs", "best_epoch"))
    ends = scores["interval"]
    return {
        "title": inputs.dataset["title"],
        "name": inputs.dataset["name"],
        "synthetic": inputs.synthetic,
        "split": inputs.split,
        "photographs": len(inputs.index),
        "published": inputs.dataset["published"] or len(inputs.index),
        "classes": len(inputs.classes),
        "n": n,
        "right": round(accuracy * n),
        "groups": scores.get("groups"),
        "accuracy": accuracy,
        "low": ends["accuracy"]["low"],
        "high": ends["accuracy"]["high"],
        "contenders": contenders(inputs.compared),
        "beats": bool(inputs.compared["beats_baselines"]),
        "unbeaten": unbeaten(inputs.compared),
        "stats": _stats(inputs),
        "model": model_words(parameters),
        "epochs": span(each),
        "ran": max(each),
        "allowed": allowed,
        "early": min(each) < allowed,
        "head_epochs": int(parameters["train.head_epochs"]),
        "closed_form": inputs.closed_form,
        "best": span(best),
        "spread": len(set(best)) > 1,
        "networks": len(inputs.tuned_networks),
        "validated": inputs.validated,
        "chosen": inputs.chosen,
        "kept": KEPT[parameters["train.keep"]],
        "fold": _fold(parameters),
    }


def contenders(compared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the network and its baselines, each with accuracy, interval, and the difference in words.

    Args:
        compared: A split's part of ``metrics/comparisons.json``.

    Returns:
        The network first, then the baselines, the best first.
    """
    rows: list[dict[str, Any]] = [{"name": "this network", "own": True, "words": "", **compared[NETWORK]}]
    baselines = sorted((name for name in NAMES if name in compared), key=lambda name: -compared[name]["accuracy"])
    for name in baselines:
        rows.append({"name": NAMES[name], "own": False, **compared[name], "words": difference_in_words(compared[name])})
    return rows


def unbeaten(compared: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the baselines that the network is not shown to be better than: their name and whether it is even worse."""
    return [
        {"name": name, "verdict": str(compared[key]["verdict"])}
        for key, name in NAMES.items()
        if key in compared and compared[key]["verdict"] != "better"
    ]


def _stats(inputs: ReportInputs) -> list[dict[str, Any]]:
    """Return the other headline figures, each with its 95 % interval."""
    scores = inputs.figures
    rows = [("Macro F1", "macro_f1", float(scores["macro"]["f1"]))]
    if len(inputs.classes) > 3:
        rows.append(("Right within three guesses", "top3_accuracy", float(scores["top3_accuracy"])))
    rows += [
        ("Loss (cross-entropy)", "loss", float(scores["loss"])),
        ("Calibration error", "ece", float(scores["ece"])),
    ]
    found = [
        {"name": name, "value": value, "share": key == "top3_accuracy", **scores["interval"][key]}
        for name, key, value in rows
    ]
    if each := scores.get("specimens"):
        name = f"Accuracy per specimen (n = {each['n']})"
        ends = {end: each[end] for end in ("low", "high")}
        found.insert(0, {"name": name, "value": each["accuracy"], "share": True, **ends})
    return found


def _fold(parameters: Mapping[str, Any]) -> str:
    folds = int(parameters["split.folds"])
    return f"fold {int(parameters['split.fold']) + 1} of {folds}" if folds else ""


def span(numbers: list[int]) -> str:
    """Write one number, or from which to which several go."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
