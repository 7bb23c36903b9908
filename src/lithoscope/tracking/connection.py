"""Connection to a tracking store: where it is, whether it can be used, and a quiet MLflow."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from urllib.parse import urlsplit

import mlflow
import requests
from alembic.util import (
    CommandError,  # what MLflow lets through when a database was made by another version, or by half
)
from filelock import FileLock, Timeout
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from sqlalchemy.exc import SQLAlchemyError  # what MLflow lets through when a database is damaged

from lithoscope.core.errors import LithoscopeError

EXPERIMENT = "lithoscope"
"""Where runs go, unless ``MLFLOW_EXPERIMENT_NAME`` or ``MLFLOW_EXPERIMENT_ID`` says otherwise."""


class ArtifactStoreError(OSError):
    """The place that a tracking store keeps files in refused one; its client's own errors share no base class."""


FAILURES = (MlflowException, SQLAlchemyError, OSError)
"""What a store that has gone away raises; every error of ``requests`` is an ``OSError``."""
LOCK_SECONDS = 600
"""How long others may take to open the store: on a slow disk a new one takes a minute."""
GONE = "it does not answer"
_UNREACHABLE = ("Max retries exceeded", "timeout exception")
_ASKED_SERVER = "API request to"
"""What MLflow's client begins with, whatever came of asking the tracking server, also for files that go through it."""
NO_MODELS = "no model, since this server has no /logged-models: servers of MLflow 2 and Azure ML keep none"
PROBE_SECONDS = 5
"""How long a server may take to say that it is well."""


def project_root(checkout: Path) -> Path:
    """Return the workspace a checkout belongs to: its own folder, or for a ``--temp`` or queued one the real one."""
    return Path(os.environ.get("DVC_ROOT") or checkout).resolve()


def tracking_uri(root: Path) -> str:
    """Return where runs are kept: ``MLFLOW_TRACKING_URI``, else a SQLite file at the root of the workspace.

    A relative SQLite path is the workspace's, also in a checkout of its own (``--temp``), which is thrown away.
    SQLite's own addresses (``file:``) stay as they are.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    path = uri.removeprefix("sqlite:///")
    if path == uri or PurePath(path).is_absolute() or path.startswith((":memory:", "file:")):
        return uri
    return f"sqlite:///{root / path}"


def shown(uri: str) -> str:
    """Return a URI without user name, password and what follows a question mark, which may hold a password too."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc and not parts.query:
        return uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class Connection:
    """A tracking store that can be lost and found again.

    Args:
        uri: Where it is.
        root: The workspace, where a new SQLite store keeps its files.

    Attributes:
        shown: The URI without secrets.
        client: MLflow's, after :meth:`open`.
        experiment_id: MLflow's, after :meth:`open`.

    Raises:
        LithoscopeError: The URI cannot be read.
    """

    client: MlflowClient
    experiment_id: str

    def __init__(self, uri: str, root: Path) -> None:
        self.uri, self.root = uri.rstrip("/"), root
        try:
            self.shown = shown(self.uri)
        except ValueError as error:
            raise LithoscopeError(f"MLFLOW_TRACKING_URI: not readable as an address: {error}") from None
        logging.getLogger("alembic").setLevel(logging.WARNING)  # the store's creation is no news to a user

    @property
    def remote(self) -> bool:
        """Whether the store is a server, which can be away for a while."""
        return self.uri.startswith(("http://", "https://"))

    def open(self) -> None:
        """Make sure that the store answers and has our experiment; as often as one likes.

        Raises:
            LithoscopeError: The store cannot be used.
        OSError: The workspace cannot be written.
        """
        if self.remote:
            self.require_server()
        # Several processes that create one SQLite store at once break it: one creates, the others wait.
        (self.root / ".partial").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / ".partial" / "mlflow.lock")
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise LithoscopeError(
                f"MLflow: another process has held {lock.lock_file} for {LOCK_SECONDS / 60:.0f} minutes; end it"
            ) from None
        try:
            with quiet("mlflow"):
                mlflow.set_tracking_uri(self.uri)
                self.client = MlflowClient(self.uri)
                self.experiment_id = self._experiment()
        except (*FAILURES, CommandError, ValueError, ImportError) as error:
            raise self.unusable(error) from None
        finally:
            lock.release()

    def _experiment(self) -> str:
        name, chosen = os.environ.get("MLFLOW_EXPERIMENT_NAME"), os.environ.get("MLFLOW_EXPERIMENT_ID")
        found: Experiment | None
        if chosen:
            found = self.client.get_experiment(chosen)
            if name and found.name != name:
                raise ValueError(f"MLFLOW_EXPERIMENT_ID={chosen} is {found.name!r}, MLFLOW_EXPERIMENT_NAME={name!r}")
        else:
            found = self.client.get_experiment_by_name(name or EXPERIMENT)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server decides for itself where artifacts go; a local store gets a folder of its own.
        local = (self.root / "mlartifacts").as_uri() if self.uri.startswith("sqlite:") else None
        return str(self.client.create_experiment(name or EXPERIMENT, artifact_location=local))

    def require_server(self) -> None:
        """Ask a server whether it is well.

        Raises:
            LithoscopeError: It does not answer, or not well.
        """
        try:
            status = self._status("/health", "GET")
        except FAILURES as error:
            raise self.unusable(error) from None
        if status >= 500:
            raise self.unusable(RuntimeError(f"it answers with status {status}"))

    def _status(self, endpoint: str, method: str) -> int:
        """Ask as MLflow's client does, with its certificates and credentials; return the status."""
        credentials = get_default_host_creds(self.uri)  # type: ignore[no-untyped-call]
        settings = {"timeout": PROBE_SECONDS, "max_retries": 0, "raise_on_status": False}
        body = {"json": {"experiment_ids": [self.experiment_id], "max_results": 1}} if method == "POST" else {}
        answer = http_request(credentials, endpoint, method, **settings, **body)  # type: ignore[no-untyped-call]
        return int(answer.status_code)

    def keeps_models(self) -> bool:
        """Say whether the store keeps logged models: servers of MLflow 2 and Azure ML do not.

        Raises:
            MlflowException, OSError: It does not answer.
        """
        absent = (404, 405, 501)
        return not self.remote or self._status("/api/2.0/mlflow/logged-models/search", "POST") not in absent

    def reason(self, error: Exception) -> str:
        """Return what an error says in a few words, without a password that the address may hold."""
        if isinstance(error, requests.ConnectionError | requests.Timeout):
            return GONE
        text = re.sub(r"://[^/@\s]+@", "://", str(error).replace(self.uri, self.shown)).strip()
        if found := re.search(r"certificate verify failed[^()]*|CERTIFICATE_REQUIRED|certificate required", text):
            return f"{found[0].strip()}: see MLFLOW_TRACKING_SERVER_CERT_PATH and MLFLOW_TRACKING_CLIENT_CERT_PATH"
        if not isinstance(error, ArtifactStoreError) and any(sign in text for sign in _UNREACHABLE):
            return GONE
        return text.splitlines()[0] if text else type(error).__name__

    def unusable(self, error: Exception) -> LithoscopeError:
        """Return the line for a store that cannot be used."""
        reason = self.reason(error)
        if isinstance(error, ArtifactStoreError):
            return LithoscopeError(
                f"MLflow: {self.shown} answers, but the place of its files does not take them ({reason}); put that "
                "right, then start again"
            )
        if "disk is full" in reason or "readonly database" in reason or "unable to open database" in reason:
            remedy = "free space or give this place back its permission to write, then start again"
        else:
            remedy = "start it, set MLFLOW_TRACKING_URI to one that runs, or unset it to keep runs in mlflow.db"
        return LithoscopeError(f"MLflow: the store {self.shown} cannot be used ({reason}); {remedy}")


@contextmanager
def artifact_store() -> Iterator[None]:
    """Turn whatever the client of an artifact store raises (S3, Google, Azure) into :class:`ArtifactStoreError`.

    What the tracking server raises comes through, and what it raises for files that go through it.
    """
    try:
        yield
    except (requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError) as error:
        raise ArtifactStoreError(f"{type(error).__name__}: {error}") from error  # the server's come as MLflow's own
    except MlflowException as error:
        text = str(error)
        if _ASKED_SERVER in text or not any(sign in text for sign in _UNREACHABLE):
            raise
        raise ArtifactStoreError(text) from error
    except (*FAILURES, LithoscopeError):
        raise
    except ImportError as error:
        raise ArtifactStoreError(f"no package for its file store: {error}; install it") from error
    except Exception as error:
        raise ArtifactStoreError(f"{type(error).__name__}: {error}") from error


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
