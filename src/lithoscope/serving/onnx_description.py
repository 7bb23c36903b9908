"""What an export's ``model.json`` says: the classes, how photographs become squares, and how far it agrees with torch.

This module, and all that ``lithoscope predict`` imports, needs neither torch nor the pipeline's other packages.
"""

import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest, read_json
from lithoscope.data.images.reading import DEFAULTS, ReadingSettings

FORMAT = "lithoscope-onnx-1"
NETWORK, DESCRIPTION, LIMITS = "model.onnx", "model.json", "limits"
EVALUATION = "metrics/evaluation.json"
INPUT, OUTPUTS = "squares", ("probabilities", "features")
LOOKED, COVERS = "looked.onnx", "covers"
"""What makes probabilities of covered feature maps, and the input of its own that it takes besides them."""

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True)
class OnnxDescription:
    """What ``model.json`` says of an exported model.

    Attributes:
        classes: Labels in the order of the probabilities.
        image_size: Side of the squares it takes, pixels.
        crop_border: Whether a uniform border is cut away before a photograph is padded to a square.
        reading: How files become pixels.
        dataset: Name of the set it was trained on.
        synthetic: Whether that set is drawn, not photographed.
        temperature: What logits are divided by before the softmax; it is inside the network.
        views: How many symmetries of a photograph are averaged, inside the network.
        members: How many networks are averaged, inside the network.
        precision: ``fp32``, or ``int8`` for convolutions of 8-bit integers.
        source: SHA-256 of what it was made from: ``weights``, ``description``, and ``limits`` and
            ``figures`` where there were any.
        onnx: SHA-256 of ``model.onnx``.
        parity: How far its answers are from those of torch; see :func:`lithoscope.serving.parity.measure_parity`.
        figures: How it was tested; see :meth:`lithoscope.serving.run_record.RunRecord.figures`. Empty where that is not
            known.
        looked: Of the graph that covers feature maps ``onnx``, the SHA-256 of ``looked.onnx``, and how far it is from
            torch (:func:`lithoscope.serving.parity.measure_look_parity`); or ``without``, why there is none. Empty in
            exports of earlier versions.
    """

    classes: list[str]
    image_size: int
    crop_border: bool
    dataset: str
    synthetic: bool
    temperature: float
    views: int
    members: int
    precision: Precision
    source: dict[str, str]
    onnx: str
    parity: dict[str, Any] = field(default_factory=dict)
    reading: ReadingSettings = DEFAULTS
    figures: dict[str, Any] = field(default_factory=dict)
    looked: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return the contents of ``model.json``, which also say how the network is called."""
        values = {"format": FORMAT, **vars(self), "reading": vars(self.reading)}
        side = self.image_size
        values["input"] = {"name": INPUT, "dtype": "uint8", "shape": ["n", side, side, 3], "colours": "RGB"}
        values["outputs"] = {
            "probabilities": "float32 (n, classes): calibrated",
            "features": "float32 (n, features): what the heads see of the unturned photograph, member by member",
        }
        if "onnx" in self.looked:
            values["outputs"]["members.…"] = f"feature maps and the heads' parameters: what {LOOKED} takes"
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def is_export(folder: Path) -> bool:
    """Return whether a folder holds an exported model."""
    return (folder / NETWORK).is_file() and (folder / DESCRIPTION).is_file()


def load_onnx_description(folder: Path) -> OnnxDescription:
    """Read what ``model.json`` of an export says.

    Raises:
        LithoscopeError: There is no export, or it is damaged or another version's.
    """
    remedy = "`lithoscope export` makes it"
    text = read_json(folder / DESCRIPTION, remedy)
    if text.get("format") != FORMAT:
        raise LithoscopeError(
            f"{folder / DESCRIPTION}: format {text.get('format')}, but this version reads {FORMAT}; {remedy} anew"
        )
    try:
        for name in ("figures", "looked"):
            text.setdefault(name, {})  # exports of earlier versions have none
        values = {name: text[name] for name in OnnxDescription.__dataclass_fields__}
        return OnnxDescription(**{**values, "reading": ReadingSettings(**values["reading"])})
    except (KeyError, TypeError) as error:
        raise LithoscopeError(f"{folder / DESCRIPTION}: damaged ({error}); {remedy} anew") from None


def source_digests(model: Path, limits: Path | None) -> dict[str, str]:
    """Return the hashes by which an export knows what it was made from.

    Args:
        model: A saved model's folder, such as ``build/model``.
        limits: The folder of what its answers are judged by, if there is one.

    Raises:
        LithoscopeError: There is no saved model.
    """
    try:
        digests = {"weights": file_digest(model / "model.safetensors"), "description": file_digest(model / DESCRIPTION)}
    except FileNotFoundError as error:
        raise LithoscopeError(
            f"{model}: no trained model there ({Path(error.filename).name} is missing); run `dvc repro` first, or name "
            "a folder that holds one"
        ) from None
    if limits is not None:
        files = sorted(path for path in limits.rglob("*") if path.is_file())
        lines = [f"{path.relative_to(limits).as_posix()} {file_digest(path)}" for path in files]
        digests["limits"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    figures = model.parent.parent / EVALUATION
    if model.parts[-2:] == ("build", "model") and figures.is_file():  # of a workspace: its figures go along
        digests["figures"] = file_digest(figures)
    return digests


def limits_of(model: Path) -> Path | None:
    """Return the folder of limits that belongs to a saved model: inside it, or beside it as in ``build``."""
    return next((folder for folder in (model / LIMITS, model.parent / LIMITS) if folder.is_dir()), None)


def has_int8_dot_products() -> bool:
    """Return whether the processor multiplies 8-bit integers into 32-bit sums (VNNI on x86; other kinds always do)."""
    if sys.platform != "linux":
        return False
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    flags = next((line for line in text.splitlines() if line.startswith("flags")), None)
    return flags is None or "vnni" in flags
