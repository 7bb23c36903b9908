"""What the tests share."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lithoscope.config.params import Parameters, load_parameters

from helpers.disks import can_mount, mount, unmount
from helpers.fault_table import Writer
from helpers.pipeline_clone import Clone, make_photographs
from helpers.tracking_server import Line, TrackingServer

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of this repository."""
    return ROOT


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with no run in it, to be copied: to set one up takes seconds."""
    from lithoscope.tracking import Store

    folder = tmp_path_factory.mktemp("blank")
    Store(f"sqlite:///{folder / 'mlflow.db'}", folder)
    with sqlite3.connect(folder / "mlflow.db") as database:
        # It names the folder of its artifacts.
        database.execute("delete from experiments where name = 'lithoscope'")
    return folder / "mlflow.db"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 256 KiB, which the system's administrator alone can make; it is the current folder."""
    if not can_mount():
        pytest.skip("only the administrator of a Linux system can mount a small disk")
    folder = tmp_path / "disk"
    mount(folder, "256k")
    monkeypatch.chdir(folder)
    yield folder
    os.chdir("/")
    unmount(folder)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[TrackingServer]:
    made = TrackingServer(tmp_path_factory.mktemp("server"), blank_database)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def line(server: TrackingServer) -> Iterator[Line]:
    made = Line(server.port)
    yield made
    made.close()


@pytest.fixture
def params(checkout: Path) -> Parameters:
    return load_parameters(checkout / "params.yaml")


@pytest.fixture(scope="session")
def packed_clone(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Clone:
    """A clone with a tiny set that is packed and not yet trained on: one epoch, committed."""
    photographs = tmp_path_factory.mktemp("elsewhere") / "rocks"
    make_photographs(photographs)
    made = Clone(tmp_path_factory.mktemp("packed"), checkout, pull=False)
    for key, value in {"image_size": 32, "epochs": 1, "threads": 1, "batch_size": 8}.items():
        made.edit("params.yaml", rf"^{key}: \d+", f"{key}: {value}")
    made.run("lithoscope", "use", str(photographs))
    made.run("dvc", "repro", "--quiet", "augment")
    made.commit("Pack a tiny set")
    return made


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make faults` asks for."""
    parser.addoption("--fault-table", type=Path, metavar="FILE", help="write the table of faults, where all passed")


def pytest_configure(config: pytest.Config) -> None:
    """Write the table of faults where that is asked for; let Ctrl-C reach what the tests start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell leaves it to what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if path := config.getoption("--fault-table"):
        config.pluginmanager.register(Writer(path, ROOT / "tests"))
