"""Ray Data as the engine of predictions: photographs are decoded and asked about by the processes of a cluster.

Ray moves a manifest of files out and answers back; the photographs are read where they lie, by our own decoder, because
``ray.data.read_images`` leaves kinds of files out without a word and ignores their orientation. An actor on each core
holds the network. One that dies is started anew, and what it was asked is asked again.
"""

import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.onnx_description import DESCRIPTION, NETWORK
from lithoscope.serving.onnx_model import OnnxModel, Outputs
from lithoscope.serving.pages import NO_FILE, Engine, Page, asked_pages
from lithoscope.serving.photographs import FoundPhotograph

BLOCK = 32
"""Photographs that are asked about together: what a process that dies has to do again, a second or two of work."""
BLOCKS = 20_000
"""Above this many of them, blocks grow: Ray keeps a record of each."""
STORE = 200 * 2**20
"""Memory of a cluster that is started on this machine for manifests and answers under way, bytes."""
_REACHABLE = 5.0  # seconds after which a cluster is taken to be away
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)  # begins gRPC; Ray would wait for minutes
_SETTINGS = b"\x04"
_RETRIES = 5  # of one block; a file that ends every process that reads it must not be read for ever
_DIGITS_FROM = ("lithoscope", "pillow", "numpy", "onnxruntime")
_HOW = "pip install 'lithoscope[ray]'"

Table = Any
"""A ``pyarrow.Table``."""


def _package(name: str) -> Any:
    """Import a package that is not there without the extra ``ray``."""
    return import_module(name)


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
        _package("pyarrow"), _package("ray.data")
    except ModuleNotFoundError as error:
        raise LithoscopeError(f"--engine ray takes the package {error.name}: {_HOW}; or leave --engine out") from None
    if address not in (None, "auto"):
        _require_reachable(str(address))

    def pages(model: OnnxModel, photographs: Iterable[FoundPhotograph]) -> Iterator[list[Page]]:
        with _connected(address):
            yield from _pages(model, list(photographs))

    return pages


def _require_reachable(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal()) or "/" in host:
        raise LithoscopeError(
            f"--ray-address {address}: allowed: HOST:PORT, as `ray start` prints it, or auto; this machine must be one "
            "of the cluster's nodes"
        )
    host = host.strip("[]")
    if host in ("127.0.0.1", "::1", "localhost"):  # what Ray makes of it
        host = _package("ray.util").get_node_ip_address()
    try:
        with socket.create_connection((host, int(port)), _REACHABLE) as connection:
            connection.settimeout(_REACHABLE)
            connection.sendall(_HTTP2)
            if connection.recv(9)[3:4] != _SETTINGS:
                raise ConnectionError("something else answers there")
    except (OSError, OverflowError) as error:
        raise LithoscopeError(
            f"--ray-address {address}: no cluster answers at {host} ({error}); `ray start --head` starts one"
        ) from None


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    ray = _package("ray")
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    # Ray puts sockets some 60 characters below, and a socket's path may have 103 on macOS, 107 on Linux: too few for
    # macOS's own temporary folder. On Windows there are no such sockets.
    short = "/tmp" if os.name == "posix" else None  # noqa: S108
    place = tempfile.mkdtemp(prefix="lithoscope-ray-", dir=short) if address is None else None
    own: dict[str, Any] = {"num_cpus": os.cpu_count(), "include_dashboard": False, "object_store_memory": STORE}
    try:
        try:
            if place is None:
                ray.init(address, **quiet)
            else:
                ray.init("local", _node_ip_address="127.0.0.1", _temp_dir=place, **own, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise LithoscopeError(f"--engine ray: no cluster ({_first_line(error)})") from None
        yield
    finally:
        ray.shutdown()
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def _pages(model: OnnxModel, photographs: list[FoundPhotograph]) -> Iterator[list[Page]]:
    ray = _package("ray")
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
        raise LithoscopeError(f"--engine ray: {_cause(error)}") from None


def _asked(ray: Any, dataset: Any, model: OnnxModel, processes: int) -> Any:
    return dataset.map_batches(
        Asker,
        batch_format="pyarrow",
        batch_size=None,
        fn_constructor_args=[_files(model), _versions()],
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=processes, initial_size=processes),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=_RETRIES,
    )


def _files(model: OnnxModel) -> dict[str, bytes]:
    return {name: (model.folder / name).read_bytes() for name in (NETWORK, DESCRIPTION)}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _DIGITS_FROM}


class Asker:
    """Holds the network in a process of Ray, and answers blocks of the manifest.

    Args:
        files: Of the exported model, by their names.
        versions: Of the packages that answers depend on, where the command runs.

    Raises:
        LithoscopeError: This node has other versions.
    """

    def __init__(self, files: dict[str, bytes], versions: dict[str, str]) -> None:
        for name, wanted in versions.items():
            if (here := version(name)) != wanted:
                raise LithoscopeError(
                    f"node {socket.gethostname()} has {name} {here}, where the command runs it is {wanted}: install "
                    "the same, or answers would differ"
                )
        with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self._model = OnnxModel.load(Path(folder), threads=1)

    def __call__(self, block: Table) -> Table:
        """Return a row for each page, in order: nothing for photographs whose content is as it was known."""
        rows = []
        for row in block.to_pylist():
            photograph = FoundPhotograph(os.fsdecode(row["file"]), "", row["known"])
            rows += [
                {
                    "place": row["place"],
                    "page": page.name,
                    "problem": page.problem,
                    "content": page.content,
                    "probabilities": None if page.outputs is None else page.outputs.probabilities.tobytes(),
                    "features": None if page.outputs is None else page.outputs.features.tobytes(),
                    "node": socket.gethostname(),
                }
                for page in asked_pages(self._model, photograph, digests=True)
            ]
        return _package("pyarrow").Table.from_pylist(rows, schema=_schema())


def _schema() -> Any:
    pa = _package("pyarrow")
    texts = [(name, pa.string()) for name in ("page", "problem", "content", "node")]
    return pa.schema([("place", pa.int64()), *texts, ("probabilities", pa.binary()), ("features", pa.binary())])


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


def _cause(error: Exception) -> str:
    """Return the line that says most: a user's error of ours, wherever Ray wrapped it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, LithoscopeError):
            return _first_line(inner)
        inner = getattr(inner, "cause", None) or inner.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()]
    ours = next((line for line in reversed(lines) if "LithoscopeError: " in line), None)
    return ours.partition("LithoscopeError: ")[2] if ours else f"{type(error).__name__}: {lines[-1].strip()}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
