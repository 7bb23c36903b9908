import numpy as np
import pytest

from lithoscope.evaluation.explanations.neighbours import nearest

REFERENCES = np.array([[1, 0], [3, 4], [0, 2], [-1, 0], [6, 8]], np.float32)


def test_neighbours_of_known_vectors_stand_in_the_order_of_their_cosine() -> None:
    (found,) = nearest(np.array([[2, 0]], np.float32), REFERENCES, list("abcde"))
    assert [row for row, _ in found] == [0, 1, 4]
    assert [similarity for _, similarity in found] == pytest.approx([1.0, 0.6, 0.6])


def test_length_does_not_count_and_opposites_are_last() -> None:
    found = nearest(np.array([[0, 9], [-3, 0]], np.float32), REFERENCES, list("abcde"), count=5)
    assert [row for row, _ in found[0]][:2] == [2, 1]
    assert (found[1][0][0], found[1][-1][0]) == (3, 0)
    assert (found[1][0][1], found[1][-1][1]) == pytest.approx((1.0, -1.0))


def test_of_near_duplicates_the_nearest_counts_alone() -> None:
    (found,) = nearest(np.array([[2, 0]], np.float32), REFERENCES, list("abcdb"))
    assert [row for row, _ in found] == [0, 1, 2]


def test_fewer_references_than_asked_for_are_all_named_and_nothing_is_like_nothing() -> None:
    (found,) = nearest(np.zeros((1, 2), np.float32), REFERENCES[:2], ["a", "b"])
    assert found == [(0, 0.0), (1, 0.0)]
