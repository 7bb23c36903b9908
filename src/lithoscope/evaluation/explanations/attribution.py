"""Attribution maps: where in a photograph the evidence for a class lies.

Which method answers that depends on how a network turns its last feature maps into an answer, so there are three; all
are captum's (Kokhlikyan et al. 2020, Captum: a unified and generic model interpretability library for PyTorch).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation, Occlusion
from torch import Tensor, nn
from torch.nn import functional as F

from lithoscope.data.packed.arrays import Pixels
from lithoscope.models.backbones import hands_on_maps, pools_itself
from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import Ensemble, symmetry
from lithoscope.models.predictor import Predictor

BATCH = 4  # fixed: another batch size may change the last digits
FEWEST_PLACES = 6
"""Least side of the feature maps that are looked at; three places a side say little about where."""
_WINDOW, _STRIDE = 4, 8  # of an occlusion, as parts of the side
_INVERSE = {4: 5, 5: 4}  # of the symmetries that are not their own

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Method:
    """How evidence is found.

    Attributes:
        name: As its authors call it.
        layer: What it looks at, in words.
        source: Who published it.
        note: How to read it, and what it cannot show.
        block: The number of the block whose maps it looks at; -1 where it looks at the photograph itself.
    """

    name: str
    layer: str
    source: str
    note: str
    block: int


def choose_method(network: Classifier, name: str, side: int) -> Method:
    """Choose how evidence is found, by what stands between feature maps and answer.

    Args:
        network: One member.
        name: ``model.name``.
        side: Of its input, pixels.

    Returns:
        Grad-CAM where the last maps are pooled; gradient times activation, which is the same for averages, where a
        covariance is taken too or the last maps have too few places; occlusion where a class token gathers what is
        seen, so that there are no maps.
    """
    if pools_itself(name):
        return Method(
            "occlusion",
            "the photograph, where a grey square with a quarter of its side is moved over it",
            "Zeiler & Fergus, ECCV 2014",
            "how much less probable the class becomes where the square covers the photograph; in one view",
            -1,
        )
    sides = _map_sides(network, side)
    last = block = len(sides) - 1
    if network.pooling == "texture":
        block = network.gathered[0]  # all that the head sees comes through here
        note = "Grad-CAM averages gradients over places, which hides all that a covariance of the maps contributes"
    elif hands_on_maps(name) and sides[last] < FEWEST_PLACES:
        block = next((each for each in range(last, -1, -1) if sides[each] >= FEWEST_PLACES), last)
        few = f"the last maps have {sides[last]} × {sides[last]} places, too few to say where"
        note = f"{few}; of earlier ones Grad-CAM would average gradients over places, which hides where"
    if block < last or network.pooling == "texture":
        source = "HiResCAM: Draelos & Carin, arXiv:2011.08891, 2020"
        return Method("gradient × activation", _layer(block, sides), source, note, block)
    note = "where the last maps speak for the class, at their resolution"
    return Method("Grad-CAM", _layer(last, sides), "Selvaraju et al., ICCV 2017", note, last)


def evidence(
    predictor: Predictor,
    images: Pixels,
    classes: npt.NDArray[np.int64],
    method: Method,
    advance: Callable[[int], object] = lambda _: None,
) -> Floats:
    """Find where photographs speak for a class; the mean over all members and views of the model.

    Args:
        predictor: The trained model; its weights, modes and gradients stay as they are.
        images: uint8 (n, side, side, 3), RGB, as the model is shown them.
        classes: The class of each that is asked about, int64 (n,).
        method: Of :func:`choose_method`.
        advance: Told how many photographs were done, batch by batch.

    Returns:
        float32 (n, side, side), not negative; what speaks against a class is 0. Comparable within a photograph only.
    """
    parts = [np.empty((0, *images.shape[1:3]), np.float32)]
    for start in range(0, len(images), BATCH):
        pixels = torch.from_numpy(np.array(images[start : start + BATCH])).permute(0, 3, 1, 2).float()
        targets = torch.from_numpy(classes[start : start + BATCH])
        found = (
            _occluded(predictor, pixels, targets) if method.block < 0 else _mapped(predictor, pixels, targets, method)
        )
        parts.append(found.clamp(min=0).numpy())
        advance(len(pixels))
    return np.concatenate(parts)


def _mapped(predictor: Predictor, pixels: Tensor, targets: Tensor, method: Method) -> Tensor:
    """Return the signed evidence in a block's maps, scaled up to the photographs', float32 (n, side, side)."""
    members = members_of(predictor)
    views = predictor.description.views
    total = torch.zeros(len(pixels), *pixels.shape[2:])
    for member in members:
        block = member.blocks()[method.block]
        with _gradients_from(member, block):
            for view in range(views):
                seen = symmetry(pixels, view).contiguous(memory_format=torch.channels_last)
                found = _one(member, block, seen, targets, method)
                whole = F.interpolate(found, size=pixels.shape[2:], mode="bilinear", align_corners=False)
                total += symmetry(whole, _INVERSE.get(view, view))[:, 0]
    return total / (len(members) * views)


def _one(member: Classifier, block: nn.Module, pixels: Tensor, targets: Tensor, method: Method) -> Tensor:
    if method.name == "Grad-CAM":
        found = LayerGradCam(member, block).attribute(pixels, targets)
    else:
        found = LayerGradientXActivation(member, block).attribute(pixels, targets).sum(dim=1, keepdim=True)
    signed: Tensor = found.detach().float()
    return signed


def _occluded(predictor: Predictor, pixels: Tensor, targets: Tensor) -> Tensor:
    """Return how much less probable, on a logarithmic scale, the class is where a square covers the photograph."""
    first, side = members_of(predictor)[0], pixels.shape[2]
    window, stride = max(side // _WINDOW, 1), max(side // _STRIDE, 1)
    # The colour that the network was normalised to: it says as little as one can.
    grey = first.mean.to(pixels.dtype).expand(1, 3, side, side)
    with torch.inference_mode():
        found: Tensor = Occlusion(lambda seen: torch.log_softmax(predictor.network(seen), dim=1)).attribute(
            pixels,
            sliding_window_shapes=(3, window, window),
            strides=(3, stride, stride),
            baselines=grey,
            target=targets,
        )
        return found[:, 0].float().clone()


def members_of(predictor: Predictor) -> list[Classifier]:
    """Return the networks that a model averages."""
    network = predictor.network
    return network.networks() if isinstance(network, Ensemble) else [network]


@contextmanager
def _gradients_from(network: Classifier, block: nn.Module) -> Iterator[None]:
    """Have gradients flow from the answer back to a block and no further: what lies before is not kept in memory."""
    before = {parameter: parameter.requires_grad for parameter in network.parameters()}
    network.requires_grad_(False)
    block.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, needed in before.items():
            parameter.requires_grad_(needed)


def _map_sides(network: Classifier, side: int) -> list[int]:
    """Return the side of each block's maps, by running them once on an empty picture."""
    sides = []
    with torch.inference_mode():
        maps = torch.zeros(1, 3, side, side)
        for block in network.blocks():
            maps = block(maps)
            sides.append(maps.shape[2])
    return sides


def _layer(block: int, sides: list[int]) -> str:
    return f"block {block + 1} of {len(sides)}, {sides[block]} × {sides[block]} places"
