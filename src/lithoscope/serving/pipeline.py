"""Streaming prediction: threads decode and frame photographs while the network answers for those before them.

Nothing holds all photographs or all answers: a bounded number of squares waits between the threads and the network.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lithoscope.core.threads import in_order
from lithoscope.data.images.framed import read_framed
from lithoscope.data.images.reading import UnreadablePhotograph, page_path
from lithoscope.evaluation.answers.limits import Limits
from lithoscope.serving.answers import COLUMNS, decide, load_limits
from lithoscope.serving.onnx_description import LIMITS, OnnxDescription
from lithoscope.serving.onnx_model import BATCH, OnnxModel
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.rows import AnswerRow, Value


@dataclass(frozen=True)
class _Framed:
    name: str
    square: npt.NDArray[np.uint8] | None
    problem: str | None = None


def predict_rows(
    model: OnnxModel, photographs: Iterable[FoundPhotograph], threads: int | None = None
) -> Iterator[AnswerRow]:
    """Classify photographs, in their order; of a file with several pages perhaps each.

    Args:
        model: Who is asked.
        photographs: What is to be classified; drawn as it is needed.
        threads: How many decode; None for one a core. The answers are the same.

    Yields:
        A row a photograph or page; one that cannot be read says why.
    """
    description, limits = model.description, load_limits(model.folder / LIMITS)

    def framed(photograph: FoundPhotograph) -> list[_Framed]:
        return _framed(photograph, description)

    pages = (page for found in in_order(framed, photographs, threads or os.cpu_count() or 1) for page in found)
    while batch := list(islice(pages, BATCH)):
        yield from _rows(model, limits, batch)


def _framed(photograph: FoundPhotograph, description: OnnxDescription) -> list[_Framed]:
    path = Path(photograph.file)
    if not path.is_file():  # a pipe, say, which would never end
        return [_Framed(photograph.shown, None, "not a regular file" if path.exists() else "no such file")]
    settings, size, crop = description.reading, description.image_size, description.crop_border
    try:
        first = read_framed(path, settings, size, crop)
        found = [_Framed(photograph.shown, first.square)]
    except UnreadablePhotograph as problem:
        return [_Framed(photograph.shown, None, str(problem))]
    for number in range(2, first.pages + 1 if settings.pages == "each" else 2):
        name = page_path(photograph.shown, number)
        try:
            page = read_framed(Path(page_path(photograph.file, number)), settings, size, crop)
            found.append(_Framed(name, page.square))
        except UnreadablePhotograph as problem:
            found.append(_Framed(name, None, str(problem)))
    return found


def _rows(model: OnnxModel, limits: Limits | None, pages: Sequence[_Framed]) -> list[AnswerRow]:
    empty: dict[str, Value] = {} if limits is None else dict.fromkeys(COLUMNS)
    rows = [AnswerRow(page.name, None, None, None, page.problem, extra=empty, square=page.square) for page in pages]
    readable = [place for place, page in enumerate(pages) if page.square is not None]
    if not readable:
        return rows
    outputs = model.run(np.stack([square for page in pages if (square := page.square) is not None]))
    answers = [None] * len(readable) if limits is None else decide(outputs.probabilities, outputs.features, limits)
    for place, probabilities, answer in zip(readable, outputs.probabilities, answers, strict=True):
        best = int(probabilities.argmax())
        rows[place] = replace(
            rows[place],
            label=model.description.classes[best],
            confidence=float(probabilities[best]),
            probabilities=probabilities,
            shown=None if answer is None else answer.shown,
            extra={} if answer is None else answer.columns(),
        )
    return rows
