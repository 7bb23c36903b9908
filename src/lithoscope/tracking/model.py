"""The MLflow model of a trained classifier."""

import ast
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from lithoscope.tracking.connection import artifact_store, quiet

SERVED = "serving/mlflow_model.py"
"""What MLflow runs to load a model."""
_PACKAGES = (
    "imagecodecs",
    "mlflow-skinny",  # loads and serves it; mlflow adds what tracks and draws
    "numpy",
    "pandas",
    "pi-heif",
    "pillow",
    "pydantic",
    "safetensors",
    "scipy",
    "tifffile",
    "torch",
    "torchvision",
)
"""Whose modules the code that travels with a model imports, whatever the network."""


def served_code(source: Path) -> list[str]:
    """Return the files of the package that a served model runs: its entry point and all that it imports.

    Nothing else travels with a model, so that an edit of the report or of the renderer makes no other model.

    Args:
        source: The package's folder.

    Returns:
        Paths relative to ``source``, sorted.
    """
    found: set[str] = set()
    waiting = [SERVED]
    while waiting:
        name = waiting.pop()
        if name in found or not (source / name).is_file():
            continue
        found.add(name)
        waiting += [(parent / "__init__.py").as_posix() for parent in PurePosixPath(name).parents]
        waiting += _imported((source / name).read_text(encoding="utf-8"))
    return sorted(found)


def _imported(code: str) -> Iterator[str]:
    """Yield the files that the package's modules may lie in that a module imports, at its top or later."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == "lithoscope" and parts:
                yield f"{'/'.join(parts)}.py"
                yield f"{'/'.join(parts)}/__init__.py"


def copy_served_code(source: Path, target: Path) -> None:
    """Copy what :func:`served_code` lists."""
    for name in served_code(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _signature(classes: Sequence[str]) -> ModelSignature:
    """Describe what comes back; why nothing is said of what goes in stands in ``serving/mlflow_model.py``."""
    columns = [ColSpec("float", name) for name in ("confidence", *(f"p_{label}" for label in classes))]
    return ModelSignature(outputs=Schema([ColSpec("string", "label"), *columns]))


def requirements(folder: Path) -> list[str]:
    """Return the packages that a model needs, at the versions that made it.

    Args:
        folder: What :func:`lithoscope.models.saved_model.save_model` wrote.
    """
    network = str(json.loads((folder / "model.json").read_text(encoding="utf-8"))["architecture"]["name"])
    packages = [*_PACKAGES, *(["timm"] if network.startswith("timm/") else [])]
    # Without what a build adds, such as +cpu, which no package index has.
    return [f"{name}=={version(name).partition('+')[0]}" for name in sorted(packages)]


def log_model(
    run_id: str,
    folder: Path,
    example: npt.NDArray[np.uint8],
    source: Path,
    classes: Sequence[str],
    packages: Sequence[str],
    model_id: str | None = None,
) -> str:
    """Keep a model with a run; see :meth:`lithoscope.tracking.run.Run.log_model`. Return MLflow's id of it.

    Args:
        run_id: MLflow's.
        folder: The model.
        example: One square.
        source: The package that runs it; what it needs of that goes with it.
        classes: Its labels.
        packages: What it needs, as :func:`requirements` lists them.
        model_id: MLflow's id of a model of which only a part arrived; the run has it already.
    """
    begun = nullcontext() if model_id else mlflow.start_run(run_id=run_id)
    with quiet("mlflow"), artifact_store(), tempfile.TemporaryDirectory() as code, begun:
        copy_served_code(source, Path(code) / source.name)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(source / SERVED),
            artifacts={"model": str(folder)},
            code_paths=[str(Path(code) / source.name)],
            signature=_signature(classes),
            input_example=example,
            pip_requirements=list(packages),
            model_id=model_id,
        )
    return str(logged.model_id)
