"""Class balance: weights of the loss, or shares of the draws, for rare classes against frequent ones."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from lithoscope.core.random_streams import generator


def class_weights(labels: npt.NDArray[np.int64], classes: int) -> Tensor:
    """Return a weight for each class, float32 (classes,): n / (k · n_c), so that the mean over the rows is 1.

    Here n is the number of rows, n_c those of class c, and k the number of classes that have any; a class without
    any gets 0. Source: King & Zeng, Logistic Regression in Rare Events Data, 2001, as in scikit-learn's "balanced".
    """
    counts = np.bincount(labels, minlength=classes)
    weights = np.divide(len(labels), (counts > 0).sum() * counts, where=counts > 0, out=np.zeros(classes))
    return torch.from_numpy(weights).float()


def balanced_order(labels: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Draw one epoch's rows with replacement, each class equally often on average.

    Args:
        labels: int64 (n,). The class of each row.
        seed: The experiment's seed.
        epoch: The epoch; each has draws of its own.

    Returns:
        int64 (n,). ``row + n · k`` where a row comes for the k-th time beyond its first, so that each coming has a
        number of its own and can be varied by itself.
    """
    rows = len(labels)
    shares = class_weights(labels, int(labels.max()) + 1).double().numpy()[labels]
    drawn = generator(seed, "balanced order", epoch).choice(rows, size=rows, p=shares / shares.sum())
    again = pd.Series(drawn).groupby(drawn).cumcount().to_numpy()
    return np.asarray(drawn + rows * again, dtype=np.int64)
