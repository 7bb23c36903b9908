"""Scoring of a model from its logits: the figures, intervals, comparisons and curves of the ``evaluate`` stage."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.calibration import brier_score, calibration_error, error_if_calibrated, reliability_table
from lithoscope.evaluation.metric_intervals import as_file, figure_intervals
from lithoscope.evaluation.metrics import evaluate, prediction_table
from lithoscope.evaluation.selective import Threshold, accuracy_by_coverage, apply_threshold, choose_threshold
from lithoscope.evaluation.specimens import specimen_figures
from lithoscope.evaluation.statistics.against_baselines import against_baselines, comparison_lines
from lithoscope.evaluation.superclasses import coarse_figures
from lithoscope.models.temperature import tempered

Labels = npt.NDArray[np.int64]
FILES = ("headline", "evaluation", "per_class", "baselines", "comparisons")
"""What of :class:`EvaluationResult` is a file of figures, ``metrics/NAME.json``."""
TABLES = ("predictions", "reliability", "selective")
"""What of it is a table, ``plots/NAME.csv``."""


@dataclass(frozen=True)
class SplitLogits:
    """What a model said of the photographs of a split.

    Attributes:
        ids: Of the photographs, n of them.
        groups: The group of duplicates each belongs to.
        labels: Indices of the true classes, int64 (n,).
        logits: Float (n, classes), without a temperature.
        specimens: What each shows, ``""`` for no named one.
        clustered: Whether groups are specimens, photographers or localities, not duplicates alone.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    labels: Labels
    logits: npt.NDArray[np.float32]
    specimens: Sequence[str] = ()
    clustered: bool = False


@dataclass(frozen=True)
class EvaluationResult:
    """What the stage writes, each as its file has it.

    Attributes:
        evaluation: ``metrics/evaluation.json`` of the split.
        per_class: ``metrics/per_class.json`` of the split.
        baselines: ``metrics/baselines.json`` of the split.
        comparisons: ``metrics/comparisons.json`` of the split.
        probabilities: Calibrated, float32 (n, classes).
        predictions: ``plots/predictions.csv``.
        reliability: ``plots/reliability.csv``.
        selective: ``plots/selective.csv``.
        lines: For the terminal.
    """

    evaluation: dict[str, Any]
    per_class: dict[str, dict[str, float]]
    baselines: dict[str, float]
    comparisons: dict[str, Any]
    probabilities: npt.NDArray[np.float32]
    predictions: pd.DataFrame
    reliability: pd.DataFrame
    selective: pd.DataFrame
    lines: list[str]

    @property
    def headline(self) -> dict[str, float]:
        """``metrics/headline.json`` of the split: the few figures that `dvc metrics show` and `dvc exp show` list."""
        ends = self.evaluation["interval"]["accuracy"]
        return {
            "accuracy": self.evaluation["accuracy"],
            "accuracy_low": ends["low"],
            "accuracy_high": ends["high"],
            "macro_f1": self.evaluation["macro"]["f1"],
            "loss": self.evaluation["loss"],
            "ece": self.evaluation["ece"],
        }

    def write(self, root: Path, split: str) -> list[Path]:
        """Write the files of figures and the tables, and return their paths below the root."""
        metrics = {name: Path(f"metrics/{name}.json") for name in FILES}
        tables = {name: Path(f"plots/{name}.csv") for name in TABLES}
        for folder in ("metrics", "plots"):
            (root / folder).mkdir(exist_ok=True)
        for name, path in metrics.items():
            values = {split: getattr(self, name)}
            (root / path).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, path in tables.items():
            # DVC's plots draw an empty cell as 0, and leave NaN out.
            table: pd.DataFrame = getattr(self, name)
            table.to_csv(root / path, index=False, lineterminator="\n", float_format="%.6f", na_rep="NaN")
        return [*metrics.values(), *tables.values()]


def score(
    scored: SplitLogits,
    validation: SplitLogits,
    baselines: Mapping[str, Labels],
    *,
    split: str,
    classes: Sequence[str],
    coarse: Mapping[str, str],
    temperature: float,
    calibrated_on: int,
) -> EvaluationResult:
    """Score a model on one split.

    Args:
        scored: At least one photograph.
        validation: What chooses the confidence threshold; may hold none. Where validation is what is scored, the
            threshold was chosen on the very photographs it is judged by, and ``selective.in_sample`` is true.
        baselines: What each baseline said of the scored photographs, int64 (n,).
        split: ``test`` or ``validation``.
        classes: Names of the classes.
        coarse: The coarse class of each class; empty where the set has none.
        temperature: The model's.
        calibrated_on: Of how many validation photographs it was fitted; 0 = it was not.
    """
    before, after = tempered(scored.logits, 1.0), tempered(scored.logits, temperature)
    labels, groups = scored.labels, scored.groups
    predicted, confidence = after.argmax(axis=1), after.max(axis=1)
    right = predicted == labels
    figures = evaluate(after, labels, classes)
    clustered = scored.clustered
    intervals = figure_intervals(after, labels, groups, split, clustered=clustered)
    uncalibrated = (
        intervals if temperature == 1 else figure_intervals(before, labels, groups, split, clustered=clustered)
    )
    expected, highest = error_if_calibrated(after, generator(0, "calibrated", split))
    overall = {
        **figures.overall,
        **_quality(after, labels),
        "interval": as_file(intervals),
        "calibration": {
            "temperature": temperature,
            "photographs": calibrated_on,
            "before": {
                "loss": evaluate(before, labels, classes).overall["loss"],
                **_quality(before, labels),
                "interval": as_file({name: uncalibrated[name] for name in ("loss", "ece", "brier")}),
            },
            "ece_if_calibrated": {"mean": round(expected, 6), "high": round(highest, 6)},
        },
        "selective": {
            **apply_threshold(_threshold(validation, temperature), confidence, right),
            "in_sample": split == "validation",
        },
    }
    if kinds := coarse_figures(predicted, labels, classes, coarse):
        overall["coarse"] = kinds
    if clustered:
        overall["groups"] = len(set(groups))
    if each := specimen_figures(after, labels, scored.specimens, groups, split):
        overall["specimens"] = each
    answers = {name: found == labels for name, found in baselines.items()}
    comparisons = against_baselines(scored.ids, groups, right, answers, split)
    return EvaluationResult(
        overall,
        figures.per_class,
        {name: round(float(found.mean()), 6) for name, found in answers.items()},
        comparisons,
        after,
        prediction_table(scored.ids, split, labels, after, classes, scored.specimens),
        reliability_table(before, after, labels),
        accuracy_by_coverage(confidence, right),
        [*_lines(overall, split), *comparison_lines(comparisons)],
    )


def _quality(probabilities: npt.NDArray[np.float32], labels: Labels) -> dict[str, float]:
    return {
        "ece": round(calibration_error(probabilities, labels), 6),
        "brier": round(brier_score(probabilities, labels), 6),
    }


def _threshold(validation: SplitLogits, temperature: float) -> Threshold:
    """Choose the threshold by one photograph of each group of duplicates, the first."""
    _, firsts = np.unique(np.asarray(validation.groups, dtype=str), return_index=True)
    probabilities = tempered(validation.logits[firsts], temperature)
    return choose_threshold(probabilities.max(axis=1), probabilities.argmax(axis=1) == validation.labels[firsts])


def _lines(overall: Mapping[str, Any], split: str) -> list[str]:
    def shown(name: str, value: float) -> str:
        ends = overall["interval"][name]
        return f"{value:.3f} [{ends['low']:.3f}, {ends['high']:.3f}]"

    before, selective = overall["calibration"]["before"], overall["selective"]
    lines = [
        f"{split}: accuracy {shown('accuracy', overall['accuracy'])} of {overall['n']} photographs, "
        f"loss {shown('loss', overall['loss'])}, macro F1 {shown('macro_f1', overall['macro']['f1'])}",
        f"calibration error {before['ece']:.3f} before, {shown('ece', overall['ece'])} after temperature "
        f"{overall['calibration']['temperature']:g}",
    ]
    if selective["threshold"] is None:
        lines.append(f"no confidence from which it is right 95 % of the time: {selective['reason']}")
    else:
        lines.append(
            f"from confidence {selective['threshold']:.3f} on, chosen on validation to be right 95 % of the time: "
            f"{selective.get('accuracy', float('nan')):.3f} right of {selective['n']} photographs"
        )
    if each := overall.get("specimens"):
        ends = f"[{each['low']:.3f}, {each['high']:.3f}]"
        lines.append(
            f"accuracy per specimen {each['accuracy']:.3f} {ends} of {each['n']} specimens, the answers of each one's "
            "photographs averaged"
        )
    if "coarse" in overall:
        lines.append(f"coarse classes: accuracy {overall['coarse']['accuracy']:.3f}")
    return lines
