"""Make ``src`` of this very checkout importable.

A queued or ``--temp`` experiment runs in a checkout of its own. An installed package would be the workspace's code
there, so each stage puts the ``src`` beside it first on the path.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
