"""What runs in a process of a Ray cluster: a network that answers blocks of the manifest."""

import os
import socket
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.pages import asked_pages
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.ray_cluster import package

_DIGITS_FROM = ("lithoscope", "pillow", "numpy", "onnxruntime")

Table = Any
"""A ``pyarrow.Table``."""


def versions_here() -> dict[str, str]:
    """Return the versions of the packages that answers depend on, here."""
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
        return package("pyarrow").Table.from_pylist(rows, schema=_schema())


def _schema() -> Any:
    pa = package("pyarrow")
    texts = [(name, pa.string()) for name in ("page", "problem", "content", "node")]
    return pa.schema([("place", pa.int64()), *texts, ("probabilities", pa.binary()), ("features", pa.binary())])
