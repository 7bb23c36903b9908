"""Photographs that have been decoded, framed and put before the network: what an engine of predictions hands on."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lithoscope.core.files import file_digest
from lithoscope.core.threads import in_order
from lithoscope.data.images.framed import read_framed
from lithoscope.data.images.reading import UnreadablePhotograph, page_path
from lithoscope.serving.onnx_description import OnnxDescription
from lithoscope.serving.onnx_model import OnnxModel, Outputs
from lithoscope.serving.photographs import FoundPhotograph

NO_FILE = "no such file"
NO_CONTENT = ""
"""Stands for the SHA-256 of what cannot be read as a file."""


@dataclass(frozen=True)
class Page:
    """One page of a photograph's file; most have one alone.

    Attributes:
        name: What names it for people.
        square: As the network saw it, uint8 (size, size, 3); None where it could not be read, or is not handed on.
        problem: Why it could not be read.
        outputs: What the network says of it alone; None where it could not be read.
        content: SHA-256 of its file, :data:`NO_CONTENT`, or None where nobody asked for it.
    """

    name: str
    square: npt.NDArray[np.uint8] | None
    problem: str | None = None
    outputs: Outputs | None = None
    content: str | None = None


Engine = Callable[[OnnxModel, Iterable[FoundPhotograph]], Iterator[list[Page]]]
"""Yields the pages of each photograph, in their order; of one whose content is as it was known, an empty list."""


def on_threads(threads: int | None = None, *, digests: bool = False) -> Engine:
    """Return the engine of one machine: threads, each of which decodes a photograph, frames it and asks the network.

    Whole photographs side by side keep all cores busy, which threads inside the network, that wait for each other at
    every layer, do not. A bounded number of photographs is ahead of what was yielded.

    Args:
        threads: How many work side by side; None for one a core. The answers are the same.
        digests: Whether pages tell their file's content.
    """

    def pages(model: OnnxModel, photographs: Iterable[FoundPhotograph]) -> Iterator[list[Page]]:
        def asked(photograph: FoundPhotograph) -> list[Page]:
            return asked_pages(model, photograph, digests=digests)

        return in_order(asked, photographs, threads or os.cpu_count() or 1)

    return pages


def asked_pages(model: OnnxModel, photograph: FoundPhotograph, *, digests: bool) -> list[Page]:
    """Read a photograph, frame it and ask the network for each page by itself: no other photograph changes the answer.

    Args:
        model: Who is asked.
        photograph: Where its content is as it was known, no page is returned and nothing read.
        digests: Whether pages tell the content.
    """
    content = _content(Path(photograph.file)) if digests or photograph.known is not None else None
    if content is not None and content == photograph.known:
        return []
    return [
        replace(page, outputs=None if page.square is None else model.run(page.square[None]), content=content)
        for page in _framed(photograph, model.description)
    ]


def _content(path: Path) -> str:
    try:
        return file_digest(path) if path.is_file() else NO_CONTENT
    except OSError:  # the reader says what it is
        return NO_CONTENT


def _framed(photograph: FoundPhotograph, description: OnnxDescription) -> list[Page]:
    path = Path(photograph.file)
    if not path.is_file():  # a pipe, say, which would never end
        return [Page(photograph.shown, None, "not a regular file" if path.exists() else NO_FILE)]
    settings, size, crop = description.reading, description.image_size, description.crop_border
    try:
        first = read_framed(path, settings, size, crop)
        found = [Page(photograph.shown, first.square)]
    except UnreadablePhotograph as problem:
        return [Page(photograph.shown, None, str(problem))]
    for number in range(2, first.pages + 1 if settings.pages == "each" else 2):
        name = page_path(photograph.shown, number)
        try:
            page = read_framed(Path(page_path(photograph.file, number)), settings, size, crop)
            found.append(Page(name, page.square))
        except UnreadablePhotograph as problem:
            found.append(Page(name, None, str(problem)))
    return found
