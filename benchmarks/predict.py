"""How fast predictions are: against an earlier build, the network on several runtimes, and beside decoding alone.

    python benchmarks/predict.py MODEL EXPORT FOLDER... [--old LITHOSCOPE] [--repeats 3] [--write]

MODEL is a saved model's folder and EXPORT what ``lithoscope export`` made of it; each FOLDER of photographs is
classified as a whole, and its first photograph alone. LITHOSCOPE is the command of an earlier checkout's environment.
The two builds run in turn, so that a busy machine slows both; wall time, processor time and the most memory are those
of the process. Below each folder stand the parts that a build cannot go below: decoding and framing alone, and the
network alone, each by the same threads that predictions use. The network on several runtimes, in turn too; in int8
where EXPORT-int8 lies beside EXPORT; on OpenVINO where that can be imported, for which ``pip install --target PLACE
openvino`` and ``PYTHONPATH=PLACE`` do. ``--write`` makes ``predict.md`` of what is printed.
"""

import argparse
import csv
import importlib.metadata
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from _sections import words_of

from lithoscope.core.threads import in_order
from lithoscope.data.images.framed import read_framed
from lithoscope.serving.onnx_description import INPUT, NETWORK, OUTPUTS, has_int8_dot_products
from lithoscope.serving.onnx_model import BATCH, OnnxModel

Squares = npt.NDArray[np.uint8]
PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Predictions: how fast

Made in one run by `python benchmarks/predict.py {words}`.
The parts alone are what a build that does them on these cores cannot go below. Torch's threads
spin while they wait: on a busy machine its processor time says more of the others than of it.
"""
FP32, INT8 = "ONNX Runtime, fp32", "ONNX Runtime, int8"
THREADS = (1, 2)


@dataclass(frozen=True)
class Spent:
    """What a process took: seconds on the wall and of the processor, and its most memory in MB."""

    wall: float
    processor: float
    memory: float


def spend(command: Sequence[str]) -> Spent:
    """Run a command to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: status {process.returncode}")
    return Spent(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def labels(table: Path) -> list[str]:
    """Return the labels of a table, in its order."""
    with table.open(encoding="utf-8", newline="") as stream:
        return [row["label"] for row in csv.DictReader(stream)]


def spread(values: Sequence[float], unit: str = "") -> str:
    """Return a median with its range."""
    return f"{statistics.median(values):.2f}{unit} [{min(values):.2f}, {max(values):.2f}]"


def compare(photographs: Sequence[str], commands: dict[str, list[str]], repeats: int) -> list[str]:
    """Return a row for each build: the same photographs, in turn."""
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        tables = {name: Path(folder) / f"{name}.csv" for name in commands}
        for number in range(repeats):
            for name in list(commands)[:: 1 if number % 2 == 0 else -1]:
                spent[name].append(spend([*commands[name], *photographs, "--output", str(tables[name])]))
        found = {name: labels(table) for name, table in tables.items()}
    first, rows = next(iter(commands)), []
    for name, runs in spent.items():
        same = sum(one == other for one, other in zip(found[name], found[first], strict=True))
        line = f"| {name} | {spread([run.wall for run in runs])} | {spread([run.processor for run in runs])} "
        rows.append(f"{line}| {max(run.memory for run in runs):.0f} | {same} of {len(found[name])} |")
    if len(commands) == 2:
        old, new = spent.values()
        wall = [one.wall / other.wall for one, other in zip(old, new, strict=True)]
        processor = [one.processor / other.processor for one, other in zip(old, new, strict=True)]
        rows.append(f"| ratio | {spread(wall, ' ×')} | {spread(processor, ' ×')} | | |")
    return rows


def alone(words: str, run: Callable[[Any], Any], arguments: Sequence[Any], repeats: int) -> tuple[str, list[Any]]:
    """Return the row of a part of the work, by the threads that predictions use, and what it gave."""
    wall, processor, found = [], [], []
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        found = list(in_order(run, arguments, os.cpu_count() or 1))
        wall.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return f"| {words} | {spread(wall)} | {spread(processor)} | | |", found


def timed(run: Callable[[Squares], object], squares: Squares) -> tuple[float, float]:
    """Return milliseconds a photograph, batch by batch: on the wall, and of the processor."""
    started = time.perf_counter(), time.process_time()
    for start in range(0, len(squares), BATCH):
        run(squares[start : start + BATCH])
    spent = time.perf_counter() - started[0], time.process_time() - started[1]
    return spent[0] / len(squares) * 1000, spent[1] / len(squares) * 1000


def runtime_rows(runs: dict[str, Callable[[Squares], object]], squares: Squares, repeats: int) -> list[str]:
    """Return a row for each runtime, all in turn, and how many times as fast int8 is by the same threads."""
    for run in runs.values():
        run(squares[:BATCH])
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for number in range(repeats):
        for name in list(runs)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(timed(runs[name], squares))
    rows = [
        f"| {name} | {' | '.join(spread(clock) for clock in zip(*times, strict=True))} |"
        for name, times in found.items()
    ]
    for threads in THREADS:
        pair = [found.get(f"{name}, {_threads(threads)}") for name in (FP32, INT8)]
        if pair[0] and pair[1]:
            each = [
                [one / other for one, other in zip(before, after, strict=True)]
                for before, after in zip(*pair, strict=True)
            ]
            cells = (spread(clock, " ×") for clock in zip(*each, strict=True))
            rows.append(f"| fp32 ÷ int8, {_threads(threads)} | {' | '.join(cells)} |")
    return rows


def agreement(export: Path, squares: Squares) -> list[str]:
    """Return a sentence on how far OpenVINO's probabilities are from those of ONNX Runtime, where it is installed."""
    if importlib.util.find_spec("openvino") is None:
        return []
    openvino, expected = openvino_run(export / NETWORK, 1), OnnxModel.load(export, threads=1).run(squares).probabilities
    found = np.concatenate([openvino(squares[start : start + BATCH]) for start in range(0, len(squares), BATCH)])
    changed = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    apart = f"within {np.abs(found - expected).max():.1g} of ONNX Runtime's, {changed} labels changed"
    return ["", f"OpenVINO's probabilities of {len(squares)} photographs are {apart}."]


def _threads(number: int) -> str:
    return f"{number} thread{'s' * (number > 1)}"


def runtimes(model: Path, export: Path) -> dict[str, Callable[[Squares], object]]:
    """Return what runs the network, by name; OpenVINO where it is installed, int8 where it was exported."""
    from lithoscope.models.predictor import Predictor

    found: dict[str, Callable[[Squares], object]] = {"torch": Predictor.load(model).probabilities}
    for name, folder in ((FP32, export), (INT8, export.with_name(f"{export.name}-int8"))):
        for threads in THREADS if folder.is_dir() else ():
            found[f"{name}, {_threads(threads)}"] = OnnxModel.load(folder, threads=threads).run
    if importlib.util.find_spec("openvino") is not None:
        for threads in THREADS:
            name = f"OpenVINO {importlib.metadata.version('openvino')}, fp32, {_threads(threads)}"
            found[name] = openvino_run(export / NETWORK, threads)
    return found


def openvino_run(network: Path, threads: int) -> Callable[[Squares], npt.NDArray[np.float32]]:
    """Return what computes probabilities and features on OpenVINO, as exactly as ONNX Runtime does."""
    core = importlib.import_module("openvino").Core()
    model = core.read_model(str(network))
    for output in model.outputs:
        if not output.names & set(OUTPUTS):
            model.remove_result(output.node)
    # Unasked it would compute in bfloat16 where the processor has it.
    asked = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(model, "CPU", asked)
    return lambda squares: np.asarray(compiled({INPUT: squares})[OUTPUTS[0]])


def machine() -> str:
    """Say what kind of processor this is."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    name = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    kind = "with" if has_int8_dot_products() else "without"
    load = f"a load of {os.getloadavg()[1]:.0f} over five minutes"  # how busy others kept it
    processor = f"{os.cpu_count()} cores of {name or platform.machine()}, {kind} VNNI"
    return f"{processor}, ONNX Runtime {ort.__version__}, {load}"


def main() -> None:
    """Print the tables, and write the page where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("export", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--old")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if importlib.util.find_spec("openvino") is not None:  # before minutes of measuring; it refuses older exports
        reads = "import sys, openvino; openvino.Core().compile_model(sys.argv[1], 'CPU')"
        subprocess.run([sys.executable, "-c", reads, str(asked.export / NETWORK)], check=True)
    new = str(Path(sys.executable).with_name("lithoscope"))
    commands = {"this build": [new, "predict", "--model", str(asked.export)]}
    if asked.old:
        commands = {"earlier build": [asked.old, "predict", "--model", str(asked.model)], **commands}
    lines: list[str] = []

    def say(*more: str) -> None:
        lines.extend(more)
        print("\n".join(more), flush=True)

    model = OnnxModel.load(asked.export, threads=1)  # as predictions of more than one photograph ask it
    said = model.description
    say(f"{machine()}. Medians [least, most] of {asked.repeats} runs.", "")
    say("| | wall, s | processor, s | memory, MB | same labels |", "| --- | ---: | ---: | ---: | ---: |")
    squares: list[Squares] = []
    for folder in asked.folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for photographs in ([files[0]], [folder]):
            say(f"| **{folder.name}: {1 if photographs[0] != folder else len(files)} photographs** | | | | |")
            rows = compare([str(one) for one in photographs], commands, asked.repeats)
            say(*rows)
        framing, decoded = alone(
            "decoding and framing alone",
            lambda file: read_framed(file, said.reading, said.image_size, said.crop_border).square,
            files,
            asked.repeats,
        )
        network, _ = alone("the network alone", lambda square: model.run(square[None]), decoded, asked.repeats)
        say(framing, network)
        squares += decoded
    say("", "| the network | ms a photograph, on the wall | of the processor |", "| --- | ---: | ---: |")
    some = np.stack(squares)[:64]
    say(*runtime_rows(runtimes(asked.model, asked.export), some, asked.repeats), *agreement(asked.export, some))
    if asked.write:
        options = words_of(asked, {"old": "LITHOSCOPE"}, ("model", "export", "folders"))
        words = f"MODEL EXPORT {' '.join(['FOLDER'] * len(asked.folders))} {options}"
        PAGE.write_text("\n".join([HEAD.format(words=words), *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
