"""Photographs that show the same picture: the same bytes, or the same picture saved, scaled, trimmed or turned anew.

Found in three steps, each on what the one before let through: perceptual hashes at a small Hamming distance, texture
that correlates as the pictures stand, and texture that correlates once they are aligned
(:mod:`lithoscope.data.splits.texture_match`). Hashes alone are no proof: on 758 mineral photographs a bornite and a
malachite lie at distance 6, on the OSF rocks dozens of different rocks within 8.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lithoscope.core.files import reserve
from lithoscope.core.threads import in_order
from lithoscope.data.splits.hash_index import candidate_pairs
from lithoscope.data.splits.texture_match import SAME, SIDE, Grey, oriented, similarity, texture
from lithoscope.data.splits.traits import STRETCHED, Traits

DISTANCE = 14
"""Bits of 64 in which the hashes of candidates may differ.

Of the pairs found by trying all of them, those that show the whole picture lie at 12 at most (a mirror image under
another watermark). Pairs that share only a part lie anywhere; those are beyond hashes.
"""
ALIKE = 0.45
"""Correlation of texture, unaligned, that a candidate needs to be aligned at all, which costs about 10 ms.

The pairs that are the same reach .62 at least; four in five of the other candidates stay below .45.
"""
FRAMED = (1.0, 0.94, 0.89, 0.84)
"""Candidates by hash are framed alike, so few sizes need trying."""
PAIRS = 2048
"""Candidates that go through the sieve at a time: each takes 16 KB there."""


@dataclass(frozen=True)
class Match:
    """Two photographs that show the same picture.

    Attributes:
        first: Row of the one.
        second: Row of the other, above ``first``.
        similarity: :func:`lithoscope.data.splits.texture_match.similarity` of the two.
        orientation: How the second was turned to match; see :func:`lithoscope.data.splits.texture_match.oriented`.
        distance: Bits in which their hashes differ.
    """

    first: int
    second: int
    similarity: float
    orientation: int
    distance: int


def near_duplicates(hashes: Sequence[str], traits: Iterable[Traits], threads: int = 1) -> list[Match]:
    """Find the photographs that show the same picture.

    What is kept of them goes into a temporary file, not into memory.

    Args:
        hashes: Each photograph's :func:`lithoscope.data.images.perceptual_hash.perceptual_hash`.
        traits: Of each photograph in their order (:func:`lithoscope.data.splits.traits.traits_of`); none is asked for
            before there is room for all.
        threads: How many compare them.

    Returns:
        The pairs, ordered by their rows. Not every pair of a group need be among them.

    Raises:
        OSError: There is no room for the temporary file.
    """
    count = len(hashes)
    if not count:
        return []
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
        thumbnails = _on_disk(Path(folder) / "thumbnails", (count, SIDE, SIDE))
        stretched = _on_disk(Path(folder) / "stretched", (2, count, STRETCHED, STRETCHED))
        shapes, trimmed = [], np.empty(count, dtype=np.uint64)
        for row, one in enumerate(traits):
            picture = one.thumbnail
            thumbnails[row, : picture.shape[0], : picture.shape[1]] = picture
            stretched[0, row], stretched[1, row] = one.whole, one.inner
            shapes.append(picture.shape)
            trimmed[row] = int(one.phash, 16)

        matches = []
        given = np.array([int(digest, 16) for digest in hashes], dtype=np.uint64)
        kinds = [given] if np.array_equal(given, trimmed) else [given, trimmed]
        for pairs in _in_parts(candidate_pairs(kinds, DISTANCE, threads)):
            alike = pairs[_alike(stretched, pairs)].tolist()
            for pair, score in zip(alike, in_order(partial(_align, thumbnails, shapes), alike, threads), strict=True):
                if score >= SAME:
                    matches.append(Match(pair[0], pair[1], score, pair[2], pair[3]))
        del thumbnails, stretched  # Windows removes no file that is still mapped
    best: dict[tuple[int, int], Match] = {}
    for match in sorted(matches, key=lambda match: match.similarity):
        best[match.first, match.second] = match
    return [best[pair] for pair in sorted(best)]


def group_numbers(contents: Sequence[str], matches: Sequence[Match]) -> npt.NDArray[np.int64]:
    """Number the groups of photographs that show the same thing, directly or through others.

    Args:
        contents: Each photograph's SHA-256; the same means a group.
        matches: The near-duplicates.

    Returns:
        int64 (n,). The number of each photograph's group.
    """
    firsts: dict[str, int] = {}
    edges = [(row, firsts.setdefault(content, row)) for row, content in enumerate(contents)]
    edges += [(match.first, match.second) for match in matches]
    ones, others = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(ones), dtype=np.int8), (ones, others)), shape=(len(contents), len(contents)))
    numbers: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return numbers


def _on_disk(file: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return zeros, uint8, that lie in a new file, all of whose place on the disk is taken."""
    made: npt.NDArray[np.uint8] = np.memmap(file, np.uint8, "w+", shape=shape)
    reserve(file)
    return made


def _in_parts(arrays: Iterable[npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of all arrays, :data:`PAIRS` at a time."""
    waiting = np.empty((0, 4), dtype=np.int64)
    for array in arrays:
        waiting = np.concatenate([waiting, array])
        for _ in range(len(waiting) // PAIRS):
            yield waiting[:PAIRS]
            waiting = waiting[PAIRS:]
    yield waiting


def _align(thumbnails: Grey, shapes: Sequence[tuple[int, ...]], pair: Sequence[int]) -> float:
    one, other = (thumbnails[row, : shapes[row][0], : shapes[row][1]] for row in pair[:2])
    return similarity(one, oriented(other, pair[2]), FRAMED)


def _alike(stretched: npt.NDArray[np.uint8], pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which pairs correlate at least :data:`ALIKE`, whole or trimmed, without being aligned."""
    keep = np.zeros(len(pairs), dtype=bool)
    rows, places = np.unique(pairs[:, :2], return_inverse=True)
    places = places.reshape(-1, 2)
    whole, trimmed = stretched[0][rows], stretched[1][rows]
    bordered = (whole != trimmed).any(axis=(1, 2))[places].any(axis=1)
    for kind, compared in ((whole, np.ones(len(pairs), dtype=bool)), (trimmed, bordered)):
        vectors = texture(kind)
        vectors -= vectors.mean(axis=(1, 2), keepdims=True)
        vectors /= np.sqrt((vectors**2).sum(axis=(1, 2), keepdims=True)) + 1e-6
        for orientation in range(8):
            chosen = np.flatnonzero(compared & (pairs[:, 2] == orientation))
            ones, others = (vectors[places[chosen, column]] for column in (0, 1))
            others = others.transpose(0, 2, 1) if orientation & 4 else others
            others = others[:, ::-1] if orientation & 2 else others
            others = others[:, :, ::-1] if orientation & 1 else others
            keep[chosen] |= (ones * others).sum(axis=(1, 2)) >= ALIKE
    return keep
