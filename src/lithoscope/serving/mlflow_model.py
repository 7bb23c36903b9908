"""MLflow Python model, logged from this file's code, so that nothing is pickled.

MLflow runs this file when it loads the model. Input: a table with the column ``photograph``, the bytes of an image file
a row (in JSON as base64), or RGB squares as the augment stage packs them, whole numbers 0 … 255 (n, image_size,
image_size, 3). Output: a table with ``label``, ``confidence`` and ``p_<class>`` for each class.

The model has no input schema: MLflow's server would cast by it before the model sees what came, and pixels given as
0 … 1 would become a black picture.
"""

import base64
import binascii
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow.models
import numpy as np
import numpy.typing as npt
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.reading import UnreadablePhotograph
from lithoscope.models.predictor import Predictor

PHOTOGRAPH = "photograph"
_ALLOWED = f"allowed: a column {PHOTOGRAPH!r} with the bytes of image files (in JSON as base64), or squares"


class RefusedInput(MlflowException):
    """What the model cannot take, in a line. MLflow's server would put all of the input before it."""

    @property
    def message(self) -> str:
        """The line."""
        return str(self.args[0])

    @message.setter
    def message(self, _text: str) -> None:
        """Keep the line."""


def _refused(text: str) -> MlflowException:
    refusal: MlflowException = RefusedInput.invalid_parameter_value(text)  # status 400 of its server
    return refusal


class PhotographClassifier(PythonModel):
    """Wraps :class:`lithoscope.models.predictor.Predictor` for MLflow."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the safetensors weights and their description."""
        self.predictor = Predictor.load(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        """Return one row a photograph. MLflow takes type hints here for a schema of its own, so there are none.

        Raises:
            RefusedInput: It is neither photographs nor squares, or a photograph cannot be read.
        """
        del context, params
        probabilities = self.predictor.probabilities(self._squares(model_input))
        classes = self.predictor.description.classes
        table = pd.DataFrame(
            {
                "label": [classes[index] for index in probabilities.argmax(axis=1)],
                "confidence": probabilities.max(axis=1),
            }
        )
        return pd.concat([table, pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])], axis=1)

    def _squares(self, given: Any) -> npt.NDArray[np.uint8]:
        if isinstance(given, pd.DataFrame | Mapping):
            if PHOTOGRAPH not in given:
                raise _refused(f"columns {', '.join(map(str, given))[:200] or 'none'}; {_ALLOWED}")
            column = list(np.atleast_1d(given[PHOTOGRAPH]))
            squares = [self._square(value, number) for number, value in enumerate(column, start=1)]
            return np.stack(squares) if squares else self._packed(np.empty((0, *self._shape), np.uint8))
        return self._packed(given)

    @property
    def _shape(self) -> tuple[int, int, int]:
        size = self.predictor.description.architecture.image_size
        return size, size, 3

    def _square(self, value: Any, number: int) -> npt.NDArray[np.uint8]:
        where = f"{PHOTOGRAPH} {number}"
        if isinstance(value, str):
            try:
                value = base64.b64decode("".join(value.split()), validate=True)
            except (binascii.Error, ValueError):
                raise _refused(f"{where}: a text that is no base64; allowed: the bytes of an image file") from None
        if not isinstance(value, bytes | bytearray | memoryview):
            raise _refused(f"{where}: {type(value).__name__}; allowed: the bytes of an image file, or base64 of them")
        try:
            return self.predictor.square(read_photograph(io.BytesIO(value), self.predictor.description.reading))
        except UnreadablePhotograph as problem:
            raise _refused(f"{where}: {problem}") from None

    def _packed(self, given: Any) -> npt.NDArray[np.uint8]:
        try:
            pixels = np.asarray(given)
        except ValueError:  # lists of different lengths
            raise _refused(f"no array; {_ALLOWED}") from None
        allowed = f"allowed: whole numbers 0 … 255 (n, {', '.join(map(str, self._shape))}), or a column {PHOTOGRAPH!r}"
        if pixels.dtype.kind not in "iu":
            raise _refused(f"squares of {pixels.dtype}; {allowed} with the bytes of image files")
        if pixels.shape[1:] != self._shape:
            raise _refused(f"squares {pixels.shape}; {allowed} with the bytes of image files")
        if pixels.size and (pixels.min() < 0 or pixels.max() > 255):
            raise _refused(f"squares of {pixels.min()} … {pixels.max()}; {allowed} with the bytes of image files")
        return pixels.astype(np.uint8)


mlflow.models.set_model(PhotographClassifier())
