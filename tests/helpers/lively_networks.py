"""Fresh networks whose answers depend on what they see."""

import torch
from torch import nn

from lithoscope.models.classifier import Architecture, Classifier, build_classifier


def settle(network: nn.Module, side: int) -> None:
    """Take batch norms' running statistics from a batch: with fresh ones a signal fades on its way through."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(255 * torch.rand(8, 3, side, side))
    network.eval()


def lively(architecture: Architecture, seed: int) -> Classifier:
    """Return a network in evaluation mode, sure of itself in ways that depend on the seed."""
    torch.manual_seed(seed)
    network = build_classifier(architecture)
    settle(network, architecture.image_size)
    last = network.head[-1]
    assert isinstance(last, nn.Linear)
    last.weight.data.mul_(5)
    return network
