"""ONNX Runtime Web, fetched by npm and checked by the hash in ``package.json``."""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from importlib.resources import files
from pathlib import Path

from lithoscope.core.errors import LithoscopeError

_PINS = json.loads((files(__package__) / "package.json").read_text(encoding="utf-8"))
PACKAGE = "onnxruntime-web"
VERSION: str = _PINS["dependencies"][PACKAGE]
INTEGRITY: str = _PINS["lithoscope"]["integrity"]
FILES: tuple[str, ...] = tuple(_PINS["lithoscope"]["files"])
_SECONDS = 600


def fetch_runtime(folder: Path) -> list[Path]:
    """Put the files of ONNX Runtime Web into a folder.

    npm takes the package from its own cache where that has it, and runs none of its scripts.

    Returns:
        The files.

    Raises:
        LithoscopeError: There is no npm, the package cannot be fetched, or it is not the one whose hash is known.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise LithoscopeError(
            f"npm is not on the PATH; `lithoscope export --web` alone needs it, to fetch {PACKAGE} {VERSION}: install "
            "Node.js (https://nodejs.org)"
        )
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--prefer-offline", "--ignore-scripts", "--silent"]
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise LithoscopeError(f"npm has not fetched {PACKAGE} within {_SECONDS} seconds: try again") from None
        packed = next(Path(scratch).glob("*.tgz"), None)
        if done.returncode or packed is None:
            said = (done.stderr.strip().splitlines() or ["it says nothing more"])[-1]
            raise LithoscopeError(f"npm cannot fetch {PACKAGE} {VERSION} ({said}): it needs a network the first time")
        return unpack_runtime(packed, folder)


def unpack_runtime(packed: Path, folder: Path) -> list[Path]:
    """Check a package and take the files out that the page needs.

    Raises:
        LithoscopeError: It is not the package whose hash is known.
    """
    found = "sha512-" + base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise LithoscopeError(f"{PACKAGE} {VERSION} as npm fetched it has the hash {found}, not {INTEGRITY}: not used")
    taken = []
    with tarfile.open(packed) as archive:
        for name in FILES:
            content = archive.extractfile(f"package/{name}")
            if content is None:
                raise LithoscopeError(f"{PACKAGE} {VERSION} has no {name}")
            taken.append(folder / Path(name).name)
            taken[-1].write_bytes(content.read())
    return taken
