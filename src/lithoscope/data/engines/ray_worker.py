"""What runs in a process of a Ray cluster: a task that is done to blocks of photographs."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lithoscope.core.files import file_digest
from lithoscope.data.engines.ray_cluster import package
from lithoscope.data.engines.ray_map import Table, require_versions, this_node
from lithoscope.data.engines.tasks import Task, Wanted
from lithoscope.data.images.reading import file_and_page, page_digest


class TaskWorker:
    """Does a task in a process of Ray.

    Args:
        task: The task.
        folder: Where the command runs; paths, also those in error lines, may be relative to it.
        versions: Of the packages that results depend on, where the command runs.

    Raises:
        LithoscopeError: This node has other versions.
    """

    def __init__(self, task: Task[Any], folder: str, versions: Mapping[str, str]) -> None:
        require_versions(versions)
        with suppress(OSError):  # a node that lacks the folder sees no file in it, which is told of the file
            os.chdir(folder)  # the process is this worker's alone
        self._task = task

    def __call__(self, block: Table) -> Table:
        """Return a row for each photograph, in order.

        Of a file that is not there it has no ``content``; of one whose content is as it was ``known``, nothing made.
        """
        arrow = package("pyarrow")
        kinds = [("content", arrow.string()), ("made", arrow.binary()), ("node", arrow.string())]
        return arrow.Table.from_pylist(list(map(self._row, block.to_pylist())), schema=arrow.schema(kinds))

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        named = {name: row[name] for name in ("content", "phash", "identity", "address")}
        photograph = Wanted(os.fsdecode(row["file"]), **named)
        answer: dict[str, Any] = {"content": None, "made": None, "node": this_node()}
        if photograph.address:
            answer["content"] = photograph.content  # it is held against that when it is fetched
        else:
            file, number = file_and_page(Path(photograph.file))
            if not file.is_file():
                return answer
            answer["content"] = _content(file, number)
        if not (row["known"] and row["known"] == answer["content"]):
            answer["made"] = self._task.pack(self._task(photograph))
        return answer


def _content(file: Path, number: int) -> str:
    try:
        return page_digest(file_digest(file), number)
    except OSError:  # the task says what it is
        return ""
