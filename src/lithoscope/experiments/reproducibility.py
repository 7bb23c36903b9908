"""Reproducibility of what is committed: whether ``make repro`` made it again, and whether it should on this machine.

``made_on.json`` beside ``dvc.lock`` says on what machine and with which packages the lock was written. It is no file of
DVC's, and no stage reads it.
"""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

from lithoscope.core.git import changed_files, read_blobs

LOCK, RECORD = "dvc.lock", "made_on.json"
_PACKAGES = ("torch", "torchvision", "lightning", "numpy", "scipy", "scikit-learn", "pandas", "pillow", "matplotlib")


def machine() -> dict[str, str]:
    """Return what decides the last digits: system, processor, Python and packages; threads are a parameter."""
    from lithoscope.training.environment import installed, processor  # torch: seconds that a second `make repro` saves

    chip, versions = processor(), installed()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{chip['name']} ({chip['family']})",
        "instructions": chip["instructions"],
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{name: versions.get(name, "") for name in _PACKAGES},
    }


def record(root: Path) -> bool:
    """Write ``made_on.json``, unless it is about this very ``dvc.lock``; return whether it was written."""
    digest = hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    path = root / RECORD
    if path.is_file() and _parsed(path.read_bytes()).get(LOCK) == digest:
        return False
    path.write_text(json.dumps({LOCK: digest, **machine()}, indent=2) + "\n", encoding="utf-8")
    return True


def _parsed(text: bytes | None) -> dict[str, Any]:
    try:
        values = json.loads(text or b"{}")
    except ValueError:  # somebody resolved a conflict badly
        return {}
    return values if isinstance(values, dict) else {}


def check(root: Path, current: dict[str, str]) -> tuple[int, str]:
    """Say whether what is committed was made again.

    Args:
        root: Of the repository, after ``make repro``.
        current: What :func:`machine` returned.

    Returns:
        A status and a line: 0 where no tracked file changed, or where this machine is another one than that which wrote
        the committed ``dvc.lock``; 1 where it is one like it, or where nothing says which one it was.
    """
    files = changed_files(root)
    if not files:
        return 0, "as committed: no tracked file changed"
    changes = f"changed: {', '.join(files)}"
    blobs = read_blobs(root, (f"HEAD:./{LOCK}", f"HEAD:./{RECORD}"))
    lock, made = blobs.get(f"HEAD:./{LOCK}"), _parsed(blobs.get(f"HEAD:./{RECORD}"))
    if lock is None or made.pop(LOCK, "") != hashlib.sha256(lock).hexdigest():
        return 1, (
            f"error: {changes}; no {RECORD} is committed that says which machine wrote the committed {LOCK}: run "
            "`make repro` where it was written, and commit both"
        )
    differing = [
        f"{name}: {made.get(name)}, here {value}" for name, value in current.items() if made.get(name) != value
    ]
    if not differing:
        return 1, f"error: {changes}; a machine like this one wrote the committed {LOCK}, so nothing should have"
    return (0, f"{changes}, as may be: {LOCK} was written elsewhere ({'; '.join(differing)}); see docs/repeats.md")
