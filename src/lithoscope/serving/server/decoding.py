"""Decoding of uploaded photographs in processes of their own.

Whatever a file does to its decoder, endless work, all memory or a crash, ends that process alone; the next photograph
gets a new one. Nothing but squares of pixels or a reason comes back.
"""

import asyncio
import io
import multiprocessing
import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from types import TracebackType

import numpy as np
import numpy.typing as npt
from pebble import ProcessExpired, ProcessPool

from lithoscope.data.images.reading import ReadingSettings

_FRAMING = "lithoscope.data.images.framed"
_TRIES = 3  # to hand a photograph to processes that someone else ended
_START_SECONDS = 10.0  # that a process may take to start, on a busy machine


@dataclass(frozen=True)
class Framed:
    """A photograph as the network will see it, or why there is none.

    Attributes:
        square: uint8 (size, size, 3), RGB; None where the file could not be read.
        problem: Why not, in words that follow the file's name.
        notes: What was done to it that its owner may want to know.
    """

    square: npt.NDArray[np.uint8] | None
    problem: str | None = None
    notes: tuple[str, ...] = ()


class _Stuck(Exception):  # noqa: N818 (handled where it is raised)
    """A pool whose processes are gone without its noticing."""


def frame(content: bytes, size: int, crop_border: bool, reading: ReadingSettings, most: int) -> list[Framed]:
    """Decode a file's content and frame it, page by page where each is a photograph; runs inside a decoding process.

    Args:
        content: The file's bytes.
        size: Side of the squares, pixels.
        crop_border: Whether a uniform border is cut away.
        reading: How files become pixels.
        most: Pages, where each is a photograph; of a file with more, no other is decoded than the first.
    """
    first, count = _page(content, size, crop_border, reading, 1)
    pages = count if reading.pages == "each" else 1
    if pages > most:
        return [Framed(None, f"{pages} pages, each a photograph to this model; allowed: {most} in a request")]
    return [first, *(_page(content, size, crop_border, reading, number)[0] for number in range(2, pages + 1))]


def _page(content: bytes, size: int, crop_border: bool, reading: ReadingSettings, number: int) -> tuple[Framed, int]:
    """Return a page, and how many its file has."""
    from lithoscope.data.images.framed import read_framed
    from lithoscope.data.images.reading import UnreadablePhotograph

    try:
        photograph = read_framed(io.BytesIO(content), reading, size, crop_border, page=number)
        return Framed(photograph.square, None, photograph.notes), photograph.pages
    except UnreadablePhotograph as error:
        return Framed(None, str(error)), 1
    except MemoryError:
        return Framed(None, "needs more memory than a photograph may take here"), 1


def _limit_memory(most: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


class DecodingPool:
    """Processes that decode, replaced where a file brings one down.

    Args:
        size: Side of the squares, pixels.
        crop_border: Whether a uniform border is cut away.
        reading: How files become pixels.
        processes: How many.
        seconds: How long one file may take, all its pages together.
        memory: Address space of each process, bytes.
        most: Pages of a file, where each is a photograph.
    """

    def __init__(
        self,
        size: int,
        crop_border: bool,
        reading: ReadingSettings,
        *,
        processes: int,
        seconds: float,
        memory: int,
        most: int = 1,
    ) -> None:
        self._framing = (size, crop_border, reading, most)
        self._seconds = seconds
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(method)
        if method == "forkserver":  # a process that replaces another then starts with the decoders loaded
            context.set_forkserver_preload([_FRAMING, __name__])
        self._open = partial(ProcessPool, processes, context=context, initializer=_limit_memory, initargs=(memory,))
        self._pool, self._closed = self._open(), False
        self._ended = 0  # photographs, whatever became of them

    def __enter__(self) -> "DecodingPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        _end(self._pool)

    async def framed(self, content: bytes) -> list[Framed]:
        """Decode and frame a file; return its pages where each is a photograph, otherwise one.

        Args:
            content: The file's bytes.
        """
        if not content:
            return [Framed(None, "an empty file")]
        for _ in range(_TRIES):
            pool = self._pool
            try:
                future = pool.schedule(frame, args=(content, *self._framing), timeout=self._seconds)
                result = await self._result(pool, asyncio.wrap_future(future))
            except TimeoutError:
                return [Framed(None, f"takes longer than {self._seconds:g} s to decode")]
            except ProcessExpired:
                return [Framed(None, "brings its decoder down: damaged, or larger than this server's memory allows")]
            except CancelledError:
                return [Framed(None, "the server is shutting down")]
            except _Stuck:
                self._replace(pool)
            except RuntimeError:
                if pool.active or self._closed:
                    raise
                self._replace(pool)
            else:
                return result
        return [Framed(None, "no decoder could be started: try again")]

    async def _result(self, pool: ProcessPool, waiting: "asyncio.Future[list[Framed]]") -> list[Framed]:
        """Wait while the pool gets on: each photograph ends within a time, so one that ends none for longer is dead."""
        try:
            while True:
                before = self._ended
                done, _ = await asyncio.wait({waiting}, timeout=self._seconds + _START_SECONDS)
                if done:
                    self._ended += 1
                    if waiting.cancelled():
                        raise CancelledError
                    return waiting.result()
                if self._ended == before or pool is not self._pool:
                    raise _Stuck
        finally:
            waiting.cancel()

    def _replace(self, broken: ProcessPool) -> None:
        """Open new processes: pebble gives a pool up whose idle ones were killed, as a system short of memory does."""
        if self._pool is broken:  # who asked at the same time may have replaced it
            self._pool = self._open()
            _kill(broken)
            threading.Thread(target=_end, args=(broken,), daemon=True).start()  # which may take as long as it likes


def _kill(pool: ProcessPool) -> None:
    """Kill a pool's processes: pebble waits for the pool's own threads first, for ever where it is they that hang."""
    for process in tuple(pool._pool_manager.worker_manager.workers.values()):
        process.kill()


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
