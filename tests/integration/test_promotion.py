"""``lithoscope promote`` and ``rollback`` on real commits, with a real registry."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from lithoscope.cli.main import main
from lithoscope.models.saved_model import weights_digest
from lithoscope.serving.saved_models import saved_model

from helpers.git_checkout import git
from helpers.small_pipeline import SmallPipeline

pytestmark = pytest.mark.pipeline

# The network is scikit-learn's; MLflow keeps its weights as it keeps any model's, and nobody loads them here.
AS_A_MODEL = """
from safetensors.numpy import save_file
save_file({f"layer {place}": values for place, values in enumerate(network.coefs_)}, "build/model/model.safetensors")
Path("build/model/model.json").write_text(json.dumps({"architecture": {"name": "cnn"}, "classes": classes}))
"""
SQUARES = 'np.save("build/arrays/test.npy", np.zeros((2, 32, 32, 3), np.uint8))\n'
ARTIFACT = "\nartifacts:\n  classifier: {path: build/model, type: model}\n"
NAME = "models:/classifier@champion"


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, checkout: Path, blank_database: Path, warm: Path
) -> SmallPipeline:
    pipeline = SmallPipeline(tmp_path_factory.mktemp("promotion") / "trained", checkout, warm)
    root = pipeline.root
    for file, text in (("learn.py", AS_A_MODEL), ("pack.py", SQUARES), ("dvc.yaml", ARTIFACT)):
        with (root / file).open("a", encoding="utf-8") as stream:
            stream.write(text)
    shutil.copyfile(checkout / "params.yaml", root / "params.yaml")
    for key, value in (("dataset", "folder"), ("lr", "0.003"), ("epochs", "40"), ("seed", "0")):
        pipeline.edit("params.yaml", rf"^{key}: \S+", f"{key}: {value}")
    pipeline.edit(".gitignore", "/build/\n", "/build/\n/mlflow.db*\n/mlartifacts/\n/.partial/\n")
    shutil.copyfile(blank_database, root / "mlflow.db")
    git(root, "config", "user.name", "A Test")
    git(root, "config", "user.email", "test@localhost")
    retrain(pipeline)
    return pipeline


@pytest.fixture
def pipeline(trained: SmallPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallPipeline:
    """The trained repository with an empty registry; the working folder is its root."""
    for variable in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    copied = object.__new__(SmallPipeline)
    copied.root, copied.warm = tmp_path / "copy", trained.warm
    shutil.copytree(trained.root, copied.root, symlinks=True)
    monkeypatch.chdir(copied.root)
    return copied


def retrain(pipeline: SmallPipeline, **changes: str) -> None:
    """Change parameters, train anew, commit."""
    for key, value in changes.items():
        pipeline.edit("params.yaml", rf"^{key}: \S+", f"{key}: {value}")
    pipeline.repro()
    pipeline.commit("Train")


def champion(pipeline: SmallPipeline) -> tuple[int, dict[str, str]]:
    client = MlflowClient(f"sqlite:///{pipeline.root / 'mlflow.db'}")
    found = client.get_model_version_by_alias("classifier", "champion")
    return int(found.version), dict(found.tags)


def test_the_first_model_is_registered_and_alias_tag_and_artifact_name_the_same_weights(
    pipeline: SmallPipeline, tmp_path: Path
) -> None:
    (pipeline.root / "build" / "limits").mkdir()
    (pipeline.root / "build" / "limits" / "limits.json").write_text("{}", encoding="utf-8")
    assert main(["promote"]) == 0
    weights = weights_digest(pipeline.root / "build" / "model")
    version, tags = champion(pipeline)
    assert (version, tags["sha256.weights"], tags["git.tag"]) == (1, weights, "classifier@v1.0.0")
    with saved_model(NAME, pipeline.root) as folder:
        assert weights_digest(folder) == weights
        assert (folder / "limits" / "limits.json").is_file()
    # In a process of its own: what dvc loads for this ends all handlers of logs, and absl's closes pytest's stream.
    command = ["artifacts", "get", str(pipeline.root), "classifier", "--rev", "v1.0.0", "--out", str(tmp_path / "got")]
    subprocess.run([sys.executable, "-m", "dvc", *command], check=True, capture_output=True)
    assert weights_digest(tmp_path / "got") == weights
    assert git(pipeline.root, "rev-list", "-n", "1", "classifier@v1.0.0").strip() == tags["git.commit"]
    assert weights in git(pipeline.root, "tag", "--list", "--format=%(contents)", "classifier@v1.0.0")


def test_what_passes_takes_the_alias_and_is_rolled_back(
    pipeline: SmallPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote"]) == 0
    first = champion(pipeline)
    assert main(["promote"]) == 0
    assert f"{NAME} is this model already: version 1" in capsys.readouterr().out
    retrain(pipeline, seed="1")
    assert main(["promote", "--release", "2.1.3"]) == 0
    said = capsys.readouterr().out
    assert "gate: passed" in said
    assert f"{NAME} is version 2, before it version 1" in said
    version, tags = champion(pipeline)
    assert (version, tags["git.tag"]) == (2, "classifier@v2.1.3")
    assert tags["sha256.weights"] == weights_digest(pipeline.root / "build" / "model") != first[1]["sha256.weights"]
    assert main(["rollback"]) == 0
    assert champion(pipeline) == first
    assert main(["rollback"]) == 1
    assert "none to go back to" in capsys.readouterr().err


def test_another_temperature_of_the_same_weights_is_another_model(
    pipeline: SmallPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote"]) == 0
    weights = champion(pipeline)[1]["sha256.weights"]
    pipeline.edit("learn.py", '"classes": classes}', '"classes": classes, "temperature": 1.5}')
    retrain(pipeline)
    assert main(["promote"]) == 0
    assert f"{NAME} is version 2, before it version 1" in capsys.readouterr().out
    assert champion(pipeline)[1]["sha256.weights"] == weights


def test_what_got_worse_is_not_promoted(pipeline: SmallPipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["promote"]) == 0
    retrain(pipeline, lr="10.0")
    assert main(["promote"]) == 1
    said = capsys.readouterr()
    assert "accuracy is worse by at least" in said.out
    assert f"{NAME} stays as it was" in said.err
    assert champion(pipeline)[0] == 1
    assert git(pipeline.root, "tag", "--list").split() == ["classifier@v1.0.0"]


def test_a_model_tested_on_other_photographs_is_not_compared(
    pipeline: SmallPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote"]) == 0
    pipeline.edit("pack.py", r'f"\{place:04\}.png", split', 'f"{place:05}.png", split')
    pipeline.edit("learn.py", r'f"\{place:04\}.png" for', 'f"{place:05}.png" for')
    retrain(pipeline, seed="1")
    assert main(["promote"]) == 2
    assert "tested on other photographs" in capsys.readouterr().out
    assert champion(pipeline)[0] == 1


def test_what_is_not_committed_is_not_promoted(pipeline: SmallPipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.edit("params.yaml", r"^seed: 0", "seed: 1")
    assert main(["promote"]) == 1
    assert "params.yaml: not as committed" in capsys.readouterr().err
    git(pipeline.root, "checkout", "--quiet", "params.yaml")
    weights = pipeline.root / "build" / "model" / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"others")
    assert main(["promote"]) == 1
    assert "build/model: not the model of dvc.lock" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["promote", "--release", "two"], "--release two: allowed: three numbers"),
        (["promote", "--release", "1.0.0"], "classifier@v1.0.0 is there already"),
        (["promote", "--alias", "v1"], "--alias v1: allowed: letters, digits, - and _, but not latest, v1, v2"),
        (["rollback", "--alias", "a b"], "--alias a b: allowed: letters"),
        (["rollback"], "classifier@champion: no such model"),
    ],
)
def test_mistakes_are_a_line(
    pipeline: SmallPipeline, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    git(pipeline.root, "tag", "classifier@v1.0.0")
    assert main(options) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_where_no_commit_is_there_is_none_to_promote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["promote"]) == 1
    assert f"{tmp_path}: no commit here; run this at the root of a checkout" in capsys.readouterr().err
    assert main(["rollback"]) == 1
    assert "dvc.yaml: not there in the workspace; run this at the root" in capsys.readouterr().err


def test_an_alias_stays_where_git_makes_no_tag(
    pipeline: SmallPipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote"]) == 0
    retrain(pipeline, seed="1")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "")
    assert main(["promote"]) == 1
    assert "git made no tag classifier@v1.1.0" in capsys.readouterr().err
    assert champion(pipeline)[0] == 1
