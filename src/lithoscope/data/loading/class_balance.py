"""Who counts how much: classes by weights of the loss or shares of the draws, photographs by shares of the draws."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from lithoscope.core.random_streams import generator


def class_weights(
    labels: npt.NDArray[np.int64], classes: int, weights: npt.NDArray[np.float64] | None = None
) -> Tensor:
    """Return a weight for each class, float32 (classes,): n / (k · n_c), so that the mean over the rows is 1.

    Here n is the number of rows, or the sum of their weights, n_c that of class c, and k the number of classes that
    have any; a class without any gets 0. Source: King & Zeng, Logistic Regression in Rare Events Data, 2001, as in
    scikit-learn's "balanced".
    """
    counts = np.bincount(labels, weights, minlength=classes)
    balanced = np.divide(counts.sum(), (counts > 0).sum() * counts, where=counts > 0, out=np.zeros(classes))
    return torch.from_numpy(balanced).float()


def balanced_order(
    labels: npt.NDArray[np.int64], seed: int, epoch: int, weights: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.int64]:
    """Draw one epoch's rows with replacement, each class equally often on average.

    Args:
        labels: int64 (n,). The class of each row.
        seed: The experiment's seed.
        epoch: The epoch; each has draws of its own.
        weights: How often each row comes, against others of its class; None = all alike.

    Returns:
        int64 (n,). ``row + n · k`` where a row comes for the k-th time beyond its first, so that each coming has a
        number of its own and can be varied by itself.
    """
    rows = len(labels)
    shares = class_weights(labels, int(labels.max()) + 1, weights).double().numpy()[labels]
    if weights is not None:
        shares = shares * weights
    drawn = generator(seed, "balanced order", epoch).choice(rows, size=rows, p=shares / shares.sum())
    return _numbered(drawn, rows)


def weighted_order(weights: npt.NDArray[np.float64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Draw one epoch's rows so that each comes as often as its weight says, in every epoch as nearly as it can.

    Of n rows a row comes ``n · weight / sum of weights`` times, rounded up or down at random. Source: systematic
    sampling (Kitagawa, Monte Carlo Filter and Smoother, JCGS 5, 1996, appendix), of rows in random order.

    Args:
        weights: float64 (n,), above 0.
        seed: The experiment's seed.
        epoch: The epoch; each has draws of its own.

    Returns:
        int64 (n,), numbered as :func:`balanced_order` does.
    """
    rows, draws = len(weights), generator(seed, "weighted order", epoch)
    order = draws.permutation(rows)
    until = np.cumsum(weights[order] / weights.sum())
    places = (np.arange(rows) + draws.random()) / rows
    drawn = order[np.minimum(np.searchsorted(until, places, side="right"), rows - 1)]
    return _numbered(draws.permutation(drawn), rows)


def _numbered(drawn: npt.NDArray[np.int64], rows: int) -> npt.NDArray[np.int64]:
    again = pd.Series(drawn).groupby(drawn).cumcount().to_numpy()
    return np.asarray(drawn + rows * again, dtype=np.int64)
