"""Two trainings at once on few cores: OpenMP's threads that spin while they wait, against threads that sleep."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from _paired import compare

TRAINING = """
import sys, torch
from lithoscope.models.device import make_repeatable
from _networks import network as build
make_repeatable(0, int(sys.argv[1]))
network = build("cnn", 96, 8).to(memory_format=torch.channels_last)
optimizer = torch.optim.AdamW(network.parameters())
images, labels = torch.rand(32, 3, 96, 96) * 255, torch.arange(32) % 8
for _ in range(int(sys.argv[2])):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()
"""


def two_at_once(policy: str, threads: int, steps: int) -> None:
    """Run two trainings and wait for both."""
    here = Path(__file__).resolve().parent
    source = os.pathsep.join([str(here.parent / "src"), str(here)])
    environment = {**os.environ, "OMP_WAIT_POLICY": policy, "PYTHONPATH": source}
    environment.pop("OMP_NUM_THREADS", None)
    command = [sys.executable, "-c", TRAINING, str(threads), str(steps)]
    running = [subprocess.Popen(command, env=environment) for _ in range(2)]
    for process in running:
        if process.wait():
            sys.exit("a training ended with an error")


def main() -> None:
    """Time both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"two trainings at once, {options.threads} threads each: spinning against sleeping")
    print(
        compare(
            lambda: two_at_once("active", options.threads, options.steps),
            lambda: two_at_once("passive", options.threads, options.steps),
            options.repeats,
        )
    )


if __name__ == "__main__":
    main()
