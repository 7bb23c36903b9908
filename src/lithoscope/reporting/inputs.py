"""Inputs of the report: the files of the stages before it, read into values."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest, read_json
from lithoscope.core.locked_folder import content_key
from lithoscope.data.packed.arrays import SPLIT_FILES
from lithoscope.data.packed.shards import Pixels, open_shards
from lithoscope.reporting.explained_input import Explained, read_explained

METRICS = ("evaluation", "per_class", "comparisons", "people", "answers", "data", "train")


@dataclass(frozen=True)
class Pictures:
    """The photographs of one split as the network saw them, memory-mapped.

    Attributes:
        array: uint8 RGB of shape (rows, side, side, 3).
        rows: The row of each photograph's original, by its id.
    """

    array: NDArray[np.uint8]
    rows: Mapping[str, int]

    def __getitem__(self, photograph: str) -> NDArray[np.uint8]:
        """Return one photograph, uint8 RGB of shape (side, side, 3)."""
        if photograph not in self.rows:
            raise LithoscopeError(
                f"plots/predictions.csv names the photograph {photograph!r}, which build/arrays does not hold: "
                "the two come from different runs; `dvc repro` makes both anew"
            )
        return np.array(self.array[self.rows[photograph]])


@dataclass(frozen=True)
class Hashes:
    """By what a run is found again, each a SHA-256 in hexadecimal digits; MLflow keeps them as tags.

    Attributes:
        data: Of the packed photographs.
        parameters: Of the parameters that lead to the model.
        weights: Of ``build/model/model.safetensors``.
    """

    data: str
    parameters: str
    weights: str


@dataclass(frozen=True)
class ReportInputs:
    """Everything the page shows or says follows from these.

    Attributes:
        dataset: ``build/dataset.json``: title, classes, synthetic or not, citation, rights.
        index: ``build/index.csv``, one row a readable photograph.
        set_aside: ``build/set_aside.csv``, one row a file that could not be used.
        splits: ``build/splits.csv``, one row a readable photograph.
        evaluation: ``metrics/evaluation.json``.
        per_class: ``metrics/per_class.json``.
        comparisons: ``metrics/comparisons.json``.
        answers: ``metrics/answers.json``: how often each kind of answer is right, by split.
        people: ``metrics/people.json``; ``status: off`` where people did not judge the photographs.
        counts: ``metrics/data.json``.
        training: ``metrics/train.json``.
        history: ``plots/history.csv``, one row an epoch.
        reliability: ``plots/reliability.csv``, one row a bin of confidence.
        selective: ``plots/selective.csv``, the surest photographs first.
        people_table: ``plots/people.csv``, one row a photograph and dimension.
        predictions: ``plots/predictions.csv``, one row a photograph that was scored.
        pictures: The photographs that were scored.
        augmented: ``plots/augmented.png`` as bytes, or None where there is none.
        explained: ``build/explained``, or None where there is none.
        parameters: All parameters under dotted keys.
        hashes: Of data, parameters and weights.
    """

    dataset: Mapping[str, Any]
    index: pd.DataFrame
    set_aside: pd.DataFrame
    splits: pd.DataFrame
    evaluation: Mapping[str, Any]
    per_class: Mapping[str, Any]
    comparisons: Mapping[str, Any]
    answers: Mapping[str, Any]
    people: Mapping[str, Any]
    counts: Mapping[str, Any]
    training: Mapping[str, Any]
    history: pd.DataFrame
    reliability: pd.DataFrame
    selective: pd.DataFrame
    people_table: pd.DataFrame
    predictions: pd.DataFrame
    pictures: Pictures
    augmented: bytes | None
    explained: Explained | None
    parameters: Mapping[str, Any]
    hashes: Hashes

    @property
    def split(self) -> str:
        """The split the figures were read on: ``test`` or ``validation``."""
        return str(self.parameters["evaluate.on"])

    @property
    def figures(self) -> Mapping[str, Any]:
        """The headline figures of that split."""
        found: Mapping[str, Any] = self.evaluation[self.split]
        return found

    @property
    def synthetic(self) -> bool:
        """Whether the pictures were drawn by a program."""
        return bool(self.dataset["synthetic"])

    @property
    def validated(self) -> bool:
        """Whether there were validation photographs in training."""
        return self.training["validation"] is not None

    @property
    def chosen(self) -> bool:
        """Whether validation photographs chose the epoch; otherwise it is the last one."""
        return self.validated and self.parameters.get("train.keep") != "last"

    @property
    def closed_form(self) -> bool:
        """Whether nothing but a head in closed form was learnt, so that there were no epochs to speak of."""
        return bool(self.training.get("adapt", {}).get("way") == "head")

    @property
    def networks(self) -> list[Mapping[str, Any]]:
        """What ``metrics/train.json`` says of each network that the model averages; at least one."""
        return list(self.training.get("members") or [self.training])

    @property
    def tuned_networks(self) -> list[Mapping[str, Any]]:
        """Those of them that were trained by gradients; a closed form beside them has no epochs to speak of."""
        return [one for one in self.networks if one.get("tuned", True)]

    @cached_property
    def classes(self) -> list[str]:
        """Class names, those of one coarse class beside each other."""
        coarse = self.dataset.get("coarse_classes") or {}
        return sorted(self.dataset["classes"], key=lambda label: (coarse.get(label, ""), label))

    @cached_property
    def right(self) -> "pd.Series[bool]":
        """Whether each prediction was right, in the order of ``predictions``."""
        return self.predictions["label"] == self.predictions["predicted"]

    @property
    def tempered(self) -> bool:
        """Whether confidences have a temperature, fitted on validation photographs or given as a parameter."""
        about = self.figures["calibration"]
        return int(about["photographs"]) > 0 or float(about["temperature"]) != 1

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each photograph in ``predictions``, by its id."""
        return {str(name): row for row, name in enumerate(self.predictions["id"])}

    @property
    def compared(self) -> Mapping[str, Any]:
        """The network beside its baselines, on the split that was scored."""
        found: Mapping[str, Any] = self.comparisons[self.split]
        return found


def read_inputs(root: Path, parameters: Mapping[str, Any], digest: str) -> ReportInputs:
    """Read the outputs of the stages before.

    Args:
        root: The checkout.
        parameters: All parameters under dotted keys.
        digest: Their hash, :meth:`lithoscope.config.params.Parameters.digest`.

    Raises:
        LithoscopeError: If a file is missing or has no figures of the split the parameters name.
    """
    split = str(parameters["evaluate.on"])
    metrics = {name: read_json(root / f"metrics/{name}.json") for name in METRICS}
    for name in ("evaluation", "per_class", "comparisons"):
        if split not in metrics[name]:
            raise LithoscopeError(
                f"metrics/{name}.json has no figures for evaluate.on = {split}: run `dvc repro evaluate`"
            )
    predictions = _read_table(root, "plots/predictions.csv", numbers=("confidence", "p_"))
    name = SPLIT_FILES[split]
    rows = _read_table(root, f"build/arrays/{name}.csv", numbers=("row", "copy"))
    originals = rows[rows["copy"] == 0]
    augmented = root / "plots/augmented.png"
    return ReportInputs(
        dataset=read_json(root / "build/dataset.json"),
        index=_read_table(root, "build/index.csv", numbers=("width", "height")),
        set_aside=_read_table(root, "build/set_aside.csv"),
        splits=_read_table(root, "build/splits.csv"),
        evaluation=metrics["evaluation"],
        per_class=metrics["per_class"],
        comparisons=metrics["comparisons"],
        answers=metrics["answers"],
        people=metrics["people"],
        counts=metrics["data"],
        training=metrics["train"],
        history=_read_table(root, "plots/history.csv", numbers=("epoch", "lr", "train_", "val_")),
        reliability=_read_table(root, "plots/reliability.csv", numbers=("",)),
        selective=_read_table(root, "plots/selective.csv", numbers=("",)),
        people_table=_read_table(root, "plots/people.csv", numbers=("people", "model", "authors")),
        predictions=predictions[predictions["split"] == split].reset_index(drop=True),
        pictures=Pictures(
            array=_pictures(root, name), rows=dict(zip(originals["id"], originals["row"].astype(int), strict=True))
        ),
        augmented=augmented.read_bytes() if augmented.is_file() else None,
        explained=read_explained(root, split),
        parameters=parameters,
        hashes=Hashes(content_key(root / "build/arrays"), digest, _weights_hash(root)),
    )


def _weights_hash(root: Path) -> str:
    """Hash the weights as the tracking does; building the network, which takes torch, is not needed for that."""
    return file_digest(_existing(root, "build/model/model.safetensors"))


def _pictures(root: Path, name: str) -> Pixels:
    try:
        return open_shards(root / "build/arrays", name)
    except FileNotFoundError:
        raise LithoscopeError(f"build/arrays/{name}.npy is missing: `dvc repro` makes it") from None


def _existing(root: Path, name: str) -> Path:
    path = root / name
    if not path.is_file():
        raise LithoscopeError(f"{name} is missing: `dvc repro` makes it")
    return path


def _read_table(root: Path, name: str, numbers: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table as texts, except for the columns whose names begin with one of ``numbers``.

    A class may be called ``NA``, ``None`` or ``007``; only texts keep that.
    """
    table = pd.read_csv(_existing(root, name), dtype=str, keep_default_na=False)
    for column in table.columns:
        if numbers and column.startswith(numbers):
            table[column] = pd.to_numeric(table[column], errors="coerce")
    return table
