"""Data loaders: batches of packed photographs, in an order that follows from the seed and the epoch alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lithoscope.config.params import AugmentParameters
from lithoscope.core.random_streams import generator
from lithoscope.data.loading.augment import augment_batch
from lithoscope.data.loading.class_balance import balanced_order, weighted_order
from lithoscope.data.packed.arrays import ArraySplit

INFERENCE_BATCH = 64


@dataclass(frozen=True)
class Batch:
    """Some photographs and their labels.

    Attributes:
        images: (n, 3, h, w) in 0 … 255, channels last in memory; or what frozen blocks made of them.
        labels: Indices of the classes, int64 (n,).
    """

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class OnlineAugmentation:
    """Light augmentation anew in every epoch."""

    parameters: AugmentParameters
    seed: int

    @property
    def changes(self) -> bool:
        """Whether it does anything at all: if not, every epoch sees the same pictures."""
        return self.parameters.online > 0 or self.parameters.policy != "none"


class KeyedOrder(Sampler[Any]):
    """The rows of one epoch, shuffled by (seed, epoch), in batches of nearly equal size.

    Nearly equal, because a last batch of a single photograph would break batch normalisation. With several
    processes each takes its part of every batch, so that all of them together see the batches that one would see.
    Lightning calls :meth:`set_epoch` before each epoch, through the attribute ``sampler``.

    Given the rows' labels, rows are drawn with replacement and each class as often as any other; see
    :func:`lithoscope.data.loading.class_balance.balanced_order`. Given weights, a row comes the more often the more it
    weighs; see :func:`lithoscope.data.loading.class_balance.weighted_order`.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        balance: npt.NDArray[np.int64] | None = None,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.rank, self.processes, self.balance, self.weights = rank, processes, balance, weights
        self.epoch = 0
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is given out next."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Give out batches of (epoch, row)."""
        if self.balance is not None:
            order = balanced_order(self.balance, self.seed, self.epoch, self.weights)
        elif self.weights is not None:
            order = weighted_order(self.weights, self.seed, self.epoch)
        else:
            order = generator(self.seed, "order", self.epoch).permutation(self.rows)
        for batch in np.array_split(order, len(self)):
            yield [(self.epoch, int(row)) for row in batch[self.rank :: self.processes]]


class PackedPhotographs(Dataset[Any]):
    """Rows of a packed split, fetched a batch at a time and augmented where that is asked for."""

    def __init__(self, split: ArraySplit, augmentation: OnlineAugmentation | None = None) -> None:
        self.split, self.augmentation = split, augmentation

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.split.labels)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> Batch:
        """Fetch the rows of ``(epoch, row)`` pairs of one epoch.

        A number beyond the last row is an earlier row over again (modulo the number of rows), varied in its own way.
        """
        epoch, samples = keys[0][0], [sample for _, sample in keys]
        rows = np.asarray(samples) % len(self)
        pixels = _in_file_order(self.split.images, rows)
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        if self.augmentation is not None and self.augmentation.changes:
            given = self.augmentation
            images = augment_batch(images, samples, given.parameters, seed=given.seed, epoch=epoch)
        return Batch(images.contiguous(memory_format=torch.channels_last), torch.from_numpy(self.split.labels[rows]))


class FeatureRows(Dataset[Any]):
    """What frozen blocks made of each row of a split, memory-mapped; see :mod:`lithoscope.models.frozen_features`.

    Args:
        passes: One or more passes over the rows, each float (n, …); epoch e sees pass e modulo their number.
        labels: int64 (n,).
    """

    def __init__(self, passes: Sequence[npt.NDArray[np.floating[Any]]], labels: npt.NDArray[np.int64]) -> None:
        self.passes, self.labels = passes, labels

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> Batch:
        """Fetch the rows of ``(epoch, row)`` pairs of one epoch; numbers beyond the last row start over."""
        rows = np.asarray([row for _, row in keys]) % len(self)
        kept = self.passes[keys[0][0] % len(self.passes)]
        features = torch.from_numpy(_in_file_order(kept, rows)).float()
        if features.ndim == 4:
            features = features.contiguous(memory_format=torch.channels_last)
        return Batch(features, torch.from_numpy(self.labels[rows]))


def _in_file_order(array: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Copy rows out of a memory-mapped array: read in the file's order, which is kinder to a disk."""
    ascending = np.argsort(rows, kind="stable")
    copied = np.empty((len(rows), *array.shape[1:]), dtype=array.dtype)
    copied[ascending] = array[rows[ascending]]
    return copied


def _as_it_is(batch: Any) -> Batch:
    made: Batch = batch  # __getitems__ has made a whole batch already
    return made


def training_batches(
    rows: ArraySplit | FeatureRows,
    batch_size: int,
    seed: int,
    augmentation: OnlineAugmentation | None = None,
    rank: int = 0,
    processes: int = 1,
    *,
    balanced: bool = False,
    weights: npt.NDArray[np.float64] | None = None,
) -> DataLoader[Batch]:
    """Return shuffled batches for training.

    On request each class is drawn as often as any other, and each photograph as often as its weight says.
    """
    balance = rows.labels if balanced else None
    order = KeyedOrder(len(rows.labels), batch_size, seed, rank, processes, balance, weights)
    dataset = PackedPhotographs(rows, augmentation) if isinstance(rows, ArraySplit) else rows
    return DataLoader(dataset, batch_sampler=order, collate_fn=_as_it_is)


class InOrder(Sampler[Any]):
    """All rows in their order, in batches, as an epoch shows them; with several processes each takes every nth."""

    def __init__(self, rows: int, batch_size: int, epoch: int = 0, rank: int = 0, processes: int = 1) -> None:
        self.rows, self.batch_size, self.epoch = range(rank, rows, processes), batch_size, epoch

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Give out batches of (epoch, row)."""
        for start in range(0, len(self.rows), self.batch_size):
            yield [(self.epoch, row) for row in self.rows[start : start + self.batch_size]]


def inference_batches(
    rows: ArraySplit | FeatureRows,
    rank: int = 0,
    processes: int = 1,
    *,
    augmentation: OnlineAugmentation | None = None,
    epoch: int = 0,
) -> DataLoader[Batch]:
    """Return batches in order, with several processes this one's part of the rows.

    As they are, or varied as an epoch shows them.
    """
    dataset = PackedPhotographs(rows, augmentation) if isinstance(rows, ArraySplit) else rows
    order = InOrder(len(rows.labels), INFERENCE_BATCH, epoch, rank, processes)
    return DataLoader(dataset, batch_sampler=order, collate_fn=_as_it_is)
