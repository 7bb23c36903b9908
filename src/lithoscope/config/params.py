"""Typed, validated parameters of the stages, out of ``params.yaml``.

Every stage reads the whole file through :func:`load_parameters`, so that a mistake anywhere in it ends the run
before any work starts. Only the block ``gate`` is left to :mod:`lithoscope.gate.settings`: no stage reads it, so no
stage depends on it or on the code that knows what may stand there.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lithoscope.config.network import PAST, ModelParameters
from lithoscope.config.schema import Block, validate_block
from lithoscope.config.yaml import read_block_file
from lithoscope.core.nested import flatten

Share = Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]

Policy = Literal["none", "randaugment", "trivialaugment"]
Optimizer = Literal["sgd", "adam", "adamw"]
Schedule = Literal["constant", "cosine", "one-cycle", "plateau"]
Keep = Literal["loss", "accuracy", "last"]
Adapt = Literal["auto", "head", "tune"]

GATE = "gate"
NO_TABLE = "stages/no_labels.csv"
"""A table without a row: what ``folder.table`` names where there is none, since a stage can only depend on a file."""


TABLE_KEYS = ("file", "label", "specimen", "photographer", "locality", "split", "weight")


def table_columns(text: str | None) -> dict[str, str]:
    """Read the parameter ``folder.columns``, e.g. ``file=image_id; label=rock type``.

    Raises:
        ValueError: It is of another form.
    """
    found: dict[str, str] = {}
    for part in (text or "").split(";"):
        key, sign, column = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not sign or not column or key not in TABLE_KEYS or key in found:
            raise ValueError(f"allowed: `KEY=COLUMN; …` with each KEY once of {', '.join(TABLE_KEYS)}")
        found[key] = column
    return found


def _readable_columns(text: str | None) -> str | None:
    table_columns(text)
    return text


def table_names(text: str | None) -> list[str]:
    """Read the parameter ``folder.labels``, e.g. ``train.csv; test.csv``."""
    return [name.strip() for name in (text or "").split(";") if name.strip()]


def _paths_below(text: str | None) -> str | None:
    names = table_names(text)
    if text is not None and (
        not names or any(name.startswith("/") or "\\" in name or ".." in name.split("/") for name in names)
    ):
        raise ValueError(
            "allowed: null, or a table's path below the photographs' folder, e.g. labels.csv; several with `;` between"
        )
    return text


def _no_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(  # `-S mirror=2024_05` arrives as 202405
            "DVC takes such a name for a number: quote it, -S \"mirror='2024_05'\", or run `lithoscope use 2024_05`"
        )
    return value


class FolderParameters(Block):
    """How the photographs of ``dataset: folder`` are laid out.

    The defaults are for parameters that were recorded before there was a choice.
    """

    depth: Annotated[int, Field(ge=1, le=20)] = 1
    specimens: Literal["none", "folders"] = "none"
    labels: Annotated[str | None, AfterValidator(_paths_below)] = None
    table: Annotated[str, Field(min_length=1)] = NO_TABLE
    columns: Annotated[str | None, AfterValidator(_readable_columns)] = None

    @property
    def tabled(self) -> bool:
        """Whether a table says what the photographs show."""
        return self.labels is not None or self.table != NO_TABLE

    @model_validator(mode="after")
    def _of_a_table(self) -> "FolderParameters":
        if self.labels is not None and self.table != NO_TABLE:
            raise ValueError(
                f"folder.table = {self.table}: a label table elsewhere, and folder.labels names one beside the "
                f"photographs; allowed: {NO_TABLE}, or folder.labels = null"
            )
        if self.columns is not None and not self.tabled:
            raise ValueError(f"folder.columns = {self.columns}: of a label table, and there is none")
        if self.tabled and self.depth > 1:
            raise ValueError(f"folder.depth = {self.depth}: of class folders, and there is a label table")
        if self.tabled and self.specimens == "folders":
            raise ValueError("folder.specimens = folders: with a label table, its column `specimen` names them")
        return self


class SplitParameters(Block):
    """Which photographs train, validate and test."""

    seed: Annotated[int, Field(ge=0)]
    test: OpenShare
    validation: Annotated[float, Field(ge=0, lt=1)]
    folds: Annotated[int, Field(ge=0, le=100)]
    fold: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _fold_exists(self) -> "SplitParameters":
        if self.folds == 1:
            raise ValueError("split.folds = 1: allowed: 0 (one validation split) or at least 2")
        if self.fold >= max(self.folds, 1):
            raise ValueError(f"split.fold = {self.fold}: allowed: 0 … {max(self.folds, 1) - 1}, below split.folds")
        return self


class AugmentParameters(Block):
    """How training photographs are varied."""

    crop_border: bool
    copies: Annotated[int, Field(ge=0, le=100)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    shear: Annotated[float, Field(ge=0, le=60)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    crop: Annotated[float, Field(ge=0, lt=1)]
    flip: bool
    brightness: Share
    contrast: Share
    colour: Share
    online: Share
    policy: Policy


class TrainParameters(Block):
    """How it is trained.

    The defaults are for parameters that were recorded before there was a choice.
    """

    adapt: Adapt = "tune"
    optimizer: Optimizer
    weight_decay: Annotated[float, Field(ge=0, le=10)]
    schedule: Schedule
    warmup: Annotated[int, Field(ge=0, le=1000)]
    patience: Annotated[int, Field(ge=0)]
    keep: Keep
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    head_epochs: Annotated[int, Field(ge=0, le=100_000)]
    head_passes: Annotated[int, Field(ge=0, le=1000)]
    head_lr: Annotated[float, Field(gt=0, le=100)]
    head_fit: Literal["gradient", "discriminant", "mixed"]
    head_refit: bool = False
    shrinkage: Annotated[float, Field(gt=0, le=1)]
    norms: Literal["batch", "kept"]
    frozen: Share
    cached_views: Annotated[int, Field(ge=0, le=1000)] = 0
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    ema: Annotated[float, Field(ge=0, lt=1)]
    mixup: Annotated[float, Field(ge=0, le=100)]
    cutmix: Annotated[float, Field(ge=0, le=100)]
    class_balance: Literal["none", "weights", "sampling"]
    accumulate: Annotated[int, Field(ge=1, le=10_000)]
    clip: Annotated[float, Field(ge=0, le=1e6)]
    temperature: Annotated[float | None, Field(ge=0.05, le=20)]


class EvaluateParameters(Block):
    """What is scored."""

    on: Literal["test", "validation"]
    crop: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _tests_as_they_are(self) -> "EvaluateParameters":
        if self.crop and self.on == "test":
            raise ValueError(f"evaluate.crop = {self.crop}: test photographs are scored as they are; allowed: 0")
        return self


class ReadingParameters(Block):
    """How files become pixels; the defaults are for parameters that were recorded before there was a choice."""

    pages: Literal["first", "each", "max"] = "first"
    max_megapixels: Annotated[int, Field(ge=1, le=100_000)] = 179


class Parameters(ReadingParameters):
    """The whole of ``params.yaml``; each key is explained there."""

    dataset: Literal["specimens", "osf-rocks", "minerals", "folder"]
    mirror: Annotated[str, BeforeValidator(_no_number), Field(min_length=1)]
    osf_api: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    folder: FolderParameters = FolderParameters()
    image_size: Annotated[int, Field(ge=32, le=1024)]
    lr: Annotated[float, Field(gt=0, le=100)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    precision: Literal["fp32", "bf16", "auto"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    device: Literal["cpu", "cuda", "mps", "auto"]
    split: SplitParameters
    augment: AugmentParameters
    model: ModelParameters
    train: TrainParameters
    evaluate: EvaluateParameters

    @model_validator(mode="after")
    def _validated_where_asked_for(self) -> "Parameters":
        if self.split.validation == 0 and self.split.folds == 0:
            remedy = "give split.validation a share such as 0.1, or choose"
            if self.train.schedule == "plateau":
                raise ValueError(
                    "train.schedule = plateau: it follows the validation loss, and split.validation = 0 leaves no "
                    f"validation photographs; {remedy} cosine"
                )
            if self.evaluate.on == "validation":
                raise ValueError(
                    f"evaluate.on = validation: split.validation = 0 leaves no validation photographs; {remedy} test"
                )
        return self

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Parameters":
        if self.model.name == "cnn" and self.model.weights == "imagenet":
            raise ValueError(
                "model.weights = imagenet: our CNN has none; allowed with model.name cnn: null, or its own"
            )
        if self.model.name == "cnn" and self.model.stochastic_depth:
            raise ValueError(
                f"model.stochastic_depth = {self.model.stochastic_depth}: our CNN has no residual blocks; allowed: 0"
            )
        if self.train.adapt == "head" and (self.model.head != "linear" or self.model.weights is None):
            raise ValueError(
                "train.adapt = head: a linear head on the features of a pretrained network; allowed with model.head: "
                "linear and model.weights, or adapt: tune"
            )
        left_to_rule = self.train.adapt == "auto" and self.train.head_fit != "mixed"
        if self.train.head_fit != "gradient" and self.model.head != "linear" and not left_to_rule:
            raise ValueError(
                f"train.head_fit = {self.train.head_fit}: a linear head only, not model.head = {self.model.head}; "
                "allowed with model.head: linear"
            )
        if self.train.head_refit and self.model.head != "linear" and not left_to_rule:
            raise ValueError(
                f"train.head_refit = true: a linear head only, not model.head = {self.model.head}; allowed with "
                "model.head: linear, or head_refit: false"
            )
        if self.train.head_fit == "mixed" and self.model.members == 1:
            raise ValueError(
                "train.head_fit = mixed: a discriminant beside other networks, and model.members = 1; allowed: at "
                "least 2 members, or head_fit: discriminant"
            )
        if self.train.head_fit == "discriminant" and self.train.head_epochs:
            raise ValueError(
                f"train.head_epochs = {self.train.head_epochs}: train.head_fit = discriminant starts the head without "
                "epochs of its own; allowed: 0 (train.head_passes are its varied passes)"
            )
        return self

    def flat(self) -> dict[str, Any]:
        """Return the parameters under dotted keys, as DVC and MLflow name them."""
        return flatten(self.model_dump())

    def digest(self) -> str:
        """Return a SHA-256 of the parameters that make a trained model out of photographs, as hexadecimal digits.

        Where the photographs came from, how they were read and split does not count, since the data have a hash of
        their own; nor does what is scored afterwards.
        """
        other = {"dataset", "mirror", "osf_api", "folder", "pages", "max_megapixels", "split", "evaluate"}
        leading = self.model_dump(exclude=other)
        return hashlib.sha256(json.dumps(leading, sort_keys=True).encode()).hexdigest()


def load_parameters(path: Path, *, past: bool = False) -> Parameters:
    """Read and validate a parameter file.

    Args:
        path: Usually ``params.yaml`` at the root of the checkout that runs.
        past: Whether these are of a training that is over, whose weights file need not be there any more.

    Raises:
        LithoscopeError: With one line for each mistake: the key, its value, what is allowed.
    """
    return validate_parameters(read_block_file(path), where=path.name, past=past)


def validate_parameters(values: dict[str, Any], where: str, *, past: bool = False) -> Parameters:
    """Validate parameters that were read from ``where`` (the name to use in errors); for ``past`` see above.

    Raises:
        LithoscopeError: With one line for each mistake: the key, its value, what is allowed.
    """
    own = {key: value for key, value in values.items() if key != GATE}
    return validate_block(Parameters, own, where, context={PAST: past})
