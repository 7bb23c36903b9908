"""Networks made by hand that see colours alone, so that one knows where in a picture their evidence lies."""

import numpy as np
import torch
from torch import nn

from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import Ensemble
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription

from helpers.made_up_settings import plain_architecture

SIDE = 32
RED, BLUE = 0, 1
CLASSES = ["red", "blue"]


def network(pooling: str = "average", weight: float = 1.0) -> Classifier:
    """Two maps of 8 × 8 places, how red and how blue each is; the head takes the one for a class, less the other."""
    block = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.AvgPool2d(4))
    seen = block[0]
    assert isinstance(seen, nn.Conv2d)
    assert seen.bias is not None
    with torch.no_grad():
        seen.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]).view(2, 3, 1, 1))
        seen.bias.zero_()  # black lies below the mean, so that it gives 0 after the ReLU
    found = Classifier(nn.Sequential(block), [2], plain_architecture("cnn", SIDE, 2, 0.0, pooling=pooling))
    drawn = found.head[-1]
    assert isinstance(drawn, nn.Linear)
    head = nn.Linear(drawn.in_features, 2)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        if pooling == "texture":
            head.weight[RED, 2] = weight  # after two averages: the covariance's root, upper triangle
            head.weight[BLUE, 4] = weight
        else:
            each = weight * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
            head.weight.copy_(each.repeat(1, drawn.in_features // 2))  # maxima follow averages where both are pooled
    found.head = nn.Sequential(head)
    return found.eval()


def predictor(*members: Classifier, views: int = 1) -> Predictor:
    made = plain_architecture("cnn", SIDE, 2, 0.0, pooling=members[0].pooling, members=len(members), views=views)
    description = ModelDescription(made, CLASSES, True, "folder", True, None)
    return Predictor(members[0] if len(members) == 1 else Ensemble(members), description)


def corners(red: slice = slice(0, 8), blue: slice = slice(24, 32)) -> np.ndarray:
    """A black picture with a red square above on the left and a blue one below on the right."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[red, red, 0] = 255
    picture[blue, blue, 2] = 255
    return picture
