import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from lithoscope.config.params import load_parameters
from lithoscope.tracking import Store
from lithoscope.training.history import EpochFigures
from lithoscope.training.recorder import EpochRecorder

EPOCHS = [EpochFigures(1, 1e-3, 0.5, 0.75, 0.25, 1.0), EpochFigures(2, 1e-3, 0.4, 0.75, 0.15, 1.0)]
LATER = [dataclasses.replace(figures, val_loss=0.45) for figures in EPOCHS]
UNVALIDATED = [dataclasses.replace(figures, val_loss=None, val_accuracy=None) for figures in EPOCHS]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Store:
    folder = tmp_path_factory.mktemp("store")
    (folder / "mlflow.db").write_bytes(blank_database.read_bytes())
    return Store(f"sqlite:///{folder / 'mlflow.db'}", folder)


def logged(store: Store, tmp_path: Path, checkout: Path, histories: list[list[EpochFigures]]) -> dict[str, list[float]]:
    """Record some members' histories, each epoch by epoch; return what the run holds afterwards."""
    with store.run("name", load_parameters(checkout / "params.yaml"), {}) as run:
        recorder = EpochRecorder(run, tmp_path / "plots" / "history.csv", 2, members=len(histories))
        for member, history in enumerate(histories):
            for length in range(1, len(history) + 1):
                recorder.on_epoch(member, history[:length])
            recorder.on_epoch(member, history)  # finished
        recorder.finish()
    names = store.client.get_run(run.run_id).data.metrics
    return {name: [one.value for one in store.client.get_metric_history(run.run_id, name)] for name in names}


def test_an_epoch_is_printed_logged_once_and_written(
    store: Store, tmp_path: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = logged(store, tmp_path, checkout, [EPOCHS])
    assert values["val_loss"] == [0.25, 0.15]
    assert set(values) == {"lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy"}
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("  loss")[0] for line in printed] == ["epoch   1/2", "epoch   2/2"]
    assert pd.read_csv(tmp_path / "plots" / "history.csv")["val_loss"].tolist() == [0.25, 0.15]


def test_epochs_from_before_a_kill_are_logged_too(store: Store, tmp_path: Path, checkout: Path) -> None:
    with store.run("resumed", load_parameters(checkout / "params.yaml"), {}) as run:
        EpochRecorder(run, tmp_path / "history.csv", 2, members=1).on_epoch(0, EPOCHS)
    history = store.client.get_metric_history(run.run_id, "val_loss")
    assert [(one.step, one.value) for one in history] == [(1, 0.25), (2, 0.15)]


def test_each_network_has_curves_of_its_own_beside_the_mean(store: Store, tmp_path: Path, checkout: Path) -> None:
    values = logged(store, tmp_path, checkout, [EPOCHS, LATER])
    assert values["member1.val_loss"] == [0.25, 0.15]
    assert values["member2.val_loss"] == [0.45, 0.45]
    assert values["val_loss"] == pytest.approx([0.35, 0.30])
    assert pd.read_csv(tmp_path / "plots" / "history.csv")["val_loss"].tolist() == [0.35, 0.3]


def test_without_validation_nothing_is_logged_of_it(store: Store, tmp_path: Path, checkout: Path) -> None:
    assert set(logged(store, tmp_path, checkout, [UNVALIDATED])) == {"lr", "train_loss", "train_accuracy"}


def test_the_seconds_of_all_starts_add_up(store: Store, tmp_path: Path, checkout: Path) -> None:
    with store.run("timed", load_parameters(checkout / "params.yaml"), {}) as run:
        first = EpochRecorder(run, tmp_path / "history.csv", 2, 1, tmp_path)
        first.started -= 100  # as if it had taken so long
        first.on_epoch(0, EPOCHS[:1])
        first.started -= 1000  # an epoch that a kill cuts off does not count
        second = EpochRecorder(run, tmp_path / "history.csv", 2, 1, tmp_path)
        assert 100 <= second.seconds() < 1000
        second.started -= 10
        second.on_epoch(0, EPOCHS)
        assert 110 <= EpochRecorder(run, tmp_path / "history.csv", 2, 1, tmp_path).seconds() < 1000
        (tmp_path / "seconds.txt").write_text("\0\0\0", encoding="utf-8")  # after a loss of power
        assert EpochRecorder(run, tmp_path / "history.csv", 2, 1, tmp_path).seconds() < 100
