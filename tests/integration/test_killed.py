"""A training that is killed again and again, at chosen moments, and ends with the bytes of one that never was.

The real dvc runs in a clone, and SIGKILL ends it, the stage, or both. Each test goes on from what the one before left.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from lithoscope.config.yaml import read_yaml

from helpers.pipeline_clone import Clone
from helpers.stopping import Stopped

pytestmark = pytest.mark.pipeline

TRAIN = ("dvc", "repro", "--force", "--single-item", "train")
STEP = "lithoscope.training.module:ClassificationModule.on_train_batch_start"
BATCHES = 7  # of an epoch, 52 pictures in batches of 8


def outs(clone: Clone) -> dict[str, Any]:
    """The hashes of everything the training makes, as dvc.lock records them."""
    made = read_yaml(clone.root / "dvc.lock")["stages"]["train"]["outs"]
    return {out["path"]: out["md5"] for out in made}


def checkpoints(clone: Clone) -> list[str]:
    """What lies in the folders of half-done trainings."""
    folder = clone.root / ".partial" / "training"
    return sorted(path.name for path in folder.glob("*/*"))


@pytest.fixture(scope="module")
def clone(packed_clone: Clone, blank_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = packed_clone.copy(tmp_path_factory.mktemp("killed") / "clone")
    made.edit("params.yaml", r"^epochs: \d+", "epochs: 3")
    shutil.copyfile(blank_database, made.root / "mlflow.db")
    made.run("dvc", "repro", "--quiet", "train")
    return made


@pytest.fixture(scope="module")
def whole(clone: Clone) -> dict[str, Any]:
    """What the training makes that is never killed."""
    return outs(clone)


def stop(clone: Clone, at: str, folder: Path, *command: str) -> Stopped:
    return Stopped(command or TRAIN, at, cwd=clone.root, environment=clone.cold().environment, folder=folder)


@pytest.mark.fault(
    tried="kill -9 of dvc and the stage, before the first checkpoint",
    outcome="The next `dvc repro` starts at the first epoch: same weights",
)
def test_killed_before_the_first_checkpoint(clone: Clone, whole: dict[str, Any], tmp_path: Path) -> None:
    assert set(whole) == {"build/model", "metrics/train.json", "plots/history.csv"}
    training = stop(clone, f"{STEP}:3", tmp_path)
    training.kill_outer()
    training.kill_inner()
    training.wait_for_the_end()
    assert "last.ckpt" not in checkpoints(clone)


@pytest.mark.fault(
    tried="kill -9 of dvc alone, in the middle of an epoch",
    outcome="The stage says so and ends; the next `dvc repro` goes on from its last checkpoint: same weights",
)
def test_dvc_killed_in_the_middle_of_an_epoch(clone: Clone, whole: dict[str, Any], tmp_path: Path) -> None:
    training = stop(clone, f"{STEP}:{BATCHES + 3}", tmp_path)
    training.kill_outer()
    training.wait_for_the_end()
    printed = training.printed()
    assert "epoch   1/3" in printed
    assert printed.count("dvc is gone: this stage ends") == 1
    assert "Traceback" not in printed
    assert {"last.ckpt", "best.ckpt"} <= set(checkpoints(clone))
    assert not (clone.root / "build" / "model").exists()


@pytest.mark.fault(
    tried="A training with other parameters, or other data, is started after a kill",
    outcome="It starts at its first epoch; the killed one's checkpoint stays for its own parameters and data",
)
@pytest.mark.parametrize("other", ["parameters", "data"])
def test_a_checkpoint_of_other_parameters_or_data_is_not_resumed(clone: Clone, tmp_path: Path, other: str) -> None:
    changed = clone.root / ("params.yaml" if other == "parameters" else "build/arrays/train.npy")
    before, kept = changed.read_bytes(), checkpoints(clone)
    if other == "parameters":
        clone.edit("params.yaml", r"^lr: \S+", "lr: 3e-3")
    else:
        np.lib.format.open_memmap(changed, mode="r+")[0, 0, 0, 0] ^= 1  # one colour of one pixel
    training = stop(clone, f"{STEP}:{BATCHES + 1}", tmp_path, "python", "stages/train.py")
    assert "epoch   1/3" in training.printed(), "its second epoch is not its first"
    assert checkpoints(clone).count("last.ckpt") == kept.count("last.ckpt") + 1
    training.kill_inner()
    training.wait_for_the_end()
    changed.write_bytes(before)


@pytest.mark.fault(
    tried="kill -9 of the stage alone, while a checkpoint is written",
    outcome="dvc says that the stage was killed; the half-written file is never read: same weights",
)
def test_the_stage_killed_while_a_checkpoint_is_written(clone: Clone, whole: dict[str, Any], tmp_path: Path) -> None:
    training = stop(clone, "lithoscope.training.checkpoints:commit_file:1", tmp_path)
    training.kill_inner()
    training.wait_for_the_end()
    assert "epoch   1/3" not in training.printed(), "it went on from the first epoch's checkpoint"
    assert "epoch   2/3" in training.printed()
    assert "failed to reproduce 'train'" in training.printed()
    assert any(name.endswith(".ckpt.partial") for name in checkpoints(clone))


@pytest.mark.fault(
    tried="kill -9 of dvc and the stage, while the model is written",
    outcome="The next `dvc repro` writes it anew, without training again: same weights",
)
def test_killed_while_the_model_is_written(clone: Clone, whole: dict[str, Any], tmp_path: Path) -> None:
    training = stop(clone, "lithoscope.models.saved_model:commit_file:1", tmp_path)
    training.kill_outer()
    training.kill_inner()
    training.wait_for_the_end()
    assert "finished.pt" in checkpoints(clone)
    assert [path.name for path in (clone.root / "build" / "model").iterdir()] == ["model.safetensors.partial"]


@pytest.mark.fault(
    tried="kill -9 of dvc alone, after the last epoch, while the run is recorded",
    outcome="The stage says so and ends; the next `dvc repro` trains no epoch again: same weights",
)
def test_dvc_killed_after_the_last_epoch(clone: Clone, whole: dict[str, Any], tmp_path: Path) -> None:
    training = stop(clone, "lithoscope.tracking:Run.log_model:1", tmp_path)
    training.kill_outer()
    training.wait_for_the_end()
    assert "dvc is gone: this stage ends" in training.printed()
    assert "finished.pt" in checkpoints(clone)


def test_in_the_end_everything_is_as_if_it_had_never_been_killed(clone: Clone, whole: dict[str, Any]) -> None:
    clone.edit("requirements.txt", r"^pillow==\S+$", "pillow==1.0")
    printed = clone.run(*TRAIN)
    assert printed.count("warning: other versions than in requirements.txt: pillow") == 1
    assert outs(clone) == whole
    client = MlflowClient(f"sqlite:///{clone.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lithoscope")
    assert experiment is not None
    run = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"], max_results=1)[0]
    assert run.info.status == "FINISHED"
    assert run.data.tags["requirements"].startswith("differ: pillow")
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2, 3]
    left = checkpoints(clone)
    assert "finished.pt" not in left
    assert left.count("last.ckpt") == 2, "those of the other parameters and the other data"
