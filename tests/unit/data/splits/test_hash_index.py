import tracemalloc
from collections.abc import Callable
from unittest.mock import Mock

import numpy as np
import pytest

from lithoscope.data.splits import hash_index
from lithoscope.data.splits.hash_index import Hashes, candidate_pairs, oriented_hashes
from lithoscope.data.splits.near_duplicates import DISTANCE
from lithoscope.data.splits.packed_pairs import Pairs

COUNT = 700


def every_pair_tried(hashes: list[Hashes], distance: int) -> Pairs:
    """What `candidate_pairs` is to find, by its definition."""
    nearest: dict[tuple[int, int, int], int] = {}
    for kind in hashes:
        for orientation, turned in enumerate(oriented_hashes(kind)):
            bits = np.bitwise_count(kind[:, None] ^ turned)
            for first, second in zip(*np.nonzero(np.triu(bits <= distance, 1)), strict=True):
                pair = int(first), int(second), orientation
                nearest[pair] = min(nearest.get(pair, 64), int(bits[first, second]))
    return np.array([(*pair, nearest[pair]) for pair in sorted(nearest)], dtype=np.int64).reshape(-1, 4)


def independent(random: np.random.Generator) -> Hashes:
    return random.integers(0, 2**64, COUNT, dtype=np.uint64)


def with_copies(random: np.random.Generator) -> Hashes:
    """Some lie near to one far away in the list, turned and mirrored too."""
    hashes = independent(random)
    for row in range(0, 600, 7):
        flips = random.choice(64, int(random.integers(0, 20)), replace=False).astype(np.uint64)
        turned = oriented_hashes(hashes[row : row + 1])[row % 8, 0]
        hashes[row + 90] = turned ^ np.bitwise_or.reduce(np.uint64(1) << flips)
    return hashes


def at_the_limits(random: np.random.Generator) -> Hashes:
    """From one hash, a quarter of each pair's bits in every band: as far as may be, and one bit further."""
    hashes = np.full(COUNT, independent(random)[0])
    for row in range(1, COUNT):
        chosen = random.choice(64, int(random.integers(DISTANCE - 1, DISTANCE + 3)), replace=False).astype(np.uint64)
        hashes[row] ^= np.bitwise_or.reduce(np.uint64(1) << chosen)
    return hashes


def one_band_the_same(random: np.random.Generator) -> Hashes:
    """As `with_copies`, but half of them agree in the frequencies that are even along both axes."""
    even = np.zeros((8, 8), dtype=np.uint8)
    even[::2, ::2] = 1
    mask = np.packbits(even).view(">u8").astype(np.uint64)[0]
    hashes = with_copies(random)
    hashes[::2] = (hashes[::2] & ~mask) | (np.uint64(0x123456789ABCDEF0) & mask)
    return hashes


def many_equal(random: np.random.Generator) -> Hashes:
    hashes = independent(random)
    hashes[random.permutation(COUNT)[:200]] = hashes[0]
    return hashes


def empty_pictures(random: np.random.Generator) -> Hashes:
    return np.zeros(120, dtype=np.uint64)


def near_in_one_band_alone(random: np.random.Generator) -> Hashes:
    """Pairs that are as far apart as may be, in any orientation, and in all bands but one beyond its own limit."""
    hashes = independent(random)
    places = np.arange(64).reshape(8, 8)
    bands = [places[odd_row::2, odd_column::2].ravel() for odd_row in (0, 1) for odd_column in (0, 1)]
    for row in range(COUNT // 2):
        differing = [(3, 4, 4, 3), (4, 3, 4, 3), (4, 4, 3, 3), (4, 4, 4, 2)][row % 4]
        chosen = np.concatenate([random.choice(bands[band], count, False) for band, count in enumerate(differing)])
        turned = oriented_hashes(hashes[row : row + 1])[row // 4 % 8, 0]
        hashes[-1 - row] = turned ^ np.bitwise_or.reduce(np.uint64(1) << chosen.astype(np.uint64))
    return hashes[random.permutation(COUNT)]


KINDS = [independent, with_copies, at_the_limits, near_in_one_band_alone, one_band_the_same, many_equal, empty_pictures]


@pytest.mark.parametrize("few", [0, hash_index.FEW], ids=["by the index", "few photographs"])
@pytest.mark.parametrize("make", KINDS)
def test_the_pairs_are_those_that_trying_all_gives(
    make: Callable[[np.random.Generator], Hashes], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hash_index, "FEW", few)
    monkeypatch.setattr(hash_index, "LOOKED_UP", 256)  # several parts
    hashes = make(np.random.default_rng(0))
    found = list(candidate_pairs([hashes], DISTANCE, threads=2))
    assert np.array_equal(np.concatenate(found), every_pair_tried([hashes], DISTANCE))


@pytest.mark.parametrize("distance", [0, 2, 3, 9, 17])
def test_any_distance_may_be_asked_for(distance: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_index, "FEW", 0)
    hashes = [with_copies(np.random.default_rng(seed)) for seed in (1, 2)]
    found = np.concatenate(list(candidate_pairs(hashes, distance)))
    assert np.array_equal(found, every_pair_tried(hashes, distance))
    assert len(found) > 2


def test_the_index_answers_by_itself_unless_bands_are_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_index, "FEW", 0)
    compared = Mock(wraps=hash_index._compare)
    monkeypatch.setattr(hash_index, "_compare", compared)
    list(candidate_pairs([with_copies(np.random.default_rng(0))], DISTANCE))
    compared.assert_not_called()
    list(candidate_pairs([one_band_the_same(np.random.default_rng(0))], DISTANCE))
    compared.assert_called()


def test_near_in_one_kind_of_hash_is_enough() -> None:
    near, far = np.array([0, 1], dtype=np.uint64), np.array([0, 2**63 - 1], dtype=np.uint64)
    (pairs,) = candidate_pairs([far, near], 3)
    assert [0, 1, 0, 1] in pairs.tolist()


def test_few_photographs_make_no_pairs() -> None:
    for count in (0, 1):
        assert sum(map(len, candidate_pairs([np.zeros(count, dtype=np.uint64)], DISTANCE))) == 0


def peak(hashes: Hashes) -> int:
    """Return the most bytes that looking for pairs holds at a time."""
    tracemalloc.start()
    for _ in candidate_pairs([hashes], DISTANCE):
        pass
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.parametrize("few", [0, hash_index.FEW], ids=["by the index", "few photographs"])
def test_equal_hashes_take_no_more_memory_than_in_proportion(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_index, "FEW", few)
    once, thrice = (peak(np.zeros(count, dtype=np.uint64)) for count in (500, 1500))
    assert thrice < 3.5 * once
