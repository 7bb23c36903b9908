"""Two-dimensional projections: principal components, which keep distances, and t-SNE, which keeps neighbourhoods."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from lithoscope.core.random_streams import integer_seed

PERPLEXITY = 30.0
FEWEST = 10
"""With fewer photographs there are no neighbourhoods to keep."""
_COMPONENTS = 50  # that t-SNE starts from: van der Maaten & Hinton 2008, section 4.1, take 30

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """Photographs on a plane, two ways.

    Attributes:
        pca: float64 (n, 2).
        explained: Shares of the variance that the two components explain in the photographs they are fitted to.
        tsne: float64 (n, 2), or None.
        perplexity: Of the t-SNE: about how many neighbours each photograph has.
        note: Why there is no t-SNE, or "".
    """

    pca: Floats
    explained: tuple[float, float]
    tsne: Floats | None
    perplexity: float
    note: str = ""


def project(features: npt.NDArray[np.float32], fitted: npt.NDArray[np.bool_]) -> Projection:
    """Arrange photographs by their features.

    Sources: principal components; t-SNE: van der Maaten & Hinton (2008), Visualizing data using t-SNE, JMLR 9, started
    from the components, which keeps more of the whole (Kobak & Berens 2019, Nature Communications 10, 5416).

    Args:
        features: (n, k), n ≥ 1.
        fitted: Which of them the components are fitted to, (n,); all, where fewer than three are.

    Returns:
        The same for the same features, on any number of threads.
    """
    values = features.astype(np.float64)
    basis = values[fitted] if fitted.sum() > 2 else values
    if np.ptp(basis, axis=0).max(initial=0.0) == 0:
        return Projection(np.zeros((len(values), 2)), (0.0, 0.0), None, 0.0, "all photographs have the same features")
    seed = integer_seed(0, "arrangement") % 2**32
    # Sums over several threads depend on their number and, beyond two, on which is done first.
    with threadpool_limits(1):  # type: ignore[no-untyped-call]
        pca = PCA(min(_COMPONENTS, *basis.shape), random_state=seed).fit(basis)  # type: ignore[no-untyped-call]
        scores = np.asarray(pca.transform(values), dtype=np.float64)
        plane, shares = np.zeros((len(values), 2)), [*pca.explained_variance_ratio_.tolist(), 0.0]
        plane[:, : scores.shape[1]] = scores[:, :2]
        explained = shares[0], shares[1]
        if len(values) < FEWEST:
            note = f"{len(values)} photographs are too few, {FEWEST} are needed"
            return Projection(plane, explained, None, 0.0, note)
        perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)  # type: ignore[no-untyped-call]
        return Projection(plane, explained, np.asarray(tsne.fit_transform(scores), dtype=np.float64), perplexity)
