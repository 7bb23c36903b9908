"""How far exports agree with torch: the default as it was trained, and recipes' graphs; writes export_parity.md.

A recipe's model is built with its network, members, views, pooling and side, and not trained as the recipe says: parity
is of the graph. The backbones hold ImageNet's weights, each member's shaken a little, so that members differ; the heads
are discriminants of the plain training photographs. Accuracies are therefore no results of the recipes.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from _networks import ROOT
from torch import Tensor, nn

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.square import to_square
from lithoscope.data.packed.arrays import open_split, write_classes, write_split
from lithoscope.data.sources.catalogue import catalogue
from lithoscope.data.sources.registry import photograph_set
from lithoscope.experiments.recipes import committed_parameters, load_recipe, parameters_with
from lithoscope.models.classifier import Architecture, Classifier, build_classifier
from lithoscope.models.ensemble import join_states
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.serving.export import export_model
from lithoscope.serving.onnx_description import NETWORK, Precision
from lithoscope.training.discriminant_head import standardised_discriminant

PAGE = Path(__file__).with_suffix(".md")
COMMAND = "python benchmarks/export_parity.py --rocks ROCKS --minerals MINERALS --most 60"
SHAKEN, SHRINKAGE, BATCH, EVERY = 0.02, 0.85, 16, 6
HEAD = f"""# Parity of exports

Made by `{COMMAND}`, which takes local copies of the sets and `build/model`.

The first model is the workspace's, as the pipeline trained it. The others are **not trained as their recipes say**:
they have the recipe's network, members, views, pooling and side, backbones with ImageNet's weights (from the second
member on shaken by {SHAKEN:.0%}, so that members differ), and heads that are discriminants of plain training
photographs, as many as are tested. Parity is of the graph; these accuracies are no results of the recipes. Of the
minerals every {EVERY}th photograph is a test.

| model | graph | numbers | MB | photographs | largest difference | changed labels | accuracy | torch's |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def pack(folder: Path, parameters: Parameters, arrays: Path, most: int) -> list[str]:
    """Frame at most so many of a set's photographs into packed training and test photographs; return its classes."""
    entries = catalogue(folder, photograph_set(parameters.dataset).photographs(folder)).entries
    own = any(entry.official_split == "test" for entry in entries)
    tests = [entry.official_split == "test" if own else place % EVERY == 0 for place, entry in enumerate(entries)]
    classes, side = sorted({entry.label for entry in entries}), parameters.image_size
    write_classes(arrays, classes)
    for split, wanted in (("train", False), ("test", True)):
        of_split = [entry for entry, test in zip(entries, tests, strict=True) if test == wanted]
        count = max(most, 2 * len(classes)) if split == "train" else most
        of_split = [
            of_split[place] for place in np.unique(np.linspace(0, len(of_split) - 1, count).round().astype(int))
        ]
        squares = (to_square(read_photograph(folder / entry.id), side, crop_border=True) for entry in of_split)
        names, labels = [entry.id for entry in of_split], [entry.label for entry in of_split]
        write_split(arrays, split, names, labels, squares, side=side)
    return classes


def member(architecture: Architecture, weights: dict[str, Tensor], arrays: Path, seed: int) -> Classifier:
    """Return a network with a shaken backbone, and a head fitted to the packed training photographs."""
    torch.manual_seed(seed)
    network = build_classifier(architecture, weights).eval()
    if seed:
        for parameter in network.backbone.parameters():
            parameter.data.mul_(1 + SHAKEN * torch.randn_like(parameter))
    split = open_split(arrays, "train")
    parts = []
    with torch.inference_mode():
        for start in range(0, len(split), BATCH):
            pixels = torch.from_numpy(np.array(split.images[start : start + BATCH]))
            parts.append(network.embed(pixels.permute(0, 3, 1, 2)).double().numpy())
    features: npt.NDArray[np.float64] = np.concatenate(parts)
    found = standardised_discriminant(features, split.labels, len(split.classes), SHRINKAGE)
    last = next(part for part in network.head.modules() if isinstance(part, nn.Linear))
    for into, values in zip((last.weight, last.bias), found, strict=True):
        into.data.copy_(torch.from_numpy(values))
    return network


def built(name: str, folder: Path, place: Path, starting: str, most: int) -> Path:
    """Save a model of a recipe's architecture below ``place``, its photographs packed beside it."""
    recipe = load_recipe(ROOT, name)
    parameters = parameters_with(committed_parameters(ROOT), recipe.differences, name)
    classes = pack(folder, parameters, place / "arrays", most)
    weights = load_pretrained(parameters.model.name, starting)
    assert weights is not None
    architecture = Architecture(parameters.model, parameters.image_size, len(classes))
    alone = replace(architecture, model=parameters.model.model_copy(update={"members": 1}))
    states = [
        member(alone, weights.state, place / "arrays", seed).state_dict() for seed in range(parameters.model.members)
    ]
    temperature = parameters.train.temperature or 1.0
    description = ModelDescription(architecture, classes, True, parameters.dataset, False, None, temperature)
    save_model(place / "model", description, join_states(states))
    return place / "model"


def row(name: str, model: Path, arrays: Path, precision: Precision, place: Path) -> str:
    """Export a model and return its row."""
    try:
        made = export_model(model, place, precision, arrays)
    except LithoscopeError as refused:
        return f"| {name} | | {precision} | | | refused: {refused} | | | |"
    said, network = made.parity, made.members
    graph = f"{network} network{'s' if network > 1 else ''}, {made.views} views, {made.image_size} px"
    size = (place / NETWORK).stat().st_size / 1e6
    cells = (
        *(name, graph, precision, f"{size:.1f}", f"{said['photographs']} {said['kind']}"),
        *(f"{said['largest_difference']:.2g}", len(said["changed_labels"])),
        *(f"{said[key]:.3f}" if key in said else "" for key in ("accuracy", "accuracy_of_torch")),
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Export, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rocks", type=Path, required=True, help="a local copy of osf-rocks")
    parser.add_argument("--minerals", type=Path, required=True, help="a local copy of minerals")
    parser.add_argument("--model", type=Path, default=ROOT / "build" / "model", help="of the default, as trained")
    parser.add_argument("--weights", default="imagenet", help="a file of MobileNetV2's, where none can be downloaded")
    parser.add_argument("--most", type=int, default=1000, help="photographs of a recipe's set, evenly drawn")
    options = parser.parse_args()
    rows: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as temporary:
        workplace = Path(temporary)
        models = {"default, as trained": (options.model, options.model.parent / "arrays")}
        for name, folder in (("osf-best", options.rocks), ("minerals-best", options.minerals)):
            place = workplace / name
            models[f"`{name}`, not trained"] = (
                built(name, folder, place, options.weights, options.most),
                place / "arrays",
            )
        for precision in ("fp32", "int8"):
            for name, (model, arrays) in models.items():
                rows.append(row(name, model, arrays, precision, workplace / f"{len(rows)}"))
                print(rows[-1], flush=True)
                PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")  # int8 of many views takes minutes


if __name__ == "__main__":
    main()
