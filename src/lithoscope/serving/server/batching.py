"""Micro-batches: photographs of all requests go through the network together, as many as have arrived meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Result = TypeVar("Result")


@dataclass
class _Waiting(Generic[Result]):
    square: npt.NDArray[np.uint8]
    result: asyncio.Future[Result]


class Batcher(Generic[Result]):
    """A queue before the network.

    While one batch runs, those that arrive form the next one, so nothing waits for a batch to fill.

    Args:
        run: Takes squares uint8 (n, size, size, 3) and returns n results; called in a thread, never twice at once.
        most: Most squares in a batch.
    """

    def __init__(self, run: Callable[[npt.NDArray[np.uint8]], list[Result]], most: int) -> None:
        self._run, self._most = run, most
        self._queue: asyncio.Queue[_Waiting[Result]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take batches."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Finish what was asked for, then end."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def result(self, square: npt.NDArray[np.uint8]) -> Result:
        """Return what the network makes of one square, uint8 (size, size, 3)."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(square, future))
        return await future

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < self._most and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                results = await asyncio.to_thread(self._run, np.stack([one.square for one in batch]))
                for one, result in zip(batch, results, strict=True):
                    if not one.result.done():  # whoever asked may have gone
                        one.result.set_result(result)
            except Exception as error:  # whatever it is, those who wait must hear of it
                for one in batch:
                    if not one.result.done():
                        one.result.set_exception(error)
            finally:
                for _ in batch:
                    self._queue.task_done()
