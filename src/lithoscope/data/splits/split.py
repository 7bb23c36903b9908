"""Which photographs train, validate and test: stratified by class, whole groups of duplicates, from content alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lithoscope.config.params import SplitParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import generator
from lithoscope.data.splits.groups import deal_groups, join_groups

TRAIN, VAL, TEST, ASIDE = "train", "val", "test", "aside"
TWO_LABELS = "same photograph under another label"
IN_TEST = "same photograph in the official test set"
IN_VAL = "same photograph in the official validation set"
ORIGIN_IN_TEST = "same specimen, photographer or locality in the official test set"
ORIGIN_IN_VAL = "same specimen, photographer or locality in the official validation set"
ORIGINS = ("specimen", "photographer", "locality")
_COLUMNS = ["id", "path", "label", "split", "group", *ORIGINS, "weight", "reason"]
_KEPT_FROM_TEST = 2  # groups of a class, the largest: one to train on, one to validate on


@dataclass(frozen=True)
class _Group:
    """Photographs of one class that show the same thing; ``draw`` puts the groups of a class in random order."""

    name: str
    size: int
    draw: float


def split_photographs(photographs: pd.DataFrame, groups: Sequence[int], settings: SplitParameters) -> pd.DataFrame:
    """Assign each photograph to train, val or test, or set it aside.

    * The official test photographs are the test set, all of them; without any, ``settings.test`` of each class is.
    * The official validation photographs validate; without any, ``settings.validation`` of the rest of each class.
      With a share of 0 nothing validates, and the official validation photographs train too.
      With ``settings.folds`` the rest, official validation included, is cut into that many folds, and number
      ``settings.fold`` validates.
    * A group lies on one side: photographs that show the same, and those of one specimen, photographer or locality,
      directly or through others. Where one holds official test photographs, its others are set aside, so that the test
      set stays whole; the same goes for official validation photographs against training ones.
    * Photographs that show the same under several labels are set aside, since one of the labels must be wrong. Official
      test photographs among them stay: a test set with some missing could not be compared with published figures.

    A share of a class is met as nearly as its groups allow, and is at least one group. What is tested depends on
    ``settings.test`` and ``settings.seed`` alone, not on what then validates. Draws are keyed by the
    photographs' content, so neither their order nor their names nor any other photograph moves them.

    Args:
        photographs: One row a photograph; columns ``id`` (unique), ``path``, ``label``, ``official_split``
            ("train", "val", "test" or ""), ``sha256``, and perhaps ``specimen``, ``photographer``, ``locality``
            (names, or "") and ``weight`` (carried through).
        groups: For each row the number of its duplicates (see :mod:`lithoscope.data.splits.near_duplicates`).
        settings: Shares, folds and seed.

    Returns:
        Sorted by id; columns ``id, path, label, split, group, specimen, photographer, locality, weight, reason``.
        ``group`` is the smallest id of the group.

    Raises:
        LithoscopeError: A class has too few different photographs for the sides asked for.
    """
    table = photographs.assign(number=list(groups)).sort_values("id", kind="stable", ignore_index=True)
    for name in ORIGINS:
        if name not in table:
            table[name] = ""
    if "weight" not in table:
        table["weight"] = "1.0"
    table["cluster"] = join_groups(table["number"], *(table[name] for name in ORIGINS))
    table["group"] = table.groupby("cluster")["id"].transform("min")
    table["key"] = table.groupby("cluster")["sha256"].transform("min")
    table["split"], table["reason"] = "", ""
    official = table["official_split"]
    table.loc[official == TEST, "split"] = TEST
    has_test, validates = bool((official == TEST).any()), settings.validation > 0 and not settings.folds
    has_val = validates and bool((official == VAL).any())
    draws_val = validates and not has_val
    if has_val:
        table.loc[official == VAL, "split"] = VAL
    _set_aside(table)

    free = table[table["split"] == ""]
    classes = sorted(table["label"].unique())
    drawn = (not has_test) + draws_val
    _require_enough(table, free, classes, settings, drawn)
    sides: dict[str, str] = {}
    if free.groupby("group")["label"].nunique().max() > 1:
        sides = _sides_across_classes(free, has_test, draws_val, settings)
        undecided = table["split"] == ""
        table.loc[undecided, "split"] = table.loc[undecided, "group"].map(sides)
        return table[_COLUMNS]
    folds = [0] * settings.folds
    for label in classes:
        left = _groups_of(free[free["label"] == label], settings.seed)
        total = int(((table["label"] == label) & (table["split"] != ASIDE)).sum())
        if not has_test:
            # What is tested must not depend on validation and folds, or these would choose on photographs of the test.
            chosen = take_share(left, settings.test * total, reserve=min(_KEPT_FROM_TEST, len(left) - 1))
            sides |= dict.fromkeys((group.name for group in chosen), TEST)
            left = [group for group in left if sides.get(group.name) != TEST]
        if settings.folds:
            if len(left) < settings.folds:
                raise LithoscopeError(
                    f"too few photographs for split.folds = {settings.folds}: besides the test, {label} has "
                    f"{len(left)} different ones; allowed: at most that many folds, or more photographs"
                )
            members = _fold(left, folds)
            sides |= {name: VAL if fold == settings.fold else TRAIN for name, fold in members.items()}
        elif draws_val:
            chosen = take_share(left, settings.validation * sum(group.size for group in left), reserve=1)
            sides |= dict.fromkeys((group.name for group in chosen), VAL)
    undecided = table["split"] == ""
    table.loc[undecided, "split"] = table.loc[undecided, "group"].map(lambda name: sides.get(name, TRAIN))
    return table[_COLUMNS]


def _sides_across_classes(
    free: pd.DataFrame, has_test: bool, draws_val: bool, settings: SplitParameters
) -> dict[str, str]:
    """Give each group a side where groups hold photographs of several classes."""
    tested = [] if has_test else deal_groups(free, [settings.test, 1 - settings.test], settings.seed)[0]
    sides = dict.fromkeys(tested, TEST)
    rest = free[~free["group"].isin(tested)]
    validated: list[str] = []
    if settings.folds:
        validated = deal_groups(rest, [1 / settings.folds] * settings.folds, settings.seed)[settings.fold]
    elif draws_val:
        validated = deal_groups(rest, [settings.validation, 1 - settings.validation], settings.seed)[0]
    return dict.fromkeys(free["group"], TRAIN) | sides | dict.fromkeys(validated, VAL)


def _set_aside(table: pd.DataFrame) -> None:
    """Set aside what an official side holds already, and what stands under two labels; changes ``table``."""
    split, reason = table["split"].tolist(), table["reason"].tolist()
    ids, labels = table["id"].tolist(), table["label"].tolist()
    duplicated = table[table["number"].duplicated(keep=False)]
    for rows in duplicated.groupby("number", sort=False).indices.values():
        group = duplicated.index[rows].tolist()
        labelled_twice = len({labels[row] for row in group}) > 1
        holders = {side: row for row in reversed(group) if (side := split[row])}
        for row in group:
            if split[row] == TEST:
                continue
            if labelled_twice:
                other = next(other for other in group if labels[other] != labels[row])
                reason[row] = f"{TWO_LABELS}: {ids[other]} ({labels[other]})"
            elif TEST in holders:
                reason[row] = f"{IN_TEST}: {ids[holders[TEST]]}"
            elif VAL in holders and split[row] != VAL:
                reason[row] = f"{IN_VAL}: {ids[holders[VAL]]}"
    for rows in table[table["cluster"].duplicated(keep=False)].groupby("cluster", sort=False).groups.values():
        cluster = list(rows)
        held = {side: row for row in reversed(cluster) if (side := split[row])}
        for row in cluster:
            if TEST in held and split[row] != TEST:
                reason[row] = reason[row] or f"{ORIGIN_IN_TEST}: {ids[held[TEST]]}"
            elif VAL in held and not split[row]:
                reason[row] = reason[row] or f"{ORIGIN_IN_VAL}: {ids[held[VAL]]}"
    table["reason"] = reason
    table["split"] = [ASIDE if why else side for why, side in zip(reason, split, strict=True)]


def _require_enough(
    table: pd.DataFrame, free: pd.DataFrame, classes: Sequence[str], settings: SplitParameters, drawn: int
) -> None:
    """Refuse classes with fewer groups than there are sides to fill from them."""
    needed = max(settings.folds, 1) + (drawn if not settings.folds else min(drawn, 1))
    distinct = free.groupby("label")["group"].nunique()
    poor = [label for label in classes if distinct.get(label, 0) < needed]
    if not poor:
        return
    held = table[table["split"] != ASIDE].groupby("label").size()
    aside = table[table["split"] == ASIDE]
    reasons = {
        label: Counter(str(why).partition(":")[0] for why in rows) for label, rows in aside.groupby("label")["reason"]
    }
    found = ", ".join(
        f"{label} ({distinct.get(label, 0)} of {held.get(label, 0)}"
        + "".join(f"; {count} set aside: {why}" for why, count in sorted(reasons.get(label, {}).items()))
        + ")"
        for label in poor
    )
    advice = "lower split.folds, " if settings.folds > 2 else ""
    raise LithoscopeError(
        f"too few photographs to split: each class needs {needed} different ones beside any official test or "
        f"validation photographs; these have fewer (different ones to split of all that are not set aside): {found}; "
        f"{advice}add photographs or remove these classes"
    )


def _groups_of(rows: pd.DataFrame, seed: int) -> list[_Group]:
    """Return the groups among ``rows`` in the random order that their content and the seed decide."""
    keys = rows.groupby("group")["key"].agg(["first", "size"])
    groups = [
        _Group(str(name), int(size), float(generator(seed, "split", key).random()))
        for name, key, size in keys.itertuples()
    ]
    return sorted(groups, key=lambda group: (group.draw, group.name))


def take_share(groups: Sequence[_Group], target: float, reserve: int) -> list[_Group]:
    """Choose groups, in their order, whose sizes sum as nearly to ``target`` as they can, but at least one.

    The ``reserve`` largest groups are never chosen, so that every other side can be filled. Which sums the groups from
    any place on can still reach is kept as the bits of an integer (subset sums by dynamic programming).
    """
    reserved = set(sorted(range(len(groups)), key=lambda place: (groups[place].size, place))[len(groups) - reserve :])
    pool = [group for place, group in enumerate(groups) if place not in reserved]
    # Single photographs reach every sum up to their number; only larger groups need bits of their own.
    reach, singles = [1], [0]
    limit = (1 << (2 * int(target) + 2 + max(group.size for group in pool))) - 1
    for group in reversed(pool):
        reach.append((reach[-1] | reach[-1] << group.size) & limit if group.size > 1 else reach[-1])
        singles.append(singles[-1] + (group.size == 1))
    reach.reverse()
    singles.reverse()

    def reachable(total: int, place: int) -> bool:
        lowest = max(total - singles[place], 0)
        return total >= 0 and bool((reach[place] >> lowest) & ((1 << (total - lowest + 1)) - 1))

    sums = (total for total in range(1, limit.bit_length()) if reachable(total, 0))
    left = min(sums, key=lambda total: (abs(total - target), total))
    chosen = []
    for place, group in enumerate(pool):
        if left and reachable(left - group.size, place + 1):
            chosen.append(group)
            left -= group.size
    return chosen


def _fold(groups: Sequence[_Group], totals: list[int]) -> dict[str, int]:
    """Deal the groups of a class out, largest first, to the fold with fewest of the class; updates ``totals``."""
    counts, members = [0] * len(totals), {}
    for group in sorted(groups, key=lambda group: -group.size):
        fold = min(range(len(totals)), key=lambda fold: (counts[fold], totals[fold], fold))
        counts[fold] += group.size
        totals[fold] += group.size
        members[group.name] = fold
    return members


def summarise(
    photographs: pd.DataFrame,
    splits: pd.DataFrame,
    duplicates: Sequence[int],
    set_aside_before: Sequence[str],
    pairs: Mapping[str, int],
) -> dict[str, object]:
    """Count photographs for ``metrics/data.json``.

    Args:
        photographs: The index that was split (columns ``label``, ``sha256``).
        splits: What :func:`split_photographs` returned for it.
        duplicates: For each row of the index the number of its duplicates.
        set_aside_before: The reason for each photograph that was set aside while downloading.
        pairs: What was found about duplicates, by name, e.g. the number of verified near-duplicate pairs.
    """
    classes = sorted(photographs["label"].unique())

    def counts(side: str) -> dict[str, object]:
        found = splits.loc[splits["split"] == side, "label"].value_counts()
        return {"photographs": int(found.sum()), "per_class": {name: int(found.get(name, 0)) for name in classes}}

    def reasons(texts: Sequence[str]) -> dict[str, int]:
        # What follows the colon is about the single photograph.
        return dict(sorted(Counter(text.split(":")[0] for text in texts).items()))

    aside = splits[splits["split"] == ASIDE]
    sizes = pd.Series(duplicates).value_counts()
    specimens = splits.loc[splits["specimen"] != "", "specimen"]
    return {
        "photographs": len(splits),
        "classes": len(classes),
        "splits": {side: counts(side) for side in (TRAIN, VAL, TEST)},
        "duplicates": {
            "exact": int(photographs["sha256"].duplicated().sum()),
            **pairs,
            "groups": int((sizes > 1).sum()),
            "photographs_in_groups": int(sizes[sizes > 1].sum()),
        },
        **({"specimens": int(specimens.nunique())} if len(specimens) else {}),
        "set_aside": {
            "total": len(aside) + len(set_aside_before),
            "at_split": reasons(aside["reason"].tolist()),
            "at_download": reasons(set_aside_before),
        },
    }
