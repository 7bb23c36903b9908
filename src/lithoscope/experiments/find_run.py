"""MLflow runs found by hash: the run that trained given weights with given parameters."""

import re
from pathlib import Path

from lithoscope.config.params import load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.models.saved_model import weights_digest
from lithoscope.tracking import DATA_TAG, DVC_TAG, GIT_TAG, PARAMETERS_TAG, SOURCE_TAG, WEIGHTS_TAG, PastRun, Store

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


def require_run(
    root: Path, store: Store, weights: str | None = None, parameters: str | None = None, data: str | None = None
) -> PastRun:
    """Return the run of these hashes; those of the weights and parameters are the workspace's where they are not given.

    Raises:
        LithoscopeError: A hash is none, the workspace has no model, or the store has no such run.
    """
    for name, value in (("weights", weights), ("parameters", parameters), ("data", data)):
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise LithoscopeError(
                f"--{name} {value}: no SHA-256; allowed: 64 hexadecimal digits, as the report has them"
            )
    weights = weights or _workspace_weights(root)
    parameters = parameters or load_parameters(root / "params.yaml", past=True).digest()
    found = find_run(store, weights, parameters, data)
    if found is None:
        raise LithoscopeError(
            f"MLflow: {store.shown} has no run of the weights {weights[:12]}… and the parameters {parameters[:12]}…"
            f"{f' on the data {data[:12]}…' if data else ''}; look in the checkout that trained them, or set "
            "MLFLOW_TRACKING_URI to the server that keeps the run"
        )
    return found


def _workspace_weights(root: Path) -> str:
    try:
        return weights_digest(root / "build" / "model")
    except FileNotFoundError:
        raise LithoscopeError("build/model: no trained model there; name --weights, or run `dvc repro` first") from None


def describe_run(store: Store, run: PastRun) -> list[tuple[str, str]]:
    """Return what a person wants to know of a run, each with its name."""
    tags = run.tags
    changed = ", with changes on top" if tags.get("git.changed") == "yes" else ""
    described = [
        ("run", run.run_id),
        ("name", tags.get("mlflow.runName", "")),
        ("experiment", tags.get(DVC_TAG, "")),
        ("trained", tags.get(SOURCE_TAG, "")),
        ("commit", f"{tags[GIT_TAG]}{changed}" if GIT_TAG in tags else ""),
        ("weights", tags.get(WEIGHTS_TAG, "")),
        ("parameters", tags.get(PARAMETERS_TAG, "")),
        ("data", tags.get(DATA_TAG, "not recorded: DVC took the training from its cache")),
        ("figures", ", ".join(f"{name} {run.metrics[name]:.4g}" for name in SHOWN if name in run.metrics)),
        ("in", f"{store.shown}, experiment {store.experiment_id}"),
    ]
    return [(name, text) for name, text in described if text]
