"""Ray Data as the engine of predictions: photographs are decoded and asked about by the processes of a cluster.

An actor on each core holds the network (:mod:`lithoscope.data.engines.ray_map`).
"""

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.data.engines import ray_map
from lithoscope.data.engines.ray_cluster import AskedBy, connected, require_cluster
from lithoscope.serving.onnx_description import DESCRIPTION, NETWORK
from lithoscope.serving.onnx_model import OnnxModel, Outputs
from lithoscope.serving.pages import NO_FILE, Engine, Page
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.ray_worker import DIGITS_FROM, Asker

_ASKED = AskedBy()


def on_ray(address: str | None = None) -> Engine:
    """Return the engine that asks a Ray cluster.

    Nodes need this package in the same version, and the photographs under the same paths; the model is sent to them.

    Args:
        address: ``HOST:PORT`` of a cluster that runs, of which this machine is a node; ``auto`` for the one of this
            machine; None starts one on this machine, on the loopback, and stops it afterwards.

    Raises:
        LithoscopeError: Ray is not installed, or nothing answers at the address.
    """
    require_cluster(address, _ASKED)

    def pages(model: OnnxModel, photographs: Iterable[FoundPhotograph]) -> Iterator[list[Page]]:
        with connected(address, _ASKED):
            yield from _pages(model, list(photographs))

    return pages


def _pages(model: OnnxModel, photographs: list[FoundPhotograph]) -> Iterator[list[Page]]:
    manifest = [
        # Bytes: names need not be valid UTF-8. Absolute: processes of Ray work elsewhere.
        {"place": place, "file": os.fsencode(os.path.abspath(one.file)), "known": one.known}  # noqa: PTH100
        for place, one in enumerate(photographs)
    ]
    arguments = [_files(model), ray_map.versions_here(DIGITS_FROM)]
    return _told(photographs, ray_map.map_rows(manifest, Asker, arguments, _ASKED, ray_map.BLOCK))


def _files(model: OnnxModel) -> dict[str, bytes]:
    return {name: (model.folder / name).read_bytes() for name in (NETWORK, DESCRIPTION)}


def _told(photographs: list[FoundPhotograph], rows: Iterable[dict[str, Any]]) -> Iterator[list[Page]]:
    """Yield the pages of each photograph; one without rows has none."""
    told = 0
    for place, of_one in groupby(rows, key=lambda row: int(row["place"])):
        yield from ([] for _ in range(told, place))
        told = place + 1
        photograph = photographs[place]
        pages = []
        for row in of_one:
            if row["problem"] == NO_FILE and ray_map.is_there(photograph.file):
                raise ray_map.does_not_see(photograph.shown, row["node"])
            outputs = None
            if row["probabilities"] is not None:
                outputs = Outputs(_numbers(row["probabilities"]), _numbers(row["features"]))
            pages.append(Page(photograph.shown + row["page"], None, row["problem"], outputs, row["content"]))
        yield pages
    yield from ([] for _ in range(told, len(photographs)))


def _numbers(content: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(content, np.float32)[None]
