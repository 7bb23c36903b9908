#!/bin/sh
# OpenVINO 2026.4.1 reads a ReduceLogSumExp of opset 13 to 17, whose axes are an attribute, as one over all axes.
# Runs without Lithoscope, on a valid graph of one node made in place; fails where the behaviour is another one by now.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" 'openvino==2026.4.1' 'onnx==1.23.2' 'onnxruntime==1.32.0'
PYTHONPATH=$folder FOLDER=$folder python3 - <<'PYTHON'
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper

values = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 10
expected = np.log(np.exp(values.astype(np.float64)).sum(axis=1))
found = {}
for opset in (13, 17, 18):
    graph = helper.make_graph(
        [
            helper.make_node("ReduceLogSumExp", ["values", "axes"], ["sums"], keepdims=0)
            if opset >= 18
            else helper.make_node("ReduceLogSumExp", ["values"], ["sums"], axes=[1], keepdims=0)
        ],
        "one reduction",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, [2, 3, 4])],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])] if opset >= 18 else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    file = Path(os.environ["FOLDER"]) / f"{opset}.onnx"
    onnx.save(model, file)
    right = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"values": values})[0]
    assert np.allclose(right, expected, atol=1e-5), "ONNX Runtime reads it as the operator's definition has it"
    compiled = openvino.Core().compile_model(str(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found[opset] = compiled({"values": values})[0]
    said = f"shape {found[opset].shape}, first value {found[opset].flat[0]:.3f}"
    print(f"OpenVINO {openvino.__version__}, opset {opset}: {said}; ONNX Runtime: {right.shape}, {right.flat[0]:.3f}")
assert found[18].shape == (2, 4) and np.allclose(found[18], expected, atol=1e-5), "axes that are an input are heeded"
for opset in (13, 17):
    assert found[opset].shape == (), "axes that are an attribute are heeded by now"
    assert np.isclose(found[opset], np.log(np.exp(values.astype(np.float64)).sum()), atol=1e-5)
print("found: an attribute's axes are not heeded, everything is summed; no error, no warning")
PYTHON
