"""Multi-index of 64-bit perceptual hashes: the pairs that lie near, in any orientation, without trying all of them.

A hash is cut into four bands of 16 bits. Where two hashes differ in few bits, at least one band differs in very few
(pigeonhole), so only photographs whose band is that near are compared in full (Norouzi, Punjani & Fleet 2012, "Fast
search in Hamming space with multi-index hashing"). The bands are the even and odd frequencies along either axis:
mirroring a picture inverts a band or leaves it alone, so one look-up serves several orientations.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt

from lithoscope.core.threads import in_order

Hashes = npt.NDArray[np.uint64]
Pairs = npt.NDArray[np.int64]

FEW = 8192
"""Photographs, up to which all pairs are compared; an index of more of them pays."""
SEGMENT = 4096
"""Photographs that share an index of those after them, so that a pair is met once, not from both sides."""
ROWS, LOOKED_UP = 128, 1 << 23
"""Photographs that are looked up at a time, at most, and pairs that these make with all later ones: bounds memory."""
SCANNED = 1 << 15
"""Pairs that are compared at a time where all of them are: they stay in the processor's cache."""
CROWDED = 1 / 6
"""Share of the pairs that an index may name before comparing all of them is faster: many hashes share a band."""

_ODD = (np.arange(8) % 2).astype(np.uint8)
_BY_BAND = np.argsort((2 * _ODD[:, None] + _ODD).ravel(), kind="stable")
_INVERTED = ((), (1, 3), (2, 3), (1, 2))
"""Bands that each mirroring inverts: none, left-right (odd columns), top-bottom (odd rows), both."""
_MIRRORED = tuple(np.uint64(sum(0xFFFF << (48 - 16 * band) for band in bands)) for bands in _INVERTED)


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
    kinds = [
        (own, others, orientation)
        for orientation, turned in ((0, upright), (4, swapped))
        for own, others in zip(upright, turned, strict=True)
    ]
    compare = partial(_compare, kinds, distance)
    for start in range(0, count, SEGMENT):
        stop, later = min(start + SEGMENT, count), count - start
        step = max(1, SCANNED // later)
        if later <= FEW:
            yield from in_order(compare, _slices(start, stop, step), threads)
            continue
        indices = [(own, _Index(others, start, distance, orientation)) for own, others, orientation in kinds]
        chunks = _slices(start, stop, min(ROWS, max(1, LOOKED_UP // later)))
        for chunk, found in zip(chunks, in_order(partial(_look_up, indices), chunks, threads), strict=True):
            yield from [found] if found is not None else map(compare, _slices(chunk.start, chunk.stop, step))


def _slices(start: int, stop: int, step: int) -> list[slice]:
    return [slice(first, min(first + step, stop)) for first in range(start, stop, step)]


def _compare(kinds: Sequence[tuple[Hashes, Hashes, int]], distance: int, rows: slice) -> Pairs:
    """Return the near pairs of some photographs with later ones, by comparing all of them."""
    found = []
    for own, others, orientation in kinds:
        differing = own[rows, None] ^ others[rows.start :]
        for hits, flip, bits in _hits(differing.ravel(), range(4), distance):
            firsts, seconds = np.divmod(hits, differing.shape[1])
            found.append(_pairs(firsts + rows.start, seconds + rows.start, orientation + flip, bits))
    return _merged(found)


def _look_up(indices: Sequence[tuple[Hashes, "_Index"]], rows: slice) -> Pairs | None:
    """Return the near pairs of some photographs with later ones, or None where an index names too many."""
    found: list[Pairs] = []
    for own, index in indices:
        near = index.near(own[rows], rows.start)
        if near is None:
            return None
        found += near
    return _merged(found)


class _Index:
    """Where the photographs from row ``first`` on are, by the value of each band of their hashes."""

    def __init__(self, hashes: Hashes, first: int, distance: int, orientation: int) -> None:
        self.hashes, self.first, self.distance, self.orientation = hashes, first, distance, orientation
        least, more = divmod(distance + 1, 4)
        self.bands = []
        for band in range(4):
            values = _band(hashes[first:], band)
            order = np.argsort(values, kind="stable")
            sizes = np.bincount(values, minlength=1 << 16).astype(np.int32)
            places = sizes.cumsum(dtype=np.int32) - sizes
            # Of an empty place the next photograph's hash: it is compared in vain, or rightly found.
            ordered = hashes[first:][order]
            heads = ordered[np.minimum(places, len(order) - 1)]
            # If every band differed in more bits than its own limit, all of them would differ in more than `distance`.
            near = _numbers_of_few_bits(least - (band >= more))
            self.bands.append((order + first, ordered, places, sizes - 1, sizes > 1, heads, near))

    def near(self, ones: Hashes, start: int) -> list[Pairs] | None:
        """Return the near pairs of the photographs from row ``start`` on, some twice; None where it names too many."""
        found: list[Pairs] = []
        named = 0
        for band, (order, ordered, places, others, shared, heads, near) in enumerate(self.bands):
            for inverted in (False, True) if band else (False,):
                mirrorings = [flip for flip in range(4) if (band in _INVERTED[flip]) == inverted]
                values = (_band(ones, band)[:, None] ^ (near ^ (0xFFFF * inverted))).ravel()
                several = np.flatnonzero(shared.take(values))
                buckets = values.take(several)
                repeats = others.take(buckets)
                named += int(repeats.sum())
                if named > CROWDED * len(ones) * (len(self.hashes) - self.first):
                    return None
                differing = np.repeat(ones, len(near)) ^ heads.take(values)
                for hits, flip, bits in _hits(differing, mirrorings, self.distance):
                    at = np.minimum(places[values[hits]], len(order) - 1)
                    found.append(_pairs(hits // len(near) + start, order[at], self.orientation + flip, bits))
                at = np.repeat(places.take(buckets) + 1 - repeats.cumsum() + repeats, repeats)
                at += np.arange(len(at))
                which = np.repeat(several // max(1, len(near)), repeats)
                differing = ones.take(which) ^ ordered.take(at)
                for hits, flip, bits in _hits(differing, mirrorings, self.distance):
                    found.append(_pairs(which[hits] + start, order[at[hits]], self.orientation + flip, bits))
        return found


def _pairs(firsts: Pairs, seconds: Pairs, orientation: int, bits: npt.NDArray[np.uint8]) -> Pairs:
    later = seconds > firsts
    columns = firsts, seconds, np.full_like(firsts, orientation), bits
    return np.stack([column[later] for column in columns], axis=1, dtype=np.int64, casting="unsafe")


def _merged(found: Sequence[Pairs]) -> Pairs:
    """Order pairs; of one that is near in several hashes the nearest stays."""
    pairs = np.concatenate([np.empty((0, 4), dtype=np.int64), *found])
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    repeated = (pairs[1:, :3] == pairs[:-1, :3]).all(axis=1)
    return pairs[np.concatenate([[True], ~repeated])] if len(pairs) else pairs


def _hits(
    differing: Hashes, mirrorings: Sequence[int], distance: int
) -> Iterator[tuple[Pairs, int, npt.NDArray[np.uint8]]]:
    """Yield where at most ``distance`` bits differ under each mirroring, which one, and how many bits do."""
    for flip in mirrorings:
        bits = np.bitwise_count(differing ^ _MIRRORED[flip] if flip else differing)
        hits = np.flatnonzero(bits <= distance)
        if len(hits):
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
