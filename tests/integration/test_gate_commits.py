"""The gate on real commits: what is planted fails, what is harmless passes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lithoscope.cli import main as cli
from lithoscope.experiments.reproducibility import check, record

from helpers.git_checkout import git
from helpers.small_pipeline import SmallPipeline

pytestmark = pytest.mark.pipeline

Gate = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, checkout: Path, warm: Path) -> SmallPipeline:
    return SmallPipeline(tmp_path_factory.mktemp("gate") / "trained", checkout, warm)


@pytest.fixture
def pipeline(trained: SmallPipeline) -> SmallPipeline:
    """The trained repository, on a new branch from main."""
    git(trained.root, "checkout", "--quiet", "--force", "main")
    git(trained.root, "clean", "--quiet", "--force", "-d")
    git(trained.root, "checkout", "--quiet", "-B", "idea")
    return trained


@pytest.fixture
def gate(pipeline: SmallPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Runs ``lithoscope gate`` and returns the exit status and the JSON, which is empty where none was written."""

    def run(*arguments: str, at: Path = pipeline.root) -> tuple[int, dict[str, Any]]:
        monkeypatch.chdir(at)
        report = tmp_path / "gate.json"
        report.unlink(missing_ok=True)
        status = cli.main(["gate", "--json", str(report), *arguments])
        return status, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}

    return run


def plant(pipeline: SmallPipeline, file: str, pattern: str, replacement: str) -> None:
    """Change something, train anew, commit."""
    pipeline.edit(file, pattern, replacement)
    pipeline.repro()
    pipeline.commit("Try an idea")


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {one["metric"]: one["outcome"] for one in report["judgements"]}


@pytest.mark.parametrize(
    ("file", "pattern", "replacement"),
    [
        ("params.yaml", "^lr: .*", "lr: 10.0"),
        ("learn.py", "^network.fit.*", "network.fit(seen, np.random.default_rng(0).permutation(told))"),
        ("params.yaml", "^epochs: .*", "epochs: 4"),
    ],
    ids=["a learning rate of 10", "shuffled labels", "a tenth of the epochs"],
)
def test_a_planted_regression_fails_and_names_the_classes(
    pipeline: SmallPipeline, gate: Gate, file: str, pattern: str, replacement: str
) -> None:
    plant(pipeline, file, pattern, replacement)
    status, report = gate()
    assert status == 1
    assert outcomes(report)["accuracy"] == "worse"
    assert outcomes(report)["loss"] == "worse"
    assert report["paired"] is True
    assert report["classes"][0]["label"].startswith("digit ")
    assert not [reason for reason in report["failures"] if "dvc.lock" in reason], "only the figures are to blame"


def test_a_comment_passes_once_the_results_were_made_anew(pipeline: SmallPipeline, gate: Gate) -> None:
    pipeline.edit("learn.py", "^network =", "# Sixteen units are plenty.\nnetwork =")
    pipeline.commit("Explain")
    status, report = gate()
    assert status == 1
    assert report["failures"] == [
        "dvc.lock does not match the workspace: stage train: learn.py modified; run: dvc repro"
    ]
    pipeline.repro()
    pipeline.commit("Repeat")
    status, report = gate()
    assert (status, report["failures"]) == (0, [])
    assert set(outcomes(report).values()) == {"no drop shown"}


@pytest.mark.kind(
    about="Git",
    kind="`gate`, `gate --rev` and `make unchanged` from a project in a folder of a larger repository",
    done="the project's own files and revisions are judged; a change elsewhere is none of it",
    reported="treeverse/dvc#4969",
)
def test_the_gate_judges_a_project_in_a_folder_of_a_larger_repository(
    pipeline: SmallPipeline, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, project = tmp_path / "monorepo", tmp_path / "monorepo" / "science" / "my rocks"
    shutil.copytree(pipeline.root, project, ignore=shutil.ignore_patterns(".git", "tmp"))
    monkeypatch.setattr("lithoscope.experiments.reproducibility.machine", lambda: {"processor": "A (1)"})
    record(project)
    (root / "params.yaml").write_text("of another project\n", encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    (root / "params.yaml").write_text("edited\n", encoding="utf-8")
    for arguments in ((), ("--rev", "HEAD")):
        status, report = gate(*arguments, at=project)
        assert (status, report["failures"]) == (0, [])
        assert set(outcomes(report).values()) == {"no drop shown"}
    assert check(project, {"processor": "A (1)"})[0] == 0
    evaluation = project / "metrics" / "evaluation.json"
    evaluation.write_text(evaluation.read_text("utf-8").replace('"accuracy": 0.', '"accuracy": 0.0', 1), "utf-8")
    assert gate(at=project)[0] == 1
    assert check(project, {"processor": "A (1)"})[0] == 1
    assert gate("--rev", "HEAD", at=project)[0] == 0


def test_another_seed_passes(pipeline: SmallPipeline, gate: Gate) -> None:
    plant(pipeline, "params.yaml", "^seed: .*", "seed: 5")
    status, report = gate()
    assert (status, report["failures"]) == (0, [])
    assert report["judgements"][0]["baseline"] != report["judgements"][0]["current"], "it is another network"


def test_a_real_improvement_passes_and_is_said(
    pipeline: SmallPipeline, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(pipeline, "params.yaml", "^epochs: .*", "epochs: 4")
    git(pipeline.root, "tag", "--force", "weak")
    plant(pipeline, "params.yaml", "^epochs: .*", "epochs: 40")
    status, report = gate("--baseline", "weak")
    assert status == 0
    assert set(outcomes(report).values()) == {"better"}
    assert "gate: passed; better: accuracy, macro_f1, loss" in capsys.readouterr().out


def test_a_deleted_metric_fails(pipeline: SmallPipeline, gate: Gate) -> None:
    evaluation = pipeline.root / "metrics" / "evaluation.json"
    values = json.loads(evaluation.read_text(encoding="utf-8"))
    del values["test"]["macro"]["f1"]
    evaluation.write_text(json.dumps(values), encoding="utf-8")
    pipeline.commit("Delete a metric")
    status, report = gate()
    assert status == 1
    assert "metrics/evaluation.json: vanished: test.macro.f1" in report["failures"]
    evaluation.unlink()
    pipeline.commit("Delete them all")
    status, report = gate()
    assert status == 1
    assert "metrics/evaluation.json vanished" in report["failures"]


def test_an_edited_metrics_file_fails_even_if_the_lock_is_edited_too(pipeline: SmallPipeline, gate: Gate) -> None:
    pipeline.edit("metrics/evaluation.json", r'"accuracy": 0\.\d+', '"accuracy": 0.999')
    pipeline.commit("Polish")
    status, report = gate()
    assert status == 1
    assert any("dvc.lock does not match" in reason for reason in report["failures"])
    pipeline.dvc("commit", "--force", "--quiet")
    pipeline.commit("Polish the lock too")
    status, report = gate()
    assert status == 1
    (reason,) = report["failures"]
    assert reason.startswith("metrics/evaluation.json says test.accuracy = 0.999, plots/predictions.csv gives 0.9")


def test_a_test_photograph_in_training_fails(pipeline: SmallPipeline, gate: Gate) -> None:
    plant(pipeline, "pack.py", "^table =", 'rows.append(("copy.png", "train", *rows[0][2:]))\ntable =')
    status, report = gate()
    assert status == 1
    assert report["failures"] == ["1 photographs of the test set are in training, the same file: 0000.png"]


def test_a_test_set_that_shrank_fails_and_is_judged_unpaired(pipeline: SmallPipeline, gate: Gate) -> None:
    pipeline.edit("pack.py", "% 3", "% 6")
    pipeline.edit("learn.py", "% 3", "% 6")
    pipeline.repro()
    pipeline.commit("Test less")
    status, report = gate()
    assert status == 1
    assert report["failures"][0].startswith("the test set shrank from 599 to 300: without 0003.png")
    assert report["paired"] is False
    assert report["judgements"][0]["p_value"] is None


def test_a_parameter_that_results_were_not_made_with_fails(pipeline: SmallPipeline, gate: Gate) -> None:
    pipeline.edit("params.yaml", "^lr: .*", "lr: 0.004")
    pipeline.commit("Claim another learning rate")
    status, report = gate()
    assert status == 1
    assert report["failures"] == [
        "dvc.lock does not match the workspace: stage train: params.yaml: lr modified; run: dvc repro"
    ]


def test_the_gate_s_own_settings_make_nothing_stale_and_a_change_of_them_is_noted(
    pipeline: SmallPipeline, gate: Gate
) -> None:
    pipeline.dvc("checkout", "--quiet", "--force")  # what other tests left in build/
    pipeline.edit("params.yaml", r"(accuracy: .*)drop: [0-9.]+", r"\1drop: 0.2")
    assert "up to date" in pipeline.dvc("status")
    status, report = gate()
    assert status == 0
    assert any("settings changed" in one["text"] and "accuracy.drop" in one["text"] for one in report["findings"])


def test_a_fresh_clone_with_an_empty_cache_says_the_same(pipeline: SmallPipeline, gate: Gate, tmp_path: Path) -> None:
    plant(pipeline, "params.yaml", "^epochs: .*", "epochs: 4")
    here = gate("--rev", "idea")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", "idea", str(pipeline.root), str(clone))
    assert not (clone / ".dvc" / "cache").exists()
    there = gate("--rev", "idea", at=clone)
    assert there[0] == here[0] == 1
    differing = {key for key in here[1] if here[1][key] != there[1][key]}
    assert differing <= {"baseline"}, "a clone knows main as origin/main"
    workspace = gate(at=clone)
    assert workspace[1]["failures"] == here[1]["failures"]


def test_a_revision_is_judged_by_its_own_files(pipeline: SmallPipeline, gate: Gate) -> None:
    plant(pipeline, "params.yaml", "^epochs: .*", "epochs: 4")
    git(pipeline.root, "checkout", "--quiet", "main")
    pipeline.edit("learn.py", "^network =", "# only in the workspace\nnetwork =")
    assert gate("--rev", "main")[0] == 0
    status, report = gate("--rev", "idea")
    assert status == 1
    assert not [reason for reason in report["failures"] if "dvc.lock" in reason]


def test_a_snapshot_and_a_table_of_predictions_are_baselines_too(
    pipeline: SmallPipeline, gate: Gate, tmp_path: Path
) -> None:
    snapshot, table = tmp_path / "before.json", tmp_path / "before.csv"
    assert gate("--snapshot", str(snapshot))[0] == 0
    shutil.copy(pipeline.root / "plots" / "predictions.csv", table)
    plant(pipeline, "params.yaml", "^epochs: .*", "epochs: 4")
    by_revision = gate()[1]
    for baseline in (snapshot, table):
        status, report = gate("--baseline", str(baseline))
        assert status == 1
        assert report["judgements"] == by_revision["judgements"]


def test_without_a_baseline_it_cannot_tell(
    pipeline: SmallPipeline, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate("--baseline", "nowhere")[0] == 2
    assert (
        capsys.readouterr().err == "error: nowhere: no such revision here; fetch it, or name another one, or a file\n"
    )
    git(pipeline.root, "rm", "--quiet", "plots/predictions.csv")
    git(pipeline.root, "commit", "--quiet", "--message", "Nothing scored")
    git(pipeline.root, "tag", "--force", "unscored")
    git(pipeline.root, "reset", "--quiet", "--hard", "main")
    status, report = gate("--baseline", "unscored")
    assert status == 2
    assert "plots/predictions.csv is not there in unscored" in report["unknown"][0]


def test_a_baseline_whose_figures_were_edited_is_no_baseline(pipeline: SmallPipeline, gate: Gate) -> None:
    pipeline.edit("metrics/per_class.json", r'"n": (\d+)\n    }\n  }', r'"n": 1\n    }\n  }')
    pipeline.commit("Edit the figures")
    git(pipeline.root, "tag", "--force", "edited")
    git(pipeline.root, "reset", "--quiet", "--hard", "main")
    status, report = gate("--baseline", "edited")
    assert status == 2
    assert "metrics/per_class.json is not what its dvc.lock says was made" in report["unknown"][0]


def test_the_same_model_takes_as_long_and_one_that_is_not_there_cannot_be_timed(
    pipeline: SmallPipeline, gate: Gate
) -> None:
    status, report = gate("--time")
    assert status == 2
    (timed,) = [one for one in report["budgets"] if one["name"] == "prediction time"]
    assert timed["ratio"] is None
    assert timed["text"].startswith("cannot tell: ")


def test_dvc_s_own_comparisons_stay_usable(pipeline: SmallPipeline) -> None:
    def dvc(*arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=pipeline.root, check=True, capture_output=True, text=True).stdout

    plant(pipeline, "params.yaml", "^epochs: .*", "epochs: 4")
    difference = json.loads(dvc("metrics", "diff", "main", "--json"))
    assert difference["metrics/evaluation.json"]["test.accuracy"]["diff"] < 0
    assert "index.html" in dvc("plots", "diff", "main", "--out", "build/plots")
