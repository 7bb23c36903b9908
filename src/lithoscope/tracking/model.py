"""The MLflow model of a trained classifier."""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from lithoscope.tracking.connection import quiet

_MODEL_PACKAGES = ("torch", "torchvision", "numpy", "pandas", "pillow", "safetensors", "scipy", "imagehash", "mlflow")


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
        source: The code that runs it.
        classes: Its labels.
        packages: What it needs, as :func:`requirements` lists them.
        model_id: MLflow's id of a model of which only a part arrived; the run has it already.
    """
    with quiet("mlflow"), nullcontext() if model_id else mlflow.start_run(run_id=run_id):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(source / "serving" / "mlflow_model.py"),
            artifacts={"model": str(folder)},
            code_paths=[str(source)],
            signature=_signature(classes, example),
            input_example=example,
            pip_requirements=list(packages),
            model_id=model_id,
        )
