"""The graphs that are exported: from squares of bytes to probabilities, and from covered feature maps to them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import Ensemble, mean_log_probabilities, symmetry
from lithoscope.models.pooling import pool
from lithoscope.models.timm_backbones import SelfPooling
from lithoscope.serving.occlusion import COVER, PARTS

FEWEST_PLACES = PARTS // COVER
"""Least side of the finest maps that are covered: a cover, a quarter of the side, hides one place of them."""


class ExportedGraph(nn.Module):
    """Views, members, temperature and softmax around trained networks.

    All views of all photographs go through each member in one batch, so that the graph holds each member once.

    Attributes:
        shown: Names of the feature maps that are handed out besides the answer, member by member.
        without: Why none are, or ``""``.

    Args:
        network: A trained network, or several.
        views: How many symmetries are averaged.
        temperature: What logits are divided by before the softmax.
        side: Of the squares, pixels.
    """

    def __init__(self, network: Classifier | Ensemble, views: int, temperature: float, side: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(network.networks() if isinstance(network, Ensemble) else [network])
        self.views, self.temperature = views, temperature
        with torch.no_grad():
            first = _pooled_maps(self.networks()[0], torch.zeros(1, 3, side, side))
        self.without = _without(first[0])
        places = range(0 if self.without else len(first))
        self.shown = [f"members.{n}.maps.{place}" for n in range(len(self.members)) for place in places]

    def networks(self) -> list[Classifier]:
        """Return the members."""
        return [member for member in self.members if isinstance(member, Classifier)]

    def forward(self, squares: Tensor) -> tuple[Tensor, ...]:
        """Return the answer, and the feature maps that pooling makes it of.

        Args:
            squares: uint8 (n, size, size, 3), RGB.

        Returns:
            Probabilities, float32 (n, classes); the unturned photographs' features, float32 (n, features); and those
            maps that :attr:`shown` names, float32 (views · n, channels, h, w), view by view, as turned as the view.
        """
        pixels = squares.permute(0, 3, 1, 2).float()
        turned = torch.cat([symmetry(pixels, number) for number in range(self.views)])
        members = self.networks()
        maps = [_pooled_maps(member, turned) for member in members]
        features = [pool(member.pooling, some).float() for member, some in zip(members, maps, strict=True)]
        logits = [member.head(seen) for member, seen in zip(members, features, strict=True)]
        plain = torch.cat([torch.unflatten(seen, 0, (self.views, -1))[0] for seen in features], dim=1)
        return self.averaged(logits), plain, *([each for some in maps for each in some] if self.shown else [])

    def averaged(self, logits: Sequence[Tensor]) -> Tensor:
        """Return calibrated probabilities, float32 (n, classes), of the members' logits (views · n, classes) each."""
        by_view = torch.unflatten(mean_log_probabilities(logits), 0, (self.views, -1))
        averaged = mean_log_probabilities([by_view[number] for number in range(self.views)])
        return torch.softmax(averaged / self.temperature, dim=1)

    def head_parameters(self) -> list[str]:
        """Return the names of what the heads compute with, as in the exported file."""
        return [
            f"members.{n}.head.{name}"
            for n, member in enumerate(self.networks())
            for name, values in member.head.state_dict().items()
            if values.is_floating_point()  # not how many batches a norm has seen
        ]


class CoveredMaps(nn.Module):
    """Pooling, heads, views, members and temperature of a graph, behind covers that lie on its feature maps.

    What lies under a cover becomes the mean of all other places: it says as little as one can in the space of features,
    as the mean colour does in a photograph. A place that is covered in part is mixed. Each of several maps, however
    fine, is covered where the photograph is, and turned as the view that it belongs to; then all goes on as it would.

    Source: S. Byun & W. Lee (2024), ReciproCAM, CVPR workshops (arXiv:2209.14074), who change places of the last maps
    and read the head; here places are covered instead of kept, as Zeiler & Fergus (ECCV 2014) do with photographs.

    Args:
        graph: In evaluation mode, with maps that are handed out.
    """

    def __init__(self, graph: ExportedGraph) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, covers: Tensor, *maps: Tensor) -> Tensor:
        """Return calibrated probabilities, float32 (k, classes), one row a cover.

        Args:
            covers: float32 (k, 8, 8), 1 for each part of the photograph that is hidden and 0 for the others. Not all of
                a photograph can be hidden.
            maps: Of one photograph what the graph's ``shown`` names.
        """
        members, logits = self.graph.networks(), []
        for number, member in enumerate(members):
            of_member = maps[number * len(member.gathered) : (number + 1) * len(member.gathered)]
            logits.append(
                member.head(pool(member.pooling, [self._covered(each, covers) for each in of_member]).float())
            )
        return self.graph.averaged(logits)

    def _covered(self, maps: Tensor, covers: Tensor) -> Tensor:
        """Return the maps of each view under each cover, float32 (views · k, channels, h, w)."""
        views, side = self.graph.views, int(maps.shape[2])
        share = torch.from_numpy(_overlaps(side))
        hidden = (share @ covers @ share.T)[:, None]
        hidden = torch.stack([symmetry(hidden, number) for number in range(views)])  # (views, k, 1, h, w)
        left = (1 - hidden).flatten(3)
        left = (left / left.sum(dim=3, keepdim=True))[:, :, 0]
        others = left @ maps.flatten(2).transpose(1, 2)  # (views, k, channels)
        return (maps[:, None] * (1 - hidden) + others[..., None, None] * hidden).flatten(0, 1)


def _pooled_maps(member: Classifier, images: Tensor) -> list[Tensor]:
    """Return what a member pools, for photographs (n, 3, h, w) in 0 … 255: maps, or the vectors of its own pooling."""
    if isinstance(member.backbone, SelfPooling):
        return [member.embed(images)]
    made = enumerate(member.outputs(member.normalised(images)))
    return [each for number, each in made if number in member.gathered]


def _without(finest: Tensor) -> str:
    """Return why maps are not to be covered, or ``""``."""
    if finest.ndim == 2:
        return "the network pools by itself"
    side = finest.shape[2]
    few = f"its finest maps have {side} × {side} places, fewer than a cover of a quarter of the side needs"
    return few if side < FEWEST_PLACES else ""


def _overlaps(side: int) -> np.ndarray:
    """Return which share of each of a map's rows lies in each of a photograph's parts, float32 (side, 8)."""
    rows, parts = np.arange(side)[:, None], np.arange(PARTS)
    ends = np.minimum((rows + 1) / side, (parts + 1) / PARTS) - np.maximum(rows / side, parts / PARTS)
    return (ends.clip(min=0) * side).astype(np.float32)
