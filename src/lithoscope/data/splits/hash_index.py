"""Multi-index of 64-bit perceptual hashes: the pairs that lie near, in any orientation, without trying all of them.

A hash is cut into four bands of 16 bits. Where two hashes differ in few bits, at least one band differs in very few
(pigeonhole), so only photographs whose band is that near are compared in full (Norouzi, Punjani & Fleet 2012, "Fast
search in Hamming space with multi-index hashing"). The bands are the even and odd frequencies along either axis:
mirroring a picture inverts a band or leaves it alone, so one look-up serves several orientations.

All photographs look for all others at once, mask by mask of bits that may differ in a band, in the order of their
bands' values: what is read lies side by side, and each pair is met from one side only.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt

from lithoscope.core.threads import in_order
from lithoscope.data.splits.packed_pairs import ROW_BITS, Found, Pairs, TooManyError, nearest, packed_pairs, unpacked

Hashes = npt.NDArray[np.uint64]

FEW = 8192
"""Photographs, up to which all pairs are compared; an index of more of them pays."""
SCANNED = 1 << 15
"""Pairs that are compared at a time where all of them are: they stay in the processor's cache."""
LOOKED_UP = 1 << 16
"""Photographs that look up others at a time, and pairs of crowded places that are compared at a time."""
BESIDE = 2
"""Photographs of one band's value that one look-up compares; of a hundred thousand few values have more."""
CROWDED = 1 / 6
"""Share of the pairs that may be named by places with many photographs before comparing all pairs is faster."""
_ODD = (np.arange(8) % 2).astype(np.uint8)
_BY_BAND = np.argsort((2 * _ODD[:, None] + _ODD).ravel(), kind="stable")
_INVERTED = ((), (1, 3), (2, 3), (1, 2))
"""Bands that each mirroring inverts: none, left-right (odd columns), top-bottom (odd rows), both."""
_MIRRORED = tuple(np.uint64(sum(0xFFFF << (48 - 16 * band) for band in bands)) for bands in _INVERTED)
_SEEN_FROM_THE_OTHER = np.array([0, 1, 2, 3, 4, 6, 5, 7])
"""The orientation of a first photograph beside a second, by that of the second beside the first."""


def oriented_hashes(hashes: Hashes) -> Hashes:
    """Return the hashes, ``(8, n)``, that the same pictures have when turned and mirrored.

    A perceptual hash is the signs of the low frequencies of a cosine transform, less their median, which lies near 0.
    Mirroring a picture changes the sign of every odd frequency along that axis, swapping its axes transposes the
    frequencies; no picture has to be decoded again.
    """
    bits = _bits(hashes)
    made = []
    for orientation in range(8):
        turned = bits.transpose(0, 2, 1) if orientation & 4 else bits
        turned = turned ^ _ODD[:, None] if orientation & 2 else turned
        turned = turned ^ _ODD[None, :] if orientation & 1 else turned
        made.append(_packed(turned.reshape(-1, 64)))
    return np.stack(made)


def candidate_pairs(hashes: Sequence[Hashes], distance: int, threads: int = 1) -> Iterator[Pairs]:
    """Find pairs of photographs whose hashes are near in any orientation.

    Args:
        hashes: One or more sets of hashes of the same ``n`` photographs; near in one of them is enough.
        distance: Bits that may differ.
        threads: How many look.

    Yields:
        int64 (m, 4) of first row, second row, orientation of the second, distance; first rows ascend from one array
        to the next. Memory grows with ``n`` only, however many hashes are equal.
    """
    count = len(hashes[0])
    upright, swapped = ([_by_band(kind, swap) for kind in hashes] for swap in (False, True))
    if FEW < count < 1 << ROW_BITS:
        found = _met(list(zip(upright, swapped, strict=True)), distance, threads)
        if found is not None:
            yield from (unpacked(found[part]) for part in _slices(len(found), SCANNED))
            return
    kinds = [
        (own, others, orientation)
        for orientation, turned in ((0, upright), (4, swapped))
        for own, others in zip(upright, turned, strict=True)
    ]
    yield from in_order(partial(_compare, kinds, distance), _rows(count), threads)


def _slices(stop: int, step: int) -> list[slice]:
    return [slice(first, min(first + step, stop)) for first in range(0, stop, step)]


def _rows(count: int) -> Iterator[slice]:
    """Yield rows that together with all later ones make about as many pairs as are compared at a time."""
    start = 0
    while start < count:
        stop = min(count, start + max(1, SCANNED // (count - start)))
        yield slice(start, stop)
        start = stop


def _compare(kinds: Sequence[tuple[Hashes, Hashes, int]], distance: int, rows: slice) -> Pairs:
    """Return the near pairs of some photographs with later ones, by comparing all of them."""
    found = []
    for own, others, orientation in kinds:
        differing = own[rows, None] ^ others[rows.start :]
        for hits, flip, bits in _hits(differing.ravel(), range(4), distance):
            firsts, seconds = np.divmod(hits, differing.shape[1])
            found.append(packed_pairs(firsts + rows.start, seconds + rows.start, orientation + flip, bits))
    return unpacked(nearest(found))


def _met(kinds: Sequence[tuple[Hashes, Hashes]], distance: int, threads: int) -> Pairs | None:
    """Return all near pairs, packed and sorted, or None where an index names too many or too many are near."""
    count = len(kinds[0][0])
    most_named = CROWDED * len(kinds) * count**2
    found = Found(count, most_named)
    try:
        for part in in_order(lambda look: look(Found(count, most_named)), _looks(kinds, distance), threads):
            found.name(part.named)
            found.add(part.pairs())
    except TooManyError:
        return None
    return found.pairs()


def _looks(kinds: Sequence[tuple[Hashes, Hashes]], distance: int) -> Iterator[Callable[[Found], Found]]:
    """Yield calls that together meet every near pair at least once, each of them of a part of a band's masks."""
    least, more = divmod(distance + 1, 4)
    for upright, swapped in kinds:
        for band in range(4):
            # If every band differed in more bits than its own limit, all of them would differ in more than `distance`.
            near = _numbers_of_few_bits(least - (band >= more))
            place = _Places(upright, upright, band, 0, distance)
            turned = _Places(upright, swapped, band, 4, distance)
            for inverted in (False, True) if band else (False,):
                flips = [flip for flip in range(4) if (band in _INVERTED[flip]) == inverted]
                masks = near ^ (0xFFFF * inverted)
                # Of two values that differ in a mask one has a 0 where the mask has its highest bit: that one looks.
                for bit in range(-1, 16):
                    of_bit = masks[(masks >> (bit + 1) == 0) & (masks >> max(bit, 0) == (bit >= 0))]
                    yield partial(place.look, of_bit, flips, bit)
                # With the axes swapped, the second photograph sees the first one's band 1 as its band 2, whose limit is
                # no higher, and a mask of band 0 or 3 as its transpose.
                if band != 2:
                    one_sided = masks if band == 1 else masks[masks <= _transposed(masks)]
                    for part in np.array_split(one_sided, 16):
                        yield partial(turned.look, part, flips, -1)


class _Places:
    """Where photographs are, by the value of one band of their hashes, and those that look for them in that order."""

    def __init__(self, own: Hashes, others: Hashes, band: int, orientation: int, distance: int) -> None:
        self.orientation, self.distance = orientation, distance
        values = _band(own, band)
        self.lookers = np.argsort(values, kind="stable")
        self.values, self.hashes = values[self.lookers], own[self.lookers]
        values = _band(others, band)
        self.order = np.argsort(values, kind="stable")
        self.ordered = others[self.order]
        sizes = np.bincount(values, minlength=1 << 16)
        self.starts = sizes.cumsum() - sizes
        self.others = sizes - BESIDE
        self.crowded = sizes > BESIDE
        # Of a place that is not there the next photograph's hash: it is compared in vain, or rightly found.
        self.beside = self.ordered[self._at(self.starts[:, None] + np.arange(BESIDE))]

    def _at(self, places: Pairs) -> Pairs:
        return np.minimum(places, len(self.order) - 1)

    def look(self, masks: Pairs, flips: Sequence[int], bit: int, found: Found) -> Found:
        """Find near pairs whose bands differ by a mask.

        Args:
            masks: Numbers of 16 bits.
            flips: Mirrorings to compare under.
            bit: The bit that has to be 0 in the value of those that look; -1: all of them do.
            found: What is found is added to it, and it is returned.

        Raises:
            TooManyError: There are too many, or too many to compare.
        """
        chosen = np.flatnonzero(self.values >> bit & 1 == 0) if bit >= 0 else np.arange(len(self.values))
        for part in _slices(len(chosen) if len(masks) else 0, LOOKED_UP):
            rows = chosen[part]
            values, hashes = self.values[rows], np.repeat(self.hashes[rows], BESIDE)
            for mask in masks:
                places = values ^ mask
                differing = self.beside.take(places, axis=0).ravel()
                differing ^= hashes
                for hits, flip, bits in _hits(differing, flips, self.distance):
                    looking, beside = np.divmod(hits, BESIDE)
                    found.add(self._pairs(rows[looking], self.starts[places[looking]] + beside, flip, bits))
                crowded = np.flatnonzero(self.crowded.take(places))
                if len(crowded):
                    self._look_on(rows[crowded], places[crowded], flips, found)
        return found

    def _look_on(self, rows: Pairs, places: Pairs, flips: Sequence[int], found: Found) -> None:
        """Compare with those of a place that one look-up does not reach, so many at a time that memory is bounded."""
        others = self.others.take(places)
        ends = others.cumsum()
        found.name(int(ends[-1]))
        # Where the others of a place begin, less how many others come before them: counting on leads through all.
        offsets = self.starts.take(places) + BESIDE + others - ends
        cuts = np.searchsorted(ends, np.arange(0, ends[-1], 4 * LOOKED_UP)[1:])
        for part in np.split(np.arange(len(rows)), cuts):
            which = np.repeat(part, others[part])
            at = offsets.take(which)
            at += np.arange(ends[part[0]] - others[part[0]], ends[part[-1]]) if len(part) else 0
            differing = self.hashes.take(rows.take(which)) ^ self.ordered.take(at)
            for hits, flip, bits in _hits(differing, flips, self.distance):
                found.add(self._pairs(rows[which[hits]], at[hits], flip, bits))

    def _pairs(self, rows: Pairs, places: Pairs, flip: int, bits: npt.NDArray[np.uint8]) -> Pairs:
        """Pack pairs of those that look, by their number among them, and those that are found, by their place."""
        ones, others = self.lookers[rows], self.order[self._at(places)]
        orientation = self.orientation + flip
        seen = np.where(ones < others, orientation, _SEEN_FROM_THE_OTHER[orientation])
        return packed_pairs(np.minimum(ones, others), np.maximum(ones, others), seen, bits)


def _hits(
    differing: Hashes, mirrorings: Sequence[int], distance: int
) -> Iterator[tuple[Pairs, int, npt.NDArray[np.uint8]]]:
    """Yield where at most ``distance`` bits differ under each mirroring, which one, and how many bits do."""
    for flip in mirrorings:
        bits = np.bitwise_count(differing ^ _MIRRORED[flip] if flip else differing)
        if bits.min(initial=64) <= distance:
            hits = np.flatnonzero(bits <= distance)
            yield hits, flip, bits[hits]


def _numbers_of_few_bits(most: int) -> Pairs:
    chosen = [places for count in range(most + 1) for places in combinations(range(16), count)]
    return np.array([sum(1 << place for place in places) for places in chosen], dtype=np.int64)


def _bits(hashes: Hashes) -> npt.NDArray[np.uint8]:
    """Return each hash's bits, ``(n, 8, 8)``: vertical frequency, then horizontal."""
    return np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1).reshape(-1, 8, 8)


def _packed(bits: npt.NDArray[np.uint8]) -> Hashes:
    """Return ``(n, 64)`` bits as numbers."""
    return np.packbits(bits).view(">u8").astype(np.uint64)


def _by_band(hashes: Hashes, swapped: bool) -> Hashes:
    """Return hashes, of the pictures with their axes swapped if so wished, whose bits are ordered by band."""
    bits = _bits(hashes)
    return _packed((bits.transpose(0, 2, 1) if swapped else bits).reshape(-1, 64)[:, _BY_BAND])


def _band(hashes: Hashes, band: int) -> Pairs:
    return (hashes >> np.uint64(48 - 16 * band)).astype(np.uint16).astype(np.int64)


def _transposed(masks: Pairs) -> Pairs:
    """Return numbers of 16 bits, which are the bits of band 0 or 3, as they are with the axes swapped."""
    bits = masks[:, None] >> np.arange(16) & 1
    made: Pairs = (bits.reshape(-1, 4, 4).transpose(0, 2, 1).reshape(-1, 16) << np.arange(16)).sum(axis=1)
    return made
