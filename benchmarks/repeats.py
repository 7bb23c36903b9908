"""What a training keeps of its bytes and its figures where threads, processes, precision or instructions differ.

The default recipe is trained on the built-in specimens made small, once as the reference and once for each difference;
the reference's model is also scored under each. Limits on the instructions that libraries may use stand in for another
processor. Writes benchmarks/repeats.md.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _small_trainings import ROOT, key_of, pack, train_model
from sklearn.metrics import f1_score

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.locked_folder import exclusive
from lithoscope.data.packed.arrays import open_split
from lithoscope.models.device import make_repeatable
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import weights_digest
from lithoscope.training import distributed

KEPT = ROOT / ".partial" / "repeats"
REPORT = ROOT / "benchmarks" / "repeats.md"
REFERENCE = "reference"
_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}


@dataclass(frozen=True)
class Difference:
    """What differs from the reference: parameters, the environment, the number of processes."""

    parameters: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    processes: int = 1


DIFFERENCES = {
    REFERENCE: Difference(),
    "nothing, run again": Difference(),
    "2 processes": Difference(processes=2),
    "bf16": Difference({"precision": "bf16"}),
    "torch's kernels: AVX2": Difference(environment={"ATEN_CPU_CAPABILITY": "avx2"}),
    "oneDNN: AVX2": Difference(environment={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "MKL: the same on every processor": Difference(environment={"MKL_CBWR": "COMPATIBLE"}),
    "all libraries: AVX2": Difference(environment=_AVX2),
    "2 threads": Difference({"threads": 2}),
    "another seed": Difference({"seed": 1}),
}


def train_and_score(arrays: Path, params: Parameters, folder: Path) -> None:
    """Train with one difference and keep what the model, and the reference's, say of the test photographs."""
    distributed.start("cpu", params.threads)
    make_repeatable(params.seed, params.threads)
    train_model(arrays, params, params.seed, folder)
    if distributed.is_main_process():
        test = open_split(arrays, "test")
        np.savez(
            folder / "probabilities.partial.npz",
            own=Predictor.load(folder / "model").probabilities(test.images),
            reference=Predictor.load(folder.with_name(REFERENCE) / "model").probabilities(test.images),
        )
        (folder / "probabilities.partial.npz").replace(folder / "probabilities.npz")


def run(name: str, arguments: list[str]) -> None:
    """Run :func:`train_and_score` in a process, or several, of its own."""
    difference = DIFFERENCES[name]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(difference.processes)]
    command = [sys.executable, *(launcher if difference.processes > 1 else []), __file__, *arguments, "--one", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **difference.environment}
    subprocess.run(command, env=environment, check=True)


def compare(folder: Path, name: str, labels: np.ndarray[Any, Any]) -> str:
    """Return a row of the table."""
    here, there = (np.load(folder / one / "probabilities.npz") for one in (name, REFERENCE))
    same_weights = weights_digest(folder / name / "model") == weights_digest(folder / REFERENCE / "model")
    trained, expected, scored = here["own"], there["own"], here["reference"]

    def figures(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        named = p.argmax(axis=1)
        loss = -np.log(p[np.arange(len(labels)), labels].astype(np.float64)).mean()
        return np.array([(named == labels).mean(), f1_score(labels, named, average="macro"), loss])

    accuracy, f1, loss = np.abs(figures(trained) - figures(expected))
    alike = (trained.argmax(axis=1) == expected.argmax(axis=1)).mean()
    alike_scored = (scored.argmax(axis=1) == expected.argmax(axis=1)).mean()
    return (
        f"| {name} | {_exact(np.abs(scored - expected).max())} | {_percent(alike_scored)} "
        f"| {'yes' if same_weights else 'no'} | {_percent(alike)} | {accuracy:.3f} | {f1:.3f} | {loss:.3f} |"
    )


def _exact(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}"


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.1f} %"


def render(folder: Path, arrays: Path, params: Parameters) -> str:
    """Return the report."""
    test = open_split(arrays, "test")
    facts = json.loads((folder / "machine.json").read_text(encoding="utf-8"))
    rows = [compare(folder, name, test.labels) for name in DIFFERENCES if name != REFERENCE]
    return "\n".join(
        [
            "# How much of a training repeats",
            "",
            f"Written by `python benchmarks/repeats.py --image-size {params.image_size} --epochs {params.epochs}`: "
            "specimens (**synthetic**) without varied copies, the rest as in `params.yaml`. Reference: fp32, 1 thread, "
            f"1 process. Scored on {len(test)} test specimens. {facts['processor']}, instructions "
            f"{facts['instructions']}, torch {facts['torch']}. What the columns mean: "
            "[docs/repeats.md](../docs/repeats.md).",
            "",
            "| what differs | same weights: largest difference of a probability | same class named "
            "| trained: same weights | same class named | accuracy differs by | macro F1 by | loss by (nats) |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Train what is missing, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--one", choices=DIFFERENCES, help="train one, and no more")
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    whole = load_parameters(ROOT / "params.yaml")
    augment = whole.augment.model_copy(update={"copies": 0})
    small = {"image_size": options.image_size, "epochs": options.epochs, "threads": 1, "augment": augment}
    params = whole.model_copy(update=small)
    folder = KEPT / key_of(params, {})
    arrays = folder / "arrays"
    if options.one:
        own = params.model_copy(update=DIFFERENCES[options.one].parameters)
        train_and_score(arrays, own, folder / options.one)
        return
    with exclusive(KEPT, "packing"):
        if not arrays.is_dir():
            pack(arrays, params)
    from lithoscope.experiments.reproducibility import machine

    (folder / "machine.json").write_text(json.dumps(machine()), encoding="utf-8")
    for name in DIFFERENCES:
        if not (folder / name / "probabilities.npz").is_file():
            print(name, flush=True)
            run(name, ["--image-size", str(options.image_size), "--epochs", str(options.epochs)])
    text = render(folder, arrays, params)
    options.report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
