"""The part of the package that travels with a model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.tracking.model import copy_served_code, served_code

from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow

SERVE = """
import sys
from pathlib import Path
import numpy as np
import lithoscope
from lithoscope.models.predictor import Predictor
import lithoscope.serving.mlflow_model
assert Path(lithoscope.__file__).parent.parent == Path(sys.argv[1]), lithoscope.__file__
predictor = Predictor.load(Path(sys.argv[2]))
print(predictor.probabilities(np.zeros((3, 32, 32, 3), np.uint8)).shape)
"""


def test_what_travels_with_a_model_is_what_a_served_model_imports(checkout: Path) -> None:
    packages = {name.partition("/")[0] for name in served_code(checkout / "src" / "lithoscope")}
    assert {"core", "data", "models", "serving"} <= packages
    assert not packages & {"reporting", "training", "evaluation", "gate", "experiments", "cli", "tracking"}
    served = served_code(checkout / "src" / "lithoscope")
    assert not [name for name in served if name.startswith(("data/synthetic", "data/sources"))]


def test_what_travels_with_a_model_runs_it_where_the_rest_of_the_package_is_not(tmp_path: Path, checkout: Path) -> None:
    copy_served_code(checkout / "src" / "lithoscope", tmp_path / "code" / "lithoscope")
    assert not (tmp_path / "code" / "lithoscope" / "reporting").exists()
    torch.manual_seed(0)
    architecture = plain_architecture("cnn", image_size=32, classes=2)
    description = ModelDescription(architecture, ["basalt", "quartz"], True, "folder", True, None)
    save_model(tmp_path / "model", description, build_classifier(architecture).state_dict())
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path / "code"), str(tmp_path / "model")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "code")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(3, 2)"
