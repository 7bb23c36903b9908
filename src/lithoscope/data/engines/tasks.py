"""What is made of each photograph, and the engine that makes it on all cores of this machine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, Protocol, TypeVar

from lithoscope.core.threads import cores, in_order

Made = TypeVar("Made")
_In = TypeVar("_In")
_TOGETHER = 8  # small results that a thread makes at once: handing one over takes as long as reading a small photograph
_SMALL = 2**14  # bytes


@dataclass(frozen=True)
class Wanted:
    """A photograph that something is to be made of.

    Attributes:
        file: Its path, or that of one of its pages, from the current folder or in full.
        content: What :func:`lithoscope.data.images.reading.page_digest` is of it, where that is known already.
        phash: Its perceptual hash, where that is known already.
        identity: What the index calls it, where that matters.
        address: Where it is fetched, with a query that must not be recorded; ``""`` of one that lies here.
    """

    file: str
    content: str = ""
    phash: str = ""
    identity: str = ""
    address: str = field(default="", repr=False)


class Task(ABC, Generic[Made]):
    """Makes something of a photograph that follows from the photograph's content and the task's ``repr`` alone.

    It has to be a frozen dataclass of a module of ours, so that processes elsewhere can be told of it.
    """

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes what is made of a photograph takes, about."""

    @property
    def at_once(self) -> int:
        """How many photographs a machine should work on at a time, where that is not one a core."""
        return 0

    def stop(self) -> None:
        """End what may be waited for while a photograph is read."""

    @abstractmethod
    def __call__(self, photograph: Wanted) -> Made:
        """Read a photograph and make what is wanted of it.

        Raises:
            LithoscopeError: It cannot be read and should be.
        """

    @abstractmethod
    def pack(self, made: Made) -> bytes:
        """Write down what was made, to be kept or sent."""

    @abstractmethod
    def unpack(self, content: bytes) -> Made:
        """Undo :meth:`pack`."""


class TaskEngine(Protocol):
    """Who does a task."""

    def __call__(self, task: Task[Made], photographs: Sequence[Wanted]) -> Iterator[Made]:
        """Yield what is made of each photograph, in their order, a few ahead."""


def on_threads(task: Task[Made], photographs: Sequence[Wanted]) -> Iterator[Made]:
    """Do a task by a thread on each core of this machine; a :class:`TaskEngine`."""
    together = _TOGETHER if task.size <= _SMALL else 1
    return chain.from_iterable(in_batches(task, photographs, together, task.at_once, task.stop))


def in_batches(
    make: Callable[[_In], Made],
    items: Sequence[_In],
    together: int,
    threads: int = 0,
    stop: Callable[[], object] = lambda: None,
) -> Iterator[list[Made]]:
    """Yield what a function makes of batches of so many items, in their order, by threads, or by one a core."""
    batches = (items[start : start + together] for start in range(0, len(items), together))
    return in_order(lambda batch: [make(one) for one in batch], batches, threads or cores(), stop)
