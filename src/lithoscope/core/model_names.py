"""Which networks torchvision offers, apart from the code that builds them, so that checking a name is all it takes."""

import lithoscope.core.torchvision_compat  # noqa: F401  (before torchvision)

# isort: split
import torchvision.models


def classifier_names() -> list[str]:
    """Return the names of torchvision's image classifiers, sorted."""
    return sorted(torchvision.models.list_models(module=torchvision.models))  # type: ignore[attr-defined]
