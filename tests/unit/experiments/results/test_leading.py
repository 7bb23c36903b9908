from typing import Any

from lithoscope.experiments.recipes import About, SourceFigure
from lithoscope.experiments.results.leading import leading_section
from lithoscope.experiments.results.recorded_run import RecordedRun


def run(recipe: str, right: int, *, seed: int = 0, name: str = "minerals", split: str = "test") -> RecordedRun:
    photographs = [{"id": str(i), "label": "a", "p": [0.8, 0.2] if i < right else [0.3, 0.7]} for i in range(10)]
    values: dict[str, Any] = {
        "dataset": {"name": name, "published": 956},
        "data": {"photographs": 758},
        "classes": ["a", "b"],
        "split": split,
        "photographs": photographs,
    }
    return RecordedRun(f"{recipe}-seed{seed}", recipe, seed, values)


def rows(groups: dict[str, list[RecordedRun]], abouts: dict[str, About]) -> list[list[str]]:
    lines = [line for line in leading_section(groups, abouts).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def about() -> About:
    return About.model_validate({"description": "a test"})


def test_each_set_has_one_line_with_the_best_recipe_its_interval_and_command() -> None:
    groups = {
        "granite": [run("granite", 7, seed=seed) for seed in range(2)],
        "basalt": [run("basalt", 8), run("basalt", 10, seed=1)],
        "slate": [run("slate", 5, name="osf-rocks")],
    }
    first, second = rows(groups, dict.fromkeys(groups, about()))
    assert first == [
        "minerals, 758 of 956 photographs",
        "basalt",
        "**.900** ± .141 over 2 seeds [.596, .982]",  # Wilson, 95 %, .9 of 10
        "10",
        "–",
        "`lithoscope recipe basalt`",
    ]
    assert second[1:3] == ["slate", "**.500** [.237, .763]"]


def test_more_seeds_count_before_a_higher_figure_of_fewer() -> None:
    groups = {"granite": [run("granite", 10)], "basalt": [run("basalt", 8, seed=seed) for seed in range(2)]}
    ((_, recipe, *_),) = rows(groups, dict.fromkeys(groups, about()))
    assert recipe == "basalt"


def test_validation_figures_and_recipes_that_are_gone_do_not_lead() -> None:
    groups = {
        "granite": [run("granite", 10, split="validation")],
        "gone": [run("gone", 10)],
        "slate": [run("slate", 4)],
    }
    abouts = {"granite": about(), "slate": about()}
    assert [recipe for _, recipe, *_ in rows(groups, abouts)] == ["slate"]
    assert leading_section({}, {}) == ""


def test_what_was_published_stands_beside_it() -> None:
    source = {"who": "a study", "what": "a network", "figures": [SourceFigure(metric="test accuracy", value=0.939)]}
    stated = About.model_validate({"description": "a test", "source": source})
    ((*_, published, _),) = rows({"slate": [run("slate", 4)]}, {"slate": stated})
    assert published == "test accuracy .939 (a study)"
