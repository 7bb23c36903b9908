"""Photographs that show the same picture: the same bytes, or the same picture saved, scaled, trimmed or turned anew.

Found in three steps, each on what the one before let through: perceptual hashes at a small Hamming distance, texture
that correlates as the pictures stand, and texture that correlates once they are aligned
(:mod:`lithoscope.data.splits.texture_match`). Hashes alone are no proof: on 758 mineral photographs a bornite and a
malachite lie at distance 6, on the OSF rocks dozens of different rocks within 8.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lithoscope.core.files import reserve
from lithoscope.core.threads import in_order
from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.square import crop_uniform_border
from lithoscope.data.splits.texture_match import SAME, SIDE, Grey, oriented, similarity, texture, thumbnail

DISTANCE = 14
"""Bits of 64 in which the hashes of candidates may differ.

Of the pairs found by trying all of them, those that show the whole picture lie at 12 at most (a mirror image under
another watermark). Pairs that share only a part lie anywhere; those are beyond hashes.
"""
ALIKE = 0.45
"""Correlation of texture, unaligned, that a candidate needs to be aligned at all, which costs about 10 ms.

The pairs that are the same reach .62 at least; four in five of the other candidates stay below .45.
"""
STRETCHED = 32
"""Side of the pictures that this sieve compares, pixels; they are stretched to squares."""
FRAMED = (1.0, 0.94, 0.89, 0.84)
"""Candidates by hash are framed alike, so few sizes need trying."""
BLOCK = 256

Hashes = npt.NDArray[np.uint64]


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


def oriented_hashes(hashes: Hashes) -> npt.NDArray[np.uint64]:
    """Return the hashes, ``(8, n)``, that the same pictures have when turned and mirrored.

    A perceptual hash is the signs of the low frequencies of a cosine transform, less their median, which lies near 0.
    Mirroring a picture changes the sign of every odd frequency along that axis, swapping its axes transposes the
    frequencies; no picture has to be decoded again.
    """
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1).reshape(-1, 8, 8)
    odd = (np.arange(8) % 2).astype(np.uint8)
    made = []
    for orientation in range(8):
        turned = bits.transpose(0, 2, 1) if orientation & 4 else bits
        turned = turned ^ odd[:, None] if orientation & 2 else turned
        turned = turned ^ odd[None, :] if orientation & 1 else turned
        made.append(np.packbits(turned.reshape(-1, 64), axis=1).view(">u8").ravel().astype(np.uint64))
    return np.stack(made)


def candidate_pairs(hashes: Sequence[Hashes], distance: int) -> Iterator[npt.NDArray[np.int64]]:
    """Find pairs of photographs whose hashes are near in any orientation.

    Args:
        hashes: One or more sets of hashes of the same ``n`` photographs; near in one of them is enough.
        distance: Bits that may differ.

    Yields:
        int64 (m, 4) of first row, second row, orientation of the second, distance; first rows ascend from one array
        to the next. A few hundred rows are compared with all later ones at a time, so memory grows with ``n`` only.
    """
    turned = [oriented_hashes(kind) for kind in hashes]
    count = len(hashes[0])
    for start in range(0, count, BLOCK):
        found = []
        for kind, others in zip(hashes, turned, strict=True):
            for orientation in range(8):
                differing = np.bitwise_count(kind[start : start + BLOCK, None] ^ others[orientation][None, start:])
                rows, columns = np.nonzero(differing <= distance)
                later = columns > rows
                rows, columns = rows[later], columns[later]
                parts = (rows + start, columns + start, np.full_like(rows, orientation), differing[rows, columns])
                found.append(np.stack(parts, axis=1, dtype=np.int64, casting="unsafe"))
        pairs = np.concatenate(found)
        pairs = pairs[np.lexsort(pairs.T[::-1])]
        # Of a pair that is near in several hashes the nearest comes first.
        repeated = (pairs[1:, :3] == pairs[:-1, :3]).all(axis=1)
        yield pairs[np.concatenate([[True], ~repeated])] if len(pairs) else pairs


def near_duplicates(
    hashes: Sequence[str],
    read: Callable[[int], Image.Image],
    threads: int = 1,
    advance: Callable[[], object] = lambda: None,
) -> list[Match]:
    """Find the photographs that show the same picture.

    Every photograph is decoded once. What is kept of it, about 11 KB, goes into a temporary file, not into memory.

    Args:
        hashes: Each photograph's perceptual hash, 16 hexadecimal digits.
        read: Gives the upright RGB photograph of a row; called by several threads.
        threads: How many.
        advance: Called after each photograph that was decoded.

    Returns:
        The pairs, ordered by their rows. Not every pair of a group need be among them.

    Raises:
        OSError: There is no room for the temporary file.
    """
    count = len(hashes)
    if count < 2:
        return []
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
        thumbnails = _on_disk(Path(folder) / "thumbnails", (count, SIDE, SIDE))
        stretched = _on_disk(Path(folder) / "stretched", (2, count, STRETCHED, STRETCHED))
        shapes, trimmed = [], np.empty(count, dtype=np.uint64)
        looks = in_order(lambda row: _look(read(row)), range(count), threads)
        for row, (picture, whole, inner, digest) in enumerate(looks):
            thumbnails[row, : picture.shape[0], : picture.shape[1]] = picture
            stretched[0, row], stretched[1, row] = whole, inner
            shapes.append(picture.shape)
            trimmed[row] = int(digest, 16)
            advance()

        matches = []
        given = np.array([int(digest, 16) for digest in hashes], dtype=np.uint64)
        for pairs in candidate_pairs([given, trimmed], DISTANCE):
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


def _look(image: Image.Image) -> tuple[Grey, Grey, Grey, str]:
    """Return what is kept of a photograph: thumbnail, whole and trimmed picture stretched, hash of the trimmed one."""
    inner = crop_uniform_border(image)
    return thumbnail(inner), _stretch(image), _stretch(inner), perceptual_hash(inner)


def _stretch(image: Image.Image) -> Grey:
    return np.asarray(image.convert("L").resize((STRETCHED, STRETCHED), Image.Resampling.BICUBIC))


def _align(thumbnails: Grey, shapes: Sequence[tuple[int, ...]], pair: Sequence[int]) -> float:
    one, other = (thumbnails[row, : shapes[row][0], : shapes[row][1]] for row in pair[:2])
    return similarity(one, oriented(other, pair[2]), FRAMED)


def _alike(stretched: npt.NDArray[np.uint8], pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which pairs correlate at least :data:`ALIKE`, whole or trimmed, without being aligned."""
    keep = np.zeros(len(pairs), dtype=bool)
    if not len(pairs):
        return keep
    rows = np.unique(pairs[:, :2])
    for kind in stretched:
        vectors = np.stack([texture(kind[row]) for row in rows])
        vectors -= vectors.mean(axis=(1, 2), keepdims=True)
        vectors /= np.sqrt((vectors**2).sum(axis=(1, 2), keepdims=True)) + 1e-6
        for orientation in range(8):
            chosen = np.flatnonzero(pairs[:, 2] == orientation)
            ones, others = (vectors[np.searchsorted(rows, pairs[chosen, column])] for column in (0, 1))
            others = others.transpose(0, 2, 1) if orientation & 4 else others
            others = others[:, ::-1] if orientation & 2 else others
            others = others[:, :, ::-1] if orientation & 1 else others
            keep[chosen] |= (ones * others).sum(axis=(1, 2)) >= ALIKE
    return keep
