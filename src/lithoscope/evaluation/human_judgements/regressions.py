"""Ridge regression and principal components: from features to people's dimensions, fitted on training photographs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import integer_seed

Floats = npt.NDArray[np.floating]
Map = Callable[[Floats], npt.NDArray[np.float64]]
"""Takes features (n, columns), returns coordinates (n, dimensions)."""

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Tried for the ridge. A photograph's weighted features have a mean sum of squares of 1, whatever the network."""
FOLDS = 6


@dataclass(frozen=True)
class FeatureBlocks:
    """What a network makes of photographs, in blocks that count alike however many columns they have.

    Attributes:
        values: (n, columns).
        blocks: Number of columns of each block.
    """

    values: Floats
    blocks: tuple[int, ...]


def principal_components(features: Floats, dimensions: int) -> Map:
    """Fit a principal component analysis, which knows nothing of people, to standardised features (n, columns)."""
    kept = min(dimensions, *features.shape)
    # scikit-learn carries no type hints.
    fitted = make_pipeline(StandardScaler(), PCA(kept, svd_solver="full")).fit(features)  # type: ignore[no-untyped-call]
    return lambda values: np.asarray(fitted.transform(values), dtype=np.float64)


@dataclass(frozen=True)
class FittedRidge:
    """A ridge regression and the penalty that cross-validation chose for it."""

    predict: Map
    penalty: float


def fit_ridge(features: FeatureBlocks, targets: Floats, groups: Sequence[str]) -> FittedRidge:
    """Fit a ridge regression to all targets at once, its penalty chosen by cross-validation.

    Source: Hoerl & Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12,
    55–67. The columns are standardised and weighted so that each block counts alike.

    Args:
        features: Of the training photographs.
        targets: (n, dimensions).
        groups: Photographs of one group (near-duplicates) stay on one side of each fold.

    Raises:
        LithoscopeError: There are too few groups for folds.
    """
    folds = _folds(groups)
    # Turned to as many columns as photographs, which changes no prediction and spares most of the time.
    turned = make_pipeline(
        StandardScaler(),  # type: ignore[no-untyped-call]
        FunctionTransformer(_weighted, kw_args={"blocks": features.blocks}),  # type: ignore[no-untyped-call]
        PCA(svd_solver="full"),  # type: ignore[no-untyped-call]
    )
    columns = turned.fit_transform(features.values.astype(np.float64))
    penalties = {"alpha": list(PENALTIES)}
    search = GridSearchCV(Ridge(), penalties, scoring="r2", cv=folds)  # type: ignore[no-untyped-call]
    search.fit(columns, targets, groups=list(groups))
    best: Ridge = search.best_estimator_
    return FittedRidge(
        lambda values: _predicted(best, turned.transform(values.astype(np.float64))),
        float(search.best_params_["alpha"]),
    )


def cross_validated(features: FeatureBlocks, targets: Floats, groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """Predict each training photograph by a ridge that saw neither it nor its group, not even to choose the penalty.

    Args:
        features: Of the training photographs.
        targets: (n, dimensions).
        groups: As in :func:`fit_ridge`.

    Returns:
        float64 (n, dimensions).
    """
    predicted = np.empty(targets.shape, dtype=np.float64)
    named = np.asarray(groups)
    folds = _folds(groups).split(features.values, groups=groups)  # type: ignore[no-untyped-call]
    for seen, unseen in folds:
        part = FeatureBlocks(features.values[seen], features.blocks)
        ridge = fit_ridge(part, targets[seen], named[seen].tolist())
        predicted[unseen] = ridge.predict(features.values[unseen])
    return predicted


def _folds(groups: Sequence[str]) -> GroupKFold:
    folds = min(FOLDS, len(set(groups)))
    if folds < 3:
        raise LithoscopeError(
            f"the comparison with people needs at least 3 training photographs that are no duplicates, not {folds}"
        )
    shuffle = integer_seed(0, "people", "folds") % 2**32
    made: GroupKFold = GroupKFold(folds, shuffle=True, random_state=shuffle)  # type: ignore[no-untyped-call]
    return made


def _weighted(values: npt.NDArray[np.float64], blocks: Sequence[int]) -> npt.NDArray[np.float64]:
    """Weigh standardised columns, so that each block and, all together, each photograph counts 1 on average."""
    weights = np.concatenate([np.full(size, 1 / np.sqrt(size * len(blocks))) for size in blocks])
    weighted: npt.NDArray[np.float64] = values * weights
    return weighted


def _predicted(ridge: Ridge, columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(ridge.predict(columns), dtype=np.float64)  # type: ignore[no-untyped-call]
