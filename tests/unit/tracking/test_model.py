"""The part of the package that travels with a model."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.tracking.model import copy_served_code, requirements, served_code

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


def third_party_imports(code: str) -> Iterator[str]:
    """Names of the modules that a module imports, but for Python's own and ours."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.partition(".")[0] not in {*sys.stdlib_module_names, "lithoscope"})


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


def test_a_model_names_the_packages_that_its_code_imports_and_no_other(tmp_path: Path, checkout: Path) -> None:
    source = checkout / "src" / "lithoscope"
    imported = {
        name.partition(".")[0]
        for file in served_code(source)
        for name in third_party_imports((source / file).read_text(encoding="utf-8"))
    }
    distributions = packages_distributions()
    needed = {distributions[name][0].lower().replace("_", "-") for name in imported - {"timm", "rawpy", "mlflow"}} | {
        "mlflow-skinny"
    }
    for network, more in (("cnn", []), ("timm/tf_efficientnet_lite0", ["timm"])):
        (tmp_path / "model.json").write_text(json.dumps({"architecture": {"name": network}}), encoding="utf-8")
        pins = [Requirement(line) for line in requirements(tmp_path)]
        assert {pin.name for pin in pins} == needed | set(more)
        assert all(version(pin.name) in pin.specifier and "+" not in str(pin) for pin in pins)
