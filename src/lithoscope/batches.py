"""Batches of packed photographs, in an order that follows from the seed and the epoch alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lithoscope.arrays import ArraySplit
from lithoscope.augmentation import AugmentationLimits, augment_batch
from lithoscope.randomness import generator

INFERENCE_BATCH = 64


@dataclass(frozen=True)
class Batch:
    """Some photographs and their labels.

    Attributes:
        images: (n, 3, h, w) in 0 … 255; channels last in memory.
        labels: Indices of the classes, int64 (n,).
    """

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class OnlineAugmentation:
    """Light augmentation anew in every epoch."""

    limits: AugmentationLimits
    strength: float
    seed: int


class KeyedOrder(Sampler[Any]):
    """The rows of one epoch, shuffled by (seed, epoch), in batches of nearly equal size.

    Nearly equal, because a last batch of a single photograph would break batch normalisation. With several
    processes each takes its part of every batch, so that all of them together see the batches that one would see.
    Lightning calls :meth:`set_epoch` before each epoch, through the attribute ``sampler``.
    """

    def __init__(self, rows: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.rank, self.processes = rank, processes
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
        """Fetch the rows of ``(epoch, row)`` pairs of one epoch."""
        epoch, rows = keys[0][0], [row for _, row in keys]
        # Read in the file's order, which is kinder to a disk, then put into the batch's order.
        ascending = np.argsort(rows, kind="stable")
        pixels = np.empty((len(rows), *self.split.images.shape[1:]), dtype=np.uint8)
        pixels[ascending] = self.split.images[np.asarray(rows)[ascending]]
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        if self.augmentation is not None and self.augmentation.strength > 0:
            images = augment_batch(
                images, rows, limits=self.augmentation.limits, strength=self.augmentation.strength,
                seed=self.augmentation.seed, epoch=epoch,
            )  # fmt: skip
        labels = torch.from_numpy(np.asarray(self.split.labels)[rows].astype(np.int64))
        return Batch(images.contiguous(memory_format=torch.channels_last), labels)


def _as_it_is(batch: Any) -> Batch:
    made: Batch = batch  # __getitems__ has made a whole batch already
    return made


def training_batches(
    split: ArraySplit, batch_size: int, seed: int, augmentation: OnlineAugmentation | None,
    rank: int = 0, processes: int = 1,
) -> DataLoader[Batch]:  # fmt: skip
    """Return shuffled batches for training."""
    order = KeyedOrder(len(split.labels), batch_size, seed, rank, processes)
    return DataLoader(PackedPhotographs(split, augmentation), batch_sampler=order, collate_fn=_as_it_is)


class InOrder(Sampler[Any]):
    """All rows in their order, in batches."""

    def __init__(self, rows: int, batch_size: int) -> None:
        self.rows, self.batch_size = rows, batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Give out batches of (0, row)."""
        for start in range(0, self.rows, self.batch_size):
            yield [(0, row) for row in range(start, min(start + self.batch_size, self.rows))]


def inference_batches(split: ArraySplit) -> DataLoader[Batch]:
    """Return batches in order and without augmentation."""
    order = InOrder(len(split.labels), INFERENCE_BATCH)
    return DataLoader(PackedPhotographs(split), batch_sampler=order, collate_fn=_as_it_is)
