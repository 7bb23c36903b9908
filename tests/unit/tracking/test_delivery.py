"""What a store did not take is sent again: to a real server, through a line that can be cut."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow.entities import LoggedModelStatus
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from lithoscope.cli import main as cli
from lithoscope.config.params import Parameters
from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.tracking import PARAMETERS_TAG, SOURCE_TAG, WEIGHTS_TAG, Connection, Store, deliver, waiting
from lithoscope.tracking.delivery import JOURNAL_TAG, Sent
from lithoscope.tracking.journal import Journal
from lithoscope.tracking.run import Run

from helpers.made_up_settings import plain_architecture
from helpers.tracking_server import Line, TrackingServer

CLASSES = ["basalt", "quartz"]
FILES = ("history.csv", "report.json", "maps/one.png")
EXAMPLE = np.zeros((1, 32, 32, 3), np.uint8)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    torch.manual_seed(0)
    architecture = plain_architecture("cnn", image_size=32, classes=2, pooling="average", head="linear", dropout=0.0)
    network = build_classifier(architecture)
    save_model(folder, ModelDescription(architecture, CLASSES, True, "folder", True, None), network.state_dict())
    return folder


def lost_run(store: Store, line: Line, params: Parameters, files: Path, model: Path | None, checkout: Path) -> Path:
    """Log a run whose server vanishes after the first epoch; return the folder of its journal."""
    (files / "maps").mkdir(parents=True)
    for name in FILES:
        (files / name).write_text(f"what {name} holds", encoding="utf-8")
    before = set(waiting(store.connection.root))
    with store.run("quartz", params, {"device": "cpu"}) as run:
        run.log_metrics({"loss": 0.5, "accuracy": 0.7}, 1)
        line.cut.set()
        run.log_metrics({"loss": 0.25, "accuracy": 0.8}, 2)
        run.log_metrics({"loss": float("nan"), "accuracy": 0.9}, 3)
        run.set_tags({WEIGHTS_TAG: "w", PARAMETERS_TAG: "p"})
        run.log_files(*(files / name for name in ("history.csv", "report.json", "maps")))
        run.log_dict({"threads": 2}, "environment.json")
        if model:
            run.log_model(model, EXAMPLE, checkout / "src" / "lithoscope", CLASSES)
        assert "until you send it" in run.place()
    line.cut.clear()
    (folder,) = set(waiting(store.connection.root)) - before
    return folder


def run_of(client: MlflowClient, store: Store, journal: Path) -> MlflowRun:
    (found,) = client.search_runs([store.experiment_id], f"tags.{JOURNAL_TAG} = '{journal.name}'")
    return found


def content(client: MlflowClient, run: MlflowRun, folder: Path) -> dict[str, Any]:
    """All that a store holds of a run, but for the times at which it was told."""
    kept = client.get_run(run.info.run_id)
    points = {
        name: [(point.step, repr(point.value)) for point in client.get_metric_history(run.info.run_id, name)]
        for name in kept.data.metrics
    }
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    (folder / "artifacts").mkdir()
    there = Path(client.download_artifacts(run.info.run_id, "", str(folder / "artifacts")))
    files = {path.relative_to(there).as_posix(): path.read_text("utf-8") for path in there.rglob("*") if path.is_file()}
    tags = {name: value for name, value in kept.data.tags.items() if name != JOURNAL_TAG}
    return {
        "status": kept.info.status,
        "name": kept.info.run_name,
        "parameters": dict(kept.data.params),
        "tags": tags,
        "points": points,
        "files": files,
    }


def check(found: dict[str, Any], params: Parameters) -> None:
    """Compare with what :func:`lost_run` logged."""
    assert (found["status"], found["name"]) == ("FINISHED", "quartz")
    assert found["parameters"] == {key: str(value) for key, value in params.flat().items()}
    assert {"device", "git.commit", "version.torch"} <= set(found["tags"])
    assert (found["tags"][WEIGHTS_TAG], found["tags"][PARAMETERS_TAG]) == ("w", "p")
    assert found["points"] == {
        "loss": [(1, "0.5"), (2, "0.25"), (3, "nan")],
        "accuracy": [(1, "0.7"), (2, "0.8"), (3, "0.9")],
    }
    environment = json.loads(found["files"].pop("environment.json"))
    assert environment == {"threads": 2}
    assert found["files"] == {name: f"what {name} holds" for name in FILES}


def sent(store: Store, *, here: bool = False) -> Sent:
    (delivery,) = deliver(store.connection, here=here)
    assert delivery.sent, delivery.problem
    return delivery.sent


def test_what_a_vanished_server_did_not_take_is_sent_later_and_once(
    line: Line,
    server: TrackingServer,
    tmp_path: Path,
    params: Parameters,
    model: Path,
    checkout: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    store, client = Store(line.address, tmp_path), MlflowClient(server.address)
    journal = lost_run(store, line, params, tmp_path / "files", model, checkout)
    (note,) = capfd.readouterr().err.splitlines()
    assert note.startswith(f"note: MLflow: the store {line.address} took nothing (")
    assert str(journal) in note
    shutil.copytree(journal, tmp_path / "copy")
    parts = {"parameters": 0, "tags": 2, "figures": 4, "files": 4, "models": 1}
    first = sent(store)
    assert (first.new, first.own, first.parts) == (False, True, parts)
    run = run_of(client, store, journal)
    before = content(client, run, tmp_path)
    check(copy.deepcopy(before), params)
    loaded = mlflow.pyfunc.load_model(f"models:/{only_model(client, run)}")
    assert list(loaded.predict(np.repeat(EXAMPLE, 3, axis=0)).columns) == [
        "label",
        "confidence",
        "p_basalt",
        "p_quartz",
    ]

    shutil.copytree(tmp_path / "copy", journal)  # as if it had been killed before it removed the journal
    assert sent(store).parts == parts | {"tags": 0, "figures": 0, "models": 0}
    assert content(client, run, tmp_path) == before
    only_model(client, run)


def test_code_in_a_journal_that_is_not_this_checkouts_is_never_run_and_never_lost(
    line: Line,
    server: TrackingServer,
    tmp_path: Path,
    params: Parameters,
    model: Path,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    store, client = Store(line.address, tmp_path), MlflowClient(server.address)
    journal = lost_run(store, line, params, tmp_path / "files", model, checkout)
    served = journal / "code" / "lithoscope" / "serving" / "mlflow_model.py"
    own = served.read_bytes()
    served.write_bytes(f"from pathlib import Path\nPath({str(tmp_path / 'was run')!r}).touch()\n".encode() + own)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", line.address)
    for _ in range(2):
        capfd.readouterr()
        assert cli.main(["deliver"]) == 1
        (printed,) = capfd.readouterr().err.splitlines()
        assert "but not its model: other code made it than this, and is never run" in printed
        assert str(journal / "code") in printed
        assert waiting(tmp_path) == [journal]
    assert not (tmp_path / "was run").exists()
    run = run_of(client, store, journal)
    outputs = client.get_run(run.info.run_id).outputs
    assert outputs is None or not outputs.model_outputs
    check(content(client, run, tmp_path), params)

    served.write_bytes(own)  # as if that code had been checked out
    assert sent(store).parts["models"] == 1
    assert waiting(tmp_path) == []
    loaded = mlflow.pyfunc.load_model(f"models:/{only_model(client, run)}")
    assert len(loaded.predict(EXAMPLE)) == 1


def test_a_run_whose_server_returns_keeps_a_model_that_other_code_made(
    line: Line, tmp_path: Path, params: Parameters, model: Path
) -> None:
    served = tmp_path / "other" / "serving" / "mlflow_model.py"
    served.parent.mkdir(parents=True)
    served.write_text("", encoding="utf-8")
    with Store(line.address, tmp_path).run("quartz", params, {}) as run:
        line.cut.set()
        run.log_metrics({"loss": 0.5}, 1)
        run.log_model(model, EXAMPLE, tmp_path / "other", CLASSES)
        line.cut.clear()
    (journal,) = waiting(tmp_path)
    assert str(journal) in run.place()
    assert (journal / "model" / "model.safetensors").is_file()
    kept = Store(line.address, tmp_path).client.get_run(run.run_id)
    assert (kept.info.status, kept.data.metrics) == ("FINISHED", {"loss": 0.5})


def test_what_is_delivered_with_a_model_is_the_code_of_this_checkout_and_not_the_copy(
    line: Line,
    server: TrackingServer,
    tmp_path: Path,
    params: Parameters,
    model: Path,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store(line.address, tmp_path)
    lost_run(store, line, params, tmp_path / "files", model, checkout)
    used: list[Path] = []
    monkeypatch.setattr("lithoscope.tracking.delivery.log_model", lambda *arguments: used.append(arguments[3]))
    sent(store)
    assert used == [checkout / "src" / "lithoscope"]


def only_model(client: MlflowClient, run: MlflowRun) -> str:
    outputs = client.get_run(run.info.run_id).outputs
    assert outputs is not None
    (model_id,) = {output.model_id for output in outputs.model_outputs}
    assert client.get_logged_model(model_id).status == LoggedModelStatus.READY
    return str(model_id)


@pytest.mark.fault(
    tried="The server goes away during `lithoscope deliver`: at its first call, at its second, and so on through all",
    outcome="Everything is still kept; started again it completes the run, in which no point is there twice",
)
def test_a_delivery_that_breaks_off_anywhere_is_taken_up_again(
    line: Line, server: TrackingServer, tmp_path: Path, params: Parameters, checkout: Path
) -> None:
    store, client = Store(line.address, tmp_path), MlflowClient(server.address)
    journal = lost_run(store, line, params, tmp_path / "files", None, checkout)
    broken = 0
    while True:
        line.calls, line.die_after, line.then = 0, broken, line.cut
        (delivery,) = deliver(store.connection)
        line.die_after = 10**9
        line.cut.clear()
        if delivery.sent:
            break
        assert waiting(tmp_path) == [journal]
        broken += 1
    assert broken >= 6, "parameters, tags, figures and both files are calls of their own"
    check(content(client, run_of(client, store, journal), tmp_path), params)
    assert waiting(tmp_path) == []


@pytest.mark.fault(
    tried="The server goes away while `lithoscope deliver` sends the model's weights",
    outcome="Started again it completes that model; the run has one, and it loads",
)
def test_a_model_of_which_a_part_arrived_is_completed(
    line: Line, server: TrackingServer, tmp_path: Path, params: Parameters, model: Path, checkout: Path
) -> None:
    store, client = Store(line.address, tmp_path), MlflowClient(server.address)
    journal = lost_run(store, line, params, tmp_path / "files", model, checkout)
    line.cut_at = b"model.safetensors"
    (delivery,) = deliver(store.connection)
    assert delivery.sent is None
    line.cut_at = None
    line.cut.clear()
    assert sent(store).parts["models"] == 1
    model_id = only_model(client, run_of(client, store, journal))
    loaded = mlflow.pyfunc.load_model(f"models:/{model_id}")
    assert len(loaded.predict(EXAMPLE)["p_basalt"]) == 1


@pytest.mark.fault(
    tried="The server never comes back",
    outcome="`lithoscope deliver --here` makes the run in another store: parameters, tags, all epochs, and the files "
    "that the server had not taken",
)
def test_a_server_that_lost_its_runs_gets_the_run_anew(
    line: Line, tmp_path: Path, params: Parameters, blank_database: Path, checkout: Path
) -> None:
    store = Store(line.address, tmp_path)
    journal = lost_run(store, line, params, tmp_path / "files", None, checkout)
    shutil.copyfile(blank_database, tmp_path / "other.db")
    other = Store(f"sqlite:///{tmp_path / 'other.db'}", tmp_path)
    (refused,) = deliver(other.connection)
    assert refused.sent is None
    assert f"it is for {line.address}" in refused.line()
    everything = sent(other, here=True)
    assert everything.new
    assert str(everything).startswith("a new run with ")
    check(content(other.client, run_of(other.client, other, journal), tmp_path), params)


def test_the_run_of_a_process_that_was_killed_is_closed_and_that_of_a_living_one_left_alone(
    tmp_path: Path, blank_database: Path
) -> None:
    shutil.copyfile(blank_database, tmp_path / "mlflow.db")
    store = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    journal = Journal.create(tmp_path, store.shown, "quartz", {})
    run = Run(store.connection, journal)
    run.log_metrics({"loss": 0.5}, 1)
    assert deliver(store.connection) == []
    assert store.client.get_run(run.run_id).info.status == "RUNNING"
    journal.release()  # what the system does when a process dies
    assert str(sent(store)) == "nothing that was missing"
    assert store.client.get_run(run.run_id).info.status == "KILLED"
    assert [point.value for point in store.client.get_metric_history(run.run_id, "loss")] == [0.5]


@pytest.mark.fault(
    tried="Somebody deletes the run in MLflow before the rest of it is delivered",
    outcome="One line that says so and what to do; nothing is brought back, and nothing that is kept is removed",
)
def test_a_run_that_somebody_deleted_is_not_brought_back(
    line: Line, server: TrackingServer, tmp_path: Path, params: Parameters, checkout: Path
) -> None:
    store, client = Store(line.address, tmp_path), MlflowClient(server.address)
    journal = lost_run(store, line, params, tmp_path / "files", None, checkout)
    client.delete_run(run_of(client, store, journal).info.run_id)
    (delivery,) = deliver(store.connection)
    assert "was deleted" in delivery.line()
    assert str(journal) in delivery.line()
    assert waiting(tmp_path) == [journal]


def test_no_password_is_written_or_shown(
    line: Line, tmp_path: Path, params: Parameters, checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store(line.address.replace("://", "://someone:secret@"), tmp_path)
    journal = lost_run(store, line, params, tmp_path / "files", None, checkout)
    assert store.connection.shown == line.address
    for file in filter(Path.is_file, journal.rglob("*")):
        assert b"secret" not in file.read_bytes(), file
    assert sent(store).parts["figures"] == 4
    assert "secret" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("trained", [True, False])
def test_figures_of_an_evaluation_without_a_server_go_to_the_run_that_trained(
    line: Line, tmp_path: Path, params: Parameters, checkout: Path, trained: bool
) -> None:
    hashes = {PARAMETERS_TAG: tmp_path.name, WEIGHTS_TAG: "w"}
    if trained:
        with Store(line.address, tmp_path).run("quartz", params, {PARAMETERS_TAG: tmp_path.name}) as run:
            line.cut.set()
            run.set_tags({WEIGHTS_TAG: "w"})
    line.cut.set()
    with Store(line.address, tmp_path, needed=False).trained("quartz", params, hashes) as run:
        run.log_metrics({"test.accuracy": 0.5})
    assert len(waiting(tmp_path)) == 1 + trained
    line.cut.clear()
    store = Store(line.address, tmp_path)
    assert [bool(delivery.sent) for delivery in deliver(store.connection)] == [True] * (1 + trained)
    (found,) = (past for past in store.past_runs() if past.tags.get(PARAMETERS_TAG) == tmp_path.name)
    assert (found.status, found.metrics) == ("FINISHED", {"test.accuracy": 0.5})
    assert found.tags.get(SOURCE_TAG) == (None if trained else "not here: restored from DVC's cache")


def test_the_command_says_what_it_did_in_a_line(
    line: Line,
    tmp_path: Path,
    params: Parameters,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", line.address)
    lost_run(Store(line.address, tmp_path), line, params, tmp_path / "files", None, checkout)
    capfd.readouterr()
    line.cut.set()
    assert cli.main(["deliver"]) == 1
    (error,) = capfd.readouterr().err.splitlines()
    assert error.startswith(f"error: MLflow: the store {line.address} cannot be used (it does not answer); start it")
    assert error.endswith(f"nothing was sent, 1 run waits in {tmp_path / '.partial' / 'undelivered'}")
    line.cut.clear()
    assert cli.main(["deliver"]) == 0
    assert capfd.readouterr().out == "quartz: sent 2 tags, 4 figures, 4 files\n"
    assert cli.main(["deliver"]) == 0
    assert capfd.readouterr().out == "nothing waits to be sent\n"


def test_an_address_that_cannot_be_read_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not readable as an address"):
        Connection("http://[::1", tmp_path)
