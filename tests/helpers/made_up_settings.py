"""Parameters for small networks and short trainings; what a test does not name is plain."""

from typing import Any

from lithoscope.config.network import ModelParameters
from lithoscope.config.params import AugmentParameters
from lithoscope.data.loading.augment import UNVARIED
from lithoscope.models.classifier import Architecture
from lithoscope.training.module import TrainingSettings


def plain_architecture(name: str, image_size: int, classes: int, dropout: float = 0.0, **changes: Any) -> Architecture:
    """Return a network's description: average pooling, a linear head, one member, one view."""
    plain = {"weights": None, "pooling": "average", "head": "linear", "stochastic_depth": 0.0, "members": 1, "views": 1}
    model = ModelParameters.model_validate({"name": name, "dropout": dropout, **plain, **changes})
    return Architecture(model, image_size, classes)


def augmentation(**changes: Any) -> AugmentParameters:
    """Return what varies photographs: nothing but what is named."""
    return AugmentParameters.model_validate({**UNVARIED.model_dump(), **changes})


def training_settings(**changes: Any) -> TrainingSettings:
    """Return how to train: two epochs of AdamW on the processor, nothing else switched on."""
    plain = {
        "lr": 1e-3,
        "epochs": 2,
        "batch_size": 8,
        "seed": 0,
        "device": "cpu",
        "precision": "fp32",
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "schedule": "cosine",
        "warmup": 0,
        "patience": 0,
        "keep": "loss",
        "label_smoothing": 0.0,
        "head_epochs": 0,
        "head_passes": 0,
        "head_refit": False,
        "head_lr": 1e-3,
        "head_fit": "gradient",
        "shrinkage": 0.5,
        "norms": "batch",
        "frozen": 0.0,
        "cached_views": 0,
        "layer_decay": 1.0,
        "ema": 0.0,
        "mixup": 0.0,
        "cutmix": 0.0,
        "class_balance": "none",
        "accumulate": 1,
        "clip": 0.0,
        "temperature": None,
    }
    return TrainingSettings.model_validate({**plain, **changes})
