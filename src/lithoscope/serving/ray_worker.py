"""What runs in a process of a Ray cluster: a network that answers blocks of the manifest."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lithoscope.data.engines.ray_cluster import package
from lithoscope.data.engines.ray_map import PIXELS_FROM, Table, require_versions, this_node
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.pages import asked_pages
from lithoscope.serving.photographs import FoundPhotograph

DIGITS_FROM = ("lithoscope", *PIXELS_FROM, "onnxruntime")
"""Packages that answers depend on."""


class Asker:
    """Holds the network in a process of Ray, and answers blocks of the manifest.

    Args:
        files: Of the exported model, by their names.
        versions: Of the packages that answers depend on, where the command runs.

    Raises:
        LithoscopeError: This node has other versions.
    """

    def __init__(self, files: dict[str, bytes], versions: Mapping[str, str]) -> None:
        require_versions(versions)
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
                    "node": this_node(),
                }
                for page in asked_pages(self._model, photograph, digests=True)
            ]
        return package("pyarrow").Table.from_pylist(rows, schema=_schema())


def _schema() -> Any:
    pa = package("pyarrow")
    texts = [(name, pa.string()) for name in ("page", "problem", "content", "node")]
    return pa.schema([("place", pa.int64()), *texts, ("probabilities", pa.binary()), ("features", pa.binary())])
