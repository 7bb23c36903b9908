"""Where runs are kept, whether that place can be used, and a quiet MLflow."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from lithoscope.errors import LithoscopeError


def project_root(checkout: Path) -> Path:
    """Return the workspace a checkout belongs to: its own folder, or for a ``--temp`` or queued one the real one."""
    return Path(os.environ.get("DVC_ROOT") or checkout).resolve()


def tracking_uri(root: Path) -> str:
    """Return where runs are kept: ``MLFLOW_TRACKING_URI``, else a SQLite file at the root of the workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"


def shown(uri: str) -> str:
    """Return a URI without user name and password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Keep MLflow's running commentary off the terminal; its errors still come through."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # Recorded, not filtered: what MLflow imports meanwhile puts filters of its own in front of any of ours.
        with warnings.catch_warnings(record=True) as caught:
            yield
        for warning in caught:
            # The model has a signature, which says more than the type hints that MLflow asks for.
            if "Add type hints to the `predict` method" not in str(warning.message):
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    finally:
        logger.setLevel(before)


def require_server(uri: str) -> None:
    """Ask a server whether it is well.

    Raises:
        LithoscopeError: It does not answer within seconds, or says that it is not.
    """
    try:
        answer = requests.get(uri.rstrip("/") + "/health", timeout=5)
    except requests.RequestException as error:
        raise unusable(uri, error) from None
    if answer.status_code >= 500:
        raise unusable(uri, RuntimeError(f"it answers with status {answer.status_code}"))


def unusable(uri: str, error: Exception) -> LithoscopeError:
    """Return the line for a store that cannot be used; no part of it holds a password."""
    lines = str(error).replace(uri, shown(uri)).splitlines()  # an error may quote the address with its password
    reason = type(error).__name__ if isinstance(error, requests.RequestException) or not lines else lines[0]
    return LithoscopeError(
        f"MLflow: the store {shown(uri)} cannot be used ({reason}); start it, set MLFLOW_TRACKING_URI to one that "
        "runs, or unset it to keep runs in mlflow.db"
    )
