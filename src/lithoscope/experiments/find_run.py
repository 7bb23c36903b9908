"""``lithoscope runs``: find the MLflow run of a model by the hashes that its report states."""

import re
from pathlib import Path

from lithoscope.config.params import load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.models.saved_model import weights_digest
from lithoscope.tracking import (
    DATA_TAG,
    DVC_TAG,
    GIT_TAG,
    PARAMETERS_TAG,
    SOURCE_TAG,
    WEIGHTS_TAG,
    PastRun,
    Store,
    open_store,
)

SHOWN = ("test.accuracy", "validation.accuracy", "test.loss", "validation.loss", "best_epoch", "seconds")


def find_run(store: Store, weights: str, parameters: str, data: str | None = None) -> PastRun | None:
    """Return the newest run that trained these weights with these parameters; None where the store has none.

    Args:
        store: Where to look.
        weights: SHA-256 of ``build/model/model.safetensors``, hexadecimal digits.
        parameters: :meth:`lithoscope.config.params.Parameters.digest`.
        data: SHA-256 of the packed photographs. A run that tells its own and names another one is not the run; one
            whose training DVC took from its cache tells none.
    """
    run = store.find(parameters, weights)
    if run is not None and data is not None and run.tags.get(DATA_TAG, data) != data:
        return None
    return run


def runs_command(root: Path, weights: str | None, parameters: str | None, data: str | None) -> int:
    """Print the run of these hashes; what is not given is taken from the workspace.

    Raises:
        LithoscopeError: A hash is none, the workspace has no model, or the store has no such run.
    """
    for name, value in (("weights", weights), ("parameters", parameters), ("data", data)):
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise LithoscopeError(
                f"--{name} {value}: no SHA-256; allowed: 64 hexadecimal digits, as the report has them"
            )
    weights = weights or weights_digest_of(root)
    parameters = parameters or load_parameters(root / "params.yaml", past=True).digest()
    store = open_store(root)[1]
    found = find_run(store, weights, parameters, data)
    if found is None:
        raise LithoscopeError(
            f"MLflow: {store.shown} has no run of the weights {weights[:12]}… and the parameters {parameters[:12]}…"
            f"{f' on the data {data[:12]}…' if data else ''}; look in the checkout that trained them, or set "
            "MLFLOW_TRACKING_URI to the server that keeps the run"
        )
    for name, text in lines(store, found):
        print(f"{name:<12}{text}")
    return 0


def weights_digest_of(root: Path) -> str:
    """Return the hash of the workspace's weights.

    Raises:
        LithoscopeError: There are none.
    """
    try:
        return weights_digest(root / "build" / "model")
    except FileNotFoundError:
        raise LithoscopeError("build/model: no trained model there; name --weights, or run `dvc repro` first") from None


def lines(store: Store, found: PastRun) -> list[tuple[str, str]]:
    """Return what a person wants to know of a run, each with its name."""
    tags = found.tags
    changed = ", with changes on top" if tags.get("git.changed") == "yes" else ""
    told = [
        ("run", found.run_id),
        ("name", tags.get("mlflow.runName", "")),
        ("experiment", tags.get(DVC_TAG, "")),
        ("trained", tags.get(SOURCE_TAG, "")),
        ("commit", f"{tags[GIT_TAG]}{changed}" if GIT_TAG in tags else ""),
        ("weights", tags.get(WEIGHTS_TAG, "")),
        ("parameters", tags.get(PARAMETERS_TAG, "")),
        ("data", tags.get(DATA_TAG, "not recorded: DVC took the training from its cache")),
        ("figures", ", ".join(f"{name} {found.metrics[name]:.4g}" for name in SHOWN if name in found.metrics)),
        ("in", f"{store.shown}, experiment {store.experiment_id}"),
    ]
    return [(name, text) for name, text in told if text]
