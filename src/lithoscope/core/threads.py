"""How many threads there may be, and an ordered map over them, a bounded number of results ahead."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # fewer than there are in a container; not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    function: Callable[[_In], _Out], arguments: Iterable[_In], threads: int, stop: Callable[[], object] = lambda: None
) -> Iterator[_Out]:
    """Yield ``function`` of each argument, in their order, computed by several threads a few ahead.

    Unlike ``Executor.map``, at most ``4 · threads`` results wait in memory. Pillow and NumPy let threads run side by
    side while they decode and scale.

    Args:
        function: What is computed.
        arguments: Of what.
        threads: How many.
        stop: Called where an error, or who takes the results, ends this early: ends what a thread may wait for.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Out]] = deque()
        try:
            for argument in arguments:
                waiting.append(pool.submit(function, argument))
                if len(waiting) >= 4 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            stop()
            raise
        finally:
            for future in waiting:
                future.cancel()
