"""Table of cross-validated recipes in ``docs/results.md``, from what ``lithoscope folds --output`` wrote."""

from pathlib import Path
from typing import Any

from lithoscope.core.files import read_json
from lithoscope.reporting.headline import short

HEAD = """\
## Cross-validated

Folds over the training photographs alone, pooled: each photograph was answered by networks that had not seen it, and
the test was not read. `lithoscope folds --output results/folds/NAME.json` makes these files. A fold also chose the
epoch of its networks, so the figures flatter a little. The loss is that at the temperature, which was fitted on the
same answers.

| recipe | set | folds | photographs | accuracy | loss | temperature | epochs kept | made by |
| --- | --- | ---: | ---: | --- | --- | --- | --- | --- |
"""


def crossvalidated_section(root: Path) -> str:
    """Return the section for all files in ``results/folds``, or nothing where there is none."""
    files = sorted((root / "results" / "folds").glob("*.json"))
    rows = [_row(read_json(path, "restore it from Git, or make it anew")) for path in files]
    return "\n" + HEAD + "".join(rows) if rows else ""


def _row(values: dict[str, Any]) -> str:
    accuracy, loss = values["interval"]["accuracy"], values["interval"]["loss"]
    calibration = values["calibration"]
    fitted = f"{calibration['temperature']:g}" if calibration["photographs"] else f"1: {calibration['reason']}"
    cells = (
        values["recipe"],
        values["dataset"],
        values["folds"],
        values["n"],
        f"{short(values['accuracy'])} [{short(accuracy['low'])}, {short(accuracy['high'])}]",
        f"{values['loss']:.3f} [{loss['low']:.3f}, {loss['high']:.3f}]",
        fitted,
        ", ".join(map(str, values["epochs"])),
        f"`{values['command']}`",
    )
    return f"| {' | '.join(map(str, cells))} |\n"
