"""Answers as a part of the pipeline: the limits of the model, and how often each kind of answer is right."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.config.params import Parameters
from lithoscope.data.packed.arrays import ArraySplit, Pixels
from lithoscope.evaluation.answers.conformal import fewest
from lithoscope.evaluation.answers.figures import answer_figures
from lithoscope.evaluation.answers.limits import REJECTED, fit_limits
from lithoscope.evaluation.answers.rule import KINDS, decisions
from lithoscope.evaluation.embeddings.backbone import starting_weights
from lithoscope.evaluation.held_out import JudgedPhotographs, Refit, held_out, is_untouched, plain_features
from lithoscope.evaluation.metric_intervals import read_groups
from lithoscope.evaluation.score import SplitLogits
from lithoscope.models.predictor import Predictor
from lithoscope.models.temperature import tempered

LIMITS, METRICS = Path("build/limits"), Path("metrics/answers.json")
MOST = 2000
"""So many training photographs, and so many validation photographs, set the limits at most, evenly drawn from all."""
_AT_ONCE = 1024
"""Features of so many photographs are held at a time: of some networks a thousand take 30 MB."""
FEWEST = fewest(REJECTED)


def measure_answers(
    root: Path,
    parameters: Parameters,
    predictor: Predictor,
    training: ArraySplit,
    said: Mapping[str, SplitLogits],
    pictures: Mapping[str, Pixels],
    coarse: Mapping[str, str],
    refit: Refit,
) -> list[str]:
    """Write ``build/limits``, which predictions are held against, and ``metrics/answers.json``.

    Args:
        root: The checkout.
        parameters: Of the run.
        predictor: The trained model.
        training: What it learnt from.
        said: What it says of ``validation`` photographs and of those that are ``scored``.
        pictures: Both, uint8 (n, side, side, 3) each.
        coarse: The coarse class of each class; empty where the set has none.
        refit: Fits a head in closed form; see :data:`lithoscope.evaluation.held_out.Refit`.

    Returns:
        Lines for the terminal.

    Raises:
        LithoscopeError: The weights that training started from are not there or have changed.
    """
    classes, temperature = predictor.description.classes, predictor.description.temperature
    on = parameters.evaluate.on
    shutil.rmtree(root / LIMITS, ignore_errors=True)
    (root / LIMITS).mkdir(parents=True)  # empty where a model has no limits: DVC wants to see its outs
    untouched = is_untouched(predictor, starting_weights(parameters, predictor))
    learnt = _training(root, predictor, training, untouched)
    validated = _photographs(predictor, said["validation"], pictures["validation"])
    known = held_out(learnt, validated, temperature, refit if untouched else None, len(classes))
    limits = fit_limits(known, learnt.features, classes, coarse)
    if limits is None:
        reason = f"{len(known.labels)} held-out photographs are too few, {FEWEST} are needed"
        _write(root / METRICS, {on: {"status": "off", "reason": reason}})
        return [f"answers are names alone: {reason}"]
    limits.save(root / LIMITS)
    scored = said["scored"]
    probabilities = tempered(scored.logits, temperature)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(probabilities), _AT_ONCE)]
    seen = (plain_features(predictor, pictures["scored"][part]) for part in parts)
    familiar = np.concatenate(
        [limits.familiarity(probabilities[part], one) for part, one in zip(parts, seen, strict=True)]
    )
    answers = decisions(probabilities, familiar, limits)
    figures = answer_figures(answers, probabilities, scored.labels, scored.groups, limits, on)
    figures["in_sample"] = on == "validation"  # the limits were set by the very photographs that are scored
    _write(root / METRICS, {on: {"status": "on", **figures}})
    return _lines(figures, on)


def _training(root: Path, predictor: Predictor, split: ArraySplit, untouched: bool) -> JudgedPhotographs:
    own = int((split.copies == 0).sum())  # photographs stand before their augmented copies
    rows = _drawn(own)
    images = split.images[rows] if len(rows) < own else split.images[:own]
    ids = [split.ids[row] for row in rows]
    features = plain_features(predictor, images)
    none: npt.NDArray[np.float32] = np.empty((0, len(split.classes)), np.float32)
    logits = predictor.logits(images) if untouched else none
    groups = read_groups(root / "build" / "splits.csv", ids)
    return JudgedPhotographs(features, split.labels[rows], groups, logits)


def _photographs(predictor: Predictor, said: SplitLogits, images: Pixels) -> JudgedPhotographs:
    rows = _drawn(len(said.labels))
    features = plain_features(predictor, images[rows] if len(rows) < len(said.labels) else images)
    return JudgedPhotographs(features, said.labels[rows], [said.groups[row] for row in rows], said.logits[rows])


def _drawn(photographs: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, photographs - 1, min(photographs, MOST)).round().astype(np.int64)


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _lines(figures: Mapping[str, Any], on: str) -> list[str]:
    kinds = figures["kinds"]
    shares = ", ".join(f"{kind} {kinds[kind]['n']}" for kind in KINDS)
    right, coverage = figures["right"], figures["coverage"]
    return [
        f"answers on {on}: {shares}; right {right['share']:.3f} [{right['low']:.3f}, {right['high']:.3f}]; sets hold "
        f"the true class in {coverage['share']:.3f} [{coverage['low']:.3f}, {coverage['high']:.3f}], "
        f"asked {coverage['asked']:g}"
    ]
