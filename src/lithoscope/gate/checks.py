"""Checks beside the statistics: missing figures, inconsistent files, leakage, floors, changed rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lithoscope.config.params import GATE
from lithoscope.core.nested import flatten
from lithoscope.core.numbers import is_number
from lithoscope.gate.predictions import HALF_DIGIT, METRICS, Predictions
from lithoscope.gate.result_files import BASELINES, DATA, EVALUATION, PARAMETERS, PREDICTIONS, SPLITS, ResultFiles
from lithoscope.gate.settings import GateSettings

SHOWN = 3
Kind = Literal["failure", "unknown", "note"]


@dataclass(frozen=True)
class Finding:
    """Something to say besides the metrics: a failure, what cannot be told, or a note that changes nothing."""

    kind: Kind
    text: str


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of nested figures under dotted names; lists, such as a network's members, are left out."""
    return {
        name: float(value)
        for name, value in flatten(values).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _has_reason(figures: Mapping[str, Any], key: str) -> bool:
    """Say whether the block that should hold a number says why it does not: by a ``reason``, or by ``n`` of 0."""
    block: Any = figures
    for name in key.split(".")[:-1]:
        block = block.get(name) if isinstance(block, dict) else None
        if isinstance(block, dict) and (isinstance(block.get("reason"), str) or block.get("n") == 0):
            return True
    return False


def _first_few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def missing_figures(baseline: ResultFiles, current: ResultFiles) -> Iterator[Finding]:
    """Find metrics that the baseline has and these results have not, and numbers that are none."""
    for name in sorted({EVALUATION, *baseline.metrics_files(), *current.metrics_files()}):
        now, before = current.figures(name), baseline.figures(name)
        if now is None:
            if name in current.files:
                yield Finding("failure", f"{name} is damaged: no JSON object")
            elif before is not None or name == EVALUATION:
                yield Finding("failure", f"{name} vanished")
            continue
        figures = numbers(now)
        bad = [f"{key} = {value}" for key, value in figures.items() if not is_number(value)]
        if bad:
            yield Finding("failure", f"{name}: not a number: {_first_few(bad)}")
        # Which duplicates and reasons are counted follows from the photographs; they are no measure of quality.
        gone = [key for key in numbers(before or {}) if key not in figures and not _has_reason(now, key)]
        gone = gone if name != DATA else []
        if gone:
            yield Finding("failure", f"{name}: vanished: {_first_few(gone)}")
    if SPLITS in baseline.files and SPLITS not in current.files:
        yield Finding("failure", f"{SPLITS} vanished")


def changed_test_set(baseline: Predictions, current: Predictions) -> Iterator[Finding]:
    """Find a test set that shrank, and say what else became of it."""
    before, now = baseline.label_by_id(), current.label_by_id()
    gone = sorted(before.keys() - now.keys())
    if len(current) < len(baseline):
        yield Finding(
            "failure",
            f"the {current.split} set shrank from {len(baseline)} to {len(current)}: without {_first_few(gone)}",
        )
    lost = sorted(set(before.values()) - set(now.values()))
    if lost:
        yield Finding("failure", f"the {current.split} set lost every photograph of {_first_few(lost)}")
    if before != now:
        common = sum(now.get(name) == label for name, label in before.items())
        yield Finding("note", f"the {current.split} set changed: {common} of its {len(current)} were in the baseline's")


def same_photographs(baseline: ResultFiles, current: ResultFiles) -> bool:
    """Say whether both were scored on the same photographs: same ids, labels and, where both tell, file contents."""
    if baseline.predictions().label_by_id() != current.predictions().label_by_id():
        return False
    files = []
    for results in (baseline, current):
        table = results.split_table()
        if table is None:
            return True
        files.append(dict(zip(table["id"], table["file"], strict=True)))
    ids = current.predictions().ids
    return all(files[0].get(name) == files[1].get(name) for name in ids)


def inconsistent_figures(current: ResultFiles, predictions: Predictions) -> Iterator[Finding]:
    """Find figures that do not follow from the predictions beside them, so at least one of the two was edited."""
    stated = (current.figures(EVALUATION) or {}).get(predictions.split)
    if not isinstance(stated, dict):
        yield Finding("failure", f"{EVALUATION} says nothing of {predictions.split}, which {PREDICTIONS} scores")
        return
    figures = numbers(stated)
    losses = -np.log(
        np.stack(
            [predictions.p_true + HALF_DIGIT, np.maximum(predictions.p_true - HALF_DIGIT, np.finfo(np.float32).tiny)]
        )
    )
    ranges = {
        "n": (len(predictions),) * 2,
        "accuracy": (METRICS["accuracy"].of(predictions),) * 2,
        "macro.f1": (METRICS["macro_f1"].of(predictions),) * 2,
        "loss": (float(losses[0].mean()), float(losses[1].mean())),  # predictions are written with six digits
    }
    for name, (low, high) in ranges.items():
        if name in figures and not low - 2e-6 <= figures[name] <= high + 2e-6:
            yield Finding(
                "failure",
                f"{EVALUATION} says {predictions.split}.{name} = {figures[name]:g}, {PREDICTIONS} gives {low:.6g}",
            )


def leakage(current: ResultFiles, predictions: Predictions) -> Iterator[Finding]:
    """Find photographs that were scored and had been trained on or chosen the epoch, by name, content or group."""
    table = current.split_table()
    if table is None:
        kind: Kind = "failure" if SPLITS in current.files else "unknown"
        why = "is damaged" if SPLITS in current.files else "is not there"
        yield Finding(kind, f"whether {predictions.split} photographs are in training: {SPLITS} {why}; run: dvc repro")
        return
    scored_split = "val" if predictions.split == "validation" else predictions.split
    scored = table[table["split"] == scored_split]
    if set(scored["id"]) != set(predictions.ids):
        other = sorted(set(scored["id"]) ^ set(predictions.ids))
        yield Finding(
            "failure", f"{PREDICTIONS} and {SPLITS} differ about the {predictions.split} set: {_first_few(other)}"
        )
    ways = {"the same name": "id", "the same file": "file", "the same pixels": "pixels", "near-duplicates": "group"}
    for split, word in (("train", "training"), ("val", "validation")):
        others = table[table["split"] == split] if split != scored_split else table[:0]
        known: set[str] = set()
        for words, column in ways.items():
            shared = scored[scored[column].isin(set(others[column]) - {""}) & ~scored["id"].isin(known)]
            if len(shared):
                known |= set(shared["id"])
                found = f"{len(shared)} photographs of the {predictions.split} set are in {word}, {words}"
                yield Finding("failure", f"{found}: {_first_few(shared['id'].tolist())}")


def below_floors(settings: GateSettings, current: ResultFiles, predictions: Predictions) -> Iterator[Finding]:
    """Find metrics on the wrong side of a hard floor, whatever the baseline was."""
    values = {name: round(METRICS[name].of(predictions), 6) for name in METRICS}
    for name, rule in settings.rules().items():
        if rule.floor is not None and rule.drop_of(rule.floor, values[name]) > 0:
            yield Finding("failure", f"{name} {values[name]:.3f} is worse than its floor {rule.floor:g}")
    if settings.above_baselines:
        models = numbers((current.figures(BASELINES) or {}).get(predictions.split) or {})
        if not models:
            yield Finding(
                "failure", f"{BASELINES} says nothing of {predictions.split}: the floor of accuracy is unknown"
            )
        for name, value in models.items():
            if values["accuracy"] < value:
                yield Finding("failure", f"accuracy {values['accuracy']:.3f} is below the model {name}, {value:.3f}")


def changed_rules(baseline: ResultFiles, current: ResultFiles) -> Iterator[Finding]:
    """Note that the gate itself was changed, since whoever changes the results may not mean to loosen it."""
    before, now = baseline.yaml(PARAMETERS).get(GATE), current.yaml(PARAMETERS).get(GATE)
    if before is not None and before != now:
        was, is_ = flatten(before), flatten(now or {})
        changes = [f"{k} {was.get(k)} → {is_.get(k)}" for k in sorted(was | is_) if was.get(k) != is_.get(k)]
        yield Finding("note", f"the gate's own settings changed, and hold as they are now: {', '.join(changes)}")
