"""The MLflow model of a trained classifier."""

import ast
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
from mlflow.types import ColSpec, Schema, TensorSpec

from lithoscope.tracking.connection import artifact_store, quiet

SERVED = "serving/mlflow_model.py"
"""What MLflow runs to load a model."""
_MODEL_PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pandas",
    "pillow",
    "pydantic",
    "safetensors",
    "scipy",
    "mlflow",
)


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


def _signature(classes: Sequence[str], example: npt.NDArray[np.uint8]) -> ModelSignature:
    columns: list[ColSpec | TensorSpec] = [
        ColSpec("string", "label"),
        ColSpec("float", "confidence"),
        *(ColSpec("float", f"p_{c}") for c in classes),
    ]
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *example.shape[1:]))]), outputs=Schema(columns)
    )


def requirements() -> list[str]:
    """Return the packages a model needs, at the versions that made it."""
    return [f"{name}=={version(name)}" for name in _MODEL_PACKAGES]


def log_model(
    run_id: str,
    folder: Path,
    example: npt.NDArray[np.uint8],
    source: Path,
    classes: Sequence[str],
    packages: Sequence[str],
    model_id: str | None = None,
) -> None:
    """Keep a model with a run; see :meth:`lithoscope.tracking.run.Run.log_model`.

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
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(source / SERVED),
            artifacts={"model": str(folder)},
            code_paths=[str(Path(code) / source.name)],
            signature=_signature(classes, example),
            input_example=example,
            pip_requirements=list(packages),
            model_id=model_id,
        )
