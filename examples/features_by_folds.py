"""Which features of a frozen backbone name photographs best? Judged by folds over the training photographs alone.

    lithoscope use PATH_OF_THE_PHOTOGRAPHS && dvc repro split
    python examples/features_by_folds.py --weights FILE --size 224 448 --passes 0 4

Run it at the root of the repository. Test photographs are never read. For every size the photographs are framed, run
through the backbone as they are, in all the views and in varied passes, once; each kind of features then gets a
shrinkage discriminant in every fold, as ``train.head_fit: discriminant`` makes one. Near-duplicates share a fold.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from rich.progress import track
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from lithoscope.config.network import ModelParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.square import to_square
from lithoscope.data.loading.augment import UNVARIED, augment_batch, cut_windows
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.models.classifier import Architecture, Classifier, build_classifier
from lithoscope.models.device import make_repeatable, resolve_device, resolve_precision
from lithoscope.models.ensemble import mean_log_probabilities, symmetry
from lithoscope.models.frozen_features import for_features
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.temperature import fit_temperature
from lithoscope.training.discriminant_head import standardised_discriminant

SPLITS = Path("build/splits.csv")
VARIED = UNVARIED.model_copy(
    update={
        "rotation": 180,
        "zoom": 0.1,
        "flip": True,
        "brightness": 0.1,
        "contrast": 0.1,
        "colour": 0.05,
        "online": 1.0,
    }
)
BATCH = 20
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """Of each training photograph, float32 (n, features) each; the first view is the photograph as it is."""

    views: list[Rows]
    passes: list[Rows]
    closer: list[Rows]  # views of a window, as if it had been framed more closely


def compute(
    network: Classifier, pictures: npt.NDArray[np.uint8], crop: float, views: int, passes: int, precision: str
) -> Features:
    """Run all photographs, uint8 (n, size, size, 3), through the network once for each view and each pass."""
    ids = [str(number) for number in range(len(pictures))]
    windows = torch.from_numpy(cut_windows(pictures, ids, crop, seed=0)).permute(0, 3, 1, 2)
    device = next(network.parameters()).device.type

    def embedded(images: Tensor) -> Rows:
        rows = network.embed(images.contiguous(memory_format=torch.channels_last).to(device))
        return np.asarray(rows.float().cpu().numpy())

    found: dict[tuple[str, int], list[Rows]] = {}
    with for_features(network, device, precision):
        for start in track(range(0, len(pictures), BATCH), f"{pictures.shape[1]} px", transient=True):
            numbers = list(range(start, min(start + BATCH, len(pictures))))
            images = torch.from_numpy(pictures[numbers]).permute(0, 3, 1, 2)
            for view in range(views):
                found.setdefault(("view", view), []).append(embedded(symmetry(images, view)))
                found.setdefault(("closer", view), []).append(embedded(symmetry(windows[numbers], view)))
            for epoch in range(passes):
                varied = augment_batch(images, numbers, VARIED, seed=0, epoch=epoch)
                found.setdefault(("pass", epoch), []).append(embedded(varied))
    whole = {key: np.concatenate(parts) for key, parts in found.items()}
    kinds = ("view", "pass", "closer")
    return Features(*([rows for (kind, _), rows in whole.items() if kind == wanted] for wanted in kinds))


def fold_logits(
    features: Features, columns: slice, labels: npt.NDArray[np.int64], fold: npt.NDArray[np.bool_], shrinkage: float
) -> tuple[Rows, Rows]:
    """Fit the discriminant outside a fold and return its answers inside, all views averaged, float32 (n, classes).

    Returns:
        Of the photographs as framed, and framed more closely.
    """
    training = [rows[~fold][:, columns].astype(np.float64) for rows in (features.views[0], *features.passes)]
    known = np.tile(labels[~fold], len(training))
    weights, biases = standardised_discriminant(np.concatenate(training), known, int(labels.max()) + 1, shrinkage)

    def averaged(views: list[Rows]) -> Rows:
        logits = [torch.from_numpy(view[fold][:, columns] @ weights.T + biases) for view in views]
        return np.asarray(mean_log_probabilities(logits).numpy(), np.float32)

    return averaged(features.views), averaged(features.closer)


def main() -> None:
    """Print a line for each size, kind of features and number of passes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--weights", default="imagenet", help="imagenet, a file, or none")
    parser.add_argument("--size", type=int, nargs="+", default=[224])
    parser.add_argument("--passes", type=int, nargs="+", default=[0, 4], help="varied passes")
    parser.add_argument(
        "--crop", type=float, default=0.4, help="share of the side that closer framing cuts away, at most"
    )
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--shrinkage", type=float, default=0.85)
    parser.add_argument("--folds", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not SPLITS.is_file():
        raise LithoscopeError(f"{SPLITS} is missing: run `dvc repro split` first, at the root of the repository")
    table = pd.read_csv(SPLITS, keep_default_na=False)
    table = table[table["split"].isin(("train", "val"))]
    labels = np.unique(table["label"], return_inverse=True)[1].astype(np.int64)
    make_repeatable(0, options.threads)
    device = resolve_device("auto")
    pretrained = load_pretrained(options.model, None if options.weights == "none" else options.weights)
    print(f"{len(table)} photographs, {options.folds} folds, {options.repeats} times; {options.views} views")
    for size in options.size:
        pictures = np.stack([to_square(read_photograph(Path(path)), size, True) for path in table["path"]])
        model = ModelParameters(
            name=options.model,
            weights=None,
            pooling="texture",
            head="linear",
            dropout=0,
            stochastic_depth=0,
            members=1,
            views=1,
        )
        architecture = Architecture(model, size, int(labels.max()) + 1)
        network = build_classifier(architecture, pretrained.state if pretrained else None).to(device)
        features = compute(
            network, pictures, options.crop, options.views, max(options.passes), resolve_precision("auto", device)
        )
        late = sum(network.widths[number] for number in network.gathered)
        kinds = {
            "average": slice(late - network.widths[-1], late),
            "late averages": slice(0, late),
            "covariance": slice(late, None),
            "texture": slice(None),
        }
        for kind, columns in kinds.items():
            for passes in options.passes:
                found: dict[str, list[Rows]] = {"framed": [], "closer": []}
                asked: list[npt.NDArray[np.int64]] = []
                for repeat in range(options.repeats):
                    splitter = StratifiedGroupKFold(options.folds, shuffle=True, random_state=repeat)  # type: ignore[no-untyped-call]
                    inner = splitter.split(labels, labels, table["group"])  # type: ignore[no-untyped-call]
                    for _, inside in inner:
                        fold = np.isin(np.arange(len(labels)), inside)
                        some = Features(features.views, features.passes[:passes], features.closer)
                        for name, logits in zip(
                            found, fold_logits(some, columns, labels, fold, options.shrinkage), strict=True
                        ):
                            found[name].append(logits)
                        asked.append(labels[fold])
                answers, truth = {name: np.concatenate(parts) for name, parts in found.items()}, np.concatenate(asked)
                whole, closer = (
                    in_words(float((logits.argmax(axis=1) == truth).sum()) / options.repeats, len(labels))
                    for logits in answers.values()
                )
                temperature = fit_temperature(answers["framed"], truth).value
                print(
                    f"{size} px  {kind:13}  {passes:2} passes  accuracy {whole}, framed closer {closer}, "
                    f"temperature {temperature:.4f}",
                    flush=True,
                )


def in_words(right: float, n: int) -> str:
    """Return a share with its 95 % Wilson interval at n; repeated folds read the same photographs."""
    low, high = wilson(right, n)
    return f"{right / n:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    try:
        main()
    except LithoscopeError as error:
        sys.exit(f"error: {error}")
