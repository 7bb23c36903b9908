"""The trained model as MLflow keeps it."""

from collections.abc import Sequence
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


def log_model(run_id: str, folder: Path, example: npt.NDArray[np.uint8], source: Path, classes: Sequence[str]) -> None:
    """Keep a model with a run; see :meth:`lithoscope.tracking.run.Run.log_model`."""
    with quiet("mlflow"), mlflow.start_run(run_id=run_id):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(source / "serving" / "mlflow_model.py"),
            artifacts={"model": str(folder)},
            code_paths=[str(source)],
            signature=_signature(classes, example),
            input_example=example,
            pip_requirements=[f"{name}=={version(name)}" for name in _MODEL_PACKAGES],
        )
