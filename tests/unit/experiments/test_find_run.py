"""``lithoscope runs``: a run by the hashes that its report states."""

import shlex
import shutil
from pathlib import Path

import pytest

from lithoscope.cli.main import main
from lithoscope.config.params import load_parameters
from lithoscope.reporting.inputs import Hashes
from lithoscope.reporting.provenance_section import find_command
from lithoscope.tracking import DATA_TAG, PARAMETERS_TAG, WEIGHTS_TAG, Store

from helpers.narrow_terminal import ENCODINGS, writing_in

WEIGHTS, PARAMETERS, DATA = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def runs(tmp_path: Path, checkout: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two runs, one of them told of its data; the working folder is their checkout."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    shutil.copy(blank_database, tmp_path / "mlflow.db")
    store, parameters = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path), load_parameters(Path("params.yaml"))
    found = {}
    for name, tags in (("here", {WEIGHTS_TAG: WEIGHTS, DATA_TAG: DATA}), ("cached", {WEIGHTS_TAG: "d" * 64})):
        with store.run(name, parameters, {PARAMETERS_TAG: PARAMETERS, **tags}) as run:
            run.log_metrics({"test.accuracy": 0.75})
        found[name] = str(run.run_id)
    return found


def test_the_command_of_the_report_finds_the_run(runs: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    command = shlex.split(find_command(Hashes(DATA, PARAMETERS, WEIGHTS)).replace("\\\n", ""))
    assert command[0] == "lithoscope"
    assert main(command[1:]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["run"] == runs["here"]
    assert lines["name"] == "here"
    assert lines["data"] == DATA
    assert lines["figures"] == "test.accuracy 0.75"


def test_a_run_is_described_in_any_encoding(runs: dict[str, str]) -> None:
    for encoding in ENCODINGS:
        with writing_in(encoding) as written:
            assert main(["runs", "--weights", WEIGHTS, "--parameters", PARAMETERS, "--data", DATA]) == 0
            assert runs["here"] in written()
            assert main(["runs", "--weights", "d" * 64, "--parameters", "e" * 64, "--data", DATA]) == 1
            assert "no run of the weights dddddddddddd" in written()


def test_a_run_that_does_not_tell_its_data_is_found_and_says_so(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--weights", "d" * 64, "--parameters", PARAMETERS, "--data", DATA]) == 0
    out = capsys.readouterr().out
    assert runs["cached"] in out
    assert "not recorded: DVC took the training from its cache" in out


@pytest.mark.parametrize(
    "hashes", [("e" * 64, PARAMETERS, DATA), (WEIGHTS, "e" * 64, DATA), (WEIGHTS, PARAMETERS, "e" * 64)]
)
def test_a_run_of_another_hash_is_not_taken_for_it(
    runs: dict[str, str], hashes: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    weights, parameters, data = hashes
    assert main(["runs", "--weights", weights, "--parameters", parameters, "--data", data]) == 1
    captured = capsys.readouterr()
    assert f"no run of the weights {weights[:12]}… and the parameters {parameters[:12]}…" in captured.err
    assert captured.out == ""


def test_what_is_not_given_is_taken_from_the_workspace(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs"]) == 1
    assert "build/model: no trained model there; name --weights" in capsys.readouterr().err
    assert main(["runs", "--weights", WEIGHTS]) == 1  # the parameters of params.yaml trained nothing here
    assert load_parameters(Path("params.yaml")).digest()[:12] in capsys.readouterr().err


@pytest.mark.parametrize("hash_", ["abc", "A" * 64, "' or '1' = '1", "g" * 64])
def test_what_is_no_hash_is_refused(runs: dict[str, str], hash_: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--weights", hash_, "--parameters", PARAMETERS]) == 1
    assert "no SHA-256; allowed: 64 hexadecimal digits" in capsys.readouterr().err
