"""Data augmentation: random variations, a batch at a time, of one affine warp and one change of colours.

The parameters of a variation are a function of (seed, purpose, epoch, sample) and the arithmetic treats each picture
by itself in operations that round the same way in any batch, so the same sample gives the same bits whatever else is
in the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lithoscope.config.params import AugmentParameters, Policy
from lithoscope.core.random_streams import generator, integer_seed

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a picture's lightness (ITU-R BT.601)."""


UNVARIED = AugmentParameters(
    crop_border=False,
    copies=0,
    rotation=0,
    shear=0,
    zoom=0,
    crop=0,
    flip=False,
    brightness=0,
    contrast=0,
    colour=0,
    online=0,
    policy="none",
)
"""What changes nothing."""


def scaled(limits: AugmentParameters, strength: float) -> AugmentParameters:
    """Return limits times ``strength``; flips stay as they are unless it is 0."""
    names = ("rotation", "shear", "zoom", "crop", "brightness", "contrast", "colour")
    numbers = {name: getattr(limits, name) * strength for name in names}
    return limits.model_copy(update={**numbers, "flip": limits.flip and strength > 0})


@dataclass(frozen=True)
class Variations:
    """The parameters of ``n`` variations.

    Attributes:
        warp: float64 (n, 2, 2). Takes a place in the new picture to its place in the old one, both measured from the
            centre.
        shift: float64 (n, 2). Where, x and y, the new picture's centre lies in the old one; half the side is 1.
        gains: float64 (n, 3). Factors for red, green and blue.
        saturation: float64 (n,). Factor for the distance from the pixel's own grey.
        contrast: float64 (n,). Factor for the distance from the picture's mean lightness.
        brightness: float64 (n,). Factor for everything.
    """

    warp: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]
    gains: npt.NDArray[np.float64]
    saturation: npt.NDArray[np.float64]
    contrast: npt.NDArray[np.float64]
    brightness: npt.NDArray[np.float64]


def draw_parameters(
    limits: AugmentParameters, seed: int, purpose: str, epoch: int, sample_ids: Sequence[int | str]
) -> Variations:
    """Draw one variation for each sample, keyed by (seed, purpose, epoch, sample).

    Args:
        limits: How far to go at most, as ``params.yaml`` explains; 0 leaves a property alone.
        seed: The experiment's seed.
        purpose: What the pictures are for, e.g. ``"augment online"``.
        epoch: Or the number of the copy.
        sample_ids: What identifies each sample.
    """
    # Every draw is made whether it is used or not, so that switching one limit off moves none of the others.
    draws = np.array([generator(seed, purpose, epoch, sample).random(14) for sample in sample_ids]).reshape(-1, 14)
    symmetric = 2 * draws - 1
    angle, shear = np.radians(limits.rotation) * symmetric[:, 0], np.tan(np.radians(limits.shear) * symmetric[:, 1])
    size = 1 + limits.zoom * symmetric[:, 2]
    mirror = np.where(draws[:, 3:5] < 0.5, -1.0, 1.0) if limits.flip else np.ones((len(draws), 2))
    cos, sin = np.cos(angle), np.sin(angle)
    # mirror · shear · rotation / size; which axis is sheared hardly matters once a rotation stands beside it.
    rows = [[cos - shear * sin, -sin - shear * cos], [sin, cos]]
    kept = 1 - limits.crop * draws[:, 11]
    warp = np.stack([np.stack(row, axis=1) for row in rows], axis=1) * (mirror * (kept / size)[:, None])[:, :, None]
    return Variations(
        warp=warp,
        shift=symmetric[:, 12:14] * (1 - kept)[:, None],
        gains=1 + limits.colour * symmetric[:, 5:8],
        saturation=1 + limits.colour * symmetric[:, 8],
        contrast=1 + limits.contrast * symmetric[:, 9],
        brightness=1 + limits.brightness * symmetric[:, 10],
    )


def apply(images: Tensor, variations: Variations) -> Tensor:
    """Vary pictures.

    What a turned or shrunk picture leaves bare takes the median colour of the picture's outermost pixels: the colour
    that framing pads it with as well (see :func:`lithoscope.data.images.square.pad_to_square`), so no corner gives away
    that a picture was turned.

    Args:
        images: uint8 (n, 3, side, side), RGB.
        variations: One for each image.

    Returns:
        float32 (n, 3, side, side) in 0 … 255, channels last in memory, on the images' device.
    """
    count, channels, height, width = images.shape
    if channels != 3 or height != width or images.dtype != torch.uint8:
        raise ValueError(f"expected uint8 pictures of shape (n, 3, side, side), got {images.dtype} {images.shape}")
    if not count:
        return images.float()
    images = images.contiguous()
    fill = _edge_colour(images)
    # Only operations that round each number by itself, no matrix products, no sums of floats: those may round
    # differently in batches of another size.
    pictures = functional.grid_sample(
        images.float().sub_(fill),
        _grid(variations, height, images.device),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    ).add_(fill)
    matrices, offsets = _colour_transform(images, variations)
    result = torch.empty_like(pictures, memory_format=torch.channels_last)
    # One picture at a time, so that the intermediate values stay in the processor's cache.
    for picture, matrix, offset, place in zip(pictures, matrices, offsets, result, strict=True):
        changed = picture[0] * matrix[:, 0]
        changed.add_(picture[1] * matrix[:, 1]).add_(picture[2] * matrix[:, 2])
        place.copy_(changed.add_(offset).clamp_(0, 255))
    return result


def augment_batch(
    images: Tensor, sample_ids: Sequence[int | str], parameters: AugmentParameters, *, seed: int, epoch: int
) -> Tensor:
    """Vary the pictures of a training batch anew in each epoch.

    Args:
        images: uint8 (n, 3, side, side), RGB.
        sample_ids: What identifies each picture, e.g. its row in the training array.
        parameters: How far to go at strength 1, the strength ``online``, and the ``policy`` on top.
        seed: The experiment's seed.
        epoch: The epoch.

    Returns:
        float32 (n, 3, side, side) in 0 … 255.
    """
    varied = images.float()
    if parameters.online:
        limits = scaled(parameters, parameters.online)
        varied = apply(images, draw_parameters(limits, seed, "augment online", epoch, sample_ids))
    return apply_policy(varied, sample_ids, policy=parameters.policy, seed=seed, epoch=epoch)


def apply_policy(images: Tensor, sample_ids: Sequence[int | str], *, policy: Policy, seed: int, epoch: int) -> Tensor:
    """Vary pictures by a published policy of random operations, on top of other variations.

    Args:
        images: In 0 … 255, (n, 3, side, side), RGB.
        sample_ids: What identifies each picture.
        policy: ``none``; ``randaugment`` (Cubuk et al., RandAugment, NeurIPS 2020; two operations of magnitude 9 of 30)
            or ``trivialaugment`` (Müller & Hutter, TrivialAugment, ICCV 2021; one operation of random magnitude).
        seed: The experiment's seed.
        epoch: The epoch.

    Returns:
        float32 (n, 3, side, side) in 0 … 255, whole numbers where there is a policy.
    """
    if policy == "none":
        return images.float()
    from torchvision.transforms import v2  # 2 s of processor, which only a policy pays for

    # torchvision's v2 imports these two without saying that it exports them.
    kind = v2.RandAugment if policy == "randaugment" else v2.TrivialAugmentWide  # type: ignore[attr-defined]
    pictures = images.round().to(torch.uint8)
    # What is left bare takes the colour of the edges here too, where torchvision's own choice is black.
    fills = _edge_colour(pictures)[:, :, 0, 0].tolist()
    varied = torch.empty_like(images, dtype=torch.float32)
    # torchvision draws from torch's global random state, which training needs for itself.
    with torch.random.fork_rng(devices=[]):
        for picture, fill, sample, place in zip(pictures, fills, sample_ids, varied, strict=True):
            torch.manual_seed(integer_seed(seed, "augment policy", epoch, sample))
            place.copy_(kind(fill=fill)(picture))
    return varied


def augment_copies(
    images: npt.NDArray[np.uint8], sample_ids: Sequence[int | str], *, limits: AugmentParameters, seed: int, copy: int
) -> npt.NDArray[np.uint8]:
    """Make the copies with one number of some pictures, to be kept on disk.

    Args:
        images: uint8 (n, side, side, 3), RGB.
        sample_ids: What identifies each picture, e.g. its id.
        limits: How far to go.
        seed: The experiment's seed.
        copy: The number of the copy, from 1.

    Returns:
        uint8 (n, side, side, 3).
    """
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2)
    varied = apply(pictures, draw_parameters(limits, seed, "augment copies", copy, sample_ids))
    return varied.round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def cut_windows(
    images: npt.NDArray[np.uint8], sample_ids: Sequence[int | str], share: float, seed: int
) -> npt.NDArray[np.uint8]:
    """Cut a window out of each picture and enlarge it: the photograph as it would be, framed more closely.

    Args:
        images: uint8 (n, side, side, 3), RGB; a memory map will do.
        sample_ids: What identifies each picture, e.g. its id.
        share: Share of the side that is cut away at most, 0 … 1; with 0 the pictures come back as they are.
        seed: Of the windows' places.

    Returns:
        uint8 (n, side, side, 3).
    """
    if not share:
        return images
    limits = UNVARIED.model_copy(update={"crop": share})
    return augment_copies(np.array(images), sample_ids, limits=limits, seed=seed, copy=0)


def _edge_colour(images: Tensor) -> Tensor:
    """Return the median of each picture's outermost pixels, float32 (n, 3, 1, 1)."""
    edges = torch.cat([images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]], dim=-1)
    return edges.median(dim=-1).values.float()[:, :, None, None]


def _grid(variations: Variations, side: int, device: torch.device) -> Tensor:
    """Return where each new pixel is taken from, float32 (n, side, side, 2) in -1 … 1, x first."""
    centres = (torch.arange(side, dtype=torch.float32, device=device) * 2 + 1) / side - 1
    entries = torch.from_numpy(variations.warp).float().to(device)[..., None, None]
    shift = torch.from_numpy(variations.shift).float().to(device)[..., None, None]
    x, y = centres[None, None, :], centres[None, :, None]
    return torch.stack([entries[:, axis, 0] * x + entries[:, axis, 1] * y + shift[:, axis] for axis in (0, 1)], dim=-1)


def _colour_transform(images: Tensor, variations: Variations) -> tuple[Tensor, Tensor]:
    """Return all changes of colour as one matrix (n, 3, 3, 1, 1) and one offset (n, 1, 1, 1), float32.

    A colour c becomes brightness · (contrast · (S G c - m) + m), where G scales red, green and blue, S moves them to or
    from their grey, and m is the picture's mean lightness.
    """
    # Sums of whole numbers are exact in any order, unlike those of floats; 255 · 1024² is far below 2³¹.
    sums = images.sum(dim=(2, 3), dtype=torch.int32).cpu().numpy()
    mean = (sums * GREY).sum(axis=1) / (images.shape[2] * images.shape[3])
    saturation = variations.saturation[:, None, None]
    mix = saturation * np.eye(3) + (1 - saturation) * np.array(GREY)
    strength = variations.contrast * variations.brightness
    matrix = strength[:, None, None] * mix * variations.gains[:, None, :]
    offset = variations.brightness * (1 - variations.contrast) * mean
    return (
        torch.from_numpy(matrix[..., None, None]).float().to(images.device),
        torch.from_numpy(offset[:, None, None, None]).float().to(images.device),
    )
