"""Frozen backbones: blocks that are not trained, and their features, computed once.

Frozen blocks stay in evaluation mode: no dropout, and batch norms keep their statistics. What comes out of them is
the same in every epoch, as long as what goes in is.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track
from torch import Tensor

from lithoscope.core.files import commit_file
from lithoscope.data.loading.dataloader import FeatureRows, inference_batches
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier


def frozen_blocks(share: float, blocks: int) -> int:
    """Return how many blocks a share stands for: the nearest number, but at least one where the share is not 0."""
    return max(1, math.floor(share * blocks + 0.5)) if share else 0


def freeze(network: Classifier, count: int) -> None:
    """Train everything but the first ``count`` blocks."""
    network.requires_grad_(True)
    for block in network.blocks()[:count]:
        block.requires_grad_(False)


def stands_alone(network: Classifier, count: int) -> bool:
    """Return whether what the first blocks make can be kept in their place: texture looks into several of them."""
    return count == len(network.blocks()) or network.divides(count)


def run_frozen(network: Classifier, images: Tensor, count: int) -> Tensor:
    """Return what the first ``count`` blocks make of photographs in 0 … 255.

    Returns:
        Maps (n, channels, h, w) or whatever the blocks hand on; with all blocks the pooled features (n, features).
    """
    if count == len(network.blocks()):
        return network.embed(images)
    return network.run_blocks(network.normalised(images), 0, count)


def run_rest(network: Classifier, features: Tensor, count: int) -> Tensor:
    """Return logits (n, classes) for what :func:`run_frozen` returned."""
    if count < len(network.blocks()):
        features = network.features(features, count)
    logits: Tensor = network.head(features)
    return logits


@contextmanager
def for_features(network: Classifier, device: str, precision: str) -> Iterator[None]:
    """Have a network on a device in evaluation mode, without gradients; its modules' modes come back as they were."""
    modes = {module: module.training for module in network.modules()}
    network.to(device).eval()
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
        yield
    for module, mode in modes.items():
        module.training = mode


def compute_features(
    network: Classifier, count: int, split: ArraySplit, path: Path, *, device: str, precision: str, progress_bar: bool
) -> FeatureRows:
    """Run the first ``count`` blocks once over all rows of a split, as they are on disk.

    Args:
        network: Moved to the device; its modes come back as they were.
        count: From 1 to all blocks.
        split: The photographs.
        path: Where the features are kept, an ``.npy`` file, float32; one that is there is used.
        device: Resolved.
        precision: ``fp32`` or ``bf16``.
        progress_bar: Whether to draw one.

    Returns:
        The features, memory-mapped.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        batches = track(inference_batches(split), f"features of {path.stem}", transient=True, disable=not progress_bar)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file, for_features(network, device, precision):
            for number, batch in enumerate(batches):
                features = run_frozen(network, batch.images.to(device), count).float().contiguous().cpu().numpy()
                if number == 0:
                    _write_header(file, (len(split.labels), *features.shape[1:]))
                # Written, not memory-mapped: a full disk is an error here, not the end of the process.
                file.write(features.tobytes())
        commit_file(partial, path)
    kept: npt.NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return FeatureRows(kept, split.labels)


def _write_header(file: object, shape: tuple[int, ...]) -> None:
    description = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)  # type: ignore[arg-type]
