"""Deep ensembles and test-time augmentation: the mean of several networks' or several views' probabilities.

Source: Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, NeurIPS
2017 (networks); Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012 (views).
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lithoscope.models.classifier import Architecture, Classifier, build_classifier


def mean_log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Return the logarithm of the mean of probabilities, float32; its softmax is that mean.

    Args:
        logits: Float (n, classes) each.
    """
    if len(logits) == 1:
        return logits[0].float()
    stacked = torch.stack([torch.log_softmax(one.float(), dim=1) for one in logits])
    return torch.logsumexp(stacked, dim=0) - math.log(len(logits))


class Ensemble(nn.Module):
    """Networks of one architecture, averaged. Input and output are those of a :class:`Classifier`."""

    def __init__(self, members: Sequence[Classifier]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def embed(self, images: Tensor) -> Tensor:
        """Return the members' pooled features side by side, float (n, members · features)."""
        return torch.cat([member.embed(images) for member in self.networks()], dim=1)

    def networks(self) -> list[Classifier]:
        """Return the members."""
        return [member for member in self.members if isinstance(member, Classifier)]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logarithm of the mean probabilities, float32 (n, classes), which serves as logits."""
        return mean_log_probabilities([member(images) for member in self.members])


def join_states(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the state of the model that is saved: of one network its own, of several that of their ensemble."""
    if len(states) == 1:
        return dict(states[0])
    return {f"members.{place}.{key}": value for place, state in enumerate(states) for key, value in state.items()}


def build_network(architecture: Architecture) -> Classifier | Ensemble:
    """Build, with fresh weights, what a saved model's state belongs to."""
    members = [build_classifier(architecture) for _ in range(architecture.model.members)]
    return members[0] if len(members) == 1 else Ensemble(members)


def symmetry(images: Tensor, number: int) -> Tensor:
    """Return one of the 8 symmetries of square pictures (n, channels, side, side).

    0 is the picture itself, 1 mirrored left-right, 2 turned by 180°, 3 mirrored top-bottom, 4 turned by 90° to the
    left, 5 to the right, 6 and 7 mirrored along the diagonals.
    """
    if number & 4:
        images = images.transpose(2, 3)
    mirrored = {0: [], 1: [3], 2: [2, 3], 3: [2], 4: [2], 5: [3], 6: [], 7: [2, 3]}[number]
    return images.flip(mirrored) if mirrored else images


class Views(nn.Module):
    """Test-time augmentation: a network's mean over the first symmetries of the square."""

    def __init__(self, network: nn.Module, views: int) -> None:
        super().__init__()
        self.network, self.views = network, views

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 (n, classes): the network's own for one view, else as an :class:`Ensemble`'s."""
        return mean_log_probabilities([self.network(symmetry(images, number)) for number in range(self.views)])
