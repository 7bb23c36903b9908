"""Models by name: those of revisions out of DVC's cache, and those of MLflow's registry."""

import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.onnx_description import limits_of
from lithoscope.serving.saved_models import saved_model

from helpers.exports import saved
from helpers.git_checkout import git
from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow


def dvc(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments, "--quiet"], cwd=root, check=True)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_a_revisions_model_comes_out_of_dvcs_cache(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet")
    dvc(root, "init")
    kept = {}
    for tag, classes in (("v1", ["a", "b"]), ("v2", ["a", "b", "c"])):
        model = saved(root / "build" / "model", plain_architecture("cnn", 32, len(classes)), classes)
        kept[tag] = weights(model)
        dvc(root, "add", "build/model")
        if tag == "v2":
            (root / "build/limits").mkdir()
            (root / "build/limits/limits.json").write_text("v2", encoding="utf-8")
            dvc(root, "add", "build/limits")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", tag)
        git(root, "tag", tag)
    assert kept["v1"] != kept["v2"]
    for tag, expected in kept.items():
        with saved_model(f"dvc:{tag}", root) as folder:
            assert weights(folder) == expected
            assert folder != root / "build" / "model"
            limits = limits_of(folder)
            assert (limits and (limits / "limits.json").read_text("utf-8")) == (tag if tag == "v2" else None)
        assert not folder.exists()
    with pytest.raises(LithoscopeError, match="no such revision"), saved_model("dvc:v3", root):
        pass
    shutil.rmtree(root / ".dvc" / "cache" / "files")
    with (
        pytest.raises(LithoscopeError, match="dvc:v1: its build/model is not in DVC's cache"),
        saved_model("dvc:v1", root),
    ):
        pass
    git(root, "commit", "--quiet", "--allow-empty", "--message", "empty")
    git(root, "rm", "--quiet", "build/model.dvc")
    git(root, "commit", "--quiet", "--message", "without a model")
    with pytest.raises(LithoscopeError, match="is not in DVC's cache"), saved_model("dvc:HEAD", root):
        pass


def test_a_registered_model_comes_from_mlflow(
    tmp_path: Path, checkout: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").write_bytes(blank_database.read_bytes())
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model = saved(tmp_path / "model", plain_architecture("cnn", 32, 2), ["a", "b"])
    mlflow.set_tracking_uri(uri)
    # Not set_experiment, which leaves an environment variable behind that the product obeys.
    experiment = mlflow.create_experiment("rocks", artifact_location=(tmp_path / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(checkout / "src" / "lithoscope" / "serving" / "mlflow_model.py"),
            artifacts={"model": str(model)},
            pip_requirements=[],
            registered_model_name="rocks",
        )
    mlflow.MlflowClient().set_registered_model_alias("rocks", "champion", "1")
    for name in ("models:/rocks@champion", "models:/rocks/1"):
        with saved_model(name, tmp_path) as folder:
            assert weights(folder) == weights(model)
            assert (folder / "model.json").read_bytes() == (model / "model.json").read_bytes()
    for name in ("models:/rocks@challenger", "models:/pebbles/1"):
        with (
            pytest.raises(LithoscopeError, match=r"no such model in sqlite:///.*mlflow\.db"),
            saved_model(name, tmp_path),
        ):
            pass


def test_a_folder_is_itself(tmp_path: Path) -> None:
    with saved_model(str(tmp_path), tmp_path) as folder:
        assert folder == tmp_path
