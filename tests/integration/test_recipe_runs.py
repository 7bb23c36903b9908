"""Recipes, sweeps and searches with the real ``dvc`` in a clone, on a tiny set."""

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.yaml import parse_yaml
from lithoscope.core.nested import flatten
from lithoscope.tracking import PastRun, Store

from helpers.pipeline_clone import Clone

pytestmark = pytest.mark.pipeline

# Decoupled weight decay multiplies the weights by 1 - lr * weight_decay: at lr 100 they burst, at 0.001 they do not.
DECAY = "train.weight_decay=10.0"


@pytest.fixture(scope="module")
def clone(packed_clone: Clone, blank_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = packed_clone.copy(tmp_path_factory.mktemp("recipes") / "clone")
    shutil.copyfile(blank_database, made.root / "mlflow.db")
    (made.root / "recipes" / "a.yaml").write_text("about:\n  description: a\nlr: 1e-3\nmodel:\n  dropout: 0.5\n")
    (made.root / "recipes" / "b.yaml").write_text("about:\n  description: b\ntrain:\n  optimizer: sgd\n")
    made.edit("dvc.yaml", r"(?s)^  report:.*?(?=^  \S|^\S|\Z)", "")  # which nothing here asks for
    made.commit("Two recipes, and no report")
    return made


@pytest.fixture(autouse=True)
def clean(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", "--", ".")


def experiments(clone: Clone) -> dict[str, str]:
    """Commits of the finished experiments by name."""
    refs = clone.run("git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").splitlines()
    pairs = [line.split() for line in refs if line.startswith("refs/exps/") and "/celery/" not in line]
    return {ref.rsplit("/", 1)[1]: commit for ref, commit in pairs if ref.count("/") == 4}


def parameters(clone: Clone, name: str) -> dict[str, Any]:
    text = clone.run("git", "show", f"{experiments(clone)[name]}:params.yaml")
    return flatten(parse_yaml(text, name))


def figures(clone: Clone, name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(clone.run("git", "show", f"{experiments(clone)[name]}:metrics/evaluation.json"))
    return values


def past_runs(clone: Clone) -> dict[str, PastRun]:
    uri = clone.environment.get("MLFLOW_TRACKING_URI", f"sqlite:///{clone.root / 'mlflow.db'}")
    store = Store(uri, clone.root)
    return {run.experiment: run for run in store.past_runs()}


def test_recipes_give_the_same_experiments_in_any_order_whatever_stands_in_the_workspace(clone: Clone) -> None:
    committed = parse_yaml((clone.root / "params.yaml").read_text(encoding="utf-8"), "params.yaml")
    for name in ("a", "b"):
        clone.run("lithoscope", "recipe", name)
    clone.edit("params.yaml", r"^lr: \S+", "lr: 0.5")
    clone.edit("params.yaml", r"^seed: \d+", "seed: 9")
    edited = (clone.root / "params.yaml").read_bytes()
    for name in ("b", "a"):
        printed = clone.run("lithoscope", "recipe", name, "--name", f"{name}-later")
        assert "params.yaml differs from the last commit; not used here: " in printed
    assert (clone.root / "params.yaml").read_bytes() == edited
    line = clone.run("lithoscope", "recipe", "a", "--dry", "--queue", "--name", "a-typed").splitlines()[-1]
    clone.run("bash", "-c", line)
    typed = clone.run("git", "show", "refs/exps/celery/stash:params.yaml")
    clone.run("dvc", "queue", "remove", "a-typed")
    assert (clone.root / "params.yaml").read_bytes() == edited

    assert parameters(clone, "a") == {**flatten(committed), "lr": 1e-3, "model.dropout": 0.5}
    assert parameters(clone, "b") == {**flatten(committed), "train.optimizer": "sgd"}
    assert parameters(clone, "a-later") == parameters(clone, "a") == flatten(parse_yaml(typed, "a-typed"))
    assert parameters(clone, "b-later") == parameters(clone, "b")
    assert figures(clone, "a-later") == figures(clone, "a")
    assert {name: run.status for name, run in past_runs(clone).items()} == {"a": "FINISHED", "b": "FINISHED"}


def test_a_name_that_is_taken_is_refused_in_a_line_and_the_experiment_stays(clone: Clone) -> None:
    before = experiments(clone)["a"]
    printed = clone.run("lithoscope", "recipe", "a", "-S", "lr=0.1", status=1)
    assert printed.startswith("error: the experiment a exists and is never overwritten")
    assert len(printed.splitlines()) == 1
    assert experiments(clone)["a"] == before


def test_a_recipe_can_be_queued(clone: Clone) -> None:
    before = set(experiments(clone))
    printed = clone.run("lithoscope", "recipe", "b", "--queue", "--name", "waiting")
    assert "dvc queue start --jobs 2" in printed
    (line,) = [line for line in clone.run("dvc", "queue", "status").splitlines() if "waiting" in line]
    assert line.split()[-1] == "Queued"
    assert set(experiments(clone)) == before
    assert clone.run("lithoscope", "recipe", "a", "--name", "waiting", status=1).startswith("error: the experiment")
    clone.run("dvc", "queue", "remove", "waiting")


def test_folds_are_pooled_run_once_and_lead_to_a_final_training(clone: Clone, tmp_path: Path) -> None:
    line = ["lithoscope", "folds", "b", "--folds", "2", "-S", "epochs=2", "--output", str(tmp_path / "folds.json")]
    printed = clone.run(*line)
    pooled = json.loads((tmp_path / "folds.json").read_text())
    each = [figures(clone, f"b-fold{number}")["validation"] for number in (0, 1)]
    assert pooled["n"] == sum(fold["n"] for fold in each) == 36 - figures(clone, "a")["test"]["n"]
    right = sum(round(fold["accuracy"] * fold["n"]) for fold in each)
    assert pooled["accuracy"] == pytest.approx(right / pooled["n"], abs=1e-5)
    before = experiments(clone)
    again = clone.run(*line)
    assert "b-fold0 is there already" in again
    assert again.splitlines()[-4:] == printed.splitlines()[-4:]
    assert experiments(clone) == before
    refused = clone.run(*line[:5], "-S", "epochs=1", status=1)
    assert "the experiment b-fold0 is there with other parameters" in refused.splitlines()[-1]

    final = printed.splitlines()[-1].split(": ", 1)[1]
    clone.run(*shlex.split(final), "--name", "b-final", "-S", "train.temperature=1.5")
    assert parameters(clone, "b-final")["split.validation"] == 0
    calibration = figures(clone, "b-final")["test"]["calibration"]
    assert (calibration["temperature"], calibration["photographs"]) == (1.5, 0)


@pytest.mark.fault(
    tried="A queued sweep, two workers at once on a store that does not exist yet; one member's loss becomes no number",
    outcome="That member fails in a line and its MLflow run says FAILED; the others' runs and experiments are whole",
)
def test_a_sweep_two_at_a_time_keeps_its_good_members_where_one_fails(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "new.db"  # so that the workers create the store, both at once
    monkeypatch.setitem(clone.environment, "MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    sweep = ["-S", "lr=1e-3,100.0,2e-3", "-S", DECAY, "-S", "batch_size=4", "-S", "evaluate.on=validation"]
    clone.run("dvc", "exp", "run", "--quiet", "--queue", "--name", "sweep", *sweep)
    clone.run("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 240
    while True:
        states = [line.split()[-1] for line in clone.run("dvc", "queue", "status").splitlines() if "sweep-" in line]
        if len(states) == 3 and set(states) <= {"Success", "Failed"}:
            break
        assert time.monotonic() < deadline, clone.run("dvc", "queue", "status")
        time.sleep(4)  # asking costs the workers a second of a core each time
    assert sorted(states) == ["Failed", "Success", "Success"]
    runs = past_runs(clone)
    with sqlite3.connect(database) as opened:
        assert opened.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert {name: run.status for name, run in runs.items()} == {
        "sweep-1": "FINISHED",
        "sweep-2": "FAILED",
        "sweep-3": "FINISHED",
    }
    for name, rate in {"sweep-1": 1e-3, "sweep-3": 2e-3}.items():
        assert float(runs[name].parameters["lr"]) == parameters(clone, name)["lr"] == rate
        assert runs[name].metrics["validation.accuracy"] == figures(clone, name)["validation"]["accuracy"]
    assert "is not a number" in clone.run("dvc", "queue", "logs", "sweep-2")

    table = clone.run("lithoscope", "compare")
    assert [line.split()[:3] for line in table.splitlines() if "sweep-" in line] in (
        [["1", "sweep-1", "0.001"], ["2", "sweep-3", "0.002"]],
        [["1", "sweep-3", "0.002"], ["2", "sweep-1", "0.001"]],
    )
    assert "accuracy against 1" in table
    assert sum("shown" in line for line in table.splitlines() if "sweep-" in line) == 1, "the second against the first"
    assert "other photographs" not in table.partition("Accuracy against")[0], "both validated on the same ones"
    page = (clone.root / "compare" / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 2, "the sample predictions of each run"


def test_a_search_with_optuna_goes_on_after_a_kill_and_after_a_trial_that_fails(clone: Clone) -> None:
    script = "examples/optuna_search.py"
    clone.edit(script, r'"lr", 1e-4, 1e-2, log=True', '"lr", *([100.0] * 2 if trial.number < 2 else [1e-3] * 2)')
    clone.edit(script, r'decay", 1e-4, 0.3, log=True', 'decay", 9.0, 10.0')
    command = ["python", script, "b", "-S", "batch_size=4", "--trials", "2"]
    with subprocess.Popen(
        command, cwd=clone.root, env=clone.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        assert first.stdout is not None
        killed = next(line for line in first.stdout if line.startswith("dvc exp run"))
        os.killpg(first.pid, signal.SIGKILL)
    printed = clone.run(*command)
    assert killed.replace("b-search-0", "b-search-1") in printed, "what was killed is tried again"
    assert "b-search-1 failed; the search goes on" in printed
    assert "best: b-search-2, validation loss " in printed

    assert {name for name in experiments(clone) if name.startswith("b-search")} == {"b-search-2"}
    assert set(figures(clone, "b-search-2")) == {"validation"}, "the test photographs were not read"
    runs = past_runs(clone)
    assert runs["b-search-1"].status == "FAILED"
    assert runs["b-search-2"].metrics["validation.loss"] == figures(clone, "b-search-2")["validation"]["loss"]
    chosen = parameters(clone, "b-search-2")
    assert (chosen["lr"], chosen["train.optimizer"], chosen["batch_size"]) == (1e-3, "sgd", 4)
    assert 9 <= chosen["train.weight_decay"] <= 10

    again = clone.run(*command)
    assert "dvc exp run" not in again, "both trials are there already"
    other = clone.run(*command, "--data", "data", status=1)
    assert "was begun with another recipe, metric, -S or --data" in other, "losses of other photographs do not mix"
    last = shlex.split(again.splitlines()[-1].partition(": ")[2])
    assert clone.run(*last, "--dry").splitlines()[-1].startswith("dvc exp run --temp --name b-search-best")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["b", "-S", "evaluate.on=test"], "-S evaluate.on: a search chooses on validation photographs; leave it out"),
        (["cnn-sweep"], "recipe cnn-sweep: a recipe with a grid is a sweep already; name one without"),
        (["b", "--metric", "accuracy"], "the search b-search was begun with another recipe, metric, -S or --data: "),
    ],
)
def test_a_mistake_in_asking_for_a_search_is_a_line(clone: Clone, arguments: list[str], expected: str) -> None:
    printed = clone.run("python", "examples/optuna_search.py", *arguments, status=1)
    assert printed.startswith(f"error: {expected}")
    assert len(printed.splitlines()) == 1
