"""Runs side by side: what differs between their parameters, how they learned, how sure their accuracies are."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.experiments.accuracy_difference import describe_difference
from lithoscope.experiments.recipes import PLACES
from lithoscope.experiments.run_results import RunResults, read_results
from lithoscope.reporting.headline import short
from lithoscope.tracking import PastRun, open_store

NO_EXPERIMENT = "(no DVC experiment)"
_FOLDER = "folder"  # the data set of photographs of the user's own


@dataclass(frozen=True)
class AccuracyInterval:
    """An accuracy with its 95 % interval: the one that was evaluated, else Wilson's.

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

    @property
    def words(self) -> str:
        """E.g. ``.912 [.881, .936]``."""
        return f"{short(self.accuracy)} [{short(self.low)}, {short(self.high)}]"


@dataclass(frozen=True)
class ComparedRun:
    """One run beside others.

    Attributes:
        number: From 1, as in the charts.
        results: What is kept of it.
        differences: Its values of the parameters that are not the same in all runs.
        against: Its accuracy against that of the reference, in words; "" of the reference itself, and where either
            one's predictions are not kept.
    """

    number: int
    results: RunResults
    differences: dict[str, str]
    against: str = ""

    @property
    def run(self) -> PastRun:
        """What MLflow keeps of it."""
        return self.results.run

    @property
    def name(self) -> str:
        """The DVC experiment, or the run's name and the beginning of its id."""
        return self.run.experiment or f"{self.run.name} {self.run.run_id[:8]}"

    @property
    def curves(self) -> dict[str, dict[int, float]]:
        """For each of :data:`lithoscope.experiments.run_results.CURVES` its value at each epoch."""
        return self.results.curves

    @property
    def best_epoch(self) -> int | None:
        """The epoch that was kept; the last one where nothing validated."""
        best = self.run.metrics.get("best_epoch")
        return None if best is None else int(best)

    @property
    def accuracies(self) -> list[AccuracyInterval]:
        """What the ``evaluate`` stage found, test first; empty where it has not run."""
        return [found for split in ("test", "validation") if (found := self.accuracy(split)) is not None]

    def accuracy(self, split: str) -> AccuracyInterval | None:
        """Return the accuracy on a split, None where it was not scored."""
        accuracy, n = self.run.metrics.get(f"{split}.accuracy"), int(self.run.metrics.get(f"{split}.n", 0))
        if accuracy is None or not n:
            return None
        low, high = (self.run.metrics.get(f"{split}.interval.accuracy.{end}") for end in ("low", "high"))
        if low is None or high is None:  # of earlier versions
            low, high = wilson(round(accuracy * n), n)
        return AccuracyInterval(split, accuracy, n, low, high)

    def at_best_epoch(self, curve: str) -> float | None:
        """Return a curve's value at the best epoch."""
        return self.curves[curve].get(self.best_epoch or 0)


def compare_runs(
    root: Path, names: Sequence[str] = (), last: int | None = None, reference: str | None = None
) -> list[ComparedRun]:
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
        chosen = [_find_named(name, runs) for name in dict.fromkeys(names)]
    else:
        chosen = [run for run in runs if run.status == "FINISHED" and _has_figures(run)][:last][::-1]
    if not chosen:
        raise LithoscopeError("MLflow holds no finished run to compare; train one with: dvc repro")
    if reference is not None:
        leading = _find_named(reference, runs)
        chosen = [leading, *(run for run in chosen if run.run_id != leading.run_id)]
    keys = [key for key in _keys(chosen) if len({run.parameters.get(key) for run in chosen}) > 1]
    first, *others = read_results(root, store, chosen)
    against = ["", *(_difference(first, other) for other in others)]
    return [
        ComparedRun(number, results, {key: results.run.parameters.get(key, "–") for key in keys}, difference)
        for number, (results, difference) in enumerate(zip((first, *others), against, strict=True), start=1)
    ]


def _difference(reference: RunResults, other: RunResults) -> str:
    if reference.predictions is None or other.predictions is None:
        return ""
    return describe_difference(reference.predictions, other.predictions, same_set=same_data_set(reference, other))


def same_data_set(one: RunResults, other: RunResults) -> bool:
    """Say whether two runs read one data set; a user's folders are one where they lie or what they hold is the same."""
    datasets = [results.run.parameters.get("dataset") for results in (one, other)]
    if datasets[0] != datasets[1] or datasets[0] != _FOLDER:
        return datasets[0] == datasets[1]
    if one.run.parameters.get("mirror") == other.run.parameters.get("mirror"):
        return True
    labels = [results.predictions and results.predictions.label_by_id() for results in (one, other)]
    return labels[0] is not None and labels[0] == labels[1]


def _has_figures(run: PastRun) -> bool:
    return any(name in run.metrics for name in ("test.accuracy", "validation.accuracy", "val_loss", "train_loss"))


def _find_named(name: str, runs: Sequence[PastRun]) -> PastRun:
    matching = [
        run for run in runs if name in (run.experiment, run.name) or (len(name) >= 6 and run.run_id.startswith(name))
    ]
    if not matching:
        known = sorted({run.experiment or run.name for run in runs})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LithoscopeError(
            f"MLflow holds no run of {name}: {hint}`lithoscope compare` alone shows all; an experiment that DVC took "
            "from its cache opened no run of its own"
        )
    # A name can be used again after `dvc exp remove`; a finished run says more than one that broke off.
    return next((run for run in matching if run.status == "FINISHED"), matching[0])


def _keys(runs: Sequence[PastRun]) -> list[str]:
    return [key for key in dict.fromkeys(key for run in runs for key in run.parameters) if key not in PLACES]


def comparison_table(compared: Sequence[ComparedRun]) -> tuple[list[str], list[list[str]]]:
    """Return a table's head and its lines, one a run, in words for a terminal or a page."""
    keys = list(compared[0].differences)
    head = ["", "experiment", *keys, "best epoch", "validation loss", "validation", "test [95 %]", "n", "seconds"]
    lines = [_row(run) for run in compared]
    if any(run.against for run in compared):
        head.insert(-1, f"accuracy against {compared[0].number}")
        for run, line in zip(compared, lines, strict=True):
            line.insert(-1, run.against or "–")
    return head, lines


def _row(run: ComparedRun) -> list[str]:
    epochs = max(run.curves["train_loss"], default=0)
    validation, test = run.accuracy("validation"), run.accuracy("test")
    loss, accuracy = run.at_best_epoch("val_loss"), run.at_best_epoch("val_accuracy")
    plain = "–" if accuracy is None else short(accuracy)
    seconds = run.run.metrics.get("seconds")
    name = run.run.experiment or f"{NO_EXPERIMENT} {run.name}"
    return [
        str(run.number),
        name if run.run.status == "FINISHED" else f"{name}, {run.run.status.lower()}",
        *run.differences.values(),
        "–" if run.best_epoch is None else f"{run.best_epoch} of {epochs}",
        "–" if loss is None else f"{loss:.3f}",
        validation.words if validation else plain,
        test.words if test else "–",
        str(test.n if test else validation.n if validation else "–"),
        "–" if seconds is None else f"{seconds:.0f}",
    ]


_NOTE = (
    "Accuracy against {reference}: difference with its 95 % interval of a paired bootstrap over photographs, "
    "near-duplicates and specimens together, and McNemar's exact test, on the photographs that both were scored on. "
    "Where those differ it says so, and the two count as independent samples (Newcombe's interval, Fisher's exact "
    "test, at the effective numbers of photographs). Each line stands by itself: of twenty experiments that are no "
    "better, one may be shown to be by luck."
)


def comparison_note(compared: Sequence[ComparedRun]) -> str:
    """Return what the table's words mean where accuracies are compared, else nothing."""
    return _NOTE.format(reference=compared[0].number) if any(run.against for run in compared) else ""
