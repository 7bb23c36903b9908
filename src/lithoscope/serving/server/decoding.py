"""Decoding of uploaded photographs in processes of their own.

Whatever a file does to its decoder, endless work, all memory or a crash, ends that process alone; the next photograph
gets a new one. Nothing but a square of pixels or a reason comes back.
"""

import asyncio
import io
import multiprocessing
from concurrent.futures import CancelledError
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import numpy.typing as npt
from pebble import ProcessExpired, ProcessPool

from lithoscope.data.images.reading import ReadingSettings

_FRAMING = "lithoscope.data.images.framed"


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


def frame(content: bytes, size: int, crop_border: bool, reading: ReadingSettings) -> Framed:
    """Decode a file's content and frame it; runs inside a decoding process."""
    from lithoscope.data.images.framed import read_framed
    from lithoscope.data.images.reading import UnreadablePhotograph

    try:
        photograph = read_framed(io.BytesIO(content), reading, size, crop_border)
        return Framed(photograph.square, None, photograph.notes)
    except UnreadablePhotograph as error:
        return Framed(None, str(error))
    except MemoryError:
        return Framed(None, "needs more memory than a photograph may take here")


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
        seconds: How long one photograph may take.
        memory: Address space of each process, bytes.
    """

    def __init__(
        self, size: int, crop_border: bool, reading: ReadingSettings, *, processes: int, seconds: float, memory: int
    ) -> None:
        self._framing = (size, crop_border, reading)
        self._seconds = seconds
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context = multiprocessing.get_context(method)
        if method == "forkserver":  # a process that replaces another then starts with the decoders loaded
            context.set_forkserver_preload([_FRAMING, __name__])
        self._pool = ProcessPool(processes, context=context, initializer=_limit_memory, initargs=(memory,))

    def __enter__(self) -> "DecodingPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    async def framed(self, content: bytes) -> Framed:
        """Decode and frame a photograph.

        Args:
            content: The file's bytes.
        """
        if not content:
            return Framed(None, "an empty file")
        future = self._pool.schedule(frame, args=(content, *self._framing), timeout=self._seconds)
        try:
            result: Framed = await asyncio.wrap_future(future)
        except TimeoutError:
            return Framed(None, f"takes longer than {self._seconds:g} s to decode")
        except ProcessExpired:
            return Framed(None, "brings its decoder down: damaged, or larger than this server's memory allows")
        except CancelledError:
            return Framed(None, "the server is shutting down")
        return result
