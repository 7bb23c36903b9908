"""Results of runs, wherever they lie: MLflow, the Git commit of a DVC experiment, or a folder.

MLflow keeps a run's figures and, where its server took them, its table of predictions; the commit of a run's DVC
experiment has that table too, and alone knows the near-duplicates. The store is asked once for each run, Git once for
all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import read_blobs
from lithoscope.experiments.dvc_runs import finished_refs
from lithoscope.gate.predictions import Predictions, read_prediction_table, read_predictions
from lithoscope.gate.result_files import PREDICTIONS, SPLITS, ResultFiles
from lithoscope.tracking import PastRun, Store

CURVES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
SHEET = "photographs.png"  # as the `evaluate` stage logs it


@dataclass(frozen=True)
class RunResults:
    """What is kept of one run.

    Attributes:
        run: Parameters, figures and tags.
        curves: For each of :data:`CURVES` its value at each epoch.
        sheet: PNG with photographs and what the model said of them; None where none was kept.
        predictions: Of the split that was scored; None where nothing holds those of this very run.
    """

    run: PastRun
    curves: dict[str, dict[int, float]]
    sheet: bytes | None
    predictions: Predictions | None


def read_results(root: Path, store: Store, runs: Sequence[PastRun]) -> list[RunResults]:
    """Read what is kept of runs.

    Args:
        root: The checkout, whose Git holds the DVC experiments.
        store: The MLflow store that holds the runs.
        runs: Which.
    """
    committed = _committed_results(root, {run.experiment for run in runs if run.experiment})
    return [
        RunResults(
            run,
            {name: store.by_epoch(run.run_id, name) for name in CURVES},
            store.file(run.run_id, SHEET),
            _predictions(run, store.file(run.run_id, Path(PREDICTIONS).name), committed.get(run.experiment, [])),
        )
        for run in runs
    ]


def _committed_results(root: Path, names: Iterable[str]) -> dict[str, list[ResultFiles]]:
    """Return by experiment what its commits hold; several commits may have an experiment of one name."""
    refs = [ref for ref in finished_refs(root) if ref.rsplit("/", 1)[1] in names]
    contents = read_blobs(root, (f"{ref}:./{path}" for ref in refs for path in (PREDICTIONS, SPLITS)))
    texts = {name: content.decode("utf-8", errors="replace") for name, content in contents.items()}
    found: dict[str, list[ResultFiles]] = defaultdict(list)
    for ref in refs:
        files = {path: texts[f"{ref}:./{path}"] for path in (PREDICTIONS, SPLITS) if f"{ref}:./{path}" in texts}
        found[ref.rsplit("/", 1)[1]].append(ResultFiles(ref, files))
    return found


def _predictions(run: PastRun, logged: bytes | None, committed: Sequence[ResultFiles]) -> Predictions | None:
    """Return a run's predictions; a table whose accuracy is not the run's belongs to another evaluation."""
    texts = [logged.decode("utf-8", errors="replace")] if logged is not None else []
    for text in [*texts, *(files.files[PREDICTIONS] for files in committed if PREDICTIONS in files.files)]:
        try:
            predictions = read_predictions(text, f"predictions of {run.name}")
        except LithoscopeError:
            continue
        stated = run.metrics.get(f"{predictions.split}.accuracy", -1.0)
        if abs(float(predictions.correct.mean()) - stated) < 1e-5:
            return replace(predictions, groups=_groups(predictions, committed))
    return None


def _groups(predictions: Predictions, committed: Sequence[ResultFiles]) -> list[str]:
    """Return the group of near-duplicates of each photograph; itself where no commit knows of it."""
    for files in committed:
        table = files.split_table()
        if table is not None:
            groups = dict(zip(table["id"], table["group"], strict=True))
            if groups.keys() >= set(predictions.ids):
                return [groups[name] for name in predictions.ids]
    return list(predictions.ids)


def read_run_table(folder: Path) -> pd.DataFrame:
    """Read ``plots/predictions.csv`` of a run whose files lie in a folder.

    Raises:
        LithoscopeError: It is missing or damaged.
    """
    try:
        text = (folder / PREDICTIONS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LithoscopeError(f"{PREDICTIONS} is missing: `dvc repro` makes it") from None
    return read_prediction_table(text, PREDICTIONS)
