"""Budgets of a model's size, from ``dvc.lock``, and of a prediction's time, measured against the baseline's."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.revision_files import NotThereError, fetch_revision_files
from lithoscope.gate.result_files import ResultFiles

MODEL = "build/model"
REPEATS = 15
PICTURES = 16


@dataclass(frozen=True)
class Budget:
    """One budget.

    Attributes:
        name: What is limited.
        ratio: How many times the baseline's it is; None where that cannot be told.
        limit: How many times it may be.
        over: Whether it is too much.
        text: The figures, or why there are none.
    """

    name: str
    ratio: float | None
    limit: float
    over: bool
    text: str


def size_budget(baseline: ResultFiles, current: ResultFiles, limit: float) -> Budget:
    """Compare the bytes of the two models, as ``dvc.lock`` records them."""
    before, now = ((results.lock_entry(MODEL) or {}).get("size") for results in (baseline, current))
    if not before or not now:
        lacking = baseline if not before else current
        return Budget("model size", None, limit, False, f"cannot tell: no size of {MODEL} in {lacking.name}")
    ratio = now / before
    return Budget("model size", ratio, limit, ratio > limit, f"{before:,} → {now:,} bytes")


def time_budget(root: Path, baseline: ResultFiles, current: ResultFiles, limit: float) -> Budget:
    """Time predictions of both models on the same made-up pictures, in turn, in this very process.

    The models come from the workspace or DVC's cache. Only ratios within a pair count, so that a busy machine slows
    both; the budget is overdrawn where significantly more than half of the pairs are over it (sign test, one-sided,
    at 0.95).
    """
    name = "prediction time"
    try:
        with tempfile.TemporaryDirectory() as folder:
            predict = [
                _predictor(root, results, Path(folder) / str(n)) for n, results in enumerate((baseline, current))
            ]
            ratios = _ratios(*predict)
    except LithoscopeError as error:
        return Budget(name, None, limit, False, f"cannot tell: {error}")
    above = int((ratios > limit).sum())
    over = float(binomtest(above, len(ratios), alternative="greater").pvalue) <= 0.05
    spread = f"{ratios.min():.2f} to {ratios.max():.2f}"
    return Budget(name, float(np.median(ratios)), limit, over, f"median of {len(ratios)} pairs, {spread}")


def _predictor(root: Path, results: ResultFiles, folder: Path) -> Callable[[], object]:
    from lithoscope.models.predictor import Predictor

    if results.commit is None and not results.is_workspace:
        raise LithoscopeError(f"{results.name} holds no model")
    try:
        fetch_revision_files(root, results.commit, [(MODEL, folder)])
    except NotThereError:
        raise LithoscopeError(f"the model of {results.name} is not in DVC's cache") from None
    predictor = Predictor.load(folder)
    side_length = predictor.description.architecture.image_size
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, side_length, side_length, 3), dtype=np.uint8)
    return lambda: predictor.probabilities(pictures)


def _ratios(
    baseline: Callable[[], object], current: Callable[[], object]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    for way in (baseline, current):  # the first call also allocates
        way()
    ratios = []
    for number in range(REPEATS):
        seconds = {}
        for way in (baseline, current) if number % 2 == 0 else (current, baseline):
            started = time.perf_counter()
            way()
            seconds[way] = time.perf_counter() - started
        ratios.append(seconds[current] / seconds[baseline])
    return np.array(ratios)
