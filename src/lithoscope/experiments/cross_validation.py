"""Cross-validation of a recipe: one experiment a fold, whose predictions are pooled.

Every training photograph is answered once, by a network that was not trained on it. Pooled, the answers say how good
the recipe is without a look at the test photographs, which epochs the folds kept, and which temperature their
confidences ask for; a final training on all training photographs has none left over to fit one on.
"""

import dataclasses
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json
from lithoscope.evaluation.metric_intervals import as_file as intervals_as_file
from lithoscope.evaluation.metric_intervals import figure_intervals, read_groups, read_specimens
from lithoscope.evaluation.metrics import losses
from lithoscope.experiments.dvc_runs import Experiment, RecipeRequest, base_name, fetch_files, plan
from lithoscope.experiments.recipes import PLACES, Recipe, overrides
from lithoscope.experiments.run_results import read_run_table
from lithoscope.models.saved_model import load_description
from lithoscope.models.temperature import Temperature, fit_temperature, tempered

_FILES = ("params.yaml", "plots/predictions.csv", "build/splits.csv", "build/model/model.json", "metrics/train.json")
_LEAST_PROBABILITY = 1e-6  # the last decimal of a probability in plots/predictions.csv


@dataclass(frozen=True)
class Fold:
    """Predictions of one fold's experiment for the photographs that it did not train on.

    Attributes:
        ids: Of the photographs, n of them.
        groups: The group of duplicates or specimens each belongs to.
        labels: int64 (n,).
        logits: Float (n, classes), without a temperature.
        epochs: The epoch that each member kept; of those that were trained at all.
        clustered: Whether specimens, photographers or localities are named.
    """

    ids: list[str]
    groups: list[str]
    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    epochs: list[int]
    clustered: bool = False


@dataclass(frozen=True)
class PooledFolds:
    """Predictions of all folds together.

    Attributes:
        photographs: How many.
        correct: How many were predicted correctly.
        intervals: 95 % intervals of the figures at the temperature, with ``accuracy`` and ``loss`` among them.
        temperature: Fitted on all folds' answers.
        epochs: The epochs that the folds' members kept.
    """

    photographs: int
    correct: int
    intervals: dict[str, tuple[float, float]]
    temperature: Temperature
    loss: float
    epochs: list[int]

    @property
    def epoch(self) -> int:
        """Their mean, rounded: how many a final training is given."""
        return round(float(np.mean(self.epochs)))


def plan_folds(root: Path, recipe: Recipe, request: RecipeRequest, folds: int) -> list[Experiment]:
    """Plan one experiment for each fold, ``NAME-fold0`` and so on.

    Raises:
        LithoscopeError: As :func:`lithoscope.experiments.dvc_runs.plan`; or the recipe has a grid, or sets folds
            itself.
    """
    if folds < 2:
        raise LithoscopeError(f"--folds {folds}: allowed: 2 or more")
    if recipe.grid:
        raise LithoscopeError(f"recipe {recipe.name} is a grid: one combination at a time; give it with -S")
    own = [key for key in ("split.folds", "split.fold", "evaluate.on", "train.temperature") if key in request.settings]
    if own:
        raise LithoscopeError(f"-S {own[0]}: this command sets it; allowed with: lithoscope recipe {recipe.name}")
    name, planned = base_name(recipe, request), []
    for fold in range(folds):
        settings = {
            **request.settings,
            "split.folds": folds,
            "split.fold": fold,
            "evaluate.on": "validation",
            "train.temperature": None,
        }
        asked = dataclasses.replace(request, settings=settings, name=f"{name}-fold{fold}")
        planned += plan(root, recipe, asked)
    return planned


def read_fold(folder: Path) -> Fold:
    """Read what an experiment left; ``folder`` holds its files under their usual names."""
    table = read_run_table(folder)
    description = load_description(folder / "build" / "model")
    index = {name: number for number, name in enumerate(description.classes)}
    probabilities = table[[f"p_{name}" for name in description.classes]].to_numpy(np.float64)
    ids, training = table["id"].tolist(), read_json(folder / "metrics" / "train.json")
    members = training.get("members") or [training]
    return Fold(
        ids,
        read_groups(folder / "build" / "splits.csv", ids),
        np.array([index[name] for name in table["label"]], dtype=np.int64),
        np.log(np.maximum(probabilities, _LEAST_PROBABILITY)) * description.temperature,
        [member["best_epoch"] for member in members if member.get("tuned", True)],
        clustered=read_specimens(folder / "build" / "splits.csv", ids)[1],
    )


def read_folds(root: Path, planned: Sequence[Experiment]) -> list[Fold]:
    """Read what the folds' finished experiments left, from Git and DVC's cache.

    Raises:
        LithoscopeError: One is not finished, or it ran with other parameters than those planned.
    """
    folds = []
    for experiment in planned:
        with tempfile.TemporaryDirectory() as folder:
            fetch_files(root, experiment.name, Path(folder), _FILES)
            if load_parameters(Path(folder) / "params.yaml", past=True) != experiment.parameters:
                raise LithoscopeError(
                    f"the experiment {experiment.name} is there with other parameters: choose another name with "
                    f"--name, or remove it with: dvc exp remove {experiment.name}"
                )
            folds.append(read_fold(Path(folder)))
    return folds


def pool_folds(folds: Sequence[Fold]) -> PooledFolds:
    """Pool the folds' answers.

    Raises:
        LithoscopeError: A photograph was answered in two folds, which then are no folds of one split.
    """
    ids = [name for fold in folds for name in fold.ids]
    if len(set(ids)) < len(ids):
        duplicate = next(name for name in ids if ids.count(name) > 1)
        raise LithoscopeError(f"{duplicate} is in two of the folds: they were not cut from one split; run them anew")
    labels, logits = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("labels", "logits"))
    temperature = fit_temperature(logits, labels)
    probabilities = tempered(logits, temperature.value)
    return PooledFolds(
        len(ids),
        int((logits.argmax(axis=1) == labels).sum()),
        figure_intervals(
            probabilities,
            labels,
            [group for fold in folds for group in fold.groups],
            "folds",
            clustered=any(fold.clustered for fold in folds),
        ),
        temperature,
        float(losses(probabilities, labels).mean()),
        [epoch for fold in folds for epoch in fold.epochs],
    )


def summary_lines(name: str, folds: int, pooled: PooledFolds) -> list[str]:
    """Say what the folds found."""
    accuracy, loss = pooled.correct / pooled.photographs, pooled.intervals["loss"]
    low, high = pooled.intervals["accuracy"]
    return [
        f"{name}, {folds} folds: accuracy {accuracy:.3f} [{low:.3f}, {high:.3f}] of {pooled.photographs} training "
        f"photographs, each named by networks that had not seen it",
        f"loss {pooled.loss:.3f} [{loss[0]:.3f}, {loss[1]:.3f}]; {pooled.temperature.line('answers of all folds')}",
        f"epochs kept: {', '.join(map(str, pooled.epochs))}, on average {pooled.epoch}",
    ]


def final_training_command(recipe: str, request: RecipeRequest, parameters: Parameters, pooled: PooledFolds) -> str:
    """Return the line that trains on all training photographs, as long as the folds did and with their temperature.

    Args:
        recipe: Its name.
        request: What the user asked for, which the line asks for too.
        parameters: A fold's.
        pooled: What the folds found.
    """
    # The epochs that a fold counts are those of the head's phase too; the parameter has a phase of its own.
    epochs = max(1, pooled.epoch - parameters.train.head_epochs)
    settings: dict[str, Any] = {**request.settings, "split.validation": 0, "split.folds": 0, "epochs": epochs}
    if parameters.train.schedule == "plateau":  # which follows a validation loss
        settings["train.schedule"] = "constant"
    if pooled.temperature.photographs:
        settings["train.temperature"] = pooled.temperature.value
    line = ["lithoscope", "recipe", recipe]
    line += [] if request.seed is None else ["--seed", str(request.seed)]
    line += [] if request.data is None else ["--data", str(request.data)]
    line += [] if request.name is None else ["--name", request.name]
    return shlex.join([*line, *overrides(settings)])


def pooled_figures(
    pooled: PooledFolds, recipe: str, request: RecipeRequest, planned: Sequence[Experiment]
) -> dict[str, Any]:
    """Return the pooled figures for a JSON file, with the line that makes them.

    Args:
        pooled: The figures.
        recipe: Its name.
        request: What the user asked for.
        planned: The folds' experiments.
    """
    parameters = planned[0].parameters
    return {
        "recipe": recipe,
        "command": _command(recipe, request, len(planned)),
        "dataset": parameters.dataset,
        "model": {"name": parameters.model.name, "members": parameters.model.members, "views": parameters.model.views},
        "folds": len(planned),
        "n": pooled.photographs,
        "accuracy": round(pooled.correct / pooled.photographs, 6),
        "loss": round(pooled.loss, 6),
        "interval": intervals_as_file(pooled.intervals),
        "calibration": pooled.temperature.summary(),
        "epochs": pooled.epochs,
    }


def _command(recipe: str, request: RecipeRequest, folds: int) -> str:
    """Return the line as it was typed, without where files lie on this machine."""
    weights = request.settings.get("model.weights")
    place = {"model.weights": PurePosixPath(str(weights)).name} if weights else {}
    settings = {key: value for key, value in {**request.settings, **place}.items() if key not in PLACES}
    line = ["lithoscope", "folds", recipe, "--folds", str(folds)]
    line += [] if request.seed is None else ["--seed", str(request.seed)]
    return shlex.join([*line, *overrides(settings)])
