"""A run whose store goes away and comes back: a real server, behind a line that can be cut or go dead."""

import shutil
from pathlib import Path

import pytest

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError, circumstance
from lithoscope.tracking import Store, waiting
from lithoscope.tracking.run import Run

from helpers.tracking_server import Line


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def epochs(store: Store, run: Run, name: str = "loss") -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in store.client.get_metric_history(run.run_id, name)]


def test_a_run_that_the_store_took_leaves_nothing_behind(line: Line, tmp_path: Path, params: Parameters) -> None:
    store = Store(line.address, tmp_path)
    with store.run("quartz", params, {}) as run:
        run.log_metrics({"loss": 0.5}, 1)
        assert len(waiting(tmp_path)) == 1, "until its end, in case the process is killed"
    assert waiting(tmp_path) == []
    assert run.place() == f"in {line.address}"


@pytest.mark.fault(
    tried="The MLflow server takes connections in the middle of training and never answers",
    outcome="One line after a bounded wait; later epochs do not wait for it again and again; all of it is kept",
)
def test_a_server_that_never_answers_is_asked_seldom(
    line: Line, tmp_path: Path, params: Parameters, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setattr("lithoscope.tracking.connection.PROBE_SECONDS", 1)
    monkeypatch.setattr("lithoscope.tracking.run.PATIENCE", 10**6)
    store = Store(line.address, tmp_path)
    with store.run("quartz", params, {}) as run:
        line.dead.set()
        before = line.calls
        for step in range(1, 101):
            run.log_metrics({"loss": 1 / step}, step)
        assert line.calls == before + 1
    assert line.calls == before + 2, "once more at the end"
    (note,) = capfd.readouterr().err.splitlines()
    assert note.startswith(f"note: MLflow: the store {line.address} took nothing (it does not answer); what it lacks")
    (journal,) = waiting(tmp_path)
    assert (journal / "journal.jsonl").read_text(encoding="utf-8").count('"points": [["loss"') == 100


@pytest.mark.fault(
    tried="The MLflow server vanishes in the middle of training, and is back before its end",
    outcome="The training itself sends what was missing; every epoch is there once, and nothing is left to be sent",
)
def test_a_server_that_comes_back_gets_what_it_missed(
    line: Line, tmp_path: Path, params: Parameters, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store(line.address, tmp_path)
    (tmp_path / "history.csv").write_text("all of it", encoding="utf-8")
    with store.run("quartz", params, {}) as run:
        run.log_metrics({"loss": 0.5}, 1)
        line.cut.set()
        run.log_metrics({"loss": 0.4}, 2)
        run.log_files(tmp_path / "history.csv")
        line.cut.clear()
        monkeypatch.setattr(run, "_next_try", 0.0)
        run.log_metrics({"loss": 0.3}, 3)
        assert epochs(store, run) == [(1, 0.5), (2, 0.4), (3, 0.3)]
        run.log_metrics({"loss": 0.2}, 4)
    assert epochs(store, run) == [(1, 0.5), (2, 0.4), (3, 0.3), (4, 0.2)]
    assert store.file(run.run_id, "history.csv") == b"all of it"
    assert [past.status for past in store.past_runs() if past.run_id == run.run_id] == ["FINISHED"]
    assert waiting(tmp_path) == []
    assert [line.split(":")[0] for line in capfd.readouterr().err.splitlines()] == ["note", "note"]


def test_a_store_that_is_lost_hides_no_other_mistake(line: Line, tmp_path: Path, params: Parameters) -> None:
    def train() -> None:
        with Store(line.address, tmp_path).run("quartz", params, {}):
            line.cut.set()
            raise LithoscopeError("the learning rate is too high")

    with pytest.raises(LithoscopeError, match="too high"):
        train()
    assert len(waiting(tmp_path)) == 1


@pytest.mark.fault(
    tried="The MLflow server is away before a training begins",
    outcome="One line within seconds, and nothing is trained",
)
def test_a_run_that_cannot_be_opened_is_a_line_and_leaves_nothing(
    line: Line, tmp_path: Path, params: Parameters
) -> None:
    store = Store(line.address, tmp_path)
    line.cut.set()
    with pytest.raises(LithoscopeError, match="cannot be used") as caught, store.run("quartz", params, {}):
        raise AssertionError("nothing may be trained")
    assert "\n" not in str(caught.value)
    with pytest.raises(LithoscopeError, match="cannot be used"):
        Store(line.address, tmp_path)
    assert waiting(tmp_path) == []


@pytest.mark.fault(
    tried="MLflow's own database can only be read", outcome="One line that says so, before anything is trained"
)
def test_a_database_that_can_only_be_read_is_a_line(
    tmp_path: Path, params: Parameters, blank_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(blank_database, tmp_path / "mlflow.db")
    uri = f"sqlite:///file:{tmp_path / 'mlflow.db'}?mode=ro&uri=true"  # the administrator may write any file
    with pytest.raises(LithoscopeError, match="readonly database") as caught:
        Store(uri, tmp_path)
    assert "\n" not in str(caught.value)
    assert "give this place back its permission to write" in str(caught.value)


@pytest.mark.fault(
    tried="The disk is so full that not even what the server does not take can be kept",
    outcome="The stage ends with one line that names the place",
)
def test_what_cannot_even_be_kept_ends_the_stage(line: Line, small_disk: Path, params: Parameters) -> None:
    def train() -> None:
        with Store(line.address, small_disk).run("quartz", params, {}) as run:
            line.cut.set()
            for step in range(100_000):
                run.log_metrics({"loss": 0.5}, step)

    with pytest.raises(OSError, match="No space left") as caught:
        train()
    assert str(circumstance(caught.value)).startswith(f"{small_disk}: the disk is full")
