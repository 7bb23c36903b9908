"""The headline figures of the workspace, for the end of ``make repro``."""

import json
from pathlib import Path
from typing import Any

from lithoscope.errors import LithoscopeError
from lithoscope.intervals import wilson


def read_json(path: Path) -> dict[str, Any]:
    """Read a metrics file.

    Raises:
        LithoscopeError: It is not there or damaged.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing; run `dvc repro` first") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LithoscopeError(f"{path}: damaged ({error}); run `dvc repro`") from None
    return values


def accuracy_in_words(figures: dict[str, Any]) -> str:
    """Return an accuracy with its 95 % Wilson interval and its n, e.g. ``.912 [.881, .936], n = 420``."""
    return f"{share_in_words(float(figures['accuracy']), int(figures['n']))}, n = {int(figures['n'])}"


def share_in_words(share: float, n: int, *, whole: bool = True) -> str:
    """Return a share of n with its 95 % Wilson interval, e.g. ``.912 [.881, .936]``.

    Args:
        share: 0 … 1.
        n: Of how many.
        whole: Whether the share is a count of those n; a mean over several readings is not.
    """
    low, high = wilson(round(share * n) if whole else share * n, n)
    shown = [short(value) for value in (share, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def short(share: float) -> str:
    """Write a share with three digits and no leading nought, e.g. ``.912``."""
    return f"{float(share):.3f}".replace("0.", ".", 1)


def photographs_in_words(count: int, published: int | None) -> str:
    """Return e.g. ``758 of 956 photographs`` where the set as published has more of them."""
    return f"{count} of {published} photographs" if published not in (None, count) else f"{count} photographs"


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
            f"training    best epoch {training['best_epoch']} of {training['epochs']}, "
            f"validation loss {training['validation']['loss']:.3f}",
            f"report      {root / 'report' / 'index.html'}",
        ]
    )
