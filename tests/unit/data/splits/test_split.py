import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from lithoscope.config.params import SplitParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.splits.split import ASIDE, TEST, TRAIN, VAL, _Group, split_photographs, summarise, take_share


def settings(
    seed: int = 0, test: float = 0.2, validation: float = 0.1, folds: int = 0, fold: int = 0
) -> SplitParameters:
    return SplitParameters(seed=seed, test=test, validation=validation, folds=folds, fold=fold)


def photographs(counts: dict[str, int], official: str = "") -> pd.DataFrame:
    ids = [f"{label}/{number:03}.jpg" for label, count in counts.items() for number in range(count)]
    return pd.DataFrame(
        {
            "id": ids,
            "path": [f"build/raw/{one}" for one in ids],
            "label": [one.split("/")[0] for one in ids],
            "official_split": official,
            "sha256": [hashlib.sha256((official + one).encode()).hexdigest() for one in ids],
        }
    )


def grouped(table: pd.DataFrame, groups: Sequence[Sequence[str]]) -> list[int]:
    """Number the groups of a table: each of ``groups``, and every other photograph alone."""
    numbers = {one: 10_000 + number for number, group in enumerate(groups) for one in group}
    return [numbers.get(one, row) for row, one in enumerate(table["id"])]


def random_groups(table: pd.DataFrame, seed: int) -> list[int]:
    """Put about a third of the photographs into groups of 2 to 4 of their class."""
    random, groups = np.random.default_rng(seed), []
    for _, ids in table.groupby("label")["id"]:
        left = list(random.permutation(ids)[: len(ids) // 3])
        while len(left) > 1:
            size = int(random.integers(2, 5))
            groups.append(left[:size])
            left = left[size:]
    return grouped(table, groups)


def sides(splits: pd.DataFrame) -> dict[str, str]:
    return dict(zip(splits["id"], splits["split"], strict=True))


def alone(table: pd.DataFrame) -> list[int]:
    return list(range(len(table)))


def test_groups_are_told_apart_by_their_names_and_never_compared_one_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(one: _Group, other: object) -> bool:
        raise AssertionError(f"{one} compared with {other}: so many comparisons grow with the square of the groups")

    monkeypatch.setattr(_Group, "__eq__", compared)
    table = photographs({"basalt": 20})
    splits = split_photographs(table, alone(table), settings())
    assert splits["split"].value_counts().to_dict() == {TRAIN: 14, TEST: 4, VAL: 2}


COUNTS = {"basalt": 40, "granite": 25, "pyrite": 61}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("folds", [0, 4])
def test_no_group_lies_on_two_sides_and_nothing_is_lost(seed: int, folds: int) -> None:
    table = photographs(COUNTS)
    splits = split_photographs(table, random_groups(table, seed), settings(seed, folds=folds))
    assert splits["id"].tolist() == sorted(table["id"])
    assert set(splits["split"]) == {TRAIN, VAL, TEST}
    assert splits.groupby("group")["split"].nunique().max() == 1
    assert (splits["reason"] == "").all()


@pytest.mark.parametrize("seed", range(6))
def test_each_class_gets_its_share(seed: int) -> None:
    table = photographs(COUNTS)
    splits = split_photographs(table, random_groups(table, seed), settings(seed, test=0.2, validation=0.1))
    for label, count in COUNTS.items():
        found = splits[splits["label"] == label]["split"].value_counts()
        assert abs(found[TEST] - 0.2 * count) <= 0.5
        assert abs(found[VAL] - 0.1 * (count - found[TEST])) <= 0.5


def test_neither_the_order_of_the_rows_nor_the_names_move_the_split() -> None:
    table = photographs(COUNTS)
    table["number"] = random_groups(table, 3)
    expected = split_photographs(table.drop(columns="number"), table["number"].tolist(), settings())
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        split_photographs(shuffled.drop(columns="number"), shuffled["number"].tolist(), settings()), expected
    )
    renamed = table.assign(id=[f"{row.sha256}.jpg" for row in table.itertuples()])
    found = sides(split_photographs(renamed.drop(columns="number"), table["number"].tolist(), settings()))
    assert [found[one] for one in renamed["id"]] == [sides(expected)[one] for one in table["id"]]


def test_only_the_splits_own_seed_moves_it() -> None:
    table = photographs(COUNTS)
    one, again, other = (split_photographs(table, alone(table), settings(seed)) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one, again)
    assert sides(one) != sides(other)


@pytest.mark.parametrize("official_val", [False, True])
def test_without_validation_all_that_is_not_tested_trains_and_the_test_set_is_the_same(official_val: bool) -> None:
    table = photographs(COUNTS)
    if official_val:
        table.loc[::9, "official_split"] = VAL
    refit = split_photographs(table, random_groups(table, 2), settings(validation=0.0))
    assert set(refit["split"]) == {TRAIN, TEST}
    validated = split_photographs(table, random_groups(table, 2), settings(validation=0.1))
    if not official_val:
        assert set(refit["id"][refit["split"] == TEST]) == set(validated["id"][validated["split"] == TEST])
    assert VAL in set(split_photographs(table, alone(table), settings(validation=0.0, folds=3))["split"])


@pytest.mark.parametrize("seed", range(12))
def test_what_is_tested_does_not_depend_on_what_validates(seed: int) -> None:
    # Were it so, folds would choose epochs and temperature on photographs that the final training is then tested on.
    table = photographs({"basalt": 40, "granite": 25})
    groups = random_groups(table, 3 + seed % 3)
    found = [
        {
            name
            for name, side in sides(split_photographs(table, groups, settings(seed, **others))).items()
            if side == TEST
        }
        for others in ({}, {"validation": 0.0}, {"validation": 0.4}, {"folds": 2}, {"folds": 5, "fold": 3})
    ]
    assert all(tested == found[0] for tested in found)


def test_folds_that_the_groups_left_by_the_test_cannot_fill_are_refused() -> None:
    table = photographs({"basalt": 26})
    groups = [0] * 10 + [1] * 10 + list(range(2, 8))  # five of the six single ones are the test
    with pytest.raises(LithoscopeError, match="besides the test, basalt has 3 different ones"):
        split_photographs(table, groups, settings(folds=4))
    assert set(split_photographs(table, groups, settings(folds=3))["split"]) == {TRAIN, VAL, TEST}


def test_without_validation_two_different_photographs_of_a_class_are_enough() -> None:
    table = photographs({"basalt": 2, "granite": 2})
    found = split_photographs(table, alone(table), settings(validation=0.0))
    assert found.groupby("label")["split"].agg(set).tolist() == [{TRAIN, TEST}] * 2
    with pytest.raises(LithoscopeError, match="each class needs 3"):
        split_photographs(table, alone(table), settings())


def test_a_class_more_does_not_move_the_others() -> None:
    table = photographs(COUNTS)
    fewer = table[table["label"] != "granite"]
    found = sides(split_photographs(table, alone(table), settings()))
    for one, side in sides(split_photographs(fewer, alone(fewer), settings())).items():
        assert found[one] == side


@pytest.mark.parametrize("official_test", [False, True])
def test_folds_partition_the_training_photographs(official_test: bool) -> None:
    table = photographs(COUNTS)
    if official_test:
        extra = photographs({"basalt": 4, "pyrite": 3}, official=TEST)
        table = pd.concat([table, extra.assign(id="test/" + extra["id"])], ignore_index=True)
    groups = random_groups(table[table["official_split"] == ""], 5)
    numbers = groups + [20_000 + row for row in range(len(table) - len(groups))]
    runs = [split_photographs(table, numbers, settings(folds=5, fold=fold)) for fold in range(5)]
    tests = [set(run.loc[run["split"] == TEST, "id"]) for run in runs]
    assert all(test == tests[0] for test in tests)
    validated = [one for run in runs for one in run.loc[run["split"] == VAL, "id"]]
    assert sorted([*validated, *tests[0]]) == sorted(table["id"])
    for run in runs:
        found = run[run["split"] == VAL]["label"].value_counts()
        held = run[run["split"] != TEST]["label"].value_counts()
        assert (found - held / 5).abs().max() < 3  # within a group's size


def test_folds_of_single_photographs_are_even() -> None:
    table = photographs({"a": 11, "b": 12, "c": 13, "d": 14}, official="train")
    table = pd.concat([table, photographs({"a": 1}, official=TEST).assign(id="t")], ignore_index=True)
    sizes = [
        (split_photographs(table, alone(table), settings(folds=5, fold=k))["split"] == VAL).sum() for k in range(5)
    ]
    assert sorted(sizes) == [10] * 5


def test_official_splits_are_honoured() -> None:
    parts = [photographs({"a": 9, "b": 7}, official=side) for side in ("train", "val", "test")]
    table = pd.concat([part.assign(id=part["official_split"] + "/" + part["id"]) for part in parts], ignore_index=True)
    found = sides(split_photographs(table, alone(table), settings()))
    assert all(found[one] == one.split("/")[0] for one in table["id"])


def test_with_an_official_test_only_validation_is_drawn_from_the_rest() -> None:
    table = pd.concat([photographs({"a": 20}), photographs({"a": 5}, TEST).assign(id=lambda t: "t" + t["id"])])
    splits = split_photographs(table, alone(table), settings(validation=0.1))
    assert splits["split"].value_counts().to_dict() == {TRAIN: 18, TEST: 5, VAL: 2}
    assert splits.loc[splits["split"] == TEST, "id"].str.startswith("t").all()


def test_what_the_official_test_shows_already_is_set_aside() -> None:
    train, val, test = (
        photographs({"a": 8}, side).assign(id=lambda t: t["official_split"] + t["id"]) for side in (TRAIN, VAL, TEST)
    )
    table = pd.concat([train, val, test], ignore_index=True)
    leaks = [["traina/000.jpg", "vala/000.jpg", "testa/000.jpg"], ["traina/001.jpg", "vala/001.jpg"]]
    splits = split_photographs(table, grouped(table, leaks), settings()).set_index("id")
    assert splits.at["testa/000.jpg", "split"] == TEST
    assert splits.at["vala/001.jpg", "split"] == VAL
    aside = splits[splits["split"] == ASIDE]["reason"].to_dict()
    assert aside == {
        "traina/000.jpg": "same photograph in the official test set: testa/000.jpg",
        "vala/000.jpg": "same photograph in the official test set: testa/000.jpg",
        "traina/001.jpg": "same photograph in the official validation set: vala/001.jpg",
    }


def test_a_photograph_under_two_labels_is_set_aside() -> None:
    table = photographs(COUNTS)
    groups = grouped(table, [["basalt/003.jpg", "granite/004.jpg", "granite/005.jpg"]])
    splits = split_photographs(table, groups, settings()).set_index("id")
    aside = splits[splits["split"] == ASIDE]["reason"].to_dict()
    assert aside == {
        "basalt/003.jpg": "same photograph under another label: granite/004.jpg (granite)",
        "granite/004.jpg": "same photograph under another label: basalt/003.jpg (basalt)",
        "granite/005.jpg": "same photograph under another label: basalt/003.jpg (basalt)",
    }


def test_the_official_test_stays_whole_when_labels_conflict() -> None:
    test = photographs({"a": 4, "b": 4}, TEST).assign(id=lambda t: "test/" + t["id"])
    table = pd.concat([photographs({"a": 8, "b": 8}), test], ignore_index=True)
    groups = grouped(table, [["a/000.jpg", "test/b/000.jpg"], ["test/a/001.jpg", "test/b/001.jpg"]])
    splits = split_photographs(table, groups, settings()).set_index("id")
    assert (splits["split"] == TEST).sum() == 8
    assert splits[splits["split"] == ASIDE]["reason"].to_dict() == {
        "a/000.jpg": "same photograph under another label: test/b/000.jpg (b)"
    }


def test_too_few_photographs_are_refused_with_the_counts_and_the_remedy() -> None:
    table = photographs({"a": 20, "b": 2, "c": 5})
    groups = grouped(table, [["c/000.jpg", "c/001.jpg", "c/002.jpg", "c/003.jpg"]])
    with pytest.raises(LithoscopeError) as caught:
        split_photographs(table, groups, settings())
    message = str(caught.value)
    assert "needs 3 different ones" in message
    assert "b (2 of 2), c (2 of 5)" in message
    assert "add photographs or remove these classes" in message
    assert "\n" not in message
    with pytest.raises(LithoscopeError, match=r"needs 11 different ones.*c \(5 of 5\).*lower split\.folds"):
        split_photographs(table, alone(table), settings(folds=10))


def test_a_class_of_three_fills_every_side_whatever_its_groups() -> None:
    table = photographs({"a": 10})
    groups = grouped(table, [[f"a/{number:03}.jpg" for number in range(8)]])
    for seed in range(5):
        found = split_photographs(table, groups, settings(seed))["split"].value_counts().to_dict()
        assert found == {TRAIN: 8, VAL: 1, TEST: 1}


@pytest.mark.parametrize(
    ("sizes", "target", "reserve", "total"),
    [
        ([1, 1, 1, 1, 1], 2.0, 1, 2),
        ([1, 1, 1, 1, 1], 0.1, 1, 1),  # at least one
        ([5, 3, 3, 9], 6.0, 1, 6),  # not the five that comes first
        ([4, 4, 4, 1, 9], 6.0, 1, 5),  # 5 is as near as can be
        ([3, 1, 1, 3], 9.0, 2, 2),  # the largest are kept back
    ],
)
def test_a_share_is_met_as_nearly_as_groups_allow(sizes: list[int], target: float, reserve: int, total: int) -> None:
    groups = [_Group(str(place), size, place) for place, size in enumerate(sizes)]
    chosen = take_share(groups, target, reserve)
    assert sum(group.size for group in chosen) == total
    assert len(chosen) == len({group.name for group in chosen}) <= len(groups) - reserve


def test_large_groups_are_drawn_as_often_as_others() -> None:
    table = photographs({"a": 60})
    groups = grouped(table, [[f"a/{2 * pair:03}.jpg", f"a/{2 * pair + 1:03}.jpg"] for pair in range(10)])
    in_test = 0
    for seed in range(60):
        splits = split_photographs(table, groups, settings(seed, test=0.25))
        in_test += int(((splits["split"] == TEST) & (splits["id"] < "a/020.jpg")).sum())
    assert 0.19 < in_test / (60 * 20) < 0.31


def test_the_summary_counts_everything() -> None:
    table = photographs(COUNTS)
    hashes = table["sha256"].tolist()
    table["sha256"] = [hashes[0], hashes[0], *hashes[2:]]
    groups = grouped(table, [["basalt/000.jpg", "basalt/001.jpg"], ["basalt/003.jpg", "granite/004.jpg"]])
    splits = split_photographs(table, groups, settings())
    before = ["too small: 20 × 20 pixels", "truncated", "truncated"]
    figures = summarise(table, splits, groups, before, {"near_pairs": 1})
    assert figures["photographs"] == 126
    assert figures["classes"] == 3
    assert figures["duplicates"] == {"exact": 1, "near_pairs": 1, "groups": 2, "photographs_in_groups": 4}
    assert figures["set_aside"] == {
        "total": 5,
        "at_split": {"same photograph under another label": 2},
        "at_download": {"too small": 1, "truncated": 2},
    }
    parts = figures["splits"]
    assert isinstance(parts, dict)
    assert sum(part["photographs"] for part in parts.values()) == 124
    for side, part in parts.items():
        assert part["per_class"]["pyrite"] == ((splits["split"] == side) & (splits["label"] == "pyrite")).sum()
    assert "specimens" not in figures


def with_specimens(table: pd.DataFrame, each: int, across: bool = False) -> pd.DataFrame:
    """Give every ``each`` photographs in turn a specimen, or a photographer, who has some of every class."""
    number = table["id"].str[-7:-4].astype(int) // each
    return table.assign(
        specimen="" if across else table["label"] + number.astype(str),
        photographer="p" + number.astype(str) if across else "",
    )


@pytest.mark.kind(
    about="labels",
    kind="several photographs of one specimen, or by one photographer",
    done="all of them lie on one side of every split and fold",
    reported="UCSD-AI4H/COVID-CT#11, fastai/fastai#2724",
)
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("folds", [0, 3])
@pytest.mark.parametrize("seed", range(4))
def test_no_specimen_and_no_photographer_lies_on_two_sides(seed: int, folds: int, across: bool) -> None:
    table = with_specimens(photographs({"a": 40, "b": 48, "c": 44}), 4, across)
    duplicates = grouped(table, [["a/000.jpg", "a/039.jpg"], ["b/001.jpg", "b/030.jpg"]])
    split = split_photographs(table, duplicates, settings(seed, folds=folds, fold=min(folds, 1)))
    joined = split
    for name in ("specimen", "photographer", "group"):
        named = joined[joined[name] != ""]
        assert (named.groupby(name)["split"].nunique() == 1).all()
    shares = joined.groupby(["label", "split"]).size().unstack(fill_value=0)
    assert (shares.loc[:, [TRAIN, VAL, TEST]] > 0).all(axis=None)
    assert shares[TEST].sum() == pytest.approx(0.2 * 132, abs=12)


def test_without_names_the_split_is_the_same_as_without_the_columns() -> None:
    table = photographs(COUNTS)
    groups = random_groups(table, 1)
    plain = split_photographs(table, groups, settings())
    empty = split_photographs(table.assign(specimen="", photographer=""), groups, settings())
    pd.testing.assert_frame_equal(plain, empty)


@pytest.mark.kind(
    about="labels",
    kind="photographers and localities, both named",
    done="what is connected through either lies on one side",
    reported="Lightning-Universe/lightning-Covid19#11",
)
def test_a_photographer_and_a_locality_join_into_one_group() -> None:
    table = photographs({"a": 40, "b": 40})
    number = table["id"].str[-7:-4].astype(int)
    table = table.assign(photographer="p" + (number // 4).astype(str), locality="")
    table.loc[number.isin([3, 4]), "locality"] = "Elba"  # of two photographers, whose others come along
    split = split_photographs(table, alone(table), settings())
    joined = split[split["photographer"].isin(["p0", "p1"])]
    assert len(joined) == 16
    assert joined["group"].nunique() == joined["split"].nunique() == 1
    assert (split[split["locality"] == "Elba"]["split"].nunique()) == 1


def test_a_duplicate_joins_two_specimens() -> None:
    table = with_specimens(photographs({"a": 40, "b": 40}), 4)
    split = split_photographs(table, grouped(table, [["a/000.jpg", "a/039.jpg"]]), settings())
    both = split[split["specimen"].isin(["a0", "a9"])]
    assert both["group"].nunique() == 1
    assert both["split"].nunique() == 1


def test_what_shows_a_specimen_of_the_official_test_is_set_aside() -> None:
    table = with_specimens(photographs({"a": 24, "b": 24}), 4)
    table.loc[table["id"].isin(["a/000.jpg", "b/000.jpg"]), "official_split"] = TEST
    split = split_photographs(table, alone(table), settings())
    assert sides(split)["a/000.jpg"] == TEST
    aside = split[split["split"] == ASIDE]
    assert sorted(aside["id"]) == [f"{label}/{number:03}.jpg" for label in "ab" for number in (1, 2, 3)]
    assert set(aside["reason"]) == {
        f"same specimen, photographer or locality in the official test set: {label}/000.jpg" for label in "ab"
    }
    assert summarise(table, split, alone(table), [], {})["specimens"] == 12


def test_a_class_of_one_photographer_is_refused_with_its_count() -> None:
    table = with_specimens(photographs({"a": 40, "b": 40}), 4, across=True)
    table.loc[table["label"] == "b", "photographer"] = "Bob"
    with pytest.raises(LithoscopeError, match=r"each class needs 3 different ones.*b \(1 of 40\)"):
        split_photographs(table, alone(table), settings())


def test_groups_of_mixed_classes_follow_from_their_content_and_the_seed() -> None:
    table = with_specimens(photographs({"a": 40, "b": 48}), 4, across=True)
    first = split_photographs(table, alone(table), settings())
    again = split_photographs(table.sample(frac=1, random_state=3), list(range(len(table))), settings())
    assert sides(first) == sides(again)
    assert sides(first) != sides(split_photographs(table, alone(table), settings(seed=5)))
