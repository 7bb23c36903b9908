"""The graph that is exported: from squares of bytes to calibrated probabilities and features."""

import torch
from torch import Tensor, nn

from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import Ensemble, mean_log_probabilities, symmetry


class ExportedGraph(nn.Module):
    """Views, members, temperature and softmax around trained networks.

    All views of all photographs go through each member in one batch, so that the graph holds each member once.

    Args:
        network: A trained network, or several.
        views: How many symmetries are averaged.
        temperature: What logits are divided by before the softmax.
    """

    def __init__(self, network: Classifier | Ensemble, views: int, temperature: float) -> None:
        super().__init__()
        self.members = nn.ModuleList(network.networks() if isinstance(network, Ensemble) else [network])
        self.views, self.temperature = views, temperature

    def forward(self, squares: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities, float32 (n, classes), and the unturned photographs' features, float32 (n, features).

        Args:
            squares: uint8 (n, size, size, 3), RGB.
        """
        pixels = squares.permute(0, 3, 1, 2).float()
        turned = torch.cat([symmetry(pixels, number) for number in range(self.views)])
        features = [member.embed(turned).float() for member in self.members if isinstance(member, Classifier)]
        logits = [member.head(seen) for member, seen in zip(self.members, features, strict=True)]  # type: ignore[operator]
        by_view = torch.unflatten(mean_log_probabilities(logits), 0, (self.views, -1))
        averaged = mean_log_probabilities([by_view[number] for number in range(self.views)])
        plain = torch.cat([torch.unflatten(seen, 0, (self.views, -1))[0] for seen in features], dim=1)
        return torch.softmax(averaged / self.temperature, dim=1), plain
