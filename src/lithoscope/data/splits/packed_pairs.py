"""Pairs of near photographs, each in one number, so that a great many can be collected, ordered and told apart."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Pairs = npt.NDArray[np.int64]

ROW_BITS = 26
"""Bits of a photograph's row in a packed pair: first row, second row, orientation (3 bits), distance (7)."""
KEPT = 128
"""Packed pairs for each photograph, of 8 bytes, that are in memory at most; half of that where each stands once."""


def packed_pairs(firsts: Pairs, seconds: Pairs, orientation: int | Pairs, bits: npt.NDArray[np.uint8]) -> Pairs:
    """Return a number for each pair of a photograph with a later one, and none for others; they sort as pairs do."""
    packed: Pairs = ((firsts << ROW_BITS | seconds) << 3 | orientation) << 7 | bits
    return packed[seconds > firsts]


def unpacked(packed: Pairs) -> Pairs:
    """Return int64 (m, 4): first row, second row, orientation, distance."""
    rows = 1 << ROW_BITS
    columns = packed >> (ROW_BITS + 10), (packed >> 10) % rows, (packed >> 7) % 8, packed % 128
    return np.stack(columns, axis=1)


def nearest(found: Sequence[Pairs]) -> Pairs:
    """Order packed pairs; of one that is near in several hashes, or was met several times, the nearest stays."""
    pairs = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *found]))
    return pairs[np.concatenate([[True], pairs[1:] >> 7 != pairs[:-1] >> 7])] if len(pairs) else pairs


class TooManyError(Exception):
    """More pairs than an index is of use for, or than are to be kept in memory."""


class Found:
    """Near pairs, packed, of so many photographs; memory stays in proportion to these.

    Args:
        count: How many photographs there are.
        most_named: How many pairs may be compared that an index names beside those that one look-up compares.

    Attributes:
        named: How many such pairs were compared.
    """

    def __init__(self, count: int, most_named: float) -> None:
        self.named = 0
        self._most, self._most_named = KEPT * count, most_named
        self._parts: list[Pairs] = []
        self._size = 0

    def add(self, pairs: Pairs) -> None:
        """Keep pairs."""
        self._parts.append(pairs)
        self._size += len(pairs)
        if self._size > self._most:
            self._parts = [self.pairs()]
            self._size = len(self._parts[0])
            if self._size > self._most // 2:
                raise TooManyError

    def name(self, count: int) -> None:
        """Count pairs that are compared."""
        self.named += count
        if self.named > self._most_named:
            raise TooManyError

    def pairs(self) -> Pairs:
        """Return all of them in order, each once."""
        return nearest(self._parts)
