"""Files of networks after tools have been at them."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from lithoscope.serving.onnx_file import strip


def test_a_node_stands_behind_those_that_its_branches_take_from(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("seen", TensorProto.FLOAT, [2])
    branches = {
        name: helper.make_graph(
            [helper.make_node(kind, ["inner"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])],
        )
        for name, kind in (("one", "Abs"), ("other", "Neg"))
    }
    chosen = helper.make_node("If", ["flag"], ["out"], then_branch=branches["one"], else_branch=branches["other"])
    nodes = [
        helper.make_node("Cast", ["seen"], ["whole"], to=TensorProto.BOOL),
        helper.make_node("ReduceMax", ["number"], ["most"], keepdims=0),
        chosen,
        helper.make_node("Relu", ["seen"], ["inner"]),
        helper.make_node("Cast", ["whole"], ["number"], to=TensorProto.FLOAT),
    ]
    flag = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    out = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("out", [2]), ("most", []))
    ]
    graph = helper.make_graph(nodes, "g", [value, flag], out)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    strip(tmp_path / "a.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node]
    assert kinds.index("Relu") < kinds.index("If")
    assert kinds.index("ReduceMax") == len(kinds) - 1
