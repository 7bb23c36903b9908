"""Ray Data as the engine that prepares photographs: tasks are done by the processes of a cluster."""

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import lithoscope
from lithoscope.core.locked_folder import content_key, exclusive
from lithoscope.data.engines import ray_map
from lithoscope.data.engines.finished_work import FinishedWork
from lithoscope.data.engines.ray_cluster import AskedBy, connected, require_cluster
from lithoscope.data.engines.ray_map import does_not_see, is_there, map_rows, versions_here
from lithoscope.data.engines.ray_worker import TaskWorker
from lithoscope.data.engines.tasks import Made, Task, Wanted
from lithoscope.data.images.reading import file_and_page

BLOCK_BYTES = 2**23
"""Bytes of results that are sent together at most."""
_PACKAGE = Path(lithoscope.__file__).parent
_CODE = ("core", "data")  # what is made follows from these packages of ours


class TasksOnRay:
    """The :class:`lithoscope.data.engines.tasks.TaskEngine` of a cluster, until the context ends.

    Nodes need the photographs under the same paths, and the same versions of the packages that decode them; our own
    code is sent to them. What was made is kept in a folder of half-done work until the context ends well: a run that
    was killed goes on, by the contents of photographs, with what that one had not made.

    Args:
        address: ``HOST:PORT`` of a cluster that runs, of which this machine is a node; ``auto`` for the one of this
            machine; None starts one on this machine, on the loopback, and stops it afterwards.
        partial: Where half-done work lies.
        asked: By which words the user asked for Ray.

    Raises:
        LithoscopeError: Ray is not installed, or nothing answers at the address.
    """

    def __init__(self, address: str | None, partial: Path, asked: AskedBy) -> None:
        require_cluster(address, asked)
        self._address, self._partial, self._asked = address, partial, asked
        self._locks, self._folders = ExitStack(), list[Path]()
        self._begun: list[Generator[Any, None, None]] = []

    def __enter__(self) -> "TasksOnRay":
        """Return the engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster; forget what was kept, unless something went wrong."""
        with self._locks:
            for made in self._begun:  # the error may still hold them: Ray takes it ill to be left by another thread
                made.close()
            for folder in self._folders if error is None else ():
                shutil.rmtree(folder, ignore_errors=True)

    def __call__(self, task: Task[Made], photographs: Sequence[Wanted]) -> Iterator[Made]:
        """Yield what is made of each photograph, in their order.

        Raises:
            LithoscopeError: There is no cluster, a node differs or does not see a file, or a photograph should be
                readable and is not.
        """
        versions = versions_here((*ray_map.PIXELS_FROM, "scipy"))
        key = content_key(*(_PACKAGE / name for name in _CODE), text=f"{task!r} {versions}")
        folder = self._locks.enter_context(exclusive(self._partial, key))
        made = self._made(task, photographs, [task, str(Path.cwd()), versions], FinishedWork(folder))
        self._folders.append(folder)
        self._begun.append(made)
        return made

    def _made(
        self, task: Task[Made], photographs: Sequence[Wanted], arguments: list[Any], finished: FinishedWork
    ) -> Generator[Made, None, None]:
        if not photographs:
            return
        manifest = [{**vars(one), "file": os.fsencode(one.file), "known": finished.known(one)} for one in photographs]
        block = max(1, min(ray_map.BLOCK, BLOCK_BYTES // task.size))
        try:
            with (
                connected(self._address, self._asked, code=_PACKAGE),
                closing(map_rows(manifest, TaskWorker, arguments, self._asked, block)) as rows,
            ):
                for photograph, row in zip(photographs, rows, strict=True):
                    if row["content"] is None and is_there(str(file_and_page(Path(photograph.file))[0])):
                        raise does_not_see(photograph.file, row["node"])
                    if row["content"] is None:  # gone for all: the task says so
                        yield task(photograph)
                    elif row["made"] is None:
                        yield task.unpack(finished.made(row["content"]))
                    else:
                        if row["content"]:
                            finished.keep(photograph, row["content"], row["made"])
                        yield task.unpack(row["made"])
        finally:
            with suppress(OSError):  # what went wrong says more
                finished.flush()
