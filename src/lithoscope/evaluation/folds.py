"""Folds of photographs, with no group of near-duplicates on two sides (stratified group k-fold cross-validation)."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from lithoscope.core.random_streams import integer_seed

FOLDS = 5
Rows = npt.NDArray[np.intp]


def grouped_folds(labels: npt.NDArray[np.int64], groups: Sequence[str], purpose: str) -> Iterator[tuple[Rows, Rows]]:
    """Yield the rows to fit and the rows that are held out, :data:`FOLDS` times; fewer where a class has fewer groups.

    Photographs of classes with fewer than two groups are in neither: who learnt without them knows no such class. Where
    fewer than two classes are left there is no fold.

    Args:
        labels: int64 (n,).
        groups: The group of near-duplicates each photograph belongs to.
        purpose: What the folds are for; each purpose has draws of its own.
    """
    clusters = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    sizes = {int(label): len(np.unique(clusters[labels == label])) for label in np.unique(labels)}
    kept = [label for label, size in sizes.items() if size >= 2]
    if len(kept) < 2:
        return
    rows = np.flatnonzero(np.isin(labels, kept))
    shuffle = integer_seed(0, purpose) % 2**32
    folds = StratifiedGroupKFold(min(FOLDS, *(sizes[label] for label in kept)), shuffle=True, random_state=shuffle)  # type: ignore[no-untyped-call]
    for fit, held in folds.split(rows, labels[rows], clusters[rows]):  # type: ignore[no-untyped-call]
        yield rows[fit], rows[held]
