from pathlib import Path

import numpy as np
import pytest

from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import build_classifier
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription, load_description, weights_digest
from lithoscope.models.temperature import fit_temperature
from lithoscope.training.calibrate import save_calibrated

from helpers.made_up_settings import plain_architecture

CLASSES = ["granite", "quartz"]
ARCHITECTURE = plain_architecture("cnn", image_size=32, classes=2, dropout=0.0)
DESCRIPTION = ModelDescription(ARCHITECTURE, CLASSES, True, "folder", True, None)


def photographs(rows: int) -> ArraySplit:
    images = np.random.default_rng(rows).integers(0, 255, (rows, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(rows, dtype=np.int64) % 2
    return ArraySplit(images, [str(row) for row in range(rows)], labels, np.zeros(rows, np.int64), CLASSES)


def test_the_temperature_that_validation_asks_for_travels_with_the_model(tmp_path: Path) -> None:
    validation, state = photographs(40), build_classifier(ARCHITECTURE).state_dict()
    fitted = save_calibrated(tmp_path, DESCRIPTION, state, validation)
    expected = fit_temperature(Predictor.load(tmp_path).logits(validation.images), validation.labels)
    assert fitted.photographs == 40
    assert fitted.value == pytest.approx(expected.value, rel=1e-3)
    saved = load_description(tmp_path)
    assert (saved.temperature, saved.calibrated_on) == (fitted.value, 40)


def test_a_temperature_that_is_given_is_taken_as_it_is_and_changes_no_weight(tmp_path: Path) -> None:
    state = build_classifier(ARCHITECTURE).state_dict()
    for folder, validation in (("none", photographs(0)), ("some", photographs(40))):
        given = save_calibrated(tmp_path / folder, DESCRIPTION, state, validation, 1.7)
        assert given.line() == "temperature 1.7, given as train.temperature"
        assert given.summary() == {"temperature": 1.7, "photographs": 0, "reason": "given as train.temperature"}
        saved = load_description(tmp_path / folder)
        assert (saved.temperature, saved.calibrated_on) == (1.7, 0)
    plain = save_calibrated(tmp_path / "plain", DESCRIPTION, state, photographs(0))
    assert plain.value == 1.0
    assert weights_digest(tmp_path / "plain") == weights_digest(tmp_path / "none")
