"""Calibration of a trained model: it is saved with a temperature, fitted on validation photographs or given."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.models.temperature import GIVEN, Temperature, fit_temperature


def save_calibrated(
    folder: Path,
    description: ModelDescription,
    state: Mapping[str, Tensor],
    validation: ArraySplit,
    given: float | None = None,
) -> Temperature:
    """Fit a temperature, or take the one given, and write the model, weights and all.

    The temperature is that of what is served: several members or views are averaged first, then tempered. The weights
    file does not depend on it.

    Args:
        folder: Where :func:`lithoscope.models.saved_model.save_model` writes.
        description: Without a temperature.
        state: The weights.
        validation: Photographs that did not train; may hold none.
        given: A temperature from elsewhere, such as :func:`lithoscope.experiments.cross_validation.pool_folds` finds;
            None = fit one.
    """
    if given is not None:
        fitted = Temperature(given, reason=GIVEN)
    else:
        fitted = fit_temperature(Predictor.of_state(description, state).logits(validation.images), validation.labels)
    tempered = dataclasses.replace(description, temperature=fitted.value, calibrated_on=fitted.photographs)
    save_model(folder, tempered, state)
    return fitted
