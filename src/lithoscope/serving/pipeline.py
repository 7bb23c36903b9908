"""Streaming prediction: what an engine's network says of photographs becomes rows of answers.

Nothing holds all photographs or all answers. What is decided here is decided in the same batches whatever the engine,
so that its answers are the same to the last digit.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice

import numpy as np

from lithoscope.evaluation.answers.limits import Limits
from lithoscope.serving.answers import COLUMNS, FieldTests, answered, load_limits
from lithoscope.serving.observations import Observations
from lithoscope.serving.onnx_description import LIMITS
from lithoscope.serving.onnx_model import OnnxModel, Outputs
from lithoscope.serving.pages import Engine, Page, on_threads
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.rows import AnswerRow, Value

ROWS = 16
"""Answers that are decided on at once."""


def predict_rows(
    model: OnnxModel,
    photographs: Iterable[FoundPhotograph],
    engine: Engine | None = None,
    observations: Observations | None = None,
    *,
    specimens: bool = False,
) -> Iterator[AnswerRow]:
    """Classify photographs, in their order; of a file with several pages perhaps each.

    Args:
        model: Who is asked.
        photographs: What is to be classified.
        engine: What reads them and asks the network; None for threads, one a core. The answers are the same.
        observations: Field tests that go with them.
        specimens: Whether the photographs of a folder, which stand beside each other, show one specimen. It gets one
            row, by the folder's path, from the mean of their probabilities and features; those that cannot be read have
            rows of their own before it.

    Yields:
        A row a photograph or page; one that cannot be read says why.
    """
    description, limits = model.description, load_limits(model.folder / LIMITS)
    pages = (page for found in (engine or on_threads())(model, photographs) for page in found)
    known = observations or Observations()
    if specimens:
        for name, of_one in groupby(pages, key=lambda page: os.path.dirname(page.name)):  # noqa: PTH120 (it is a text)
            yield from _specimen(description.classes, limits, name, of_one, known)
        return
    while batch := list(islice(pages, ROWS)):
        yield from _rows(description.classes, limits, batch, known)


def _joined(pages: Sequence[Page]) -> Outputs:
    found = [page.outputs for page in pages if page.outputs is not None]
    return Outputs(
        np.concatenate([one.probabilities for one in found]), np.concatenate([one.features for one in found])
    )


def _rows(classes: Sequence[str], limits: Limits | None, pages: Sequence[Page], known: Observations) -> list[AnswerRow]:
    empty: dict[str, Value] = {} if limits is None else dict.fromkeys(COLUMNS)
    rows = [
        AnswerRow(page.name, None, None, None, page.problem, extra=empty, square=page.square, content=page.content)
        for page in pages
    ]
    readable = [place for place, page in enumerate(pages) if page.outputs is not None]
    if not readable:
        return rows
    outputs = _joined(pages)
    tests = [known.of(pages[place].name) for place in readable]
    alike = all(one == tests[0] for one in tests)
    for part in [slice(0, len(readable))] if alike else [slice(n, n + 1) for n in range(len(readable))]:
        named = _answer_rows(
            [rows[place] for place in readable[part]],
            classes,
            limits,
            Outputs(outputs.probabilities[part], outputs.features[part]),
            tests[part.start],
        )
        for place, row in zip(readable[part], named, strict=True):
            rows[place] = row
    return rows


def _answer_rows(
    rows: Sequence[AnswerRow], classes: Sequence[str], limits: Limits | None, outputs: Outputs, tests: FieldTests | None
) -> list[AnswerRow]:
    """Return rows with their answers, of photographs or specimens with the same field tests."""
    probabilities, answers = answered(outputs.probabilities, outputs.features, classes, limits, tests)
    return [
        replace(
            row,
            label=classes[int(said.argmax())],
            confidence=float(said.max()),
            probabilities=said,
            shown=None if answer is None else answer.shown,
            extra={} if answer is None else answer.columns(),
        )
        for row, said, answer in zip(rows, probabilities, answers, strict=True)
    ]


def _specimen(
    classes: Sequence[str], limits: Limits | None, name: str, pages: Iterable[Page], known: Observations
) -> Iterator[AnswerRow]:
    """Yield the row of a specimen, however many photographs it has: only sums of them are held."""
    empty: dict[str, Value] = {"photographs": None} | ({} if limits is None else dict.fromkeys(COLUMNS))
    parts: list[Outputs] = []
    first, count = None, 0
    pages = iter(pages)
    while batch := list(islice(pages, ROWS)):
        yield from (AnswerRow(one.name, None, None, None, one.problem, extra=empty) for one in batch if one.problem)
        readable = [one for one in batch if one.outputs is not None]
        if readable:
            outputs = _joined(readable)
            first = readable[0].square if first is None else first
            count += len(readable)
            parts.append(Outputs(outputs.probabilities.sum(axis=0), outputs.features.sum(axis=0)))
    if not count:
        return
    mean = Outputs(
        (np.sum([one.probabilities for one in parts], axis=0) / count)[None],
        (np.sum([one.features for one in parts], axis=0) / count)[None],
    )
    row = AnswerRow(name or ".", None, None, None, square=first)
    (row,) = _answer_rows([row], classes, limits, mean, known.of(row.path))
    yield replace(row, extra={"photographs": float(count), **row.extra})
