"""Files counted as they go by: a bar for people who watch, a line now and then for those who read a log."""

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 30.0


def track(items: Iterable[T], total: int, doing: str) -> Iterator[T]:
    """Pass items on and show on stderr how many went by.

    Args:
        items: What is worked on.
        total: How many there are.
        doing: What happens to them, e.g. ``"reading photographs"``.
    """
    if sys.stderr.isatty():
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield from progress.track(items, total=total, description=doing)
        return
    last = monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if monotonic() - last > SECONDS_BETWEEN_LINES:
            print(f"{doing}: {count:,} of {total:,}", file=sys.stderr, flush=True)
            last = monotonic()
