"""What the tests share."""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filelock import FileLock

# Before torch is imported: files are tested side by side, and threads of small networks only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from lithoscope.config.params import Parameters, load_parameters

from helpers.disks import can_mount, mount, unmount
from helpers.fault_table import FAULTS, KINDS, Writer
from helpers.pipeline_clone import Clone, make_photographs
from helpers.tracking_server import Line, TrackingServer
from helpers.warm_python import WarmPython

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of this repository."""
    return ROOT


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Makes a folder that several test files read, once for all processes that run tests; returns it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, whole = shared / name, shared / f"{name}.whole"
        with FileLock(shared / f"{name}.lock"):
            if not whole.exists():
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def blank_database(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """An MLflow database with no run in it, to be copied: to set one up takes seconds."""

    def make(folder: Path) -> None:
        from lithoscope.tracking import Store

        Store(f"sqlite:///{folder / 'mlflow.db'}", folder)
        with sqlite3.connect(folder / "mlflow.db") as database:
            # It names the folder of its artifacts.
            database.execute("delete from experiments where name = 'lithoscope'")

    return once("blank", make) / "mlflow.db"


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
def photographs(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A tiny set under a name that wants quoting, to be read alone."""
    return once("elsewhere", lambda folder: make_photographs(folder / "My Rocks (1) [new]")) / "My Rocks (1) [new]"


@pytest.fixture(scope="session")
def warm() -> Iterator[Path]:
    """A folder of commands that begin with their libraries in memory; on Linux alone: macOS bears no such forks."""
    if sys.platform != "linux":
        yield Path(sys.executable).parent
        return
    with TemporaryDirectory() as folder:  # pytest's own have longer names than a socket may have
        python = WarmPython(Path(folder))
        yield python.folder
        python.end()


@pytest.fixture(scope="session")
def packed_clone(
    once: Callable[[str, Callable[[Path], None]], Path], checkout: Path, photographs: Path, warm: Path
) -> Clone:
    """A clone with the tiny set that is packed and not yet trained on: one epoch, committed. Copy it."""

    def make(folder: Path) -> None:
        clone = Clone.of(checkout, folder, warm=warm)
        clone.tiny(photographs)
        clone.run("dvc", "repro", "--quiet", "augment")
        clone.commit("Pack a tiny set")

    return Clone(once("packed", make), warm)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that none is left over in the end; mark what needs a server."""
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    items.sort(key=lambda item: item.get_closest_marker("pipeline") is None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make faults` and `make kinds` ask for."""
    for page in (FAULTS, KINDS):
        text = f"write the page of the tests marked {page.mark}, where all passed"
        parser.addoption(f"--{page.mark}-table", type=Path, metavar="FILE", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Write the pages that tests make where that is asked for; let Ctrl-C reach what the tests start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell leaves it to what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for page in (FAULTS, KINDS):
        if path := config.getoption(f"--{page.mark}-table"):
            config.pluginmanager.register(Writer(path, ROOT / "tests", page))
