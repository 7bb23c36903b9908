"""Training steps in a process that hands freed memory back to the system, against one that keeps it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from _paired import compare

STEPS = """
import sys, torch
from lithoscope.models import device
if sys.argv[1] == "handed back":
    device.keep_memory = lambda: False
device.make_repeatable(0, int(sys.argv[2]))
from _networks import network as build
network = build("mobilenet_v2", 224, 8).to(memory_format=torch.channels_last)
optimizer = torch.optim.AdamW(network.parameters())
images, labels = torch.rand(32, 3, 224, 224) * 255, torch.arange(32) % 8
for _ in range(int(sys.argv[3])):
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=device.bf16_instructions()):
        loss = torch.nn.functional.cross_entropy(network(images).float(), labels)
    loss.backward()
    optimizer.step()
"""


def train(memory: str, threads: int, steps: int) -> None:
    """Run some steps in a process of its own, start included."""
    here = Path(__file__).resolve().parent
    source = os.pathsep.join([str(here.parent / "src"), str(here)])
    command = [sys.executable, "-c", STEPS, memory, str(threads), str(steps)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": source}, check=True)


def main() -> None:
    """Time both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{options.steps} steps of MobileNetV2 at 224 px, {options.threads} threads: memory handed back, against kept"
    )
    print(
        compare(
            lambda: train("handed back", options.threads, options.steps),
            lambda: train("kept", options.threads, options.steps),
            options.repeats,
        )
    )


if __name__ == "__main__":
    main()
