"""Networks, pretrained weights, devices, saved models and their predictions."""

import lithoscope.core.torchvision_compat  # noqa: F401  (before any module here imports torchvision)
