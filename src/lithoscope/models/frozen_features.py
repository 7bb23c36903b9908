"""Frozen backbones: blocks that are not trained, and their features, computed once.

Frozen blocks stay in evaluation mode: no dropout, and batch norms keep their statistics. What comes out of them is
the same in every epoch, as long as what goes in is. Where photographs are varied, that holds for each of a few passes
over them, which later epochs then see again.
"""

import math
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from lithoscope.core.files import commit_file
from lithoscope.data.loading.dataloader import Batch
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


def rest_features(network: Classifier, features: Tensor, count: int) -> Tensor:
    """Return what the head sees, (n, features), for what :func:`run_frozen` returned."""
    return features if count == len(network.blocks()) else network.features(features, count)


def run_rest(network: Classifier, features: Tensor, count: int) -> Tensor:
    """Return logits (n, classes) for what :func:`run_frozen` returned."""
    logits: Tensor = network.head(rest_features(network, features, count))
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
    network: Classifier,
    count: int,
    batches: DataLoader[Batch],
    path: Path,
    *,
    device: str,
    precision: str,
    progress_bar: bool,
    halved: bool = False,
) -> npt.NDArray[np.floating[Any]]:
    """Run the first ``count`` blocks once over all rows of a split.

    Args:
        network: Moved to the device; its modes come back as they were.
        count: From 1 to all blocks.
        batches: The photographs, in their order.
        path: Where the features are kept, an ``.npy`` file; one that is there is used.
        device: Resolved.
        precision: ``fp32`` or ``bf16``.
        progress_bar: Whether to draw one.
        halved: Keep them as float16 instead of float32: half the disk, for passes that are many. It rounds by 0.05 %,
            far less than the next pass differs; values beyond ±65,504 are cut off there.

    Returns:
        The features (n, …), memory-mapped.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        shown = track(batches, f"features of {path.stem}", transient=True, disable=not progress_bar)
        kind = np.dtype("<f2" if halved else "<f4")
        limit, partial = float(np.finfo(kind).max), path.with_suffix(".partial")
        with partial.open("wb") as file, for_features(network, device, precision):
            for number, batch in enumerate(shown):
                made = run_frozen(network, batch.images.to(device), count).float().clamp(-limit, limit)
                features = made.contiguous().cpu().numpy().astype(kind)
                if number == 0:
                    rows = len(cast(Sized, batches.dataset))
                    header = {"descr": kind.str, "fortran_order": False, "shape": (rows, *features.shape[1:])}
                    np.lib.format.write_array_header_1_0(file, header)
                # Written, not memory-mapped: a full disk is an error here, not the end of the process.
                file.write(features.tobytes())
        commit_file(partial, path)
    kept: npt.NDArray[np.floating[Any]] = np.load(path, mmap_mode="r", allow_pickle=False)
    return kept
