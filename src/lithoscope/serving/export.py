"""Export of a trained model as ONNX, with its parity measured: what answers, and what finds out where it looked."""

import shutil
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription
from lithoscope.serving.graph import ExportedGraph
from lithoscope.serving.int8 import calibration_rows, quantise
from lithoscope.serving.model_card import CARD, model_card
from lithoscope.serving.new_folder import new_folder, require_replaceable
from lithoscope.serving.onnx_description import (
    DESCRIPTION,
    LIMITS,
    LOOKED,
    NETWORK,
    OnnxDescription,
    Precision,
    is_export,
    limits_of,
    load_onnx_description,
    source_digests,
)
from lithoscope.serving.onnx_file import write_covered, write_onnx
from lithoscope.serving.onnx_model import OnnxModel, open_session
from lithoscope.serving.parity import (
    ParityPictures,
    look_pictures,
    measure_look_parity,
    measure_parity,
    open_packed,
    parity_pictures,
    require_fp32_parity,
    require_int8_parity,
    require_look_parity,
    torch_look,
)
from lithoscope.serving.run_record import run_record


def export_model(model: Path, output: Path, precision: Precision, arrays: Path) -> OnnxDescription:
    """Export a saved model; nothing is there before all of it is, and has been held against torch.

    Args:
        model: A saved model's folder, such as ``build/model``.
        output: The folder to make; an export that is there is replaced.
        precision: ``fp32`` or ``int8``.
        arrays: The folder of packed photographs, which parity is measured on and int8 is calibrated with.

    Returns:
        What its ``model.json`` says.

    Raises:
        LithoscopeError: There is no such model, its export is not the same classifier, or the folder is something else.
    """
    require_replaceable(output, is_export)
    limits = limits_of(model)
    source = source_digests(model, limits)
    predictor = Predictor.load(model)
    with new_folder(output) as folder:
        record = run_record(model)
        described = _write(predictor, folder, precision, arrays, source, record.figures() if record else {})
        (folder / CARD).write_text(model_card(described, record), encoding="utf-8")
        if limits is not None:
            shutil.copytree(limits, folder / LIMITS)
    return load_onnx_description(output)


def _write(
    predictor: Predictor,
    folder: Path,
    precision: Precision,
    arrays: Path,
    source: dict[str, str],
    figures: dict[str, Any],
) -> OnnxDescription:
    said, network = predictor.description, folder / NETWORK
    graph = ExportedGraph(predictor.network, said.views, said.temperature, said.architecture.image_size).eval()
    write_onnx(graph, said.architecture.image_size, network)
    pictures = parity_pictures(arrays, said)
    expected = predictor.probabilities(pictures.squares)
    description = _described(said, precision, source, network)
    model = OnnxModel(folder, description, open_session(network, int8=False))
    found = model.run(pictures.squares).probabilities
    parity = measure_parity(pictures, expected, found)
    require_fp32_parity(parity)
    if precision == "int8":
        training = open_packed(arrays, "train", said)
        if training is None:
            raise LithoscopeError(
                f"{arrays}: int8 takes its ranges from the model's training photographs, which are not there; run "
                "`dvc repro augment` where it was trained, or export fp32"
            )
        whole = network.rename(folder / "fp32.onnx")
        quantise(whole, training.images[calibration_rows(training.copies)], network)
        whole.unlink()
        description = _described(said, precision, source, network)
        model = OnnxModel(folder, description, open_session(network, int8=True))
        found = model.run(pictures.squares).probabilities
        paired = require_int8_parity(pictures, expected, found)
        parity = {**measure_parity(pictures, expected, found), "against_fp32": paired.words}
    description.parity.update(parity)
    description.figures.update(figures)
    description.looked.update(_write_looked(graph, model, pictures))
    (folder / DESCRIPTION).write_text(description.text(), encoding="utf-8")
    return description


def _write_looked(graph: ExportedGraph, model: OnnxModel, pictures: ParityPictures) -> dict[str, Any]:
    """Write what covers the feature maps, hold it against torch, and return what the description says of it."""
    if graph.without:
        return {"without": graph.without}
    said = model.description
    write_covered(graph, said.image_size, model.folder / LOOKED)
    said.looked["onnx"] = file_digest(model.folder / LOOKED)
    squares = look_pictures(pictures)
    expected = [torch_look(graph, said.classes, square) for square in squares]
    parity = measure_look_parity(expected, [model.look(square) for square in squares])
    if said.precision == "fp32":
        require_look_parity(parity)
    return {**said.looked, **parity}


def _described(said: ModelDescription, precision: Precision, source: dict[str, str], network: Path) -> OnnxDescription:
    return OnnxDescription(
        classes=said.classes,
        image_size=said.architecture.image_size,
        crop_border=said.crop_border,
        dataset=said.dataset,
        synthetic=said.synthetic,
        temperature=said.temperature,
        views=said.views,
        members=said.architecture.model.members,
        precision=precision,
        source=source,
        onnx=file_digest(network),
        reading=said.reading,
    )
