"""Make ``src`` of this very checkout importable, and a stage a good neighbour. Every stage imports this first.

A queued or ``--temp`` experiment runs in a checkout of its own. An installed package would be the workspace's code
there, so each stage puts the ``src`` beside it first on the path.

OpenMP's threads spin while they wait for each other. Two experiments at once on few cores then spend their time
spinning against each other, so they are told to sleep instead; OpenMP reads that when torch is first imported.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def partial_folder() -> Path:
    """Return where half-done work survives a kill: in the real repository, also from an experiment's own checkout."""
    return Path(os.environ.get("DVC_ROOT") or ROOT) / ".partial"
