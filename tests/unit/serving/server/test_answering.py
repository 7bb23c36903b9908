"""The server's answers beside those of ``predict``, with field tests and of whole specimens."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lithoscope.data.images.framed import read_framed
from lithoscope.serving.observations import read_observations
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.pipeline import predict_rows
from lithoscope.serving.server.answering import ExportedModel
from lithoscope.serving.tables import DIGITS

from helpers.exports import exported

pytestmark = pytest.mark.slow
CLASSES = ["biotite", "malachite", "quartz"]


@pytest.mark.parametrize("fields", [{}, {"hardness": "6-7"}, {"hardness": "3", "streak": "green"}])
@pytest.mark.parametrize("one_specimen", [False, True])
def test_field_tests_and_specimens_have_the_digits_of_predict(
    tmp_path: Path, fields: dict[str, str], one_specimen: bool
) -> None:
    model = OnnxModel.load(exported(tmp_path / "model", CLASSES))
    random, paths = np.random.default_rng(3), []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(random.integers(0, 256, (60, 50, 3), dtype=np.uint8)).save(paths[-1])
    photographs = [FoundPhotograph(str(path), str(path)) for path in paths]
    observations = read_observations(CLASSES, fields, None, None)
    expected = [
        {"label": row.label, "p": [round(float(one), DIGITS) for one in row.probabilities]}
        for row in predict_rows(model, photographs, 1, observations, specimens=one_specimen)
        if row.probabilities is not None
    ]
    served = ExportedModel(model)
    size, crop_border, reading = served.framing
    squares = np.stack([read_framed(path, reading, size, crop_border).square for path in paths])
    found = served.answers(served.run(squares), fields, one_specimen=one_specimen)
    assert [{"label": one["label"], "p": list(one["probabilities"].values())} for one in found] == expected
