import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from lithoscope.evaluation.explanations.projection import project

ALL = np.ones(40, dtype=bool)


def two_clouds(seed: int = 0) -> np.ndarray:
    """Two groups of 20 photographs, far apart along the third of eight features."""
    drawn = np.random.default_rng(seed).normal(0, 0.1, (40, 8)).astype(np.float32)
    drawn[20:, 2] += 5
    return drawn


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    values = two_clouds()
    found = project(values, ALL)
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.svd(centred, compute_uv=False) ** 2
    assert found.explained == pytest.approx(tuple(lengths[:2] / lengths.sum()))
    assert abs(np.corrcoef(found.pca[:, 0], values[:, 2])[0, 1]) > 0.99


def test_components_are_fitted_to_the_photographs_named_alone() -> None:
    values = two_clouds()
    found = project(values, np.arange(40) < 20)
    assert found.explained[0] < 0.5, "within one cloud nothing stands out"
    others = values.copy()
    others[20:] = 7.0
    np.testing.assert_allclose(project(others, np.arange(40) < 20).pca[:20], found.pca[:20], atol=1e-9)


def test_t_sne_keeps_neighbours_together() -> None:
    placed = project(two_clouds(), ALL).tsne
    assert placed is not None
    distances = np.linalg.norm(placed[:, None] - placed[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    assert ((nearest < 20) == (np.arange(40) < 20)).all()


def test_the_same_photographs_lie_at_the_same_places_whatever_the_threads() -> None:
    kept = []
    for threads in (1, 2):
        with threadpool_limits(threads):  # type: ignore[no-untyped-call]
            np.random.seed(threads)  # noqa: NPY002  (the global state must not matter)
            torch.manual_seed(threads)
            found = project(two_clouds(), ALL)
        assert found.tsne is not None
        kept.append(found.pca.tobytes() + found.tsne.tobytes())
    assert kept[0] == kept[1]


@pytest.mark.parametrize(("count", "perplexity"), [(10, 3.0), (40, 13.0)])
def test_perplexity_is_lower_with_few_photographs(count: int, perplexity: float) -> None:
    assert project(two_clouds()[:count], ALL[:count]).perplexity == perplexity


def test_too_few_or_equal_photographs_have_no_t_sne_and_a_note_says_why() -> None:
    few = project(two_clouds()[:9], ALL[:9])
    assert few.tsne is None
    assert few.note == "9 photographs are too few, 10 are needed"
    alone = project(two_clouds()[:1], ALL[:1])
    assert alone.pca.tolist() == [[0.0, 0.0]]
    equal = project(np.ones((12, 3), np.float32), ALL[:12])
    assert equal.tsne is None
    assert equal.explained == (0.0, 0.0)
