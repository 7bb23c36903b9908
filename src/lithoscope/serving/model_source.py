"""Which model predicts: the workspace's, a folder, one of MLflow or of a revision; exported once, in another process.

The process that predicts imports neither torch nor MLflow nor DVC. Where a model has to be exported, or fetched, that
is done by ``lithoscope export`` in a process of its own.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import git_output
from lithoscope.serving.onnx_description import is_export, limits_of, load_onnx_description, source_digests

WORKSPACE = "build/model"
_KEPT = "model and limits"  # what an export that is kept was made of: others were made of the model alone
REMOTE = ("models:/", "dvc:")
"""How the name of a model begins that is fetched: from MLflow's registry, from DVC's cache."""


def exported_model(name: str, root: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of a model's export, made now where there is none.

    Args:
        name: A folder made by ``lithoscope export``, a saved model's folder such as ``build/model``,
            ``models:/NAME@ALIAS`` of MLflow's registry, or ``dvc:REV``, the ``build/model`` of a revision.
        root: The checkout.
        say: Told in a line where something takes long.

    Raises:
        LithoscopeError: There is no such model, or it cannot be exported here.
    """
    if name.startswith(REMOTE):
        return _remote(name, root, say)
    folder = Path(name)
    if is_export(folder) and not (folder / "model.safetensors").is_file():
        return folder
    digests = source_digests(folder, limits_of(folder))
    known = hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()
    place = folder.parent / "export" if folder == Path(WORKSPACE) else _cache() / known[:20]
    if not is_current(place, digests):
        say(f"{name} is exported for prediction, once …")
        _export(name, root, place)
    return place


def is_current(place: Path, digests: dict[str, str]) -> bool:
    """Return whether a folder holds a whole export of just these files, by this version."""
    try:
        made = load_onnx_description(place) if is_export(place) else None
    except LithoscopeError:
        return False
    return made is not None and made.source == digests and bool(made.looked)


def _remote(name: str, root: Path, say: Callable[[str], None]) -> Path:
    commit = (
        git_output(root, "rev-parse", "--verify", "--quiet", f"{name[4:]}^{{commit}}") if name[:4] == "dvc:" else None
    )
    key = hashlib.sha256(f"{root.resolve()} {commit or name} {_KEPT}".encode()).hexdigest()[:20]
    place = _cache() / key
    if commit is None or not is_export(place):  # a name may mean another model today
        say(f"{name} is fetched for prediction …")
        _export(name, root, place)
    return place


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lithoscope" / "exports"


def _export(name: str, root: Path, place: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        raise LithoscopeError(
            f"{name}: exporting a model takes the pipeline's packages: pip install 'lithoscope[pipeline]'; or name a "
            "folder that `lithoscope export` made elsewhere"
        )
    code = "import sys; from lithoscope.cli.main import main; sys.exit(main())"
    arguments = ["export", "--model", name, "--output", str(place), "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=root, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        reasons = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise LithoscopeError("\n".join(reasons) or f"{name}: the export ended with: {(lines or ['nothing said'])[-1]}")
