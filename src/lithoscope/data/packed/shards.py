"""Pictures packed in ``.npy`` files that no file system, cache or remote minds: one, or shards of 64 to 128 MiB.

``NAME.npy`` holds uint8 (rows, side, side, 3), RGB; where that would be above :data:`ONE_FILE`, ``NAME-00000.npy`` and
so on hold equally many rows each, the last one perhaps fewer. Files are written a few rows at a time and memory-mapped
when read, so memory stays flat.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from lithoscope.core.files import partial_path, reserve

ONE_FILE = 256 * 2**20
"""Bytes of pixels up to which there is one file."""
SHARD = 128 * 2**20
"""Bytes of pixels that a shard has at most."""
_COPIED = 2**26  # bytes of a slice across shards that becomes an array of its own

Pixels = npt.NDArray[np.uint8]


class Shards:
    """Shards, or a slice of them, read like one array ``(n, side, side, 3)`` of uint8.

    A number, an array of numbers and a small slice give pictures; a large slice gives the part of the shards that it
    means, of which nothing is read yet. ``numpy.asarray`` reads all of it.

    Args:
        parts: The memory-mapped shards in their order, all of equally many rows but the last.
        start: The first row.
        stop: The row after the last one; None = all.
    """

    def __init__(self, parts: Sequence[Pixels], start: int = 0, stop: int | None = None) -> None:
        rows = sum(map(len, parts))
        self._parts, self._start, self._stop = parts, start, rows if stop is None else stop
        self._each = len(parts[0])
        self.dtype, self.ndim = parts[0].dtype, parts[0].ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, height, width and channels."""
        return (len(self), *self._parts[0].shape[1:])

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._stop - self._start

    def __getitem__(self, rows: Any) -> Any:
        """Return pictures, or for a large slice a part of the shards."""
        if isinstance(rows, tuple):
            chosen = np.asarray(self[rows[0]])
            return chosen[(slice(None), *rows[1:])] if chosen.ndim == self.ndim else chosen[rows[1:]]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._slice(self._start + start, self._start + max(start, stop))
            rows = np.arange(start, stop, step)
        wanted = np.asarray(rows)
        wanted = np.flatnonzero(wanted) if wanted.dtype == bool else wanted
        if wanted.size and not -len(self) <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"of {len(self)} rows there is none {wanted.min()} … {wanted.max()}")
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        if wanted.ndim == 0:
            return self._row(int(wanted))
        found = np.empty((len(wanted), *self.shape[1:]), dtype=self.dtype)
        for place, row in enumerate(wanted.tolist()):
            found[place] = self._row(row)
        return found

    def __iter__(self) -> Iterator[Pixels]:
        """Give out the pictures one by one."""
        return (self._row(row) for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read all of it, always as a copy."""
        del copy
        found = np.empty(self.shape, dtype=self.dtype if dtype is None else dtype)
        for row, picture in enumerate(self):
            found[row] = picture
        return found

    def _row(self, row: int) -> Pixels:
        part, place = divmod(self._start + row, self._each)
        picture: Pixels = self._parts[part][place]
        return picture

    def _slice(self, start: int, stop: int) -> "Pixels | Shards":
        first, last = start // self._each, (max(stop, start + 1) - 1) // self._each
        if first == last and first < len(self._parts):
            return self._parts[first][start - first * self._each : stop - first * self._each]
        part = Shards(self._parts, start, stop)
        return np.asarray(part) if int(np.prod(part.shape)) <= _COPIED else part


def open_shards(folder: Path, name: str) -> Pixels:
    """Map packed pictures without reading them.

    Returns:
        The memory map of the one file, or :class:`Shards`, which are read like an array.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file holds something else, or a shard is missing between others.
    """
    files = _files(folder, name)
    if not files:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    parts = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
    if any(part.dtype != np.uint8 or part.shape[1:] != parts[0].shape[1:] for part in parts):
        raise ValueError(f"{folder / name}: its shards hold different arrays")
    if any(len(part) != len(parts[0]) for part in parts[:-1]) or files[-1].stem != f"{name}-{len(files) - 1:05}":
        raise ValueError(f"{folder / name}: a shard is missing")
    return cast("Pixels", Shards(parts))


def _files(folder: Path, name: str) -> list[Path]:
    """Return the shards of a name in their order; none where it has one file."""
    one = re.compile(re.escape(name) + r"-\d{5,}\.npy")
    found = [file for file in folder.glob(f"{name}-*.npy") if one.fullmatch(file.name)] if folder.is_dir() else []
    return sorted(found, key=lambda file: (len(file.name), file.name))


class ShardWriter:
    """Writes and reads rows of files that are still under other names; threads may use it."""

    def __init__(self, files: Sequence[Path], shape: tuple[int, ...], each: int) -> None:
        self._files, self._shape, self._each, self._lock = files, shape, each, Lock()
        self._row = int(np.prod(shape[1:]))
        self._open: tuple[int, BinaryIO, int] | None = None

    def __enter__(self) -> "ShardWriter":
        """Take all of the files' place on the disk."""
        for number, file in enumerate(self._files):
            rows = min(self._each, self._shape[0] - number * self._each)
            header = {"descr": "|u1", "fortran_order": False, "shape": (rows, *self._shape[1:])}
            with file.open("wb") as stream:
                np.lib.format.write_array_header_1_0(stream, header)
                stream.truncate(stream.tell() + rows * self._row)
            reserve(file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open."""
        if self._open:
            self._open[1].close()

    def write(self, row: int, pixels: Pixels) -> None:
        """Write pictures from a row on.

        Raises:
            ValueError: They are of another kind.
        """
        if pixels.shape[1:] != self._shape[1:] or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 rows of shape {self._shape[1:]}, got {pixels.dtype} {pixels.shape[1:]}")
        with self._lock:
            for number, picture in enumerate(pixels, start=row):
                self._at(number).write(np.ascontiguousarray(picture).data)

    def read(self, rows: range) -> Pixels:
        """Read rows that were written."""
        with self._lock:
            content = bytearray().join(self._at(row).read(self._row) for row in rows)
        return np.frombuffer(content, dtype=np.uint8).reshape(len(rows), *self._shape[1:])

    def _at(self, row: int) -> BinaryIO:
        """Return the stream of a row's file, which stands where the row begins."""
        part, place = divmod(row, self._each)
        if self._open is None or self._open[0] != part:
            self.__exit__(None, None, None)
            stream: BinaryIO = self._files[part].open("r+b")
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            self._open = (part, stream, stream.tell())
        _, current, begins = self._open
        current.seek(begins + place * self._row)
        return current


@contextmanager
def write_shards(folder: Path, name: str, shape: tuple[int, ...]) -> Iterator[ShardWriter]:
    """Make the files of packed pictures; none of them is there before all are whole, and older ones are gone then.

    Args:
        folder: Made if it is missing.
        name: Of the files, without their ending.
        shape: Rows, side, side, channels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = int(np.prod(shape))
    count = 1 if total <= ONE_FILE else -(-total // SHARD)
    each = max(-(-shape[0] // count), 1)
    count = max(-(-shape[0] // each), 1)
    names = [f"{name}.npy"] if count == 1 else [f"{name}-{number:05}.npy" for number in range(count)]
    files = [folder / file for file in names]
    with ShardWriter([partial_path(file) for file in files], shape, each) as writer:
        yield writer
    for old in [folder / f"{name}.npy", *_files(folder, name)]:
        old.unlink(missing_ok=True)
    for file in files:
        partial_path(file).replace(file)
