"""Where runs go, and how a server is asked whether it is well."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking import EXPERIMENT, Connection, Store, tracking_uri

from helpers.tls_server import TlsServer

TLS = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS")


@pytest.mark.kind(
    about="MLflow",
    kind="a relative SQLite path, in an experiment with `--temp`",
    done="means the workspace's",
    reported="–",
)
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///runs.db", "sqlite:////workspace/runs.db"),
        ("sqlite:///kept/runs.db?timeout=9", "sqlite:////workspace/kept/runs.db?timeout=9"),
        ("sqlite:////elsewhere/runs.db", "sqlite:////elsewhere/runs.db"),
        ("sqlite:///file:/elsewhere/runs.db?mode=ro&uri=true", "sqlite:///file:/elsewhere/runs.db?mode=ro&uri=true"),
        ("https://server/sqlite:///", "https://server/sqlite:///"),
    ],
)
def test_a_relative_sqlite_path_is_the_workspaces_wherever_the_checkout_is(
    uri: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri(Path("/workspace")) == expected


@pytest.fixture
def database(tmp_path: Path, blank_database: Path) -> str:
    shutil.copyfile(blank_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.mark.kind(
    about="MLflow",
    kind="`MLFLOW_EXPERIMENT_NAME` or `MLFLOW_EXPERIMENT_ID`",
    done="obeyed",
    reported="mlflow/mlflow#3656, ultralytics/ultralytics#3668",
)
def test_the_environment_chooses_the_experiment_by_name_or_id(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "rocks of the team")
    team = Store(database, tmp_path)
    assert team.client.get_experiment(team.experiment_id).name == "rocks of the team"
    assert Store(database, tmp_path).experiment_id == team.experiment_id
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    ours = Store(database, tmp_path)
    assert ours.client.get_experiment(ours.experiment_id).name == EXPERIMENT
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", team.experiment_id)
    assert Store(database, tmp_path).experiment_id == team.experiment_id


@pytest.mark.parametrize(("name", "wrong"), [(None, "4711"), ("another", "0")])
def test_an_experiment_that_is_not_there_or_not_the_one_named_is_a_line(
    name: str | None, wrong: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", wrong)
    if name:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    with pytest.raises(LithoscopeError, match=wrong) as caught:
        Store(database, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path_factory.mktemp("tls"))
    yield server
    server.close()


@pytest.fixture
def probe(tls: TlsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    for name in TLS:
        monkeypatch.delenv(name, raising=False)
    return Connection(tls.address, tmp_path)


@pytest.mark.kind(
    about="MLflow",
    kind="a server behind TLS with an authority and client certificates of its own",
    done="used from the first question on",
    reported="–",
)
def test_a_private_authority_and_a_client_certificate_are_used_from_the_first_question_on(
    probe: Connection, tls: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LithoscopeError, match=r"certificate verify failed.*MLFLOW_TRACKING_SERVER_CERT_PATH"):
        probe.require_server()
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tls.authority))
    with pytest.raises(LithoscopeError, match="cannot be used"):
        probe.require_server()
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(tls.client))
    probe.require_server()


@pytest.mark.kind(
    about="MLflow",
    kind="a server whose certificate nobody signed",
    done="refused, and taken where `MLFLOW_TRACKING_INSECURE_TLS=true` asks for it",
    reported="–",
)
def test_an_unknown_certificate_is_taken_on_request(
    probe: Connection, tls: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(tls.client))
    with pytest.raises(LithoscopeError, match="certificate verify failed"):
        probe.require_server()
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    probe.require_server()
