"""Preparing on Ray without a cluster: the worker's blocks in this process, what is kept of them, what goes wrong."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.data.engines import finished_work, ray_map, ray_tasks
from lithoscope.data.engines.finished_work import FinishedWork
from lithoscope.data.engines.ray_cluster import AskedBy
from lithoscope.data.engines.ray_map import Telling, told, versions_here
from lithoscope.data.engines.ray_tasks import TasksOnRay
from lithoscope.data.engines.ray_worker import TaskWorker
from lithoscope.data.engines.tasks import Made, Task, Wanted, on_threads
from lithoscope.data.fetching.by_address import ByAddress, Reader
from lithoscope.data.images.reading import DEFAULTS, ReadingSettings
from lithoscope.data.sources.examination import Examination
from lithoscope.data.splits.traits import Framing

from helpers.photographs_on_disk import photograph
from helpers.static_server import served

EACH = ReadingSettings(pages="each")


@dataclass(frozen=True)
class Counting(Task[bytes]):
    """Reads a file as it is, and counts."""

    name: str = "counting"
    read: list[str] = field(default_factory=list, repr=False)
    size: int = 10

    def __call__(self, photograph: Wanted) -> bytes:
        self.read.append(Path(photograph.file).name)
        return Path(photograph.file).read_bytes()

    def pack(self, made: bytes) -> bytes:
        return made

    def unpack(self, content: bytes) -> bytes:
        return content


def _here(
    manifest: list[dict[str, Any]], worker: type, arguments: Sequence[Any], asked: AskedBy, block: int
) -> Generator[dict[str, Any], None, None]:
    assert asked == AskedBy()
    process = Telling(worker, arguments)
    for start in range(0, len(manifest), block):
        made = process(import_module("pyarrow").Table.from_pylist(manifest[start : start + block]))
        yield from map(told, made.to_pylist())


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], TasksOnRay]:
    """Makes the engine, whose cluster is this process; photographs lie in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ray_tasks, "require_cluster", lambda *_: None)
    monkeypatch.setattr(ray_tasks, "connected", lambda *_, **__: nullcontext())
    monkeypatch.setattr(ray_tasks, "map_rows", _here)
    for number in range(6):
        photograph(Path(f"{number}.png"), number)
    return lambda: TasksOnRay(None, tmp_path / "partial", AskedBy())


def wanted(names: str = "012345") -> list[Wanted]:
    return [Wanted(f"{name}.png") for name in names]


def stopped(engine: TasksOnRay, task: Task[Any], photographs: Sequence[Wanted], after: int) -> None:
    """Stop after so many results, as Ctrl-C does."""
    with engine:
        for number, _ in enumerate(engine(task, photographs), start=1):
            if number == after:
                raise KeyboardInterrupt


def same(task: Task[Made], engine: TasksOnRay, photographs: Sequence[Wanted]) -> None:
    """Require of both engines the same, written down and read again."""
    local = [task.pack(made) for made in on_threads(task, photographs)]
    assert [task.pack(made) for made in engine(task, photographs)] == local
    assert [task.pack(task.unpack(content)) for content in local] == local


def test_what_is_made_is_what_threads_make(engine: Callable[[], TasksOnRay], tmp_path: Path) -> None:
    name = os.fsdecode(b"gr\xfcn.png")
    photograph(tmp_path / name, 7)
    Path("none.png").write_bytes(b"no photograph")
    frames = [photograph(Path(f"frame {number}.png"), number) for number in range(2)]
    stack(Path("stack.tif"), frames)
    with engine() as on_ray:
        same(Examination(EACH), on_ray, [*wanted(), *map(Wanted, (name, "none.png", "stack.tif"))])
        pages = [Wanted(page, phash="0123456789abcdef") for page in (name, "stack.tif", "stack.tif#page=2")]
        same(Framing(EACH, 48, crop=True), on_ray, pages)
    assert not list((tmp_path / "partial").glob("*/*"))


def test_photographs_at_addresses_are_fetched_by_the_workers_and_not_again_for_a_run_that_goes_on(
    engine: Callable[[], TasksOnRay], tmp_path: Path
) -> None:
    with served(tmp_path) as site:
        files = [Path(f"{number}.png") for number in range(3)]
        listed = [Wanted(site + file.name, file_digest(file), "0" * 16, file.name, site + file.name) for file in files]
        fetching = ByAddress(tmp_path / "fetched", 179)
        places, digests = ({one.identity: getattr(one, name) for one in listed} for name in ("file", "content"))
        framing = Framing(DEFAULTS, 32, crop=True, reader=Reader(places, digests, DEFAULTS, fetching))
        with engine() as on_ray:
            same(Examination(DEFAULTS, fetching), on_ray, listed)
            same(framing, on_ray, listed)
        with pytest.raises(KeyboardInterrupt):
            stopped(engine(), framing, listed, after=3)
    fetching.keep_only(())
    with engine() as on_ray:
        assert len(list(on_ray(framing, listed))) == 3, "nobody serves them any more"


def test_an_error_ends_what_threads_may_be_waiting_for() -> None:
    class Failing(Counting):
        def __call__(self, photograph: Wanted) -> bytes:
            raise ZeroDivisionError

        def stop(self) -> None:
            self.read.append("stopped")

    task = Failing()
    with pytest.raises(ZeroDivisionError):
        list(on_threads(task, wanted()))
    assert task.read == ["stopped"]


def stack(file: Path, frames: Sequence[Path]) -> None:
    first, *further = (Image.open(frame).convert("RGB") for frame in frames)
    first.save(file, save_all=True, append_images=further)


def test_a_run_that_ended_too_early_goes_on_by_content(
    engine: Callable[[], TasksOnRay], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_work, "BLOCK_BYTES", 1)
    monkeypatch.setattr(ray_map, "BLOCK", 1)
    task = Counting()
    with pytest.raises(KeyboardInterrupt):
        stopped(engine(), task, wanted("210"), after=2)
    assert task.read == ["2.png", "1.png"]
    photograph(Path("1.png"), 99)  # since then
    Path("5.png").write_bytes(Path("2.png").read_bytes())
    task.read.clear()
    listed = [Wanted(f"{name}.png", file_digest(Path(f"{name}.png"))) for name in "05"]
    with engine() as on_ray:
        made = list(on_ray(task, [*wanted("12"), *listed]))
    assert task.read == ["1.png", "0.png"], "2.png was made, and 5.png is listed with the same content"
    assert made == [Path(f"{name}.png").read_bytes() for name in "1205"]
    task.read.clear()
    with engine() as on_ray:
        list(on_ray(task, wanted("2")))
    assert task.read == ["2.png"], "nothing is kept of a run that ended well"


def test_another_task_or_other_code_takes_nothing_of_it(
    engine: Callable[[], TasksOnRay], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(task: Counting) -> list[str]:
        with pytest.raises(KeyboardInterrupt):
            stopped(engine(), task, wanted("01"), after=2)
        return task.read

    assert begin(Counting()) == ["0.png", "1.png"]
    assert begin(Counting()) == []
    assert begin(Counting("another")) == ["0.png", "1.png"]
    (tmp_path / "code" / "core").mkdir(parents=True)
    (tmp_path / "code" / "data").mkdir()
    monkeypatch.setattr(ray_tasks, "_PACKAGE", tmp_path / "code")
    assert begin(Counting()) == ["0.png", "1.png"]


def test_a_block_that_is_damaged_is_done_anew(tmp_path: Path) -> None:
    kept = FinishedWork(tmp_path)
    for name in "ab":
        kept.keep(Wanted(name), f"content {name}", name.encode())
        kept.flush()
    (tmp_path / "000000.arrow").write_bytes(b"ARROW1 no more")
    again = FinishedWork(tmp_path)
    assert [again.known(Wanted(name)) for name in "ab"] == ["", "content b"]
    assert again.known(Wanted("elsewhere", "content b")) == "content b"
    assert again.known(Wanted("b", "other content")) == ""
    assert again.made("content b") == b"b"
    again.keep(Wanted("a"), "content a", b"a")
    again.flush()
    assert FinishedWork(tmp_path).made("content a") == b"a"


def test_results_are_kept_before_the_block_is_full_where_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FinishedWork(tmp_path)
    kept.keep(Wanted("a"), "content", b"a")
    assert FinishedWork(tmp_path).known(Wanted("a")) == ""
    monkeypatch.setattr(finished_work, "BLOCK_SECONDS", -1.0)
    kept.keep(Wanted("b"), "other content", b"b")
    assert FinishedWork(tmp_path).known(Wanted("a")) == "content"


def test_a_file_that_a_node_does_not_see_is_a_line_and_one_that_nobody_sees_ends_as_on_threads(
    engine: Callable[[], TasksOnRay], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, task = Wanted("gone.png"), Counting()
    with pytest.raises(FileNotFoundError), engine() as on_ray:
        list(on_ray(task, [gone]))
    monkeypatch.setattr(ray_tasks, "is_there", lambda _file: True)
    with pytest.raises(LithoscopeError, match=r"^gone\.png: node .* of the cluster does not see this file"):
        list(engine()(task, [gone]))


def test_the_cluster_is_left_with_the_engine_even_where_an_error_still_holds_the_results(
    engine: Callable[[], TasksOnRay], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []

    @contextmanager
    def connected(*_: object, **__: object) -> Iterator[None]:
        try:
            yield
        finally:
            left.append("left")

    monkeypatch.setattr(ray_tasks, "connected", connected)
    with engine() as on_ray:
        held = on_ray(Counting(), wanted())
        next(held)
        assert not left
    assert left


def test_a_node_that_differs_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match=r"^node .* has pillow .*, where the command runs it is 0: install"):
        TaskWorker(Framing(DEFAULTS, 32, crop=True), str(tmp_path), {**versions_here(), "pillow": "0"})
    with pytest.raises(LithoscopeError, match=r"has no-such-package none, where the command runs it is 1"):
        TaskWorker(Framing(DEFAULTS, 32, crop=True), str(tmp_path), {"no-such-package": "1"})


def test_what_a_user_has_to_be_told_is_the_line_of_the_local_engine(
    engine: Callable[[], TasksOnRay], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("3.png").write_bytes(b"")
    task, photographs = Framing(DEFAULTS, 32, crop=True), [Wanted("3.png", phash="0" * 16)]
    lines = []
    for each in (on_threads, engine()):
        with pytest.raises(LithoscopeError) as caught:
            list(each(task, photographs))
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    assert lines[0].startswith("3.png: an empty file; it changed since it was downloaded")
    monkeypatch.setattr(ray_tasks, "versions_here", lambda names: dict.fromkeys(names, "0"))
    with pytest.raises(LithoscopeError, match=r"^node .* has pillow .*, where the command runs it is 0"):
        list(engine()(task, photographs))


def test_a_node_without_the_checkout_reads_photographs_that_stay_in_their_place(tmp_path: Path) -> None:
    file = photograph(tmp_path / "in place.png")
    worker = TaskWorker(Counting(), str(tmp_path / "no checkout"), versions_here())
    names = [os.fsencode(file), b"build/raw/copy.png"]
    rows = [{**vars(Wanted("")), "file": name, "known": ""} for name in names]
    made, missing = worker(import_module("pyarrow").Table.from_pylist(rows)).to_pylist()
    assert (made["content"], made["made"]) == (file_digest(file), file.read_bytes())
    assert missing["content"] is None
