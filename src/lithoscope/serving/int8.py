"""Static quantisation: convolutions of 8-bit integers, with ranges from training photographs.

Source: B. Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, CVPR. Dynamic quantisation was measured and left out: its labels were others, and it was slower.
"""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from lithoscope.serving.onnx_description import INPUT
from lithoscope.serving.onnx_file import strip
from lithoscope.serving.onnx_model import BATCH

CALIBRATION = 128
"""Training photographs whose ranges of values are taken."""

# Heads, covariances, softmax and temperature have other operators, and stay fp32.
_QUANTISED = ["Conv", "Relu", "Clip", "Add", "MaxPool"]


class _Photographs(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, squares: npt.NDArray[np.uint8]) -> None:
        self._batches = iter([squares[start : start + BATCH] for start in range(0, len(squares), BATCH)])

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def quantise(network: Path, squares: npt.NDArray[np.uint8], path: Path) -> None:
    """Write a network with 8-bit convolutions: quantise and dequantise pairs, a scale for each channel of the weights.

    Args:
        network: The file in fp32.
        squares: Training photographs, uint8 (n, size, size, 3).
        path: The file in int8.
    """
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
        quantize_static(
            network,
            path,
            _Photographs(squares),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_QUANTISED,
            nodes_to_exclude=_outside_backbone(onnx.load(network)),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibTempFolder": folder},
        )
    strip(path)


def _outside_backbone(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes before the first and after the last convolution."""
    nodes = list(model.graph.node)
    places = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    if not places:
        return [node.name for node in nodes]
    inside = range(places[0], places[-1] + 2)  # with the activation that follows the last one
    return [node.name for place, node in enumerate(nodes) if place not in inside]


def calibration_rows(copies: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return which rows of the packed training photographs ranges are taken from: evenly spread, no augmented copy.

    Args:
        copies: int64 (rows,), 0 for a photograph itself.
    """
    rows = np.flatnonzero(copies == 0)
    places: npt.NDArray[np.intp] = rows[np.linspace(0, len(rows) - 1, min(CALIBRATION, len(rows))).round().astype(int)]
    return places
