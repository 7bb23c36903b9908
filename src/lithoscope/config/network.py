"""The block ``model`` of ``params.yaml``: what network is trained.

Apart from the other blocks, because a saved model holds it too, and is loaded where there is no YAML to read.
"""

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from lithoscope.config.schema import Block

Pooling = Literal["average", "maximum", "both", "texture"]
Head = Literal["linear", "batchnorm", "mlp"]

PAST = "past"
"""Key of the validation's context: whether a training is over, whose weights file need not be there any more."""

WELL_KNOWN_MODELS = (
    "cnn",
    "timm/tf_efficientnet_lite0",
    "timm/tf_efficientnet_lite1",
    "timm/tf_efficientnet_lite2",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "resnet18",
    "resnet34",
    "resnet50",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_v2_s",
    "convnext_tiny",
    "vit_b_16",
    "swin_t",
)


def _known_model(name: str) -> str:
    if name in WELL_KNOWN_MODELS:
        return name
    # Importing torchvision and timm takes seconds, so only a name outside the list above pays for it.
    from lithoscope.core.torchvision_compat import classifier_names, timm_names

    names = timm_names() if name.startswith("timm/") else classifier_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(
            f"{hint}allowed: {', '.join(WELL_KNOWN_MODELS)}, or any other torchvision classifier, or one of timm's "
            "(`lithoscope models timm/PART` lists them)"
        )
    return name


def _usable_weights(weights: str | None, info: ValidationInfo) -> str | None:
    if weights is None or weights == "imagenet" or (info.context or {}).get(PAST):
        return weights
    path = Path(weights).expanduser()
    if not path.is_absolute() or not path.is_file():  # a relative path would not be found from a queued experiment
        raise ValueError("no such file; allowed: null, imagenet, or a file's full path")
    return weights


class ModelParameters(Block):
    """What network is trained."""

    name: Annotated[str, AfterValidator(_known_model)]
    weights: Annotated[str | None, AfterValidator(_usable_weights)]
    pooling: Pooling
    head: Head
    dropout: Annotated[float, Field(ge=0, lt=1)]
    stochastic_depth: Annotated[float, Field(ge=0, lt=1)]
    members: Annotated[int, Field(ge=1, le=100)]
    views: Annotated[int, Field(ge=1, le=8)]
