"""Ray Data's ``map_batches`` over a manifest of photographs, which are read where they lie.

Ray moves rows that name files out and answers back. ``ray.data.read_images`` leaves kinds of files out without a word
and ignores their orientation; the workers have our own decoder. An actor on each core works on a block at a time; one
that dies is started anew, and its block given out again.
"""

import logging
import os
import socket
import threading
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.engines.ray_cluster import AskedBy, cause, package

BLOCK = 32
"""Photographs in a block at most: what a process that dies has to do again, a second or two of work."""
BLOCKS = 20_000
"""Above this many of them, blocks grow: Ray keeps a record of each."""
PIXELS_FROM = ("pillow", "numpy", "tifffile", "imagecodecs", "pi-heif", "rawpy")
"""Packages that the pixels of a photograph depend on."""
_PATIENCE = 10.0  # seconds
_RETRIES = 5  # of one block; a file that ends every process that reads it must not be read for ever

_MISTAKE = "mistake"  # the only column of a block that a worker ended with an error of ours

Table = Any
"""A ``pyarrow.Table``."""


class Telling:
    """A worker whose errors of ours come back as a row: Ray would print a hundred lines of its own about them.

    Args:
        worker: What is called with blocks.
        arguments: Of its constructor.
    """

    def __init__(self, worker: Callable[..., Callable[[Table], Table]], arguments: Sequence[Any]) -> None:
        self._mistake: LithoscopeError | None = None
        try:
            self._worker = worker(*arguments)
        except LithoscopeError as error:
            self._mistake = error

    def __call__(self, block: Table) -> Table:
        """Return what the worker makes of a block, or what a user has to be told instead."""
        try:
            if self._mistake:
                raise self._mistake
            return self._worker(block)
        except LithoscopeError as error:
            return package("pyarrow").table({_MISTAKE: [str(error)]})


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row that came back.

    Raises:
        LithoscopeError: It is one that :class:`Telling` told.
    """
    if _MISTAKE in row:
        raise LithoscopeError(row[_MISTAKE])
    return row


def map_rows(
    manifest: list[dict[str, Any]],
    worker: Callable[..., Callable[[Table], Table]],
    arguments: Sequence[Any],
    asked: AskedBy,
    block: int,
) -> Generator[dict[str, Any], None, None]:
    """Yield the rows that a class makes of the rows of a manifest, in their order, on the cluster that is connected.

    Who takes no more of them has to close the generator before the connection, which is still in use until then.

    Args:
        manifest: Rows of plain values.
        worker: Takes the arguments once in each process, then a :data:`Table` after another, and returns one.
        arguments: Of its constructor.
        asked: By which words the user asked for Ray.
        block: Rows that are worked on together; more in a very long manifest.

    Raises:
        LithoscopeError: A worker raised it, or a row ended its process again and again.
    """
    ray = package("ray")
    blocks = min(-(-len(manifest) // block), BLOCKS)
    processes = max(1, min(blocks, int(ray.cluster_resources().get("CPU", 1))))
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # or it tells of each start and end
    dataset = ray.data.from_items(manifest, override_num_blocks=blocks)
    dataset.context.execution_options.preserve_order = True
    dataset.context.enable_progress_bars = False
    dataset.context.print_on_execution_start = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that bounds of retries go; they have no other place yet
        answers = dataset.map_batches(
            Telling,
            batch_format="pyarrow",
            batch_size=None,
            fn_constructor_args=[worker, list(arguments)],
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=processes, initial_size=processes),
            num_cpus=1,
            max_restarts=-1,
            max_task_retries=_RETRIES,
        )
    try:
        with closing(iter(answers.iter_batches(batch_size=None, batch_format="pyarrow"))) as batches:
            for batch in batches:
                yield from map(told, batch.to_pylist())
    except ray.exceptions.RayError as error:
        raise LithoscopeError(f"{asked.engine}: {cause(error)}") from None
    finally:
        _end_threads()


def _end_threads() -> None:
    """Wait for the threads of Ray Data that fetch blocks ahead; Ray ends a process that asks for one too late."""
    for thread in threading.enumerate():
        if thread.name == "iter_threaded":
            thread.join(_PATIENCE)


def this_node() -> str:
    """Return what this machine is called in error lines."""
    return socket.gethostname()


def does_not_see(file: str, node: str) -> LithoscopeError:
    """Return the error that a node of the cluster does not see a file that is there."""
    return LithoscopeError(
        f"{file}: node {node} of the cluster does not see this file: every node needs the photographs under the same "
        "path; unpack archives into a folder that all of them see"
    )


def is_there(file: str) -> bool:
    """Return whether this machine sees a file."""
    return os.path.isfile(file)  # noqa: PTH113 (names need not be valid UTF-8)


def versions_here(names: Sequence[str] = PIXELS_FROM) -> dict[str, str]:
    """Return the versions of packages that results depend on, here; ``"none"`` of one that is not installed."""
    return {name: _version(name) for name in names}


def require_versions(versions: Mapping[str, str]) -> None:
    """Require what :func:`versions_here` returned where the command runs.

    Raises:
        LithoscopeError: This node has other versions.
    """
    for name, wanted in versions.items():
        if (here := _version(name)) != wanted:
            raise LithoscopeError(
                f"node {this_node()} has {name} {here}, where the command runs it is {wanted}: install the same, or "
                "results would differ"
            )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
