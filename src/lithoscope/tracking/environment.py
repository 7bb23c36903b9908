"""Provenance tags of a run: code, versions and machine."""

import os
import platform
import subprocess
from importlib.metadata import version

from lithoscope.config.params import Parameters
from lithoscope.core.processor import processor_name_and_family

PARAMETERS_TAG, WEIGHTS_TAG, DATA_TAG = "sha256.parameters", "sha256.weights", "sha256.data"
DVC_TAG, GIT_TAG, SOURCE_TAG = "dvc.experiment", "git.commit", "trained"
_PACKAGES = ("torch", "torchvision", "lightning", "mlflow", "dvc", "numpy", "pillow", "scikit-learn")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def environment() -> dict[str, str]:
    """Return what identifies code and machine: git commit, DVC experiment, versions, processor."""
    tags = {
        GIT_TAG: _git("rev-parse", "HEAD"),
        "git.changed": "yes" if _git("status", "--porcelain", "--untracked-files=no") else "no",
        DVC_TAG: os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
        "processor": processor_name_and_family()[0],
        "python": platform.python_version(),
        **{f"version.{name}": version(name) for name in _PACKAGES},
    }
    tags["mlflow.source.git.commit"] = tags[GIT_TAG]
    return {key: value for key, value in tags.items() if value}


def run_name(parameters: Parameters) -> str:
    """Return a run's name: the DVC experiment's, else what was trained on what."""
    return os.environ.get("DVC_EXP_NAME") or f"{parameters.dataset} {parameters.model.name}"
