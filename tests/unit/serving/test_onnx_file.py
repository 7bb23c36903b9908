"""Files of networks after tools have been at them."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from lithoscope.serving.onnx_file import strip


def written(folder: Path, nodes: list[tuple[str, str, str] | onnx.NodeProto]) -> Path:
    """Write a network from ``seen`` to ``out`` as ``strip`` leaves one, but for the order of its nodes."""
    made = [
        node if isinstance(node, onnx.NodeProto) else helper.make_node(node[0], node[1].split(), node[2].split())
        for node in nodes
    ]
    seen, out = ([helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])] for name in ("seen", "out"))
    graph, opset = helper.make_graph(made, "classifier", seen, out), [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="lithoscope", producer_version="")
    for each in (model, graph := model.graph, *graph.input, *graph.output, *graph.node):
        each.doc_string = ""
    onnx.save(model, folder / "a.onnx")
    return folder / "a.onnx"


def test_nodes_that_stand_in_order_stay_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, [("Relu", "seen", "a"), ("Abs", "a", "b"), ("Neg", "seen", "c"), ("Add", "b c", "out")])
    before = path.read_bytes()
    strip(path)
    assert path.read_bytes() == before


def test_nodes_that_do_not_are_sorted_and_else_keep_their_order(tmp_path: Path) -> None:
    chain = [("Abs", f"n{place - 1}" if place else "seen", f"n{place}") for place in reversed(range(300))]
    path = written(tmp_path, [("Add", "other n299", "out"), ("Neg", "seen", "other"), *chain])
    strip(path)
    assert [node.output[0] for node in onnx.load(path).graph.node] == ["other", *(f"n{i}" for i in range(300)), "out"]


def test_an_output_that_is_left_out_binds_no_one(tmp_path: Path) -> None:
    clip = helper.make_node("Clip", ["a", "", ""], ["b"])
    dropout = helper.make_node("Dropout", ["seen"], ["c", ""])
    path = written(tmp_path, [("Relu", "seen", "a"), clip, dropout, ("Add", "b c", "out")])
    before = path.read_bytes()
    strip(path)
    assert path.read_bytes() == before


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
