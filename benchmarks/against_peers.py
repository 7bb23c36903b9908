"""Our training beside other people's, in turn: same photographs, split, weights, threads.

``speed``: images/s of training whole networks, decoding and augmentation included, round by round in another order,
and of forward and backward alone. ``accuracy``: seconds until the validation accuracy that timm tuned reaches.
``settings``: images/s of forward and backward by precision, memory format, oneDNN and ``torch.compile``; ``avx2`` the
same with older instructions. ``others``: what a user might take instead. Each writes its section of
``benchmarks/against_peers.md``, and leaves the others.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from _networks import ROOT, parameters
from _sections import words_of, write_section
from peers import torchvision_script
from peers.jobs import Job, ask
from peers.ours import WAYS
from peers.photographs import Laid, lay_out
from peers.resident import CHOSEN, SETTINGS
from peers.rounds import Loads, in_turn, workers_of
from peers.tables import ALONE, CEILING, CLOCKS, OURS, accuracy_rows, predictions, settings_rows, speed_rows

from lithoscope.config.params import Parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.processor import processor_name_and_family
from lithoscope.gate.settings import gate_settings
from lithoscope.models.device import resolve_precision
from lithoscope.models.pretrained import load_pretrained

FOUND = Path(__file__).with_suffix(".md")
HEAD = """# Training beside other people's tools

Each section is made by `python benchmarks/against_peers.py` with the words that stand below it. Medians over rounds,
lowest to highest in brackets; ratios are taken within a round.
"""
TITLES = {
    "speed": "Images a second",
    "accuracy": "Time to the same accuracy",
    "settings": "What pays on this processor",
    "avx2": "What pays with AVX2 alone",
    "others": "What a user might take instead",
}
MODELS = ("efficientnet_lite0", "mobilenet_v2")
EPOCHS = 20
HOUR = 3600
PLACES = dict.fromkeys(("fastai", "ultralytics", "autogluon"), "PYTHON") | {
    "photographs": "FOLDER",
    "weights": "FILE",
    "torchvision_script": "FILE",
}
"""What stands for this machine's paths in the words above a section."""
UNUSED = {"rounds": ("accuracy", "others"), "steps": ("accuracy", "others"), "epochs": ("speed", "settings", "avx2")}
"""Options, and the sections that they change nothing of."""
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
"""What keeps torch's kernels and oneDNN's from newer instructions."""
Answer = dict[str, Any]


def speed(asked: argparse.Namespace, job: Job, laid: Laid, loads: Loads) -> list[str]:
    """Return the section of images a second."""
    lines = []
    for model in asked.models:
        own = job.changed(what="speed", model=model)
        workers = asked.workers or workers_of(own, loads)
        ways: dict[str, Callable[[], Answer]] = {
            "ours": partial(ask, "peers.ours", own.changed(way="whole")),
            "timm tuned": partial(ask, "peers.timm_loop", own.changed(way="tuned", workers=workers)),
            "timm's defaults": partial(ask, "peers.timm_loop", own.changed(way="defaults")),
            CEILING: partial(ask, "peers.resident", own.changed(way=CHOSEN)),
        }
        if asked.torchvision_script and model == "mobilenet_v2":
            script = asked.torchvision_script
            ways["torchvision's script"] = partial(torchvision_script.speed, own.changed(workers=workers), script)
        found = in_turn(ways, asked.rounds, loads)
        _stop_at_errors({"ours": found["ours"][0]})
        beside = " and torchvision's script" * ("torchvision's script" in ways)
        precision = found["ours"][0].get("precision", "")
        lines += [
            f"**{model}**, ours in {precision}; timm tuned{beside} with {workers} "
            f"loading process{'es' * (workers > 1)}, timm's defaults with 4:",
            "",
            "| | images/s | ours ÷ it | by processor time | aim | met |",
            "| --- | ---: | ---: | ---: | ---: | --- |",
            *speed_rows(
                found,
                dict(zip(CLOCKS, (laid.seconds, laid.processor), strict=True)),
                EPOCHS,
                quiet=loads.quiet(job.threads),
            ),
            "",
        ]
    script = asked.torchvision_script
    theirs = ""
    if script and "mobilenet_v2" in asked.models:
        number = torchvision_script.version_of(script)
        theirs = f"; torchvision's script is that of its version {number}, run as it is, with fresh weights"
    return [
        *lines,
        f"“{OURS}”: our stages decode each photograph before the training, which took {1000 * laid.seconds:.0f} ms a "
        f"photograph (twice decoded, near-duplicates looked for), spread over {EPOCHS} epochs; “{ALONE}” without it. "
        f"{job.steps} steps of {job.batch} at {job.side} px after {job.warm_up}; ours are an epoch of {job.steps} "
        "after one such, with the checkpoint at its end, which no peer writes here. timm's loop is "
        f"written anew from timm's own parts, since its script is in no package{theirs}. On a GPU: not measured; "
        f"`--device cuda` does. An aim is judged over two rounds or more, on a machine that others leave alone.",
    ]


def accuracy(asked: argparse.Namespace, job: Job, laid: Laid, loads: Loads) -> list[str]:
    """Return the section of the time to the same accuracy."""
    rule = gate_settings(read_yaml(ROOT / "params.yaml")).accuracy
    own = job.changed(what="accuracy", epochs=asked.epochs)
    workers = asked.workers or workers_of(own.changed(what="speed"), loads)
    ways: dict[str, Callable[[], Answer]] = {
        way: partial(ask, "peers.ours", own.changed(way=way), limit=3 * HOUR) for way in WAYS if way != "whole"
    }
    ways["timm tuned"] = partial(ask, "peers.timm_loop", own.changed(way="tuned", workers=workers), limit=3 * HOUR)
    found = {way: answers[0] for way, answers in in_turn(ways, 1, loads).items()}
    _stop_at_errors(found)
    splits = pd.read_csv(Path(job.data) / "splits.csv", dtype=str)
    groups = dict(zip(splits["id"], splits["group"], strict=True))
    tests = {way: predictions(one, laid.classes, groups) for way, one in found.items()}
    counts = laid.counts
    photographs = sum(counts.values())
    seconds = {"seconds": laid.seconds * photographs, "processor": laid.processor * photographs}
    return [
        f"{own.model}, {counts['train']} photographs train, {counts['val']} validate, {counts['test']} test, one seed:",
        "",
        "| | epochs | seconds in all | best on validation | seconds until timm's best | times sooner | "
        "by processor time | test | gate's paired test against timm |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        *accuracy_rows(found, seconds, rule, tests),
        "",
        f"Ours with the {seconds['seconds']:.0f} s that decoding, comparing and packing all photographs took, and on "
        "the test in two views as saved models answer; timm at the epoch that was best on validation. “default” is "
        "`params.yaml`; "
        + "; ".join(f"“{way}”: {_said(WAYS[way])}" for way in WAYS if way not in ("default", "whole"))
        + f". All with `precision: auto`, here {found['default']['precision']}. Five times as soon is the "
        "aim, which one round does not judge.",
    ]


def _stop_at_errors(found: dict[str, Answer]) -> None:
    errors = {way: one["error"] for way, one in found.items() if "error" in one}
    if errors:
        raise SystemExit(str(errors))


def _said(way: dict[str, Any]) -> str:
    parts = [f"{key}={value}" for key, value in way.items() if not isinstance(value, dict)]
    parts += [f"{block}.{key}={value}" for block in ("model", "train") for key, value in way.get(block, {}).items()]
    return "`" + " ".join(parts) + "`"


def settings(asked: argparse.Namespace, job: Job, _: Laid, loads: Loads) -> list[str]:
    """Return the section of settings."""
    found = {}
    avx2 = asked.what == "avx2"
    if avx2:
        os.environ |= AVX2
    for model in asked.models:
        ways: dict[str, Callable[[], Answer]] = {
            way: partial(ask, "peers.resident", job.changed(model=model, way=way))
            for way in SETTINGS
            if not (avx2 and "bf16" in way)
        }
        found[model] = in_turn(ways, asked.rounds, loads)
    first = f"times the first, by processor time | seconds of the first {job.warm_up} steps"
    head = " | ".join(f"{model}, images/s | {first}" for model in found)
    return [
        f"Forward and backward on a batch of {job.batch} at {job.side} px that lies in memory:",
        "",
        f"| | {head} |",
        f"| --- |{' ---: | ---: | ---: |' * len(found)}",
        *settings_rows(found),
        "",
        f"With {' '.join(f'`{name}={value}`' for name, value in AVX2.items())}: a processor that knows no more."
        if avx2
        else f"`precision: auto` comes to **{resolve_precision('auto', job.device)}** here, by what the processor "
        "says it knows; channels_last is what our training takes on every processor.",
    ]


def others(asked: argparse.Namespace, job: Job, laid: Laid, loads: Loads) -> list[str]:
    """Return the section of fastai, Ultralytics and AutoGluon."""
    pretrained = load_pretrained("timm/tf_efficientnet_lite0", "imagenet")
    assert pretrained is not None
    torch.save(pretrained.state, Path(job.data) / "lite0.pth")
    given = {"fastai": asked.fastai, "ultralytics": asked.ultralytics, "autogluon": asked.autogluon}
    rows = []
    for name, python in given.items():
        if python is None:
            continue
        loads.look()
        one = ask("peers.elsewhere", job.changed(way=name, epochs=asked.epochs, workers=1), str(python), HOUR)
        print(f"  {name}: {one}", flush=True)
        if "error" in one:
            rows.append(f"| {name} | did not run: `{one['error'][:200].replace('|', '/')}` | | |")
        else:
            figures = [
                f"{one[key]:.{digits}f}" if key in one else "" for key, digits in (("images/s", 1), ("accuracy", 3))
            ]
            rows.append(f"| {name} {one['version']} | {one['seconds'][-1]:.0f} s | {' | '.join(figures)} |")
    return [
        f"{laid.counts['train']} photographs train, {laid.counts['val']} validate, {asked.epochs} "
        f"epoch{'s' * (asked.epochs > 1)} of everything, EfficientNet-Lite0 where it can be had:",
        "",
        "| | in all | images/s in the last epoch | validation |",
        "| --- | --- | ---: | ---: |",
        *rows,
    ]


def main() -> None:
    """Measure what was asked for and write its section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=list(TITLES))
    parser.add_argument("--photographs", type=Path, required=True, metavar="FOLDER", help="one folder a class")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="MobileNetV2's under torchvision's names")
    parser.add_argument("--models", nargs="+", choices=MODELS, help="else all; mobilenet_v2 with --weights only")
    parser.add_argument("--torchvision-script", type=Path, metavar="FILE", help="references/classification/train.py")
    for name in ("fastai", "ultralytics", "autogluon"):
        parser.add_argument(f"--{name}", type=Path, metavar="PYTHON", help="an interpreter that has it")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--workers", type=int, default=0, help="timm's; 0 = tried out")
    parser.add_argument("--output", type=Path, default=FOUND, help="the document")
    asked = parser.parse_args()
    _complete(asked, parser)
    warm_up = min(3, asked.steps)
    loads = Loads()
    with tempfile.TemporaryDirectory() as folder:
        laid = _laid(asked.photographs, Path(folder), asked.threads)
        weights = str(asked.weights.resolve()) if asked.weights else ""
        job = Job(
            "speed", "", asked.models[0], weights, folder, asked.threads, asked.device, 32, 224, warm_up, asked.steps
        )
        makers = {"speed": speed, "accuracy": accuracy, "settings": settings, "avx2": settings, "others": others}
        lines = makers[asked.what](asked, job, laid, loads)
    chip = f"{processor_name_and_family()[0]} ({torch.backends.cpu.get_cpu_capability()}), {asked.threads} threads"
    versions = f"torch {torch.__version__}, {', '.join(f'{name} {version(name)}' for name in ('torchvision', 'timm'))}"
    rounds = f", {asked.rounds} round{'s' * (asked.rounds > 1)}" if asked.what not in ("accuracy", "others") else ""
    lines += ["", f"{chip}{rounds}; {loads.line(asked.threads)}; {versions}."]
    unused = [name for name, sections in UNUSED.items() if asked.what in sections]
    words = f"{asked.what} {words_of(asked, PLACES, ('what', 'output', *unused))}"
    write_section(asked.output, HEAD, TITLES, asked.what, words, lines)
    print("\n".join(lines))


def _complete(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Choose the networks where none is named, and refuse what lacks an option."""
    if asked.models is None:
        most = 1 if asked.what in ("accuracy", "others") else len(MODELS)
        asked.models = [model for model in MODELS if asked.weights or model != "mobilenet_v2"][:most]
    if "mobilenet_v2" in asked.models and asked.weights is None:
        parser.error("mobilenet_v2 starts from a file of its ImageNet weights: name it by --weights")
    if asked.what == "accuracy" and len(asked.models) > 1:
        parser.error("accuracy is measured of one network: name one by --models")
    if asked.what == "others" and not (asked.fastai or asked.ultralytics or asked.autogluon):
        parser.error("others needs an interpreter that has one: --fastai, --ultralytics or --autogluon")


def _laid(photographs: Path, into: Path, threads: int) -> Laid:
    params: Parameters = parameters()
    split = params.split.model_copy(update={"validation": 0.25})
    return lay_out(photographs, into, params.model_copy(update={"split": split, "threads": threads}))


if __name__ == "__main__":
    main()
