"""Runs side by side: what differs between their parameters, how they learned, how sure their accuracies are."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.experiments.accuracy_difference import against, predictions_of
from lithoscope.experiments.recipes import PLACES
from lithoscope.gate.scores import Scores
from lithoscope.reporting.headline import share_in_words, short
from lithoscope.tracking import PastRun, Store, open_store

CURVES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
SHEET = "photographs.png"  # as the `evaluate` stage logs it
NO_EXPERIMENT = "(no DVC experiment)"
_FOLDER = "folder"  # the data set of photographs of the user's own


@dataclass(frozen=True)
class Scored:
    """An accuracy with its 95 % Wilson interval.

    Attributes:
        split: ``test`` or ``validation``.
        accuracy: 0 … 1.
        n: How many photographs.
        low: Lower end of the interval.
        high: Upper end.
    """

    split: str
    accuracy: float
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """One run beside others.

    Attributes:
        number: From 1, as in the charts.
        run: What MLflow keeps of it.
        differences: Its values of the parameters that are not the same in all runs.
        curves: For each of :data:`CURVES` its value at each epoch.
        best_epoch: The epoch that was kept; the last one where nothing validated.
        scored: What the ``evaluate`` stage found, test first; empty where it has not run.
        sheet: PNG with photographs and what the model said of them; None where the run kept none.
        against: Its accuracy against that of the reference, in words; "" of the reference itself, and where either
            one's predictions are not kept.
    """

    number: int
    run: PastRun
    differences: dict[str, str]
    curves: dict[str, dict[int, float]]
    best_epoch: int | None
    scored: list[Scored]
    sheet: bytes | None
    against: str = ""

    @property
    def name(self) -> str:
        """The DVC experiment, or the run's name and the beginning of its id."""
        return self.run.experiment or f"{self.run.name} {self.run.run_id[:8]}"

    def at_best(self, curve: str) -> float | None:
        """Return a curve's value at the best epoch."""
        return self.curves[curve].get(self.best_epoch or 0)

    def score(self, split: str) -> Scored | None:
        """Return what was found on a split."""
        return next((scored for scored in self.scored if scored.split == split), None)


def compare_runs(
    root: Path, names: Sequence[str] = (), last: int | None = None, reference: str | None = None
) -> list[Compared]:
    """Gather runs from MLflow, and compare each one's accuracy with that of one of them.

    Args:
        root: The checkout whose store is read.
        names: DVC experiments (the newest run of each), names of runs, or beginnings of run ids; none: all runs that
            have figures, the oldest first.
        last: Only so many of the newest.
        reference: What the others are compared with, named like ``names``; it then comes first. None: the first one.

    Raises:
        LithoscopeError: There is no such run, or none at all.
    """
    store = open_store(root)[1]
    runs = store.past_runs()
    if names:
        chosen = [_named(name, runs) for name in dict.fromkeys(names)]
    else:
        chosen = [run for run in runs if run.status == "FINISHED" and _has_figures(run)][:last][::-1]
    if not chosen:
        raise LithoscopeError("MLflow holds no finished run to compare; train one with: dvc repro")
    if reference is not None:
        first = _named(reference, runs)
        chosen = [first, *(run for run in chosen if run.run_id != first.run_id)]
    keys = [key for key in _keys(chosen) if len({run.parameters.get(key) for run in chosen}) > 1]
    compared = [_compared(store, number, run, keys) for number, run in enumerate(chosen, start=1)]
    return _with_differences(root, store, compared)


def _with_differences(root: Path, store: Store, compared: Sequence[Compared]) -> list[Compared]:
    """Compare each run's accuracy with that of the first."""
    first, *others = compared
    told = predictions_of(root, store, first.run) if others and first.scored else None
    if told is None:
        return list(compared)
    found = [first]
    for one in others:
        scores = predictions_of(root, store, one.run) if one.scored else None
        same = scores is not None and same_set(first.run, told, one.run, scores)
        found.append(one if scores is None else replace(one, against=against(told, scores, same_set=same)))
    return found


def same_set(first: PastRun, told: Scores, other: PastRun, scores: Scores) -> bool:
    """Say whether two runs read one data set; a user's folders are one where they lie or what they hold is the same."""
    mine, others = (run.parameters.get("dataset") for run in (first, other))
    if mine != others or mine != _FOLDER:
        return mine == others
    return first.parameters.get("mirror") == other.parameters.get("mirror") or told.labelled() == scores.labelled()


def _has_figures(run: PastRun) -> bool:
    return any(name in run.metrics for name in ("test.accuracy", "validation.accuracy", "val_loss", "train_loss"))


def _named(name: str, runs: Sequence[PastRun]) -> PastRun:
    fitting = [
        run for run in runs if name in (run.experiment, run.name) or (len(name) >= 6 and run.run_id.startswith(name))
    ]
    if not fitting:
        known = sorted({run.experiment or run.name for run in runs})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LithoscopeError(
            f"MLflow holds no run of {name}: {hint}`lithoscope compare` alone shows all; an experiment that DVC took "
            "from its cache opened no run of its own"
        )
    # A name can be used again after `dvc exp remove`; a finished run says more than one that broke off.
    return next((run for run in fitting if run.status == "FINISHED"), fitting[0])


def _keys(runs: Sequence[PastRun]) -> list[str]:
    return [key for key in dict.fromkeys(key for run in runs for key in run.parameters) if key not in PLACES]


def _compared(store: Store, number: int, run: PastRun, keys: Sequence[str]) -> Compared:
    curves = {name: store.by_epoch(run.run_id, name) for name in CURVES}
    best = run.metrics.get("best_epoch")
    scored = []
    for split in ("test", "validation"):
        accuracy, n = run.metrics.get(f"{split}.accuracy"), int(run.metrics.get(f"{split}.n", 0))
        if accuracy is not None and n:
            scored.append(Scored(split, accuracy, n, *wilson(round(accuracy * n), n)))
    differences = {key: run.parameters.get(key, "–") for key in keys}
    sheet = store.file(run.run_id, SHEET)
    return Compared(number, run, differences, curves, None if best is None else int(best), scored, sheet)


def comparison_table(compared: Sequence[Compared]) -> tuple[list[str], list[list[str]]]:
    """Return a table's head and its lines, one a run, in words for a terminal or a page."""
    keys = list(compared[0].differences)
    head = ["", "experiment", *keys, "best epoch", "validation loss", "validation", "test [95 %]", "n", "seconds"]
    lines = [_row(run) for run in compared]
    if any(run.against for run in compared):
        head.insert(-1, f"accuracy against {compared[0].number}")
        for run, line in zip(compared, lines, strict=True):
            line.insert(-1, run.against or "–")
    return head, lines


def _row(run: Compared) -> list[str]:
    epochs = max(run.curves["train_loss"], default=0)
    validation, test = run.score("validation"), run.score("test")
    loss, accuracy = run.at_best("val_loss"), run.at_best("val_accuracy")
    plain = "–" if accuracy is None else short(accuracy)
    seconds = run.run.metrics.get("seconds")
    name = run.run.experiment or f"{NO_EXPERIMENT} {run.name}"
    return [
        str(run.number),
        name if run.run.status == "FINISHED" else f"{name}, {run.run.status.lower()}",
        *run.differences.values(),
        "–" if run.best_epoch is None else f"{run.best_epoch} of {epochs}",
        "–" if loss is None else f"{loss:.3f}",
        share_in_words(validation.accuracy, validation.n) if validation else plain,
        share_in_words(test.accuracy, test.n) if test else "–",
        str(test.n if test else validation.n if validation else "–"),
        "–" if seconds is None else f"{seconds:.0f}",
    ]


_NOTE = (
    "Accuracy against {reference}: difference with its 95 % interval of a paired bootstrap over photographs, "
    "near-duplicates together, and McNemar's exact test, on the photographs that both were scored on. Where those "
    "differ it says so, and the two count as independent samples (Newcombe's interval, Fisher's exact test). Each line "
    "stands by itself: of twenty experiments that are no better, one may be shown to be by luck."
)


def comparison_note(compared: Sequence[Compared]) -> str:
    """Return what the table's words mean where accuracies are compared, else nothing."""
    return _NOTE.format(reference=compared[0].number) if any(run.against for run in compared) else ""
