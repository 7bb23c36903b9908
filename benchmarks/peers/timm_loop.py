"""timm's ``train.py``, written anew from what it calls.

The script itself is neither in timm's wheel nor in its source distribution. What it calls is, and all the work is done
there: the reader of folders, the transforms, the loader with its prefetching, optimiser, schedule and loss are timm's
own, with the script's defaults. Between them stands what stands between them in the script.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from lithoscope.models.device import bf16_instructions
from lithoscope.models.pretrained import load_pretrained
from peers.jobs import Clock, Job, answer, read_job

# By name, since timm's packages do not say which of their names are for others.
DATA, LOSS, OPTIM, SCHEDULER = (import_module(f"timm.{part}") for part in ("data", "loss", "optim", "scheduler"))
NAMES = {"efficientnet_lite0": "tf_efficientnet_lite0", "mobilenet_v2": "mobilenetv2_100"}
DEFAULTS: dict[str, Any] = {
    "opt": "sgd",
    "lr": None,  # 0.1 for a batch of 256, in proportion
    "weight_decay": 2e-5,
    "warmup_epochs": 5,
    "scale": (0.08, 1.0),
    "workers": 4,
    "channels_last": False,
    "amp": False,
}
"""What the script does where nothing is said."""
TUNED: dict[str, Any] = {
    **DEFAULTS,
    "opt": "adamw",
    "lr": 1e-3,
    "weight_decay": 0.05,
    "warmup_epochs": 2,
    "scale": (0.35, 1.0),
    "channels_last": True,
    "amp": True,
}
"""What someone says who knows it and fine-tunes; workers are chosen by trying."""


def network(job: Job, classes: int) -> nn.Module:
    """Build timm's network with the weights that ours starts from, and a new last layer."""
    made: nn.Module = timm.create_model(NAMES[job.model], num_classes=classes)
    ours = ("timm/tf_efficientnet_lite0", "imagenet") if job.model == "efficientnet_lite0" else (job.model, job.weights)
    pretrained = load_pretrained(*ours)
    assert pretrained is not None
    own = made.state_dict()
    given = list(pretrained.state.items())
    if job.model == "mobilenet_v2":  # the same layers in the same order, under torchvision's names
        given = list(zip(own, [value for _, value in given], strict=True))
    for name, value in given[:-2]:
        assert own[name].shape == value.shape, name
        own[name] = value
    made.load_state_dict(own)
    return made


class Trained:
    """A network between the steps of its training.

    Args:
        job: What is asked.
        said: The script's options.
        data: Folder with ``train`` and ``val``.
        epochs: Of the schedule.
    """

    def __init__(self, job: Job, said: dict[str, Any], data: Path, epochs: int) -> None:
        torch.manual_seed(42)
        torch.set_num_threads(job.threads)
        self.device, self.said = torch.device(job.device), said
        self.model = network(job, len(list((data / "train").iterdir()))).to(self.device)
        config = DATA.resolve_data_config({"input_size": (3, job.side, job.side)}, model=self.model, verbose=False)
        if said["channels_last"]:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        bf16 = job.device == "cuda" or bf16_instructions()
        self.amp: Any = nullcontext
        if said["amp"] and bf16:
            self.amp = partial(torch.autocast, device_type=job.device, dtype=torch.bfloat16)
        lr = said["lr"] or 0.1 * job.batch / 256
        self.optimizer = OPTIM.create_optimizer_v2(
            self.model, opt=said["opt"], lr=lr, weight_decay=said["weight_decay"], momentum=0.9
        )
        given = {
            "input_size": config["input_size"],
            "batch_size": job.batch,
            "mean": config["mean"],
            "std": config["std"],
            "device": self.device,
        }
        sets = {
            name: DATA.create_dataset("", root=str(data), split=name, is_training=name == "train")
            for name in ("train", "val")
        }
        self.loader = DATA.create_loader(
            sets["train"],
            is_training=True,
            scale=said["scale"],
            interpolation="random",
            num_workers=said["workers"],
            **given,
        )
        self.given = {
            **given,
            "interpolation": config["interpolation"],
            "crop_pct": config["crop_pct"],
            "num_workers": said["workers"],
        }
        self.validation = DATA.create_loader(DATA.create_dataset("", root=str(data), split="val"), **self.given)
        self.schedule, _ = SCHEDULER.create_scheduler_v2(
            self.optimizer,
            sched="cosine",
            num_epochs=epochs,
            warmup_epochs=min(said["warmup_epochs"], epochs - 1),
            warmup_lr=1e-5,
            min_lr=0.0,
            updates_per_epoch=len(self.loader),
        )
        self.loss = LOSS.LabelSmoothingCrossEntropy(0.1)

    def _seen(self, images: Tensor) -> Tensor:
        return images.contiguous(memory_format=torch.channels_last) if self.said["channels_last"] else images

    def epoch(self, number: int) -> Iterator[int]:
        """Train for an epoch; yield after each step."""
        self.model.train()
        for step, (images, targets) in enumerate(self.loader):
            with self.amp():
                loss = self.loss(self.model(self._seen(images)), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()  # the script's meter
            yield step
            self.schedule.step_update(num_updates=number * len(self.loader) + step + 1)
        self.schedule.step(number + 1)

    def probabilities(self, loader: Any) -> tuple[Tensor, Tensor]:
        """Return probabilities (n, classes) and labels (n,)."""
        self.model.eval()
        found = []
        with torch.no_grad():
            for images, targets in loader:
                with self.amp():
                    logits = self.model(self._seen(images))
                found.append((logits.float().softmax(1).cpu(), targets.cpu()))
        return torch.cat([one for one, _ in found]), torch.cat([other for _, other in found])


def speed(job: Job, said: dict[str, Any]) -> dict[str, Any]:
    """Return images/s of the steps after the first ones, of an epoch that goes on."""
    trained = Trained(job, said, Path(job.data) / "long", 20)
    clock = Clock()
    for step in trained.epoch(0):
        if step + 1 == job.warm_up:
            clock = Clock()
        if step + 1 == job.warm_up + job.steps:
            break
    return {**clock.speeds(job.steps * job.batch), "workers": said["workers"]}


def accuracy(job: Job, said: dict[str, Any]) -> dict[str, Any]:
    """Return seconds and validation accuracy of each epoch, and the best one's answers to the test."""
    clock = Clock()
    trained = Trained(job, said, Path(job.data) / "files", job.epochs)
    seconds: list[tuple[float, float]] = []
    accuracies: list[float] = []
    best: dict[str, Tensor] = {}
    for epoch in range(job.epochs):
        for _ in trained.epoch(epoch):
            pass
        probabilities, labels = trained.probabilities(trained.validation)
        seconds.append(clock.seconds())
        accuracies.append(float((probabilities.argmax(1) == labels).float().mean()))
        if accuracies[-1] == max(accuracies):  # a later one of the same accuracy takes its place, as in the script
            best = {name: value.clone() for name, value in trained.model.state_dict().items()}
    trained.model.load_state_dict(best)
    test = DATA.create_dataset("", root=str(Path(job.data) / "files"), split="test")
    probabilities, _ = trained.probabilities(DATA.create_loader(test, **trained.given))
    ids = ["/".join(Path(name).parts[-2:]) for name in test.filenames(absolute=True)]
    return {
        "seconds": [wall for wall, _ in seconds],
        "processor": [used for _, used in seconds],
        "accuracies": accuracies,
        "ids": ids,
        "probabilities": probabilities.tolist(),
    }


if __name__ == "__main__":
    given = read_job()
    options = {**TUNED, "workers": given.workers} if given.way == "tuned" else DEFAULTS
    answer(speed(given, options) if given.what == "speed" else accuracy(given, options))
