"""Provenance tags of a run: code, versions and machine."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import changed_files, git_output
from lithoscope.core.processor import processor_name_and_family

PARAMETERS_TAG, WEIGHTS_TAG, DATA_TAG = "sha256.parameters", "sha256.weights", "sha256.data"
DVC_TAG, GIT_TAG, SOURCE_TAG = "dvc.experiment", "git.commit", "trained"
CHANGED_TAG = "git.changed"
_PACKAGES = ("torch", "torchvision", "lightning", "mlflow", "dvc", "numpy", "pillow", "scikit-learn")


def _revision() -> dict[str, str]:
    """Return the commit, and whether tracked files of the project differ from it; unknown is never "no"."""
    here = Path.cwd()
    try:
        commit = git_output(here, "rev-parse", "HEAD") or ""
        return {GIT_TAG: commit, CHANGED_TAG: "yes" if changed_files(here) else "no"}
    except LithoscopeError as error:
        return {CHANGED_TAG: f"unknown: {error}"}


def environment() -> dict[str, str]:
    """Return what identifies code and machine: git commit, DVC experiment, versions, processor."""
    tags = {
        **_revision(),
        DVC_TAG: os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
        "processor": processor_name_and_family()[0],
        "python": platform.python_version(),
        **{f"version.{name}": version(name) for name in _PACKAGES},
    }
    tags["mlflow.source.git.commit"] = tags.get(GIT_TAG, "")
    return {key: value for key, value in tags.items() if value}


def run_name(parameters: Parameters) -> str:
    """Return a run's name: the DVC experiment's, else what was trained on what."""
    return os.environ.get("DVC_EXP_NAME") or f"{parameters.dataset} {parameters.model.name}"
