"""Forward and backward on one batch that lies in memory: what no training can surpass on this machine."""

import time
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn import functional as F

from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.device import keep_memory, resolve_precision
from peers.jobs import Clock, Job, answer, read_job
from peers.ours import asked

SETTINGS = (
    "fp32 contiguous",
    "fp32 channels_last",
    "fp32 channels_last compiled",
    "bf16 contiguous",
    "bf16 channels_last",
    "bf16 channels_last without oneDNN",
    "bf16 channels_last compiled",
)
CHOSEN = "as chosen"
"""What our training takes here: precision by detection, channels_last."""


def measure(job: Job) -> dict[str, Any]:
    """Return images/s of forward and backward in the settings that the job's way names."""
    torch.set_num_threads(job.threads)
    keep_memory()
    chosen = f"{resolve_precision('auto', job.device)} channels_last"
    way = chosen if job.way == CHOSEN else job.way
    params = asked(job.changed(way="whole"))
    network = build_classifier(Architecture(params.model, job.side, 7)).train().to(job.device)
    images, labels = torch.rand(job.batch, 3, job.side, job.side) * 255, torch.arange(job.batch) % 7
    images, labels = images.to(job.device), labels.to(job.device)
    if "channels_last" in way:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.contiguous(memory_format=torch.channels_last)
    run: Any = torch.compile(network) if "compiled" in way else network
    oned = torch.backends.mkldnn.flags(enabled=False) if "without oneDNN" in way else nullcontext()

    def step() -> None:
        network.zero_grad()
        with torch.autocast(job.device, torch.bfloat16, enabled=way.startswith("bf16")):
            logits = run(images)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        if job.device == "cuda":
            torch.cuda.synchronize()

    with oned:
        began = time.perf_counter()
        for _ in range(job.warm_up):
            step()
        first = time.perf_counter() - began
        clock = Clock()
        for _ in range(job.steps):
            step()
        speeds = clock.speeds(job.steps * job.batch)
    return {**speeds, "first": first}


if __name__ == "__main__":
    answer(measure(read_job()))
