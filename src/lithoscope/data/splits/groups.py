"""Groups that must not fall on two sides: joined from several reasons, dealt out with the classes in proportion."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import generator


def join_groups(numbers: "pd.Series[int]", *names: "pd.Series[str]") -> npt.NDArray[np.int64]:
    """Number the groups of rows that are connected, directly or through others.

    Args:
        numbers: Rows of one number belong together.
        names: Rows of one name belong together, in each series by itself; ``""`` is no name.

    Returns:
        int64 (n,).
    """
    parents = list(range(len(numbers)))  # a forest; SciPy's connected components take a second to import

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    firsts: dict[tuple[int, object], int] = {}
    columns: list[Iterable[object]] = [numbers.tolist()]
    columns += [series.tolist() for series in names]
    for kind, column in enumerate(columns):
        for row, name in enumerate(column):
            if kind == 0 or name:
                one, other = root(row), root(firsts.setdefault((kind, name), row))
                parents[max(one, other)] = min(one, other)
    roots = np.array([root(row) for row in range(len(parents))], dtype=np.int64)
    joined: npt.NDArray[np.int64] = np.unique(roots, return_inverse=True)[1].astype(np.int64)
    return joined


def deal_groups(rows: pd.DataFrame, shares: Sequence[float], seed: int) -> list[list[str]]:
    """Deal groups of mixed classes out to sides, each class as nearly in proportion as whole groups allow.

    Greedy, as scikit-learn's ``StratifiedGroupKFold``: groups that hold much of a class go first, each to the side
    whose squared distance from its due it lessens most. Then sides that have none of a class get its smallest group
    that can be spared.

    Args:
        rows: One a photograph; columns ``group``, ``label`` and ``key`` (what the random order is drawn by).
        shares: Of each side, summing to 1.
        seed: Moves the order of groups that are equally large.

    Returns:
        The names of each side's groups.

    Raises:
        LithoscopeError: A class is in too few groups for all sides.
    """
    counts = pd.crosstab(rows["group"], rows["label"])
    keys = rows.groupby("group")["key"].first()
    names = [str(name) for name in counts.index]
    draws = [float(generator(seed, "split", keys[name]).random()) for name in names]
    shape = counts.to_numpy(dtype=np.float64)
    totals = shape.sum(axis=0)
    order = sorted(range(len(names)), key=lambda row: (-(shape[row] / totals).max(), draws[row], names[row]))
    due = np.outer(shares, totals)
    have = np.zeros_like(due)
    side = np.zeros(len(names), dtype=np.int64)
    for row in order:
        change = (((have + shape[row] - due) ** 2 - (have - due) ** 2) / totals**2).sum(axis=1)
        side[row] = int(change.argmin())
        have[side[row]] += shape[row]
    _fill_empty(shape, side, have, [str(label) for label in counts.columns])
    return [[names[row] for row in np.flatnonzero(side == number)] for number in range(len(shares))]


def _fill_empty(
    shape: npt.NDArray[np.float64], side: npt.NDArray[np.int64], have: npt.NDArray[np.float64], labels: Sequence[str]
) -> None:
    """Move groups until each side has photographs of each class; changes ``side`` and ``have``."""
    for target, column in np.argwhere(have == 0):
        if have[target, column] > 0:  # a group that was moved for another class brought some along
            continue
        holders = [
            row
            for row in np.flatnonzero(shape[:, column])
            if side[row] != target and (have[side[row]] - shape[row] > 0)[shape[row] > 0].all()
        ]
        if not holders:
            groups = int((shape[:, column] > 0).sum())
            raise LithoscopeError(
                f"too few specimens, photographers or localities to split: {labels[column]} is in {groups} groups "
                f"of photographs that must stay together, and each of {len(have)} sides needs some beside other "
                "classes' needs; allowed: more of them with photographs of that class, or none named"
            )
        moved = min(holders, key=lambda row: (shape[row].sum(), row))
        have[side[moved]] -= shape[moved]
        have[target] += shape[moved]
        side[moved] = target
