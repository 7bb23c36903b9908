"""Networks that params.yaml tunes on photographs of a published set, and what each says of photographs."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _open_set import Labels

from lithoscope.config.params import Parameters
from lithoscope.data.loading.dataloader import OnlineAugmentation
from lithoscope.data.packed.arrays import ArraySplit, Pixels
from lithoscope.evaluation.held_out import plain_features
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.device import resolve_precision
from lithoscope.models.predictor import Predictor
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription
from lithoscope.training.adapt import choose_adaptation
from lithoscope.training.calibrate import save_calibrated
from lithoscope.training.ensemble import train_members
from lithoscope.training.module import TrainingSettings


@dataclass(frozen=True)
class Said:
    """What a tuned network says of photographs.

    Attributes:
        probabilities: Calibrated on the validation photographs, of all views, float32 (n, classes).
        features: What its head sees of the plain view, float32 (n, d).
    """

    probabilities: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]


def packed(images: Pixels, labels: npt.NDArray[np.str_], rows: Labels, classes: list[str]) -> ArraySplit:
    """Return some photographs as a split, without copies."""
    places = np.array([classes.index(str(label)) for label in labels[rows]], dtype=np.int64)
    return ArraySplit(images[rows], [str(row) for row in rows], places, np.zeros(len(rows), np.int64), classes)


def tuned(
    params: Parameters, train: ArraySplit, validation: ArraySplit, asked: Pixels, kept: Path, dataset: str
) -> Said:
    """Train as the stage does, save the model as the stage does, and ask it; once.

    Args:
        params: What to train with.
        train: Photographs that are learnt.
        validation: Those that choose the epoch and the temperature.
        asked: Photographs that the answers are of, uint8 (n, side, side, 3).
        kept: The file that holds the answers from one call to the next.
        dataset: Name of the set.
    """
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            predictor = _trained(params, train, validation, Path(folder), dataset)
        said = Said(predictor.probabilities(asked), plain_features(predictor, asked))
        half = kept.with_suffix(".partial.npz")
        np.savez(half, **vars(said))
        half.replace(kept)
    with np.load(kept, allow_pickle=False) as read:
        return Said(**read)


def _trained(params: Parameters, train: ArraySplit, validation: ArraySplit, folder: Path, dataset: str) -> Predictor:
    architecture = Architecture(params.model, params.image_size, len(train.classes))
    weights = load_pretrained(params.model.name, params.model.weights)
    settings = TrainingSettings.from_parameters(params, "cpu", resolve_precision(params.precision, "cpu"))
    adaptation = choose_adaptation(params.train.adapt, params.model, train)
    print(adaptation.line(), flush=True)
    result = train_members(
        partial(build_classifier, architecture, weights.state if weights else None),
        adaptation.apply(settings),
        train,
        validation,
        OnlineAugmentation(params.augment, params.seed),
        members=params.model.members,
        threads=params.threads,
        checkpoints=folder / "checkpoints",
        on_epoch=lambda _, history: print(history[-1], flush=True),
        progress_bar=False,
    )
    description = ModelDescription(architecture, train.classes, params.augment.crop_border, dataset, False, None)
    temperature = save_calibrated(folder / "model", description, result.state(), validation, params.train.temperature)
    print(temperature.line(), flush=True)
    return Predictor.load(folder / "model")
