"""MLflow's registry of models: versions, the aliases that say which is in use, and what each is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking.connection import FAILURES, Connection, artifact_store
from lithoscope.tracking.environment import GIT_TAG, WEIGHTS_TAG
from lithoscope.tracking.model import log_model, requirements

ARTIFACT_TAG, RELEASE_TAG = "dvc.md5", "git.tag"
_BEFORE = "before."
"""Begins the tag that names the version which an alias stood for until this one took it."""
_ABSENT = {ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE"}  # of a model; of an alias


@dataclass(frozen=True)
class RegisteredModel:
    """A version of a registered model.

    Attributes:
        version: Its number.
        weights: SHA-256 of its weights, "" where nobody noted it.
        commit: Git's, of its code, parameters and figures, or "".
        release: The Git tag that names it, or "".
        before: The version that each alias stood for until this one took it.
    """

    version: int
    weights: str
    commit: str
    release: str
    before: Mapping[str, int]


class Registry:
    """The versions of one model.

    Args:
        connection: Open.
        name: The model's.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection, self.name = connection, name

    def model(self, alias: str) -> RegisteredModel | None:
        """Return what an alias stands for; None where there is no such alias, or no such model.

        Raises:
            LithoscopeError: The store cannot be used.
        """
        client = self.connection.client
        try:
            found = client.get_model_version_by_alias(self.name, alias)
        except MlflowException as error:
            if error.error_code in _ABSENT:
                return None
            raise self.connection.unusable(error) from None
        except FAILURES as error:
            raise self.connection.unusable(error) from None
        return _registered(int(found.version), found.tags)

    def register(
        self,
        run_id: str,
        folder: Path,
        example: npt.NDArray[np.uint8],
        source: Path,
        classes: list[str],
        tags: Mapping[str, str],
    ) -> RegisteredModel:
        """Keep a model with its run as a new version, which no alias stands for yet.

        Args:
            run_id: MLflow's, of its training.
            folder: The model; what else lies in it goes along.
            example: One square, uint8 (1, image_size, image_size, 3).
            source: The checkout's ``src/lithoscope``.
            classes: Labels in the order of the logits.
            tags: Of the version.

        Raises:
            LithoscopeError: The store cannot be used.
        """
        client = self.connection.client
        try:
            model_id = log_model(run_id, folder, example, source, classes, requirements(folder))
            with artifact_store():
                if not client.search_registered_models(f"name = '{self.name}'"):
                    client.create_registered_model(self.name)
                made = client.create_model_version(
                    self.name, f"models:/{model_id}", run_id, dict(tags), model_id=model_id
                )
        except FAILURES as error:
            raise self.connection.unusable(error) from None
        return _registered(int(made.version), tags)

    def take_alias(self, alias: str, model: RegisteredModel, before: RegisteredModel | None) -> None:
        """Let an alias stand for a version, and note which one it stood for.

        Raises:
            LithoscopeError: The store cannot be used.
        """
        client, version = self.connection.client, str(model.version)
        try:
            if before is not None:
                client.set_model_version_tag(self.name, version, _BEFORE + alias, str(before.version))
            client.set_registered_model_alias(self.name, alias, version)
        except FAILURES as error:
            raise self.connection.unusable(error) from None

    def roll_back(self, alias: str) -> tuple[RegisteredModel, RegisteredModel]:
        """Let an alias stand again for the version that it stood for before; return that which it leaves, and that one.

        Raises:
            LithoscopeError: There is no such alias, or no version before it; or the store cannot be used.
        """
        now = self.model(alias)
        if now is None:
            raise LithoscopeError(
                f"{self.name}@{alias}: no such model in {self.connection.shown}; `lithoscope promote` registers one"
            )
        if alias not in now.before:
            raise LithoscopeError(
                f"{self.name}@{alias}: version {now.version} had this alias first; there is none to go back to"
            )
        client, version = self.connection.client, str(now.before[alias])
        try:
            found = client.get_model_version(self.name, version)
            client.set_registered_model_alias(self.name, alias, version)
        except MlflowException as error:
            if error.error_code in _ABSENT:
                raise LithoscopeError(f"{self.name}: version {version}, which was before, was deleted") from None
            raise self.connection.unusable(error) from None
        except FAILURES as error:
            raise self.connection.unusable(error) from None
        return now, _registered(int(found.version), found.tags)


def _registered(version: int, tags: Mapping[str, str]) -> RegisteredModel:
    before = {name.removeprefix(_BEFORE): int(text) for name, text in tags.items() if name.startswith(_BEFORE)}
    return RegisteredModel(version, tags.get(WEIGHTS_TAG, ""), tags.get(GIT_TAG, ""), tags.get(RELEASE_TAG, ""), before)


def fetch_model(connection: Connection, name: str, place: Path) -> None:
    """Copy the files of a model of the registry.

    Args:
        connection: Open.
        name: ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``models:/ID``.
        place: An empty folder.

    Raises:
        LithoscopeError: There is no such model.
    """
    try:
        with artifact_store():
            mlflow.artifacts.download_artifacts(artifact_uri=name, dst_path=str(place))
    except FAILURES as error:
        raise LithoscopeError(
            f"{name}: no such model in {connection.shown} ({connection.reason(error)}); allowed: models:/NAME@ALIAS"
        ) from None
