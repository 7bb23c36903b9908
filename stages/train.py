"""Stage `train`: fit the network on the packed photographs, keep its best epoch, record the run in MLflow."""

import json
import shutil
import sys
from functools import partial
from pathlib import Path

import _checkout

from lithoscope.config.params import load_parameters
from lithoscope.core.locked_folder import content_key, exclusive
from lithoscope.core.stage_runner import run
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.loading.dataloader import OnlineAugmentation
from lithoscope.data.packed.arrays import open_split
from lithoscope.models.classifier import Architecture, build_classifier, parameter_count
from lithoscope.models.device import make_repeatable, resolve_device, resolve_precision
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription, weights_digest
from lithoscope.tracking import DATA_TAG, PARAMETERS_TAG, SOURCE_TAG, WEIGHTS_TAG, open_store, run_name
from lithoscope.training import distributed
from lithoscope.training.adapt import choose_adaptation
from lithoscope.training.calibrate import save_calibrated
from lithoscope.training.ensemble import train_members
from lithoscope.training.environment import examine, training_key
from lithoscope.training.history import history_table
from lithoscope.training.module import TrainingSettings
from lithoscope.training.recorder import EpochRecorder, opening_line

ARRAYS, MODEL = Path("build/arrays"), Path("build/model")
HISTORY, METRICS = Path("plots/history.csv"), Path("metrics/train.json")
SOURCE = _checkout.ROOT / "src" / "lithoscope"


def main() -> None:
    """Train."""
    params = load_parameters(Path("params.yaml"))
    model, device = params.model, resolve_device(params.device)
    threads = distributed.start(device, params.threads)
    make_repeatable(params.seed, threads)
    if distributed.is_main_process():
        root, store = open_store(_checkout.ROOT)  # before the training: a dead tracking server is noticed now
    split, validation = open_split(ARRAYS, "train"), open_split(ARRAYS, "val")
    adaptation = choose_adaptation(params.train.adapt, model, split)
    precision = resolve_precision(params.precision, device)
    settings = adaptation.apply(TrainingSettings.from_parameters(params, device, precision))
    dataset = json.loads(Path("build/dataset.json").read_text(encoding="utf-8"))
    with distributed.main_process_first():  # which may download them
        pretrained = load_pretrained(model.name, model.weights)
    architecture = Architecture(model, params.image_size, len(split.classes))
    build = partial(build_classifier, architecture, pretrained.state if pretrained else None)
    start = {"source": pretrained.source, "sha256": pretrained.sha256} if pretrained else None
    name, synthetic = dataset["name"], dataset["synthetic"]
    reading = ReadingSettings(params.pages, params.max_megapixels)
    description = ModelDescription(
        architecture, split.classes, params.augment.crop_border, name, synthetic, start, reading=reading
    )
    online = OnlineAugmentation(params.augment, params.seed)
    shown = sys.stderr.isatty() and distributed.is_main_process()
    many = partial(train_members, members=model.members, threads=threads, progress_bar=shown)
    train = partial(many, build, settings, split, validation, online)
    if not distributed.is_main_process():  # the first one writes all files and talks to MLflow
        train(checkpoints=distributed.broadcast(Path()), on_epoch=lambda *_: None)
        return
    environment = examine(_checkout.ROOT / "requirements.txt", settings.precision, device)
    first = opening_line(architecture, parameter_count(build()), len(split), settings)
    print(*environment.warnings, adaptation.line(), first, sep="\n", flush=True)
    data, chosen = content_key(ARRAYS), f"{params.digest()} {settings} {start} {environment.deciding}"
    key = training_key(SOURCE, Path(__file__), data, chosen)
    tags = {PARAMETERS_TAG: params.digest(), DATA_TAG: data, SOURCE_TAG: "here", **environment.tags}
    tags["dataset.synthetic"] = str(synthetic)
    with (
        exclusive(root / ".partial" / "training", key) as checkpoints,
        store.run(run_name(params), params, tags) as tracked,
    ):
        tracked.log_dict(environment.report, "environment.json")
        recorder = EpochRecorder(tracked, HISTORY, settings.all_epochs, model.members, checkpoints)
        result = train(checkpoints=distributed.broadcast(checkpoints), on_epoch=recorder.on_epoch)
        recorder.finish()
        seconds = recorder.seconds()
        HISTORY.write_text(history_table(result.history()), encoding="utf-8")
        temperature = save_calibrated(MODEL, description, result.state(), validation, params.train.temperature)
        summary = {**result.summary(), "adapt": adaptation.summary(), "calibration": temperature.summary()}
        METRICS.parent.mkdir(exist_ok=True)
        METRICS.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        tracked.set_tags({WEIGHTS_TAG: weights_digest(MODEL)})
        facts = {"best_epoch": summary["best_epoch"], "seconds": seconds, "temperature": temperature.value}
        tracked.log_metrics(facts)
        tracked.log_files(HISTORY)
        tracked.log_model(MODEL, split.images[:1], SOURCE, split.classes)
        shutil.rmtree(checkpoints)
    print(temperature.line())
    print(f"kept epoch {summary['best_epoch']} of {summary['epochs']}; the run is {tracked.place()}")


if __name__ == "__main__":
    run(main)
