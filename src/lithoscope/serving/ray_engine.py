"""Ray Data as the engine of predictions: photographs are decoded and asked about by the processes of a cluster.

Ray moves a manifest of files out and answers back; the photographs are read where they lie, by our own decoder, because
``ray.data.read_images`` leaves kinds of files out without a word and ignores their orientation. An actor on each core
holds the network. One that dies is started anew, and what it was asked is asked again.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.onnx_description import DESCRIPTION, NETWORK
from lithoscope.serving.onnx_model import OnnxModel, Outputs
from lithoscope.serving.pages import NO_FILE, Engine, Page
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.ray_cluster import cause, connected, package, require_reachable
from lithoscope.serving.ray_worker import Asker, Table, versions_here

BLOCK = 32
"""Photographs that are asked about together: what a process that dies has to do again, a second or two of work."""
BLOCKS = 20_000
"""Above this many of them, blocks grow: Ray keeps a record of each."""
_RETRIES = 5  # of one block; a file that ends every process that reads it must not be read for ever
_HOW = "pip install 'lithoscope[ray]'"


def on_ray(address: str | None = None) -> Engine:
    """Return the engine that asks a Ray cluster.

    Nodes need this package in the same version, and the photographs under the same paths; the model is sent to them.

    Args:
        address: ``HOST:PORT`` of a cluster that runs, of which this machine is a node; ``auto`` for the one of this
            machine; None starts one on this machine, on the loopback, and stops it afterwards.

    Raises:
        LithoscopeError: Ray is not installed, or nothing answers at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import: Ray would report each cluster to its makers
    try:
        package("pyarrow"), package("ray"), package("ray.data")
    except ModuleNotFoundError as error:
        raise LithoscopeError(f"--engine ray takes the package {error.name}: {_HOW}; or leave --engine out") from None
    if address not in (None, "auto"):
        require_reachable(str(address))

    def pages(model: OnnxModel, photographs: Iterable[FoundPhotograph]) -> Iterator[list[Page]]:
        with connected(address):
            yield from _pages(model, list(photographs))

    return pages


def _pages(model: OnnxModel, photographs: list[FoundPhotograph]) -> Iterator[list[Page]]:
    ray = package("ray")
    manifest = [
        # Bytes: names need not be valid UTF-8. Absolute: processes of Ray work elsewhere.
        {"place": place, "file": os.fsencode(os.path.abspath(one.file)), "known": one.known}  # noqa: PTH100
        for place, one in enumerate(photographs)
    ]
    blocks = min(-(-len(manifest) // BLOCK), BLOCKS)
    processes = max(1, min(blocks, int(ray.cluster_resources().get("CPU", 1))))
    dataset = ray.data.from_items(manifest, override_num_blocks=blocks)
    dataset.context.execution_options.preserve_order = True
    dataset.context.enable_progress_bars = False
    dataset.context.print_on_execution_start = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that bounds of retries go; they have no other place yet
        answers = _asked(ray, dataset, model, processes)
    try:
        yield from _told(photographs, _rows(answers.iter_batches(batch_size=None, batch_format="pyarrow")))
    except ray.exceptions.RayError as error:
        raise LithoscopeError(f"--engine ray: {cause(error)}") from None


def _asked(ray: Any, dataset: Any, model: OnnxModel, processes: int) -> Any:
    return dataset.map_batches(
        Asker,
        batch_format="pyarrow",
        batch_size=None,
        fn_constructor_args=[_files(model), versions_here()],
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=processes, initial_size=processes),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=_RETRIES,
    )


def _files(model: OnnxModel) -> dict[str, bytes]:
    return {name: (model.folder / name).read_bytes() for name in (NETWORK, DESCRIPTION)}


def _rows(batches: Iterable[Table]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def _told(photographs: list[FoundPhotograph], rows: Iterable[dict[str, Any]]) -> Iterator[list[Page]]:
    """Yield the pages of each photograph; one without rows has none."""
    told = 0
    for place, of_one in groupby(rows, key=lambda row: int(row["place"])):
        yield from ([] for _ in range(told, place))
        told = place + 1
        photograph = photographs[place]
        pages = []
        for row in of_one:
            if row["problem"] == NO_FILE and os.path.isfile(photograph.file):  # noqa: PTH113
                raise LithoscopeError(
                    f"{photograph.shown}: node {row['node']} of the cluster does not see this file: every node needs "
                    "the photographs under the same path; unpack archives into a folder that all of them see"
                )
            outputs = None
            if row["probabilities"] is not None:
                outputs = Outputs(_numbers(row["probabilities"]), _numbers(row["features"]))
            pages.append(Page(photograph.shown + row["page"], None, row["problem"], outputs, row["content"]))
        yield pages
    yield from ([] for _ in range(told, len(photographs)))


def _numbers(content: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(content, np.float32)[None]
