"""fastai, Ultralytics and AutoGluon, as their own first pages say, each by the Python it is installed for.

This file is run by that Python and imports nothing of ours.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def fastai(job: dict[str, Any]) -> dict[str, Any]:
    """Fine-tune with ``fine_tune``: an epoch of the head, then epochs of everything; weights out of a file."""
    vision, timm, torch = (importlib.import_module(name) for name in ("fastai.vision.all", "timm", "torch"))
    torch.set_num_threads(job["threads"])
    seconds: list[float] = []
    began = time.perf_counter()
    loaders = vision.ImageDataLoaders.from_folder(
        f"{job['data']}/files",
        train="train",
        valid="val",
        bs=job["batch"],
        item_tfms=vision.Resize(460),
        batch_tfms=vision.aug_transforms(size=job["side"]),
        num_workers=job["workers"],
    )
    learner = vision.vision_learner(loaders, "tf_efficientnet_lite0", metrics=vision.accuracy, pretrained=False)
    given = torch.load(f"{job['data']}/lite0.pth", weights_only=True)
    learner.model[0].model.load_state_dict(given, strict=False)

    class Clock(vision.Callback):  # type: ignore[misc, name-defined]
        def after_epoch(self) -> None:
            seconds.append(time.perf_counter() - began)

    with learner.no_bar():
        learner.fine_tune(job["epochs"], cbs=Clock())
    rows = len(loaders.train_ds)
    accuracy = float(learner.recorder.values[-1][-1])
    speed = rows / (seconds[-1] - seconds[-2])
    version = importlib.import_module("fastai").__version__
    return {"seconds": seconds, "accuracy": accuracy, "images/s": speed, "timm": timm.__version__, "version": version}


def ultralytics(job: dict[str, Any]) -> dict[str, Any]:
    """Train ``yolo11n-cls`` from ImageNet's weights, which come from a hub alone."""
    package = importlib.import_module("ultralytics")
    began = time.perf_counter()
    model = package.YOLO("yolo11n-cls.pt")
    model.train(
        data=f"{job['data']}/files", epochs=job["epochs"], imgsz=job["side"], batch=job["batch"], device=job["device"]
    )
    return {"seconds": [time.perf_counter() - began], "version": package.__version__}


def autogluon(job: dict[str, Any]) -> dict[str, Any]:
    """Fit ``MultiModalPredictor``, whose networks come from a hub alone."""
    package, pandas = (importlib.import_module(name) for name in ("autogluon.multimodal", "pandas"))
    began = time.perf_counter()
    files = sorted(Path(job["data"], "files", "train").glob("*/*"))
    table = pandas.DataFrame({"image": map(str, files), "label": [file.parent.name for file in files]})
    predictor = package.MultiModalPredictor(label="label", problem_type="image_classification")
    predictor.fit(table, hyperparameters={"model.timm_image.checkpoint_name": "tf_efficientnet_lite0"})
    return {"seconds": [time.perf_counter() - began], "version": package.__version__}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    found = {"fastai": fastai, "ultralytics": ultralytics, "autogluon": autogluon}[asked["way"]](asked)
    print("answer: " + json.dumps(found), flush=True)
    os._exit(0)
