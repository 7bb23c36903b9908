import numpy as np
import pytest

from lithoscope.evaluation.answers.novelty import (
    MOST,
    NEIGHBOUR,
    Reference,
    decidedness,
    familiarity,
    share_below,
    shares_among,
)


def test_similarity_is_the_cosine_with_the_fifth_nearest_as_the_signs_of_its_features_give_it() -> None:
    drawn = np.random.default_rng(0)
    learnt, seen = drawn.normal(3, 2, (40, 11)), drawn.normal(3, 2, (10, 11))
    mean, scale = learnt.mean(axis=0), learnt.std(axis=0)
    one, other = (learnt - mean) / scale, (seen - mean) / scale
    given = [[a @ np.sign(b) / np.linalg.norm(a) / np.abs(b / np.linalg.norm(b)).sum() for b in one] for a in other]
    expected = np.sort(np.array(given), axis=1)[:, -NEIGHBOUR]
    np.testing.assert_allclose(Reference.of(learnt).similarity(seen), expected, atol=1e-5)
    np.testing.assert_allclose(Reference.of(learnt).similarities(learnt).diagonal(), 1, atol=1e-5)


def test_in_many_dimensions_the_signs_give_the_cosine_in_a_sixteenth_of_the_bytes() -> None:
    drawn = np.random.default_rng(0)
    middles = drawn.normal(size=(4, 4000))
    learnt, seen = (middles[drawn.integers(0, 4, count)] + drawn.normal(size=(count, 4000)) for count in (60, 20))
    reference = Reference.of(learnt)
    one, other = ((rows - learnt.mean(axis=0)) / learnt.std(axis=0) for rows in (learnt, seen))
    cosines = (other @ one.T) / np.linalg.norm(other, axis=1)[:, None] / np.linalg.norm(one, axis=1)
    np.testing.assert_allclose(reference.similarities(seen), cosines, atol=0.06)
    assert reference.signs.nbytes == 60 * 4000 / 8


def test_of_many_photographs_some_are_kept_and_of_few_the_farthest_counts() -> None:
    drawn = np.random.default_rng(0)
    assert len(Reference.of(drawn.normal(size=(MOST + 500, 3))).lengths) == MOST
    few = Reference.of(drawn.normal(size=(3, 4)))
    assert few.similarity(drawn.normal(size=(2, 4))).shape == (2,)


def test_a_feature_that_never_varies_divides_by_nothing() -> None:
    learnt = np.column_stack([np.full(20, 7.0), np.random.default_rng(0).normal(size=(20, 2))])
    assert np.isfinite(Reference.of(learnt).similarity(learnt)).all()


def test_decidedness_is_the_negative_generalised_entropy() -> None:
    p = np.array([[1.0, 0.0, 0.0], [0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    expected = -((p * (1 - p)) ** 0.1).sum(axis=1)
    np.testing.assert_allclose(decidedness(p), expected)
    assert decidedness(p)[0] == 0
    assert np.argsort(decidedness(p)).tolist() == [2, 1, 0]


def test_shares_are_conformal_p_values() -> None:
    held_out = np.array([1.0, 2.0, 3.0, 4.0])
    assert share_below(np.array([0.5, 2.0, 9.0]), held_out).tolist() == pytest.approx([0.2, 0.6, 1.0])
    assert shares_among(held_out[::-1]).tolist() == [1.0, 0.75, 0.5, 0.25]


def test_familiarity_is_the_lowest_share() -> None:
    held_out = np.arange(1.0, 10.0)
    found = familiarity([np.array([0.0, 9.0]), np.array([9.0, 4.0])], [held_out, held_out])
    assert found.tolist() == pytest.approx([0.1, 0.5])
