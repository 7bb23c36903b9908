"""A measurement in a process of its own: what it is asked, and what it answers with."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BENCHMARKS = Path(__file__).resolve().parent.parent
ANSWER = "answer: "


@dataclass(frozen=True)
class Job:
    """What is measured.

    Attributes:
        what: ``speed`` (images/s) or ``accuracy`` (seconds and accuracies, epoch by epoch).
        way: How: one of the names that the module knows.
        model: ``efficientnet_lite0`` or ``mobilenet_v2``.
        weights: File of MobileNetV2's ImageNet weights under torchvision's names.
        data: Where :func:`peers.photographs.lay_out` laid the photographs.
        threads: Processor threads of the process that trains.
        device: ``cpu`` or ``cuda``.
        batch: Photographs in a step.
        side: Of the square that the network sees, pixels.
        warm_up: Steps that are not timed.
        steps: Steps that are.
        epochs: Of a measurement of accuracy.
        workers: Processes that load photographs, where the peer has such.
    """

    what: str
    way: str
    model: str
    weights: str
    data: str
    threads: int
    device: str = "cpu"
    batch: int = 32
    side: int = 224
    warm_up: int = 3
    steps: int = 8
    epochs: int = 20
    workers: int = 0

    def changed(self, **changes: Any) -> "Job":
        """Return another job."""
        return dataclasses.replace(self, **changes)


def read_job() -> Job:
    """Read the job that this process was started with."""
    return Job(**json.loads(sys.argv[1]))


def answer(found: dict[str, Any]) -> None:
    """Hand the answer to whoever started this process, and end it: loaders of photographs may still be at work."""
    print(ANSWER + json.dumps(found), flush=True)
    os._exit(0)


class Clock:
    """Seconds since a moment, of the wall and of the processor: of a process and of those that it started.

    On a machine that others use too, the processor's are what can be compared.

    Args:
        process: Its number; None = this one.
    """

    def __init__(self, process: int | None = None) -> None:
        self.process = psutil.Process(process)
        self.wall, self.processor = time.perf_counter(), self._used()

    def _used(self) -> float:
        used = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            times = one.cpu_times()
            used += times.user + times.system
        return used

    def seconds(self) -> tuple[float, float]:
        """Return the wall's and the processor's."""
        return time.perf_counter() - self.wall, self._used() - self.processor

    def speeds(self, images: int) -> dict[str, float]:
        """Return images a second of either."""
        wall, processor = self.seconds()
        return {"images/s": images / wall, "images/processor s": images / processor}


def environment(threads: int, *, offline: bool = True) -> dict[str, str]:
    """Return the environment of a measurement: so many threads, our modules at hand, offline no hub to wait for.

    Threads that wait sleep, as our stages ask for: spinning they would count as work, and slow whoever else is there.
    """
    found = os.pathsep.join([str(BENCHMARKS), str(BENCHMARKS.parent / "src")])
    hubs = {"HF_HUB_OFFLINE": "1"} if offline else {}
    return {**os.environ, **hubs, "PYTHONPATH": found, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}


def ask(module: str, job: Job, python: str = sys.executable, limit: float = 1200) -> dict[str, Any]:
    """Run a job in a process of its own and return its answer.

    Args:
        module: Such as ``peers.ours``; given another Python, its file is run, and imports nothing of ours.
        job: What it is asked.
        python: The interpreter; another than this one may ask hubs for weights.
        limit: Seconds after which the process, and those that it started, are ended.

    Returns:
        The answer, or under ``error`` the last line that the process wrote.
    """
    file = str(BENCHMARKS / (module.replace(".", "/") + ".py"))
    start = ["-m", module] if python == sys.executable else [file]
    command = [python, *start, json.dumps(dataclasses.asdict(job))]
    variables = environment(job.threads, offline=python == sys.executable)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables, start_new_session=True
    ) as started:
        try:
            return parse(*started.communicate(timeout=limit))
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {limit:.0f} s"}
        finally:  # loaders of photographs too, which else would slow what is measured next
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


def parse(output: str, errors: str) -> dict[str, Any]:
    """Return the answer among what a process wrote, or its last line as ``error``."""
    for line in reversed(output.splitlines()):
        if line.startswith(ANSWER):
            found: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
            return found
    lines = [line.strip() for line in f"{output}\n{errors}".splitlines() if line.strip()]
    return {"error": lines[-1] if lines else "it wrote nothing"}
