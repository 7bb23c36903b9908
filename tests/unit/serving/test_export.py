"""Exports hold the same classifier as torch, in one file that says nothing of the machine it was made on."""

import getpass
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from lithoscope.cli.main import main
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import Pixels
from lithoscope.evaluation.explanations.attribution import members_of
from lithoscope.models.ensemble import mean_log_probabilities, symmetry
from lithoscope.models.pooling import pool
from lithoscope.models.predictor import Predictor
from lithoscope.models.temperature import tempered
from lithoscope.serving import int8
from lithoscope.serving.export import export_model
from lithoscope.serving.model_source import is_current
from lithoscope.serving.occlusion import OF_MAPS, OF_PHOTOGRAPH, PARTS, STEPS, Floats, Look, covered
from lithoscope.serving.onnx_description import LOOKED, load_onnx_description
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.parity import (
    ParityPictures,
    measure_look_parity,
    measure_parity,
    require_fp32_parity,
    require_int8_parity,
    require_look_parity,
)

from helpers.exports import packed, saved
from helpers.made_up_settings import plain_architecture

CLASSES = ["basalt", "gneiss", "schist"]
SQUARES = np.random.default_rng(0).integers(0, 256, (19, 32, 32, 3), dtype=np.uint8)


def made(folder: Path, name: str = "cnn", size: int = 32, **changes: Any) -> tuple[Predictor, OnnxModel]:
    model = saved(folder / "model", plain_architecture(name, size, len(CLASSES), 0.5, **changes), CLASSES)
    export_model(model, folder / "export", "fp32", packed(folder / "arrays", size, CLASSES))
    return Predictor.load(model), OnnxModel.load(folder / "export")


@pytest.mark.parametrize(
    ("name", "size", "changes"),
    [
        ("cnn", 32, {}),
        ("cnn", 32, {"pooling": "maximum", "head": "mlp"}),
        ("cnn", 32, {"pooling": "texture", "head": "batchnorm", "views": 8}),
        ("cnn", 32, {"members": 3, "views": 2}),
        ("mobilenet_v2", 64, {"pooling": "both"}),
        ("alexnet", 64, {}),  # pools to six by six places, which free sizes would freeze
        ("timm/tf_efficientnet_lite0", 64, {"views": 2}),
        ("timm/tf_efficientnet_lite0", 64, {"pooling": "texture"}),
    ],
)
def test_an_export_answers_as_torch_does(tmp_path: Path, name: str, size: int, changes: dict[str, Any]) -> None:
    predictor, exported = made(tmp_path, name, size, **changes)
    squares = np.random.default_rng(3).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    expected = predictor.probabilities(squares)
    assert np.ptp(expected, axis=0).max() > 0.01, "the answers depend on what is seen"
    outputs = exported.run(squares)
    np.testing.assert_allclose(outputs.probabilities, expected, atol=5e-5)  # processors round differently
    assert outputs.features.shape[0] == 5
    assert exported.description.parity["changed_labels"] == []
    assert exported.description.parity["photographs"] == 12
    nodes = onnx.load(exported.folder / "model.onnx").graph.node
    averages = [node for node in nodes if node.op_type == "ReduceLogSumExp"]
    assert bool(averages) == bool(changes.keys() & {"members", "views"})
    assert all(len(node.input) == 2 for node in averages), "OpenVINO heeds only axes that are an input"


@pytest.mark.parametrize(
    ("name", "size", "changes"),
    [
        ("cnn", 128, {"members": 2, "views": 2}),
        ("cnn", 128, {"pooling": "both", "head": "mlp"}),
        ("cnn", 64, {"pooling": "texture", "head": "batchnorm", "views": 5}),
    ],
)
def test_what_it_looked_at_is_found_by_covering_all_feature_maps_alike(
    tmp_path: Path, name: str, size: int, changes: dict[str, Any]
) -> None:
    predictor, exported = made(tmp_path, name, size, **changes)
    # Colours that differ from place to place: covers of pure noise would change nothing.
    coarse = np.random.default_rng(4).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    square = coarse.repeat(size // 8, axis=0).repeat(size // 8, axis=1)
    seen = exported.look(square)
    assert (seen.classes, seen.method) == (CLASSES, OF_MAPS)
    np.testing.assert_array_equal(seen.before, exported.run(square[None]).probabilities[0])
    for place in (0, 5, 24, 43):
        np.testing.assert_allclose(seen.after[place], covered_by_hand(predictor, square, place), atol=5e-5)
    assert np.ptp(seen.after, axis=0).max() > 1e-3
    assert exported.description.looked["largest_difference"] <= 5e-5
    assert exported.description.looked["largest_difference_of_evidence"] <= 1e-3
    assert (exported.folder / LOOKED).stat().st_size < 150_000, "no weights"


def covered_by_hand(predictor: Predictor, square: Pixels, place: int) -> Floats:
    """Return probabilities (classes,) where features give way to the mean of the others, by the share hidden."""
    row, column = (part * 64 // PARTS for part in divmod(place, STEPS))
    fine = torch.zeros(1, 1, 64, 64)
    fine[:, :, row : row + 16, column : column + 16] = 1
    by_view = []
    for view in range(predictor.description.views):
        pixels = symmetry(torch.from_numpy(square[None]).permute(0, 3, 1, 2).float(), view)
        of_members = []
        for member in members_of(predictor):
            gathered = []
            for number, maps in enumerate(member.outputs(member.normalised(pixels))):
                hidden = functional.avg_pool2d(symmetry(fine, view), 64 // maps.shape[2])
                others = (maps * (1 - hidden)).sum(dim=(2, 3), keepdim=True) / (1 - hidden).sum()
                if number in member.gathered:
                    gathered.append(torch.lerp(maps, others.expand_as(maps), hidden.expand_as(maps)))
            of_members.append(member.head(pool(member.pooling, gathered)))
        by_view.append(mean_log_probabilities(of_members))
    logits = mean_log_probabilities(by_view).detach().numpy()
    return np.array(tempered(logits, predictor.description.temperature)[0])


@pytest.mark.parametrize(
    ("name", "size", "reason"), [("cnn", 32, "1 × 1 places"), ("timm/vit_tiny_patch16_224", 32, "pools by itself")]
)
def test_where_no_maps_can_be_covered_the_photograph_is(tmp_path: Path, name: str, size: int, reason: str) -> None:
    predictor, exported = made(tmp_path, name, size)
    assert reason in exported.description.looked["without"]
    assert not (exported.folder / LOOKED).exists()
    seen = exported.look(SQUARES[0])
    assert seen.method == OF_PHOTOGRAPH
    np.testing.assert_allclose(seen.after, predictor.probabilities(covered(SQUARES[0])), atol=5e-5)
    text = json.loads((exported.folder / "model.json").read_text())
    del text["looked"]  # as earlier versions wrote
    (exported.folder / "model.json").write_text(json.dumps(text))
    again = OnnxModel.load(exported.folder).look(SQUARES[0])
    np.testing.assert_array_equal(again.after, seen.after)
    assert not is_current(exported.folder, exported.description.source), "it is made anew where its model is at hand"


def test_looks_that_are_not_those_of_torch_are_refused() -> None:
    right = Look(CLASSES, np.array([0.5, 0.3, 0.2]), np.full((49, 3), 1 / 3), OF_MAPS)
    near = replace(right, after=right.after + 5e-5)
    require_look_parity(measure_look_parity([right], [near]))
    parity = measure_look_parity([right, right], [right, replace(right, after=right.after + 2e-4)])
    assert parity == {
        "photographs": 2,
        "largest_difference": 2e-4,
        "largest_difference_of_evidence": pytest.approx(np.log(1 + 6e-4), rel=1e-2),
    }
    with pytest.raises(LithoscopeError, match="is not what the trained one did"):
        require_look_parity(parity)


def test_the_features_are_what_the_heads_see_of_the_unturned_photograph(tmp_path: Path) -> None:
    predictor, exported = made(tmp_path, members=2, views=4)
    with torch.no_grad():
        expected = predictor.network.embed(torch.from_numpy(SQUARES).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(exported.run(SQUARES).features, expected, rtol=1e-3, atol=1e-4)


def test_batches_order_and_threads_change_no_digit(tmp_path: Path) -> None:
    _, exported = made(tmp_path, views=2)
    whole = exported.run(SQUARES).probabilities
    alone = np.concatenate([exported.run(SQUARES[n : n + 1]).probabilities for n in range(len(SQUARES))])
    np.testing.assert_array_equal(alone, whole)
    np.testing.assert_array_equal(exported.run(SQUARES[::-1]).probabilities[::-1], whole)
    for threads in (1, 2):
        again = OnnxModel.load(exported.folder, threads)
        np.testing.assert_array_equal(again.run(SQUARES).probabilities, whole)
    assert len(exported.run(SQUARES[:0]).probabilities) == 0


def test_an_export_has_no_trace_of_its_maker(tmp_path: Path, checkout: Path) -> None:
    _, exported = made(tmp_path, size=128)
    assert {path.name for path in exported.folder.iterdir()} == {"model.onnx", LOOKED, "model.json", "README.md"}
    content = b"".join(path.read_bytes() for path in exported.folder.iterdir())
    places = (str(checkout), str(tmp_path), str(Path.home()), "site-packages", ".py", getpass.getuser() + "/")
    assert not [place for place in places if place.encode() in content]
    for name, free in (("model.onnx", ["n", 128, 128, 3]), (LOOKED, ["k", 8, 8])):
        model = onnx.load(exported.folder / name)
        assert not model.metadata_props
        assert not [node.name for node in model.graph.node if node.metadata_props or node.doc_string]
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
        assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == free


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    made(tmp_path, size=128)
    export_model(tmp_path / "model", tmp_path / "again", "fp32", tmp_path / "arrays")
    for name in ("model.onnx", LOOKED):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "export" / name).read_bytes()


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (32, "what it looked at is found by covering photographs, which takes fifty answers: its finest maps have"),
        (128, "what it looked at, on 4 of them: evidence differs by up to "),
    ],
)
def test_the_command_says_how_far_answers_and_looks_are_from_those_of_torch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], size: int, said: str
) -> None:
    made(tmp_path, size=size)
    assert main(["export", "--model", str(tmp_path / "model"), "--output", str(tmp_path / "export")]) == 0
    first, answers, looks = capsys.readouterr().out.splitlines()
    assert "export: is up to date" in first
    assert answers.startswith("against torch, on 12 test photographs: probabilities differ by up to ")
    assert looks.startswith(said)


def test_limits_travel_with_a_model(tmp_path: Path) -> None:
    (tmp_path / "limits").mkdir()
    (tmp_path / "limits" / "limits.json").write_text("{}")
    _, exported = made(tmp_path)
    assert (exported.folder / "limits" / "limits.json").read_text() == "{}"
    assert set(exported.description.source) == {"weights", "description", "limits"}


def test_where_no_photographs_are_at_hand_parity_is_measured_on_drawings_and_says_so(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", plain_architecture("cnn", 32, 3, 0.5), CLASSES)
    parity = export_model(model, tmp_path / "export", "fp32", tmp_path / "nowhere").parity
    assert (parity["kind"], parity["photographs"]) == ("synthetic specimens", 14)
    assert "accuracy" not in parity
    other = packed(tmp_path / "arrays", 32, ["a", "b", "c"])
    assert export_model(model, tmp_path / "export", "fp32", other).parity["kind"] == "synthetic specimens"


def test_int8_holds_its_own_on_test_photographs_or_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = saved(tmp_path / "model", plain_architecture("cnn", 64, 3, 0.5, pooling="texture"), CLASSES)
    arrays = packed(tmp_path / "arrays", 64, CLASSES, each=30, model=model)
    parity = export_model(model, tmp_path / "int8", "int8", arrays).parity
    assert parity["accuracy_of_torch"] == 1
    assert parity["accuracy"] > 0.9
    assert 1e-4 < parity["largest_difference"] < 0.5, "it computes in other numbers"
    assert load_onnx_description(tmp_path / "int8").precision == "int8"
    quantised = onnx.load(tmp_path / "int8" / "model.onnx").graph
    assert [node for node in quantised.node if node.op_type == "DequantizeLinear"]
    scales = {tensor.name: tensor for tensor in quantised.initializer if tensor.name.endswith("_scale")}
    assert [tensor for tensor in scales.values() if tensor.dims and tensor.dims[0] > 1], "a scale for each channel"
    gemm = [node for node in quantised.node if node.op_type in ("Gemm", "MatMul")]
    assert gemm
    assert not [name for node in gemm for name in node.input if "DequantizeLinear" in name], "the head stays fp32"
    with pytest.raises(LithoscopeError, match="training photographs"):
        export_model(model, tmp_path / "none", "int8", tmp_path / "nowhere")
    seen = OnnxModel.load(tmp_path / "int8").look(np.full((64, 64, 3), 99, np.uint8))
    assert seen.method == OF_MAPS, "its maps are covered by a graph in fp32"
    assert 0 < load_onnx_description(tmp_path / "int8").looked["largest_difference"] < 0.5
    black = np.zeros((128, 64, 64, 3), np.uint8)
    monkeypatch.setattr(int8, "_Photographs", lambda squares, kept=int8._Photographs: kept(black))
    with pytest.raises(LithoscopeError, match=r"int8 is worse by .*; export fp32"):
        export_model(model, tmp_path / "black", "int8", arrays)
    assert not (tmp_path / "black").exists()
    assert not list(tmp_path.glob(".export-*"))


def test_another_classifier_is_refused() -> None:
    pictures = ParityPictures(SQUARES[:3], ["a", "b", "c"], np.array([0, 1, 2]), "test photographs")
    expected = np.eye(3, dtype=np.float32) * 0.4 + 0.2
    near = measure_parity(pictures, expected, expected + np.float32(5e-5))
    require_fp32_parity(near)
    far = expected + np.float32(2e-4)
    with pytest.raises(LithoscopeError, match="differ by up to"):
        require_fp32_parity(measure_parity(pictures, expected, far))
    changed = expected[[0, 2, 2]]
    parity = measure_parity(pictures, expected, changed)
    assert parity["changed_labels"] == ["b"]
    assert (parity["accuracy"], parity["accuracy_of_torch"]) == (pytest.approx(2 / 3, abs=1e-5), 1)
    with pytest.raises(LithoscopeError, match="1 labels change"):
        require_fp32_parity(parity)
    with pytest.raises(LithoscopeError):
        require_fp32_parity(measure_parity(pictures, expected, expected * np.float32(np.nan)))


def test_int8_needs_labels_to_be_judged_by_and_may_lose_what_is_not_shown() -> None:
    count = 200
    labels = np.arange(count) % 3
    expected = np.eye(3, dtype=np.float32)[labels]
    ids = [str(n) for n in range(count)]
    worse = expected.copy()
    worse[:2] = worse[:2, [1, 2, 0]]
    paired = require_int8_parity(ParityPictures(SQUARES, ids, labels, "test photographs"), expected, worse)
    assert paired.verdict == "not shown"
    worse[:20] = expected[:20, [1, 2, 0]]
    with pytest.raises(LithoscopeError, match="shown"):
        require_int8_parity(ParityPictures(SQUARES, ids, labels, "test photographs"), expected, worse)
    with pytest.raises(LithoscopeError, match="test photographs"):
        require_int8_parity(ParityPictures(SQUARES, ids, None, "synthetic specimens"), expected, expected)


def test_a_folder_that_holds_something_else_is_not_written_over(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", plain_architecture("cnn", 32, 3, 0.5), CLASSES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(LithoscopeError, match="something else"):
        export_model(model, tmp_path / "mine", "fp32", tmp_path)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_a_damaged_export_is_an_error_of_a_line(tmp_path: Path) -> None:
    _, exported = made(tmp_path, size=128)
    text = json.loads((exported.folder / "model.json").read_text())
    (exported.folder / LOOKED).write_bytes((exported.folder / "model.onnx").read_bytes())
    with pytest.raises(LithoscopeError, match=r"looked\.onnx: missing, or not the one of its model\.json"):
        exported.look(np.zeros((128, 128, 3), np.uint8))
    (exported.folder / "model.onnx").write_bytes(b"cut")
    with pytest.raises(LithoscopeError, match=r"not the one of its model\.json"):
        OnnxModel.load(exported.folder)
    (exported.folder / "model.json").write_text(json.dumps({**text, "format": "another"}))
    with pytest.raises(LithoscopeError, match="format another"):
        OnnxModel.load(exported.folder)
    (exported.folder / "model.json").write_text(json.dumps({name: text[name] for name in text if name != "classes"}))
    with pytest.raises(LithoscopeError, match="damaged"):
        OnnxModel.load(exported.folder)
