import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lithoscope.evaluation.metric_intervals import figure_intervals
from lithoscope.experiments.results.page import render


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "recipes").mkdir()
    recipe(tmp_path, "quartzite")
    return tmp_path


def recipe(root: Path, name: str, more: str = "") -> None:
    (root / "recipes" / f"{name}.yaml").write_text(f"about:\n  description: a test\n{more}", encoding="utf-8")


def result(root: Path, name: str, right: int, of: int, *, ids: str = "", **more: Any) -> None:
    """Write a result with the keys of the earliest files and those in ``more``."""
    photographs = [{"id": f"{ids}{i}", "label": "a", "p": [0.8, 0.2] if i < right else [0.3, 0.7]} for i in range(of)]
    counts = {"train": 50, "val": 9, "test": of}
    values = {
        "dataset": {"name": "minerals", "synthetic": False, "published": 956},
        "data": {"photographs": 758, "splits": {split: {"photographs": count} for split, count in counts.items()}},
        "parameters": {"model": {"name": "cnn"}},
        "classes": ["a", "b"],
        "split": "test",
        "training": {"best_epoch": 7, "validation": {"loss": 0.25, "accuracy": 0.75}},
        "seconds": 12.5,
        "photographs": photographs,
        **more,
    }
    (root / "results" / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")


def cells(root: Path, first: str) -> dict[str, str]:
    """Return the row that begins with a text, under the titles of its table."""
    tables = [block.splitlines() for block in render(root).split("\n\n") if block.startswith("|")]
    split = [[[cell.strip() for cell in line[1:-1].split("|")] for line in table] for table in tables]
    ((titles, found),) = [(table[0], row) for table in split for row in table if row[0].startswith(first)]
    return dict(zip(titles, found, strict=True))


def test_figures_are_computed_from_the_photographs_with_intervals(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10)
    row = cells(root, "[quartzite-seed0](../results/quartzite-seed0.json)")
    assert row["photographs: training / validation / test"] == "minerals, 758 of 956 photographs: 50 / 9 / 10"
    assert (row["scored on"], row["n"]) == ("test", "10")
    assert row["accuracy"] == ".900 [.596, .982]"  # Wilson, 95 %, 9 of 10
    assert (row["validation accuracy"], row["validation loss"]) == (".750", "0.250")
    # -(9 ln .8 + ln .3) / 10; of 10 resampled photographs 0 to 3 are the one that is wrong: 2.5 % have more.
    assert row["loss"] == "0.321 [0.223, 0.517]"


def test_intervals_are_those_that_the_runs_own_report_shows(root: Path) -> None:
    share = np.random.default_rng(0).uniform(0.05, 0.95, 40).round(4)
    answers = np.stack([share, 1 - share], axis=1)
    photographs = [{"id": str(i), "label": "a", "p": row.tolist()} for i, row in enumerate(answers)]
    result(root, "quartzite-seed0", right=0, of=0, photographs=photographs)
    low, high = figure_intervals(answers, np.zeros(40, np.int64), [str(i) for i in range(40)], "test")["loss"]
    assert cells(root, "[quartzite-seed0]")["loss"].endswith(f" [{low:.3f}, {high:.3f}]")


def test_accuracy_per_specimen_stands_beside_that_per_photograph_and_widens_its_interval(root: Path) -> None:
    answers = [[0.8, 0.2]] * 12 + [[0.3, 0.7]] * 6  # three pieces of six photographs each; one is taken for another
    photographs = [
        {"id": str(i), "label": "a", "group": str(i - i % 6), "specimen": f"piece {i // 6}", "p": p}
        for i, p in enumerate(answers)
    ]
    result(root, "gneiss-seed0", right=0, of=0, photographs=photographs, clustered=True)
    result(root, "gneiss-seed1", right=0, of=0, photographs=photographs, clustered=True)
    result(root, "schist-seed0", right=12, of=18)
    words = cells(root, "[gneiss-seed0]")["accuracy"]
    assert words.startswith(".667 [.208, .939]; per specimen .667 [.208, .939] of 3")  # Wilson's, 2 of 3
    assert cells(root, "[schist-seed0]")["accuracy"] == ".667 [.437, .837]"  # Wilson's, 12 of 18
    assert cells(root, "**gneiss, mean of 2 seeds**")["accuracy"].endswith("[.208, .939]")


def test_a_file_of_an_earlier_version_has_dashes_for_what_it_lacks(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10, seconds=None, training={"best_epoch": 7})
    row = cells(root, "[quartzite-seed0]")
    dashes = ("computed in", "validation accuracy", "validation loss", "training, s", "stated by the source", "made by")
    assert {row[title].replace("–, –", "–") for title in dashes} == {"–"}


def test_what_ran_is_said_with_resolved_precision_members_views_and_command(root: Path) -> None:
    result(
        root,
        "quartzite-seed0",
        right=9,
        of=10,
        precision="bf16",
        device="cpu",
        processor="A Processor",
        command="lithoscope recipe quartzite --seed 0",
        pretrained={"source": "imagenet", "sha256": "0"},
        parameters={"precision": "auto", "device": "auto", "model": {"name": "resnet50", "members": 3, "views": 8}},
        dataset={"name": "specimens", "synthetic": True, "published": None},
    )
    row = cells(root, "[quartzite-seed0]")
    assert row["computed in"] == "bf16, cpu, A Processor"
    assert row["model"] == "resnet50 from imagenet, 3 members, 8 views"
    assert row["made by"] == "`lithoscope recipe quartzite --seed 0`"
    assert row["photographs: training / validation / test"].startswith("specimens (synthetic)")


def test_several_seeds_have_a_mean_with_its_interval_at_the_n_of_one(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10)
    result(root, "quartzite-seed1", right=6, of=10)
    row = cells(root, "**quartzite, mean of 2 seeds**")
    assert row["accuracy"] == "**.750 ± .212** [.442, .919]"  # Wilson of 7.5 of 10, not of 15 of 20
    assert row["n"] == "10"
    assert row["validation loss"] == "0.250 ± 0.000"
    assert row["photographs: training / validation / test"] == "every seed reads the same photographs"


def test_a_split_that_moves_with_the_seed_is_named(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10)
    result(root, "quartzite-seed1", right=6, of=10, ids="other ")
    row = cells(root, "**quartzite, mean of 2 seeds**")
    assert row["photographs: training / validation / test"] == "each seed has a split of its own"


def test_a_single_run_has_no_mean(root: Path) -> None:
    result(root, "granite", right=1, of=2)
    assert "mean of" not in render(root)


def test_the_figures_of_a_recipes_source_stand_beside_ours_once(root: Path) -> None:
    source = (
        "{who: somebody, what: a network, figures: [{metric: test accuracy, value: 0.929}, {metric: validation loss, "
    )
    recipe(root, "quartzite", f"  source: {source}value: 0.298}}]}}\n")
    result(root, "quartzite-seed0", right=9, of=10)
    stated = "test accuracy .929, validation loss 0.298 (somebody: a network)"
    assert cells(root, "[quartzite-seed0]")["stated by the source"] == stated
    result(root, "quartzite-seed1", right=9, of=10)
    assert cells(root, "**quartzite")["stated by the source"] == stated
    assert render(root).partition("## All runs")[2].count("somebody") == 1


def test_a_member_of_a_grid_says_which_combination_it_was(root: Path) -> None:
    source = "  source:\n    who: others\n    what: a CNN\n    figures:\n      - {metric: loss, value: 0.5}\n"
    recipe(root, "grains", source + "grid:\n  lr: [1e-3, 1e-2]\n  batch_size: [16, 64]\n")
    for name in ("grains-2", "grains-3-seed1", "grains-5"):
        result(root, name, right=8, of=10)
    assert cells(root, "[grains-2]")["run"].endswith(".json) (lr=0.001, batch_size=64)")
    assert cells(root, "[grains-3-seed1]")["run"].endswith(".json) (lr=0.01, batch_size=16)")
    assert cells(root, "[grains-3-seed1]")["stated by the source"].startswith("loss 0.5 (others")
    assert cells(root, "[grains-5]")["run"].endswith(".json)"), "the grid has four members"


def test_recipes_that_name_others_are_compared_on_the_same_photographs(root: Path) -> None:
    recipe(root, "quartzite", "  compare_with: [granite, basalt, not-run]\n")
    for seed in (0, 1):
        result(root, f"quartzite-seed{seed}", right=18, of=20)
        result(root, f"granite-seed{seed}", right=8, of=22)
    result(root, "basalt-seed0", right=8, of=20, split="validation")
    lines = [line for line in render(root).splitlines() if line.startswith("| quartzite")]
    assert len(lines) == 2
    assert lines[0].startswith("| quartzite | granite | test | 20 | 40 | +.500 [+.3")
    # 2 / 1024: ten photographs, all for the first.
    assert lines[0].endswith("| seed 0: .002, seed 1: .002 | the first is better |")
    assert lines[1] == "| quartzite | basalt | – | 0 | 0 | no photograph in common | – | – |"


def test_one_recipe_to_compare_with_needs_no_list(root: Path) -> None:
    recipe(root, "quartzite", "  compare_with: granite\n")
    result(root, "quartzite-seed0", right=9, of=10)
    result(root, "granite-seed0", right=9, of=10)
    row = "| quartzite | granite | test | 10 | 10 | .000 [.000, .000] | seed 0: 1.000 | no difference shown |"
    assert row in render(root)


def test_answers_stand_with_how_often_each_kind_was_right(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10)
    assert "## Answers" not in render(root), "files of earlier versions have no such figures"
    share = {"share": 0.9, "low": 0.8, "high": 0.95}
    kinds = {"name": {"n": 7, "share": 0.7, "right": 1.0, "low": 0.6, "high": 1.0}, "coarser": {"n": 0, "share": 0.0}}
    answers = {"n": 10, "held_out": {"photographs": 20}, "rejected": share, "kinds": kinds}
    result(root, "quartzite-seed1", right=9, of=10, answers={**answers, "coverage": {**share, "mean_size": 1.25}})
    (line,) = (line for line in render(root).partition("## Answers")[2].splitlines() if "quartzite-seed1" in line)
    assert line.split(" | ")[1:] == [
        *("10", "20", ".900 [.800, .950]", "1.2", ".900 [.800, .950]"),
        *(".700: 1.000 [.600, 1.000]", "–", "– |"),
    ]


def beside_people(mean_r: float) -> dict[str, Any]:
    def ends(name: str, value: float) -> dict[str, float]:
        return {name: value, f"{name}_low": value - 0.05, f"{name}_high": value + 0.05}

    fitted = ends("mean_r", mean_r) | ends("disparity", 0.4)
    return {
        "training": {"photographs": 360, "map": "ridge", **fitted},
        "test": {"photographs": 120, "map": "ridge", **fitted},
        "authors": ends("mean_r", 0.741) | ends("disparity", 0.4),
        "difference_from_authors": ends("mean_r", mean_r - 0.741),
        "naming": {"mixed": {"photographs": 20, **ends("model", 0.7), "people": 44, **ends("accuracy", 0.748)}},
    }


def test_runs_that_were_compared_with_people_stand_beside_the_authors_and_the_people(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10)
    assert "Beside people" not in render(root), "files of earlier versions have no such figures"
    result(root, "quartzite-seed1", right=9, of=10, people=beside_people(0.8))
    result(root, "quartzite-seed2", right=9, of=10, people=beside_people(0.7))
    lines = render(root).partition("## Beside people")[2].splitlines()
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("|")]
    table = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}
    assert list(table) == [
        "the authors' network",
        "people",
        "[quartzite-seed1](../results/quartzite-seed1.json)",
        "[quartzite-seed2](../results/quartzite-seed2.json)",
    ]
    assert table["the authors' network"]["mean r, test"] == ".741 [.691, .791]"
    assert table["people"]["mixed"] == ".748 [.698, .798]"
    assert table["people"]["mean r, test"] == table["people"]["igneous"] == "–"
    first, second = list(table.values())[2:]
    assert first["mean r, cross-validated"] == ".800 [.750, .850]"
    assert first["against the authors"] == "+.059 [+.009, +.109]"
    assert second["against the authors"] == "−.041 [−.091, +.009]"
    assert first["mixed"] == ".700 [.650, .750]"


def test_without_a_comparison_and_notes_there_are_no_such_sections(root: Path) -> None:
    result(root, "quartzite-seed0", right=9, of=10)
    assert [line for line in render(root).splitlines() if line.startswith("##")] == ["## All runs"]


def test_a_recipes_notes_are_a_list(root: Path) -> None:
    recipe(root, "quartzite", "  notes: |\n    Tried: a higher rate.\n\n    - Validation .8.\n")
    result(root, "quartzite-seed0", right=9, of=10)
    assert render(root).endswith("## Notes\n\n### quartzite\n\n- Tried: a higher rate.\n- Validation .8.\n")


def test_the_documented_table_is_what_the_recorded_files_give(checkout: Path) -> None:
    committed = (checkout / "docs" / "results.md").read_text(encoding="utf-8")
    assert committed == render(checkout)
    assert len(list((checkout / "results").glob("*.json"))) > 0
