"""Compatibility of torchvision with a torch build that its compiled operators do not fit.

A torchvision wheel compiled for CUDA cannot load its operators beside a CPU-only torch; importing it then ends with
``operator torchvision::nms does not exist``, although classifiers never call that operator. Declaring the two
operators that torchvision registers Python implementations for is enough for its models and transforms. Import this
module before torchvision, Lightning or torchmetrics (the latter two import torchvision). Where the compiled
operators load, nothing is declared.
"""

import importlib.util
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _compiled_operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision: its import will say so itself
    libraries = [*Path(spec.origin).parent.glob("_C*.so"), *Path(spec.origin).parent.glob("_C*.pyd")]
    try:
        for library in libraries:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)


if not _compiled_operators_load():
    for _operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{_operator}", _SCHEMA)


def classifier_names() -> list[str]:
    """Return the names of torchvision's image classifiers, sorted."""
    import torchvision.models  # after the declaration above

    return sorted(torchvision.models.list_models(module=torchvision.models))  # type: ignore[attr-defined]


def timm_names() -> list[str]:
    """Return the names of timm's image classifiers as ``model.name`` takes them, with and without a tag of weights."""
    import timm  # after the declaration above

    return sorted(f"timm/{name}" for name in {*timm.list_models(), *timm.list_pretrained()})
