"""torchvision's reference script for classification, run as it is.

It is not in torchvision's wheel; it lies in the repository's ``references/classification``, and in Debian's source
package ``pytorch-vision``. It cannot start from ImageNet's weights with another number of classes, which does not
change its speed: the network is the same with fresh ones.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from peers.jobs import Clock, Job, environment

START = """
import runpy, sys
import lithoscope.core.torchvision_compat
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
STEP = re.compile(r"^Epoch: \[0\]\s+\[\s*(\d+)/\d+\].*\btime: ([\d.]+)")
WINDOW = 20
"""The script shows the mean of so many last steps; of fewer, the mean of all."""


def seconds_until(line: str) -> tuple[int, float] | None:
    """Return a step's number, from 0, and the seconds until its end, which a line of the script's tells of."""
    found = STEP.match(line)
    if found is None or int(found[1]) >= WINDOW:
        return None
    return int(found[1]), float(found[2]) * (int(found[1]) + 1)


def version_of(script: Path) -> str:
    """Return the version of the sources that the script lies in, which the name of their folder or a file there says.

    Args:
        script: Such as ``vision-0.21.0/references/classification/train.py``.
    """
    sources = script.resolve().parents[2]
    said = sources / "version.txt"
    if said.is_file():
        return said.read_text(encoding="utf-8").strip()
    return sources.name.rpartition("-")[2]


def speed(job: Job, script: Path) -> dict[str, Any]:
    """Return images/s of the steps after the first ones, of an epoch that is then broken off."""
    assert job.warm_up + job.steps <= WINDOW
    said = {
        "data-path": f"{job.data}/long",
        "model": job.model,
        "device": job.device,
        "batch-size": job.batch,
        "workers": job.workers,
        "print-freq": 1,
        "epochs": 1,
        "output-dir": "",
    }
    options = [word for name, value in said.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-u", "-c", START, str(script.resolve()), *options]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(job.threads)
    )
    until: dict[int, float] = {}
    clock = Clock(started.pid)
    last = ""
    assert started.stdout is not None
    for line in started.stdout:
        last = line.strip() or last
        found = seconds_until(line)
        if found is not None:
            until[found[0]] = found[1]
            if len(until) == job.warm_up:
                clock = Clock(started.pid)
        if len(until) == job.warm_up + job.steps:
            break
    speeds = clock.speeds(job.steps * job.batch) if len(until) == job.warm_up + job.steps else {}
    for one in (*psutil.Process(started.pid).children(recursive=True), started):
        one.terminate()
    started.wait()
    if not speeds:
        return {"error": last}
    seconds = until[job.warm_up + job.steps - 1] - until[job.warm_up - 1]
    return {**speeds, "images/s": job.steps * job.batch / seconds, "workers": job.workers}
