"""Features of photographs in local copies of the published sets, by a backbone as it was before training."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _networks import parameters

from lithoscope.core.threads import in_order
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.square import to_square
from lithoscope.data.sources.catalogue import Entry, catalogue
from lithoscope.data.sources.listing import visible_files
from lithoscope.data.sources.registry import photograph_set
from lithoscope.data.splits.near_duplicates import group_numbers, near_duplicates
from lithoscope.data.splits.traits import traits_of
from lithoscope.evaluation.embeddings.layers import embed, frozen_backbone
from lithoscope.models.classifier import Architecture
from lithoscope.models.device import make_repeatable
from lithoscope.models.pretrained import load_pretrained

NETWORK, POOLING, SIDE, THREADS = "timm/tf_efficientnet_lite0", "texture", 224, 2


@dataclass(frozen=True)
class Described:
    """Photographs and what a backbone makes of them.

    Attributes:
        labels: The class of each, (n,) texts; "" for other things.
        test: Whether the set keeps it for the test, bool (n,).
        groups: The number of its group of duplicates, int64 (n,).
        last: The pooled features of the last block, float32 (n, features).
        layers: Means and deviations of several blocks' maps, float32 (n, columns).
        blocks: How many columns each of them takes.
    """

    labels: npt.NDArray[np.str_]
    test: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.int64]
    last: npt.NDArray[np.float32]
    layers: npt.NDArray[np.float32]
    blocks: npt.NDArray[np.int64]

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Described":
        """Return some of the photographs."""
        return Described(
            self.labels[rows], self.test[rows], self.groups[rows], self.last[rows], self.layers[rows], self.blocks
        )


def described(folder: Path, dataset: str | None, cache: Path, every: int = 1) -> Described:
    """Read a set's photographs and run them through the backbone, once.

    Args:
        folder: A local copy of the set.
        dataset: As ``params.yaml`` names it, or None for a folder of other things.
        cache: Where the features are kept from one call to the next.
        every: Read one of so many photographs.
    """
    key = hashlib.sha256(f"{folder.resolve()} {dataset} {NETWORK} {POOLING} {SIDE} {every}".encode()).hexdigest()[:16]
    path = cache / f"{dataset or 'others'}-{key}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **vars(_describe(folder, dataset, every)))
    with np.load(path, allow_pickle=False) as kept:
        return Described(**kept)


def squares(folder: Path, dataset: str | None, every: int = 1) -> npt.NDArray[np.uint8]:
    """Read the photographs that :func:`described` describes, in its order: uint8 (n, side, side, 3), RGB."""
    entries = _entries(folder, dataset, every)
    return _squares(folder, [entry.id for entry in entries] if entries else _others(folder, every))


def _entries(folder: Path, dataset: str | None, every: int) -> Sequence[Entry]:
    if dataset is None:
        return []
    return catalogue(folder, sorted(photograph_set(dataset).photographs(folder))[::every]).entries


def _others(folder: Path, every: int) -> list[str]:
    return sorted(visible_files(folder))[::every]


def _squares(folder: Path, names: Sequence[str]) -> npt.NDArray[np.uint8]:
    return np.stack([to_square(read_photograph(folder / name), SIDE, crop_border=True) for name in names])


def _describe(folder: Path, dataset: str | None, every: int) -> Described:
    if dataset is None:
        names = _others(folder, every)
        labels, test, groups = [""] * len(names), [True] * len(names), np.arange(len(names), dtype=np.int64)
    else:
        entries = _entries(folder, dataset, every)
        names = [entry.id for entry in entries]
        traits = in_order(lambda entry: traits_of(read_photograph(folder / entry.id), entry.phash), entries, THREADS)
        matches = near_duplicates([entry.phash for entry in entries], traits, THREADS)
        groups = group_numbers([entry.sha256 for entry in entries], matches)
        labels, test = [entry.label for entry in entries], [entry.official_split == "test" for entry in entries]
    last, layers, blocks = _embed(_squares(folder, names))
    return Described(np.array(labels), np.array(test), groups, last, layers, np.array(blocks))


def _embed(images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Sequence[int]]:
    make_repeatable(0, THREADS)
    weights = load_pretrained(NETWORK, "imagenet")
    assert weights is not None
    model = parameters().model.model_copy(update={"name": NETWORK, "weights": "imagenet", "pooling": POOLING})
    network = frozen_backbone(Architecture(model, SIDE, 2), weights.state)
    found = embed(network, images, side=SIDE, device="cpu", precision="fp32", views=1)
    return found.last, found.layers, found.blocks
