"""The pipeline's part of the answers, with a made-up network: features are the squares themselves."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.evaluation import answered
from lithoscope.evaluation.score import SplitLogits

RNG = np.random.default_rng(0)
PREDICTOR: Any = SimpleNamespace(
    description=SimpleNamespace(classes=["a", "b", "c"], temperature=1.0), logits=lambda images: images[:, 0, :3, 0]
)
PARAMETERS: Any = SimpleNamespace(evaluate=SimpleNamespace(on="test"))


def split(count: int) -> tuple[ArraySplit, SplitLogits]:
    labels = RNG.integers(0, 3, count)
    images = RNG.normal(0, 1, (count, 2, 4, 3)).astype(np.float32)
    images[np.arange(count), 0, labels, 0] += 4
    ids = [f"{count} {number}" for number in range(count)]
    packed = ArraySplit(images, ids, labels, np.zeros(count, np.int64), ["a", "b", "c"])  # type: ignore[arg-type]
    return packed, SplitLogits(ids, ids, labels, images[:, 0, :3, 0])


def measured(folder: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, most: int) -> tuple[dict[str, Any], int]:
    """Return the figures, and of how many photographs features were held at most."""
    held = [0]

    def features(_: object, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        held[0] = max(held[0], len(images))
        return images.reshape(len(images), -1)

    monkeypatch.setattr(answered, "plain_features", features)
    monkeypatch.setattr(answered, "starting_weights", lambda *_: None)
    monkeypatch.setattr(answered, "is_untouched", lambda *_: False)
    monkeypatch.setattr(answered, "read_groups", lambda _, ids: ids)
    monkeypatch.setattr(answered, "_AT_ONCE", at_once)
    monkeypatch.setattr(answered, "MOST", most)
    answered.measure_answers(folder, PARAMETERS, PREDICTOR, TRAINING, SAID, PICTURES, {}, None)  # type: ignore[arg-type]
    return json.loads((folder / answered.METRICS).read_text(encoding="utf-8"))["test"], held[0]


TRAINING, _ = split(90)
VALIDATION, VALIDATED = split(60)
SCORED, SAID_OF_SCORED = split(70)
SAID = {"validation": VALIDATED, "scored": SAID_OF_SCORED}
PICTURES = {"validation": VALIDATION.images, "scored": SCORED.images}


def test_features_of_few_photographs_are_held_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, all_of_them = measured(tmp_path / "whole", monkeypatch, 1000, 1000)
    parts, held = measured(tmp_path / "parts", monkeypatch, 16, 1000)
    assert all_of_them == held == len(TRAINING.labels), "the training photographs are held against, and so held"
    assert parts == whole
    drawn, held = measured(tmp_path / "drawn", monkeypatch, 16, 40)
    assert held == 40, "a draw of the training and of the validation photographs"
    assert drawn["n"] == whole["n"] == len(SCORED.labels)
    assert abs(drawn["right"]["share"] - whole["right"]["share"]) < 0.2
