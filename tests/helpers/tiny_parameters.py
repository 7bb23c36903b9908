"""Parameters that train in seconds: our small CNN from scratch on pictures of 32 pixels, whatever the default is."""

import re
from pathlib import Path
from typing import Any

TINY: dict[str, Any] = {
    "image_size": 32,
    "lr": "2e-3",
    "epochs": 1,
    "batch_size": 8,
    "precision": "fp32",
    "threads": 1,
    "augment.copies": 1,
    "augment.rotation": 180,
    "augment.shear": 10,
    "augment.crop": "0.0",
    "augment.online": 0.5,
    "model.name": "cnn",
    "model.weights": "null",
    "model.pooling": "average",
    "model.views": 1,
    "train.adapt": "tune",
    "train.weight_decay": 0.01,
    "train.patience": 8,
    "train.keep": "loss",
    "train.label_smoothing": "0.0",
    "train.head_fit": "gradient",
    "train.head_passes": 0,
    "train.head_refit": "false",
    "train.shrinkage": 0.5,
    "train.norms": "batch",
    "train.frozen": "0.0",
    "train.cached_views": 0,
    "train.ema": "0.0",
}


def with_values(text: str, values: dict[str, Any]) -> str:
    """Return the text of a ``params.yaml`` with other values, under dotted keys; comments stay as they are.

    Raises:
        AssertionError: A key does not stand there once.
    """
    for key, value in values.items():
        block, _, name = key.rpartition(".")
        indent = "  " if block else ""
        start = re.search(rf"^{block}:.*\n", text, re.MULTILINE).end() if block else 0  # type: ignore[union-attr]
        changed, count = re.subn(
            rf"^({indent}{name}: )\S+", rf"\g<1>{value}", text[start:], count=1, flags=re.MULTILINE
        )
        assert count, f"no {key} in params.yaml"
        text = text[:start] + changed
    return text


def make_tiny(path: Path, **values: Any) -> None:
    """Set a ``params.yaml`` to :data:`TINY`, and to what else is given by names at its top."""
    path.write_text(with_values(path.read_text(encoding="utf-8"), {**TINY, **values}), encoding="utf-8")
