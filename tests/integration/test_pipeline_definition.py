"""``dvc.yaml`` must name what each stage really uses: what it does not name goes stale in the stage's results."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.params import load_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.training.environment import DECIDING

STAGES = ["download", "split", "augment", "train", "evaluate", "report"]


def module_file(checkout: Path, name: str) -> Path | None:
    path = checkout / "src" / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imported_modules(checkout: Path, file: Path) -> set[Path]:
    """Every module of ours that a file imports, anywhere in it, with the packages they lie in."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name == "_checkout":
                found.add(checkout / "stages" / "_checkout.py")
            parts = name.split(".")
            if parts[0] == "lithoscope":
                parents = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
                found |= {module for parent in parents if (module := module_file(checkout, parent))}
    return found


def closure(checkout: Path, file: Path) -> set[str]:
    """All of our files that running a file can import, relative to the checkout."""
    seen, waiting = set[Path](), {file}
    while waiting:
        current = waiting.pop()
        seen.add(current)
        waiting |= imported_modules(checkout, current) - seen
    return {path.relative_to(checkout).as_posix() for path in seen}


@pytest.fixture(scope="module")
def pipeline(checkout: Path) -> dict[str, Any]:
    stages: dict[str, Any] = read_yaml(checkout / "dvc.yaml")["stages"]
    return stages


def test_the_six_stages_stand_in_their_order(pipeline: dict[str, Any]) -> None:
    assert list(pipeline) == STAGES


def can_change_results(file: Path) -> bool:
    """Tell a module with code from the front page of a package, which holds a docstring alone."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def imported_sources(checkout: Path, stage: str) -> set[str]:
    """The modules with code that a stage can import, relative to the checkout."""
    return {
        file for file in closure(checkout, checkout / "stages" / f"{stage}.py") if can_change_results(checkout / file)
    }


def lies_in(file: str, dependency: str) -> bool:
    return file == dependency or file.startswith(dependency + "/")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_it_imports(pipeline: dict[str, Any], checkout: Path, stage: str) -> None:
    declared = pipeline[stage]["deps"]
    missing = [
        file for file in imported_sources(checkout, stage) if not any(lies_in(file, folder) for folder in declared)
    ]
    assert not missing, f"add to the deps of {stage} in dvc.yaml: {sorted(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_package_it_imports_nothing_of(
    pipeline: dict[str, Any], checkout: Path, stage: str
) -> None:
    imported = imported_sources(checkout, stage)
    sources = [dependency for dependency in pipeline[stage]["deps"] if dependency.startswith("src/")]
    idle = [dependency for dependency in sources if not any(lies_in(file, dependency) for file in imported)]
    assert sources
    assert not idle, f"take out of the deps of {stage} in dvc.yaml: {idle}"


def test_sources_take_few_lines_of_the_pipeline(pipeline: dict[str, Any]) -> None:
    assert sum(dependency.startswith("src/") for stage in pipeline.values() for dependency in stage["deps"]) <= 45


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("data/synthetic/scene.py", set()),
        ("data/sources/osf.py", {"download"}),
        ("reporting/page.py", {"report"}),
        ("cli/main.py", set()),
        ("experiments/recipes.py", set()),
    ],
)
def test_an_edit_makes_stale_what_runs_it_alone(
    pipeline: dict[str, Any], checkout: Path, edited: str, stale: set[str]
) -> None:
    file = f"src/lithoscope/{edited}"
    assert (checkout / file).is_file()
    assert {name for name, stage in pipeline.items() if any(lies_in(file, folder) for folder in stage["deps"])} == stale


def test_a_half_done_training_is_known_by_the_code_that_decides_its_weights_and_no_other(
    pipeline: dict[str, Any],
) -> None:
    sources = {dependency for dependency in pipeline["train"]["deps"] if dependency.startswith("src/")}
    assert {f"src/lithoscope/{package}" for package in DECIDING} == sources - {"src/lithoscope/tracking"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_file_that_is_not_there(pipeline: dict[str, Any], checkout: Path, stage: str) -> None:
    made = {"build", "metrics", "plots", "${mirror}${as_text}", "${folder.table}${as_text}"}
    gone = [dep for dep in pipeline[stage]["deps"] if dep.split("/")[0] not in made and not (checkout / dep).exists()]
    assert not gone


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_script_is_short(checkout: Path, stage: str) -> None:
    assert len((checkout / "stages" / f"{stage}.py").read_text(encoding="utf-8").splitlines()) <= 100


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_parameters_its_script_names(pipeline: dict[str, Any], checkout: Path, stage: str) -> None:
    script = (checkout / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    keys = load_parameters(checkout / "params.yaml").flat()
    named = {key for key in keys if re.search(rf"\bparams\.{re.escape(key)}\b", script)}
    declared = pipeline[stage].get("params", [])
    assert not [key for key in named if key not in declared and key.split(".")[0] not in declared]


def test_every_parameter_belongs_to_a_stage(pipeline: dict[str, Any], checkout: Path) -> None:
    declared = {name for stage in pipeline.values() for name in stage.get("params", [])}
    keys = load_parameters(checkout / "params.yaml").flat()
    assert not [key for key in keys if key not in declared and key.split(".")[0] not in declared]


def test_pictures_and_peoples_judgements_stay_out_of_git_and_figures_in_it(pipeline: dict[str, Any]) -> None:
    for stage in pipeline.values():
        for out in [*stage.get("metrics", []), *stage.get("plots", [])]:
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            assert options.get("cache", True) == (path.endswith(".png") or path == "plots/people.csv"), path


@pytest.mark.kind(
    about="DVC",
    kind="`dvc metrics show` and `dvc exp show` with hundreds of figures",
    done="list `metrics/headline.json` alone, six figures a split at most; the rest stands in files beside it",
    reported="–",
)
def test_what_dvc_lists_of_every_run_is_the_headline(pipeline: dict[str, Any], checkout: Path) -> None:
    listed = [name for stage in pipeline.values() for entry in stage.get("metrics", []) for name in entry]
    assert listed == ["metrics/headline.json"]
    figures = json.loads((checkout / listed[0]).read_text("utf-8"))
    assert all(len(of_split) <= 6 for of_split in figures.values())
    whole = json.loads((checkout / "metrics" / "evaluation.json").read_text("utf-8"))
    assert {split: of_split["accuracy"] for split, of_split in figures.items()} == {
        split: of_split["accuracy"] for split, of_split in whole.items()
    }


def test_requirements_pin_everything_and_bring_no_cuda(checkout: Path) -> None:
    lines = [
        line.split(";")[0].strip()
        for line in (checkout / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert all("==" in line for line in lines)
    assert not [line for line in lines if line.startswith(("nvidia", "cuda", "triton"))]
    names = {line.split("==")[0] for line in lines}
    assert {"dvc", "torch", "torchvision", "pandas", "scikit-learn", "mlflow", "pyyaml", "matplotlib"} <= names
