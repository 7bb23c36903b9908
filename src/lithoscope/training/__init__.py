"""The Lightning module, phases, callbacks, optimisers and checkpoints."""

import lithoscope.core.torchvision_compat  # noqa: F401  (before any module here imports torchvision)
