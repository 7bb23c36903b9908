"""Inference of an exported model on ONNX Runtime, without torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.serving.occlusion import OF_MAPS, STEPS, Look, covers, look_at_photograph
from lithoscope.serving.onnx_description import (
    COVERS,
    INPUT,
    LOOKED,
    NETWORK,
    OUTPUTS,
    OnnxDescription,
    has_int8_dot_products,
    load_onnx_description,
)

BATCH = 4
"""Photographs computed at once; more are no faster, and take more memory."""

_ERRORS_ONLY = 3  # of ONNX Runtime's levels of severity


@dataclass(frozen=True)
class Outputs:
    """What the network says of squares.

    Attributes:
        probabilities: Calibrated, float32 (n, classes).
        features: Of the unturned photographs, float32 (n, features).
    """

    probabilities: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]


class OnnxModel:
    """An exported model.

    Attributes:
        folder: Where it lies.
        description: What its ``model.json`` says.
    """

    def __init__(self, folder: Path, description: OnnxDescription, session: ort.InferenceSession) -> None:
        self.folder, self.description, self._session = folder, description, session
        self._looked: ort.InferenceSession | None = None

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> "OnnxModel":
        """Read an export.

        Args:
            folder: What ``lithoscope export`` wrote.
            threads: How many compute; 0 for one a core. The answers are the same.

        Raises:
            LithoscopeError: There is no export, or it is damaged.
        """
        description = load_onnx_description(folder)
        network = _known(folder / NETWORK, description.onnx)
        return cls(folder, description, open_session(network, description.precision == "int8", threads))

    def run(self, squares: npt.NDArray[np.uint8]) -> Outputs:
        """Return the answers for squares, uint8 (n, size, size, 3) RGB; a memory map will do."""
        parts = [
            self._session.run(list(OUTPUTS), {INPUT: np.ascontiguousarray(squares[start : start + BATCH])})
            for start in range(0, len(squares), BATCH)
        ]
        if not parts:
            return Outputs(np.empty((0, len(self.description.classes)), np.float32), np.empty((0, 0), np.float32))
        return Outputs(*(np.concatenate(outputs) for outputs in zip(*parts, strict=True)))

    def looked_network(self) -> Path | None:
        """Return the file of the graph that covers feature maps, or None where the export has none.

        Raises:
            LithoscopeError: It is missing, or another one.
        """
        known = self.description.looked.get("onnx")
        return None if known is None else _known(self.folder / LOOKED, known)

    def look(self, square: npt.NDArray[np.uint8]) -> Look:
        """Find what the model looked at in a photograph, uint8 (size, size, 3) RGB.

        Covers lie on the feature maps where the export has a graph for that, which costs a few answers. Where it has
        none (networks that pool by themselves, few places, exports of earlier versions) they lie on the photograph.

        Raises:
            LithoscopeError: The export is damaged.
        """
        classes, network = self.description.classes, self.looked_network()
        if network is None:
            return look_at_photograph(lambda squares: self.run(squares).probabilities, classes, square)
        if self._looked is None:
            self._looked = open_session(network, int8=False)
        names = [one.name for one in self._looked.get_inputs() if one.name != COVERS]
        before, *handed = self._session.run([OUTPUTS[0], *names], {INPUT: np.ascontiguousarray(square[None])})
        given, places = dict(zip(names, handed, strict=True)), covers()
        after = [  # row by row: all at once would take much memory where maps are large
            self._looked.run([OUTPUTS[0]], {COVERS: places[start : start + STEPS], **given})[0]
            for start in range(0, len(places), STEPS)
        ]
        return Look(classes, before[0], np.concatenate(after), OF_MAPS)


def _known(file: Path, digest: str) -> Path:
    """Return a file of an export, if it is the one that its description knows.

    Raises:
        LithoscopeError: It is not.
    """
    if not file.is_file() or file_digest(file) != digest:
        raise LithoscopeError(f"{file}: missing, or not the one of its model.json; `lithoscope export` makes it")
    return file


def open_session(network: Path, int8: bool, threads: int = 0) -> ort.InferenceSession:
    """Open a network on the processor.

    Args:
        network: The file.
        int8: Whether it computes in 8-bit integers. Processors without VNNI would saturate their 16-bit sums without a
            word; there a slower way is chosen that doesn't.
        threads: How many compute; 0 for one a core.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    if int8 and not has_int8_dot_products():
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a kind of error of its own for each cause
        first = (str(error).splitlines() or [""])[0]
        raise LithoscopeError(f"{network}: cannot be opened ({first}); `lithoscope export` makes it anew") from None
