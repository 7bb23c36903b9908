"""Networks to be timed, and how they are trained: the parameters of ``params.yaml`` with another network."""

from pathlib import Path

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.models.classifier import Architecture, Classifier, build_classifier

ROOT = Path(__file__).resolve().parent.parent


def parameters() -> Parameters:
    """Read ``params.yaml``."""
    return load_parameters(ROOT / "params.yaml")


def network(name: str, side: int, classes: int) -> Classifier:
    """Build a network with fresh weights."""
    model = parameters().model.model_copy(update={"name": name})
    return build_classifier(Architecture(model, side, classes))
