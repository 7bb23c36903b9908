"""Experiment tracking with MLflow; no other package talks to a tracking server.

Runs are found by what they trained: the hash of the weights and the hash of the parameters are tags. No run id is
written to a file that DVC tracks, since it would change a stage's output from one repetition to the next.
"""

import os

# MLflow reads these when it is imported or first used. A dead server is to be noticed in seconds, not minutes, nobody
# is asked for or told anything over the network, and copying a small file needs no progress bar.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # it may hold a password

from lithoscope.tracking.connection import EXPERIMENT, Connection, project_root, tracking_uri
from lithoscope.tracking.delivery import deliver
from lithoscope.tracking.environment import (
    DATA_TAG,
    DVC_TAG,
    GIT_TAG,
    PARAMETERS_TAG,
    SOURCE_TAG,
    WEIGHTS_TAG,
    environment,
    run_name,
)
from lithoscope.tracking.journal import waiting
from lithoscope.tracking.run import Run
from lithoscope.tracking.store import PastRun, Store, open_store

__all__ = [
    "DATA_TAG",
    "DVC_TAG",
    "EXPERIMENT",
    "GIT_TAG",
    "PARAMETERS_TAG",
    "SOURCE_TAG",
    "WEIGHTS_TAG",
    "Connection",
    "PastRun",
    "Run",
    "Store",
    "deliver",
    "environment",
    "open_store",
    "project_root",
    "run_name",
    "tracking_uri",
    "waiting",
]
