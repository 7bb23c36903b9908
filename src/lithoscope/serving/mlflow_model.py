"""MLflow Python model, logged from this file's code, so that nothing is pickled.

MLflow runs this file when it loads the model. Input: RGB squares as the augment stage packs them, uint8
(n, image_size, image_size, 3). Output: a table with ``label``, ``confidence`` and ``p_<class>`` for each class.
"""

from pathlib import Path

import mlflow.models
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from lithoscope.models.predictor import Predictor


class PhotographClassifier(PythonModel):
    """Wraps :class:`lithoscope.models.predictor.Predictor` for MLflow."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the safetensors weights and their description."""
        self.predictor = Predictor.load(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        """Return one row a photograph. MLflow takes type hints here for a schema of its own, so there are none."""
        del context, params
        probabilities = self.predictor.probabilities(np.asarray(model_input, dtype=np.uint8))
        classes = self.predictor.description.classes
        table = pd.DataFrame(
            {
                "label": [classes[index] for index in probabilities.argmax(axis=1)],
                "confidence": probabilities.max(axis=1),
            }
        )
        return pd.concat([table, pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])], axis=1)


mlflow.models.set_model(PhotographClassifier())
