"""Two ways side by side: paired repeats, in alternating order, so that what slows the machine slows both."""

import time
from collections.abc import Callable

import numpy as np


def compare(
    first: Callable[[], object],
    second: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> str:
    """Time two functions and return how many times longer the first one takes, with the spread over the pairs."""
    ratios = []
    for number in range(repeats):
        seconds = {}
        for way in (first, second) if number % 2 == 0 else (second, first):
            started = clock()
            way()
            seconds[way] = clock() - started
        ratios.append(seconds[first] / seconds[second])
        print(f"  {seconds[first]:.2f} s against {seconds[second]:.2f} s", flush=True)
    return f"ratio {np.median(ratios):.2f} (median of {repeats} pairs, {min(ratios):.2f} to {max(ratios):.2f})"
