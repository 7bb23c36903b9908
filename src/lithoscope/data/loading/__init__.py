"""Batches of packed photographs, augmented anew in every epoch."""

import lithoscope.core.torchvision_compat  # noqa: F401  (before any module here imports torchvision)
