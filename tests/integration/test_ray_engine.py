"""Predicting and preparing on a cluster of two node processes: the local engine's results, whatever dies."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile

from lithoscope.cli import main as cli
from lithoscope.data.engines import ray_map
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.set_source import set_source
from lithoscope.data.splits import near_duplicates
from lithoscope.serving.tables import Table

from helpers.exports import exported
from helpers.photographs_on_disk import class_folders, photograph, tree
from helpers.ray_nodes import is_busy, ray_nodes, workers
from helpers.stage import run_stage
from helpers.tiny_parameters import make_tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'lithoscope[ray]'"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("model"), ["basalt", "gneiss"], reading=ReadingSettings(pages="each"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ray_nodes(2) as cluster:
        yield cluster.address


@pytest.fixture
def ask(model: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr(ray_map, "BLOCK", 2)

    def asked(place: Path, table: Path, *further: str, engine: str = "ray") -> int:
        arguments = ["predict", str(place), "--model", str(model), "--output", str(table), "--engine", engine]
        return cli.main([*arguments, *(["--ray-address", address] if engine == "ray" else []), *further])

    return asked


@contextmanager
def a_worker_killed() -> Iterator[set[str]]:
    """Kill the first worker that has a block under way; gives the names of the files that it had loaded."""
    killed, loaded, ended = threading.Event(), set[str](), threading.Event()

    def kill_one() -> None:
        while not (killed.is_set() or ended.is_set()):
            for worker in filter(is_busy, workers()):
                loaded.update(Path(one.path).name for one in worker.memory_maps())
                worker.kill()
                killed.set()
                return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    yield loaded
    ended.set()
    killer.join(1)
    assert killed.is_set(), "a worker was at work when it was killed"


@pytest.mark.fault(
    tried="`lithoscope predict --engine ray` on two nodes: a worker is killed while it has a block under way",
    outcome="the table is that of the local engine, byte for byte; broken files cost a row each",
)
def test_a_killed_worker_loses_nothing_and_rows_are_those_of_the_local_engine(
    ask: Callable[..., int], tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    for number in range(6):
        photograph(folder / f"{number}.png", number, size=(60 + number, 50))
    photograph(folder / "7 no ending", 7)
    photograph(folder / os.fsdecode(b"8 gr\xfcn.webp"), 8)
    (folder / "broken.jpg").write_bytes(b"no photograph")
    pages = [np.full((40, 40, 3), level, np.uint8) for level in (40, 200)]
    tifffile.imwrite(folder / "stack.tif", np.stack(pages), photometric="rgb")
    for number in range(2):  # in which the worker has time to die
        photograph(folder / f"z{number}.png", number, size=(2400, 1800), compress_level=1)
    local, table = tmp_path / "local.csv", tmp_path / "ray.csv"
    assert ask(folder, local, engine="local") == 1
    with a_worker_killed() as loaded:
        assert ask(folder, table) == 1
    assert not any("torch" in name for name in loaded), "workers need no torch"
    assert table.read_bytes() == local.read_bytes()
    assert len(table.read_text().splitlines()) == 1 + 13, "the stack has two rows"


def test_a_run_goes_on_with_another_engines_journal_and_asks_again_for_what_changed(
    ask: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, table, whole = tmp_path / "new", tmp_path / "table.csv", tmp_path / "whole.csv"
    for number in range(5):
        photograph(folder / f"{number}.png", number)

    def stopped(_table: Table) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Table, "finish", stopped)
        assert ask(folder, table, engine="local") == 130
    photograph(folder / "1.png", 99)
    capsys.readouterr()
    assert ask(folder, table, "--resume") == 0
    printed = capsys.readouterr().out
    assert [name for name in map(str, range(5)) if f"/{name}.png" in printed] == ["1", "4"], "4: pages of it may lack"
    assert ask(folder, whole, engine="local") == 0
    head, *rows = whole.read_text().splitlines()
    assert table.read_text().splitlines() == [head, rows[0], *rows[2:4], rows[1], rows[4]]


@pytest.mark.fault(
    tried="the stages `download` and `split` with `LITHOSCOPE_ENGINE=ray` on two nodes: `split` is stopped half-way, "
    "and a worker killed while it has a block of the next `split` under way",
    outcome="every file in `build` is that of the local engine, byte for byte",
)
def test_photographs_are_prepared_as_by_the_local_engine_whatever_is_killed(
    address: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rocks, folder = class_folders(tmp_path / "My Rocks", "basalt", "gneiss", each=5), tmp_path / "checkout"
    for number in range(2):  # in which a worker has time to die
        photograph(rocks / "basalt" / f"z{number}.png", number, size=(3000, 2400), compress_level=1)
    photograph(rocks / "gneiss" / "grün no ending", 8)
    (rocks / "gneiss" / "broken.jpg").write_bytes(b"no photograph")
    shutil.copy(rocks / "basalt" / "0.png", rocks / "basalt" / "copy.png")
    folder.mkdir()
    shutil.copy(checkout / "params.yaml", folder)
    make_tiny(folder / "params.yaml", pages="each")
    set_source(folder / "params.yaml", "folder", rocks)
    for stage in ("download", "split"):
        assert run_stage(checkout, folder, stage).returncode == 0
    local = tree(folder / "build") | tree(folder / "metrics")
    shutil.rmtree(folder / "build")

    monkeypatch.setattr(ray_map, "BLOCK", 2)
    monkeypatch.setenv("LITHOSCOPE_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    done = run_stage(checkout, folder, "download")
    assert done.returncode == 0, done.stderr

    def stopped(_hashes: object, traits: Iterable[object], _threads: int) -> None:
        list(zip(traits, range(6), strict=False))
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(near_duplicates, "near_duplicates", stopped)
        assert run_stage(checkout, folder, "split").returncode == 130
    assert any(tree(folder / ".partial" / "prepared").values()), "what was framed is kept"
    with a_worker_killed():
        done = run_stage(checkout, folder, "split")
    assert done.returncode == 0, done.stderr
    assert tree(folder / "build") | tree(folder / "metrics") == local
    assert not any(tree(folder / ".partial" / "prepared").values()), "nothing is kept of a run that ended well"


def test_what_is_in_the_way_is_told_in_a_line_and_soon(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", str(photograph(tmp_path / "a.png")), "--model", str(model)]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    began = time.monotonic()
    for given, said in (
        (["--engine", "ray", "--ray-address", f"127.0.0.1:{port}"], "no cluster answers at"),
        (["--engine", "ray", "--ray-address", "ray://127.0.0.1:10001"], "allowed: HOST:PORT"),
        (["--ray-address", "auto"], "goes with --engine ray"),
        (["--engine", "ray", "--sheet", str(tmp_path / "x.png")], "draw a --sheet with --engine local"),
    ):
        assert cli.main([*arguments, *given]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert time.monotonic() - began < 10
