"""Saved models by name: a folder, a version in MLflow's registry, the model of a revision in DVC's cache."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.revision_files import NotThereError, fetch_revision_files
from lithoscope.models.saved_model import WEIGHTS
from lithoscope.serving.model_source import WORKSPACE
from lithoscope.serving.onnx_description import LIMITS


@contextmanager
def saved_model(name: str, root: Path) -> Iterator[Path]:
    """Yield the folder of a saved model; one that is fetched is there for as long as the context lasts.

    Args:
        name: A folder, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``, or ``dvc:REV``. Limits of its answers lie
            in it or beside it.
        root: The checkout.

    Raises:
        LithoscopeError: There is no such model.
    """
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as place:
        if name.startswith("models:/"):
            yield _of_mlflow(name, root, Path(place))
        elif name.startswith("dvc:"):
            yield _of_revision(name.removeprefix("dvc:"), root, Path(place))
        else:
            yield Path(name)


def _of_mlflow(name: str, root: Path, place: Path) -> Path:
    from lithoscope.tracking import Connection, tracking_uri
    from lithoscope.tracking.registry import fetch_model

    connection = Connection(tracking_uri(root), root)
    connection.open()
    fetch_model(connection, name, place)
    found = next(iter(sorted(place.rglob(WEIGHTS))), None)
    if found is None:
        raise LithoscopeError(
            f"{name}: a model of another kind: it holds no {WEIGHTS}; name one that a run here logged"
        )
    return found.parent


def _of_revision(revision: str, root: Path, place: Path) -> Path:
    from dvc.scm import SCMError

    model = place / "model"
    try:
        fetch_revision_files(root, revision, [(WORKSPACE, model)])
        # What its answers are judged by goes along, where the exporter looks for it.
        fetch_revision_files(root, revision, [(f"build/{LIMITS}", place / LIMITS)], optional=True)
    except SCMError:
        raise LithoscopeError(
            f"dvc:{revision}: no such revision; allowed: a branch, tag, commit or experiment"
        ) from None
    except NotThereError as error:
        raise LithoscopeError(
            f"dvc:{revision}: its {error.name or WORKSPACE} is not in DVC's cache; `dvc pull` may fetch it"
        ) from None
    return model
