import multiprocessing
import sqlite3
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking import PARAMETERS_TAG, WEIGHTS_TAG, Store, project_root, tracking_uri

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Store:
    folder = tmp_path_factory.mktemp("store")
    (folder / "mlflow.db").write_bytes(blank_database.read_bytes())
    return Store(f"sqlite:///{folder / 'mlflow.db'}", folder)


def test_runs_are_kept_in_the_real_workspace_also_from_a_temporary_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/real/workspace")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri(project_root(Path("/elsewhere/.dvc/tmp/exps/x"))) == "sqlite:////real/workspace/mlflow.db"


def test_the_environment_chooses_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri(Path("/workspace")) == "http://127.0.0.1:5000"


def test_a_run_holds_all_parameters_every_epoch_and_is_found_by_its_hashes(store: Store, params: Parameters) -> None:
    with store.run("first", params, {PARAMETERS_TAG: "mine", WEIGHTS_TAG: "w"}) as run:
        run.log_metrics({"val_loss": 0.5}, 1)
        run.log_metrics({"val_loss": 0.4}, 2)
    kept = store.client.get_run(run.run_id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {key: str(value) for key, value in params.flat().items()}
    assert [(m.step, m.value) for m in store.client.get_metric_history(run.run_id, "val_loss")] == [(1, 0.5), (2, 0.4)]
    found = store.find("mine", "w")
    assert found is not None
    assert found.run_id == run.run_id
    assert store.find("mine", "other") is None
    assert store.find("other", "w") is None


def test_of_equal_runs_the_one_of_the_same_experiment_is_found(
    store: Store, params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {PARAMETERS_TAG: "p", WEIGHTS_TAG: "w"}
    ids = {}
    for name in ("quartz", "pyrite"):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        with store.run(name, params, tags) as run:
            ids[name] = run.run_id
    monkeypatch.setenv("DVC_EXP_NAME", "quartz")
    found = store.find("p", "w")
    assert found is not None
    assert found.run_id == ids["quartz"]


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_broke_off_says_so(
    store: Store, params: Parameters, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), store.run("broken", params, {}) as run:
        raise error
    assert store.client.get_run(run.run_id).info.status == status


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:9",
        "http://someone:secret@127.0.0.1:9",
        "http://[::1",
        "postgresql://a:secret@b/c",
        "x://a:secret@b",
    ],
)
def test_a_tracking_server_that_cannot_be_used_is_one_line_without_secrets(tmp_path: Path, uri: str) -> None:
    with pytest.raises(LithoscopeError, match=r"cannot be used|not readable as an address") as caught:
        Store(uri, tmp_path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_damaged_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, just text" * 100)
    with pytest.raises(LithoscopeError, match="cannot be used") as caught:
        Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_store_that_was_set_up_by_half_is_one_line(tmp_path: Path, blank_database: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(blank_database.read_bytes())
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("update alembic_version set version_num = 'half'")
    with pytest.raises(LithoscopeError, match="cannot be used") as caught:
        Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    assert "\n" not in str(caught.value)


def _open(root: Path, start: "Barrier", ids: "Queue[str]") -> None:
    start.wait()
    ids.put(Store(f"sqlite:///{root}/mlflow.db", root).experiment_id)


@pytest.mark.fault(
    tried="Eight processes open an MLflow store that does not exist yet, in the same moment",
    outcome="One creates it while the others wait; all eight have the same experiment, and the database is sound",
)
def test_processes_that_open_a_new_store_at_once_do_not_break_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lithoscope.tracking"])  # imports take seconds, and would draw the starts apart
    start, ids = context.Barrier(8), context.Queue()
    processes = [context.Process(target=_open, args=(tmp_path, start, ids)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert len({ids.get() for _ in processes}) == 1
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
