"""The section on provenance: hashes, commands and parameters by which a run is found and repeated."""

import shlex
from typing import Any

from lithoscope.reporting.formatting import experiment, parameter
from lithoscope.reporting.inputs import Hashes, ReportInputs

SETTINGS_ORDER = ("split", "augment", "model", "train", "evaluate")
TAGS = (("data", "sha256.data"), ("parameters", "sha256.parameters"), ("weights", "sha256.weights"))
WHAT = {
    "data": "the packed photographs, build/arrays",
    "parameters": "the parameters that lead to the model",
    "weights": "build/model/model.safetensors",
}


def find(inputs: ReportInputs) -> dict[str, Any]:
    """The hashes of data, parameters and weights, and the commands that find the run by them."""
    hashes = inputs.hashes
    wanted = " and ".join(f"tags.`{tag}` = '{getattr(hashes, name)}'" for name, tag in TAGS if name != "data")
    return {
        "hashes": [{"name": name, "what": WHAT[name], "hash": getattr(hashes, name)} for name, _ in TAGS],
        "command": find_command(hashes),
        "search": wanted,
    }


def find_command(hashes: Hashes) -> str:
    """Return the command that finds the run in MLflow."""
    return " \\\n  ".join(
        ["lithoscope runs", *(f"--{name} {shlex.quote(getattr(hashes, name))}" for name, _ in reversed(TAGS))]
    )


def repeat(inputs: ReportInputs) -> dict[str, Any]:
    """All parameters, and the commands that run them again."""
    blocks: dict[str, list[tuple[str, str]]] = {"": []}
    blocks |= {name: [] for name in SETTINGS_ORDER}
    for key, value in inputs.parameters.items():
        block, _, _ = key.rpartition(".")
        blocks.setdefault(block, []).append((key, parameter(value)))
    return {
        "blocks": [(name, rows) for name, rows in blocks.items() if rows],
        "experiment": experiment(inputs.parameters),
        "own_source": inputs.parameters["mirror"] == "data",
        "dataset": inputs.parameters["dataset"],
    }
