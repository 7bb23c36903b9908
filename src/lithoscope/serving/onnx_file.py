"""Writing torch graphs as ONNX files that say nothing of the machine they were made on."""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from pathlib import Path

import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from lithoscope.serving.graph import CoveredMaps, ExportedGraph
from lithoscope.serving.occlusion import PARTS
from lithoscope.serving.onnx_description import COVERS, INPUT, OUTPUTS

OPSET = 18
"""The first in which the axes of a reduction are an input: of ReduceLogSumExp, which averages members and views,
OpenVINO 2026.4 heeds no others. ONNX Runtime reads it since 1.14 (2023), and computes the same bits as of 17."""


def write_onnx(graph: ExportedGraph, side: int, path: Path) -> None:
    """Write a graph as one file.

    Squares keep their side, so that pooling to more than one place, which has no form for free sizes, stays right; the
    number of photographs is free. Where the graph hands out maps, what its heads compute with is handed out too: it
    stands in the file as it is, and is no copy.

    Args:
        graph: In evaluation mode.
        side: Of its squares, pixels.
        path: The file.
    """
    example = {INPUT: torch.zeros(2, side, side, 3, dtype=torch.uint8)}
    free = {**dict.fromkeys((INPUT, *OUTPUTS), "n"), **dict.fromkeys(graph.shown, "views_n")}
    _trace(graph, example, (*OUTPUTS, *graph.shown), free, path)
    _fold(path)
    if graph.shown:
        model = onnx.load(path)
        for name in graph.head_parameters():
            known = next(one for one in model.graph.initializer if one.name == name)
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, known.data_type, known.dims))
        onnx.save(model, path)
    strip(path)


def write_covered(graph: ExportedGraph, side: int, path: Path) -> None:
    """Write what a graph makes of maps that are covered, as a file without weights; the number of covers is free.

    Args:
        graph: In evaluation mode, with maps that are handed out.
        side: Of its squares, pixels.
        path: The file.
    """
    with torch.no_grad():
        _, _, *maps = graph(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    example = {COVERS: torch.zeros(2, PARTS, PARTS), **dict(zip(graph.shown, maps, strict=True))}
    free = {COVERS: "k", OUTPUTS[0]: "k"}
    _trace(CoveredMaps(graph).eval(), example, OUTPUTS[:1], free, path)
    model = onnx.load(path)
    for name in graph.head_parameters():  # its constants are those of the other file
        known = next(one for one in model.graph.initializer if one.name == f"graph.{name}")
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, known.data_type, known.dims))
        model.graph.initializer.remove(known)
        for node in model.graph.node:
            node.input[:] = [name if each == known.name else each for each in node.input]
    onnx.save(model, path)
    _fold(path)
    strip(path)


def _trace(
    graph: nn.Module, example: Mapping[str, Tensor], outputs: Sequence[str], free: Mapping[str, str], path: Path
) -> None:
    """Write a graph by the exporter that traces.

    It writes what that of ``torch.export`` writes for our networks, in a tenth of the time or less.

    Args:
        graph: In evaluation mode.
        example: Its inputs by their names.
        outputs: Names of its outputs.
        free: Names of the first axes that are free, by input and output.
        path: The file.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sides that become constants, and that the other exporter is newer
        torch.onnx.export(
            graph,
            tuple(example.values()),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(example),
            output_names=list(outputs),
            dynamic_axes={name: {0: axis} for name, axis in free.items()},
        )


def _fold(path: Path) -> None:
    """Compute what is constant, by the rules of ONNX Runtime that leave standard operators."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def strip(path: Path) -> None:
    """Take out of a file what is not computed with: source lines and folders of the maker, notes."""
    model = onnx.load(path)
    _sort(model.graph)
    del model.metadata_props[:]
    used = {node.domain for node in model.graph.node}
    kept = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.doc_string = ""
    model.producer_name, model.producer_version = "lithoscope", ""
    graph = model.graph
    graph.name, graph.doc_string = "classifier", ""
    del graph.metadata_props[:], graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.doc_string = ""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _sort(graph: onnx.GraphProto) -> None:
    """Put nodes behind those whose outputs they and their branches take; the quantiser does not heed branches.

    A graph in such an order stays as it is; else each node comes as early as its old place and its needs let it.

    Source: A. B. Kahn (1962), Topological sorting of large networks, Communications of the ACM 5.
    """
    nodes = list(graph.node)
    maker = {name: place for place, node in enumerate(nodes) for name in node.output if name}  # "" is left out
    needs = [{maker[name] for name in _taken(node) if name in maker} for node in nodes]
    if all(place > max(needed, default=-1) for place, needed in enumerate(needs)):
        return
    takers: dict[int, list[int]] = defaultdict(list)
    for place, needed in enumerate(needs):
        for one in needed:
            takers[one].append(place)
    missing = [len(needed) for needed in needs]
    ready = [place for place, count in enumerate(missing) if count == 0]  # ascending, so a heap
    ordered: list[int] = []
    while ready:
        ordered.append(heappop(ready))
        for taker in takers[ordered[-1]]:
            missing[taker] -= 1
            if missing[taker] == 0:
                heappush(ready, taker)
    ordered += [place for place, count in enumerate(missing) if count]  # a circle: the check that follows says so
    del graph.node[:]
    graph.node.extend(nodes[place] for place in ordered)


def _taken(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node takes, and those that the nodes of its branches take."""
    branches = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return {*node.input}.union(*(_taken(inner) for branch in branches for inner in branch.node))
