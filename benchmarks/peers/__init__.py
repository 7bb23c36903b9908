"""Training here and in other people's tools, on the same photographs; ``benchmarks/against_peers.py`` runs it."""

import lithoscope.core.torchvision_compat  # noqa: F401  (before any module here imports torchvision)
