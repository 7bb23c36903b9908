"""Global pooling, of averages, maxima or covariances: from feature maps to the vector that a head sees."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lithoscope.config.network import Pooling

TEXTURE_CHANNELS = 128
"""Most channels of maps whose covariance is taken: 128 channels have 8,256 variances and covariances."""
_FLOOR = 1e-3  # of the mean variance, added to each: maps have fewer places than channels where pictures are small


def matrix_square_root(covariances: Tensor, iterations: int = 6) -> Tensor:
    """Return the square roots of covariance matrices by matrix products alone, so that gradients flow and it exports.

    Source: the Newton-Schulz iteration as in Li et al., Towards Faster Training of Global Covariance Pooling Networks
    by Iterative Matrix Square Root Normalization, CVPR 2018, eq. 4.

    Args:
        covariances: Positive definite, float32 (n, c, c).
        iterations: A few leave the roots of the smallest eigenvalues, which are mostly noise, too small; 15 are exact.
    """
    identity = torch.eye(covariances.shape[1], device=covariances.device)
    traces = covariances.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]
    root, inverse = covariances / traces, identity.expand_as(covariances)
    for _ in range(iterations):
        step = (3 * identity - inverse @ root) / 2
        root, inverse = root @ step, step @ inverse
    return root * traces.sqrt()


def covariance_roots(maps: Tensor) -> Tensor:
    """Return the square root of the covariance of channels over places: which patterns occur together.

    Args:
        maps: Float (n, c, h, w).

    Returns:
        The upper triangles, float32 (n, c · (c + 1) / 2).
    """
    with torch.autocast(maps.device.type, enabled=False):  # squares of small differences: not for 8 bits of mantissa
        values = maps.float().flatten(2)
        centred = values - values.mean(dim=2, keepdim=True)
        covariances = centred @ centred.transpose(1, 2) / values.shape[2]
        channels = maps.shape[1]
        variances = covariances.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
        floor = (_FLOOR * variances + torch.finfo(torch.float32).tiny) * torch.eye(channels, device=maps.device)
        rows, columns = (
            torch.from_numpy(places).to(maps.device) for places in np.triu_indices(channels)
        )  # constants of an export
        return matrix_square_root(covariances + floor)[:, rows, columns]


def texture_blocks(widths: Sequence[int]) -> list[int]:
    """Choose the blocks whose maps tell a texture.

    The deepest block of at most :data:`TEXTURE_CHANNELS` channels (the narrowest one where all are wider), and of
    each width after it the last.

    Args:
        widths: Channels of each block's maps, input to output.

    Returns:
        Numbers of blocks, ascending.
    """
    narrow = [number for number, width in enumerate(widths) if width <= max(TEXTURE_CHANNELS, min(widths))]
    last_of_width = [
        number for number, width in enumerate(widths) if number + 1 == len(widths) or widths[number + 1] != width
    ]
    return sorted({narrow[-1], *(number for number in last_of_width if number > narrow[-1])})


def feature_width(pooling: Pooling, widths: Sequence[int]) -> int:
    """Return the length of what :func:`pool` makes of maps with these numbers of channels."""
    if pooling == "texture":
        return sum(widths) + widths[0] * (widths[0] + 1) // 2
    return 2 * widths[-1] if pooling == "both" else widths[-1]


def pool(pooling: Pooling, maps: Sequence[Tensor]) -> Tensor:
    """Pool feature maps.

    Args:
        pooling: ``average``, ``maximum`` or ``both``, of the last maps; ``texture``: the averages of all, and
            :func:`covariance_roots` of the first.
        maps: Float (n, channels, h, w) each, or vectors (n, channels), which need no pooling.

    Returns:
        Float (n, :func:`feature_width`).
    """
    last = maps[-1]
    if last.ndim == 2:
        return last
    if pooling == "texture":
        averages = [each.float().mean(dim=(2, 3)) for each in maps]
        return torch.cat([*averages, covariance_roots(maps[0])], dim=1)
    parts = []
    if pooling != "maximum":
        parts.append(last.mean(dim=(2, 3)))
    if pooling != "average":
        parts.append(last.amax(dim=(2, 3)))
    return torch.cat(parts, dim=1)
