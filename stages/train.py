"""Stage `train`: fit the network on the packed photographs, keep its best epoch, record the run in MLflow."""

import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path

import _checkout

from lithoscope.arrays import open_split
from lithoscope.augmentation import AugmentationLimits
from lithoscope.batches import OnlineAugmentation, inference_batches, training_batches
from lithoscope.halfdone import content_key, exclusive
from lithoscope.machine import make_repeatable, resolve_device, resolve_precision
from lithoscope.model_io import ModelDescription, save_model, weights_digest
from lithoscope.models import Architecture, build_classifier, parameter_count
from lithoscope.params import load_parameters
from lithoscope.pretrained import load_pretrained
from lithoscope.stage import run
from lithoscope.tracking import DATA_TAG, PARAMETERS_TAG, SOURCE_TAG, WEIGHTS_TAG, open_store, run_name
from lithoscope.training import EpochFigures, TrainingSettings, history_table, train

ARRAYS, MODEL = Path("build/arrays"), Path("build/model")
HISTORY, METRICS = Path("plots/history.csv"), Path("metrics/train.json")
SOURCE = _checkout.ROOT / "src" / "lithoscope"


def main() -> None:
    """Train."""
    params = load_parameters(Path("params.yaml"))
    device = resolve_device(params.device)
    settings = TrainingSettings(
        lr=params.lr, epochs=params.epochs, batch_size=params.batch_size, seed=params.seed, device=device,
        precision=resolve_precision(params.precision, device), **params.train.model_dump(),
    )  # fmt: skip
    make_repeatable(params.seed, params.threads)
    root, store = open_store(_checkout.ROOT)  # before the training: a dead tracking server is noticed now
    split, validation = open_split(ARRAYS, "train"), open_split(ARRAYS, "val")
    dataset = json.loads(Path("build/dataset.json").read_text(encoding="utf-8"))
    pretrained = load_pretrained(params.model.name, params.model.weights)
    architecture = Architecture(
        image_size=params.image_size,
        classes=len(split.classes),
        **params.model.model_dump(exclude={"weights", "views"}),
    )
    network = build_classifier(architecture, pretrained.state if pretrained else None)
    start = {"source": pretrained.source, "sha256": pretrained.sha256} if pretrained else None
    description = ModelDescription(
        architecture,
        split.classes,
        params.augment.crop_border,
        dataset["name"],
        dataset["synthetic"],
        start,
        params.model.views,
    )
    online = OnlineAugmentation(AugmentationLimits.from_parameters(params.augment), params.augment.online, params.seed)
    print(
        f"training {params.model.name} ({parameter_count(network):,} weights) on {len(split.labels)} pictures of "
        f"{len(split.classes)} classes, {settings.precision} on {device}"
    )
    # Two trainings share checkpoints only where code, data, parameters and what they were resolved to are the same.
    key = content_key(ARRAYS, SOURCE, Path(__file__), text=f"{params.digest()} {settings} {start}")
    tags = {
        PARAMETERS_TAG: params.digest(), DATA_TAG: content_key(ARRAYS), SOURCE_TAG: "here", "device": device,
        "precision": settings.precision, "dataset.synthetic": str(dataset["synthetic"]),
    }  # fmt: skip
    with (
        exclusive(root / ".partial" / "training", key) as checkpoints,
        store.run(run_name(params), params, tags) as tracked,
    ):
        started = time.monotonic()

        def on_epoch(figures: EpochFigures, history: list[EpochFigures]) -> None:
            values = dataclasses.asdict(figures)
            tracked.log_metrics({name: value for name, value in values.items() if name != "epoch"}, figures.epoch)
            print(f"{figures.line(settings.epochs)}  {time.monotonic() - started:.0f} s", flush=True)
            HISTORY.parent.mkdir(exist_ok=True)
            HISTORY.write_text(history_table(history), encoding="utf-8")

        result = train(
            network, settings, training_batches(split, params.batch_size, params.seed, online),
            inference_batches(validation), checkpoints=checkpoints, on_epoch=on_epoch, progress_bar=sys.stderr.isatty(),
        )  # fmt: skip
        HISTORY.write_text(history_table(result.history), encoding="utf-8")
        save_model(MODEL, description, result.state)
        METRICS.parent.mkdir(exist_ok=True)
        METRICS.write_text(json.dumps(result.summary(), indent=2) + "\n", encoding="utf-8")
        tracked.set_tags({WEIGHTS_TAG: weights_digest(MODEL)})
        tracked.log_metrics({"best_epoch": result.best_epoch, "seconds": time.monotonic() - started})
        tracked.log_files(HISTORY)
        tracked.log_model(MODEL, split.images[:1], SOURCE, split.classes)
        shutil.rmtree(checkpoints)
    print(f"best epoch {result.best_epoch} of {len(result.history)}; the run is in {store.shown}")


if __name__ == "__main__":
    run(main)
