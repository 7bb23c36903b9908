"""MixUp and CutMix: pictures of a batch mixed in pairs, and their labels in the same shares."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2 import CutMix, MixUp, RandomChoice  # type: ignore[attr-defined]

Mixing = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes pictures (n, 3, h, w) and labels (n,); returns pictures and each class's share, float (n, classes)."""


def build_mixing(mixup: float, cutmix: float, classes: int) -> Mixing | None:
    """Return what mixes a batch, or None where both strengths are 0.

    Draws come from torch's global random state, which training keys by the step.

    Args:
        mixup: Alpha of MixUp (Zhang et al., ICLR 2018); 0 = none.
        cutmix: Alpha of CutMix (Yun et al., ICCV 2019); 0 = none. With both, each batch draws one of the two.
        classes: Number of classes.
    """
    kinds: list[Any] = []
    if mixup:
        kinds.append(MixUp(alpha=mixup, num_classes=classes))
    if cutmix:
        kinds.append(CutMix(alpha=cutmix, num_classes=classes))
    if not kinds:
        return None
    draw = RandomChoice(kinds)

    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mixed, shares = draw(images.float(), labels)
        return mixed.contiguous(memory_format=torch.channels_last), shares

    return mix
