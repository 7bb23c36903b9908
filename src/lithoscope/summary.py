"""The headline figures of the workspace, for the end of ``make repro``."""

from pathlib import Path
from typing import Any

from lithoscope.intervals import wilson
from lithoscope.json_files import read_json


def accuracy_in_words(figures: dict[str, Any]) -> str:
    """Return an accuracy with its 95 % Wilson interval and its n, e.g. ``.912 [.881, .936], n = 420``."""
    n = int(figures["n"])
    low, high = wilson(round(figures["accuracy"] * n), n)
    shown = [f"{value:.3f}".removeprefix("0") for value in (figures["accuracy"], low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}], n = {n}"


def photographs_in_words(count: int, published: int | None) -> str:
    """Return e.g. ``758 of 956 photographs`` where the set as published has more of them."""
    return f"{count} of {published} photographs" if published not in (None, count) else f"{count} photographs"


def training_in_words(training: dict[str, Any]) -> str:
    """Say which epoch's weights were kept, from ``metrics/train.json``."""
    epochs, members, validation = training["epochs"], training.get("members", []), training["validation"]
    networks = f"{len(members)} networks, " if members else ""
    if validation is None:
        return f"{networks}last of {epochs} epochs, no validation"
    mean = "mean " if members else ""
    best = f"{networks}{mean}best epoch {training['best_epoch']} of {epochs}"
    return f"{best}, {mean}validation loss {validation['loss']:.3f}"


def headline(root: Path) -> str:
    """Return a few lines: what data, how well, where the report lies.

    Args:
        root: A checkout in which the pipeline has run.

    Raises:
        LithoscopeError: It has not.
    """
    dataset = read_json(root / "build" / "dataset.json")
    (split, figures), *_ = read_json(root / "metrics" / "evaluation.json").items()
    training = read_json(root / "metrics" / "train.json")
    kind = " (synthetic: drawn, not photographed)" if dataset["synthetic"] else ""
    macro = figures["macro"]
    photographs = photographs_in_words(read_json(root / "metrics" / "data.json")["photographs"], dataset["published"])
    return "\n".join(
        [
            f"data        {dataset['title']}, {len(dataset['classes'])} classes, {photographs}{kind}",
            f"{split:<11} accuracy {accuracy_in_words(figures)} (95 % Wilson interval)",
            f"            loss {figures['loss']:.3f}, top-3 accuracy {figures['top3_accuracy']:.3f}, "
            f"macro F1 {macro['f1']:.3f}",
            f"training    {training_in_words(training)}",
            f"report      {root / 'report' / 'index.html'}",
        ]
    )
