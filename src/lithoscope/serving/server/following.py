"""Models that follow an alias of MLflow's registry: swapped while requests are under way, and none is lost."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.serving.model_source import exported_model
from lithoscope.serving.occlusion import Look
from lithoscope.serving.onnx_description import OnnxDescription, load_onnx_description
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server.answering import ExportedModel
from lithoscope.serving.server.asked_model import AnsweringModel

_LOG = logging.getLogger(__name__)
Floats = npt.NDArray[np.float32]
SECONDS = 60.0
"""Between two looks; each is a process that asks MLflow, a few seconds of one core."""


class _Output(tuple[Floats, Floats]):
    """What a model made of a square, with that model and the square."""

    model: AnsweringModel
    square: npt.NDArray[np.uint8]


class FollowingModel:
    """Answers of whichever model is the present one; see :class:`lithoscope.serving.server.asked_model.AnsweringModel`.

    A batch is computed by one model from beginning to end. What a request got from a model that has left meanwhile is
    answered by that model; photographs of one specimen that met two models are computed anew by the present one.

    Args:
        first: The model to begin with.
    """

    def __init__(self, first: AnsweringModel) -> None:
        self._present = first

    def swap(self, model: AnsweringModel) -> None:
        """Let another model answer from the next batch on.

        Raises:
            LithoscopeError: It wants photographs framed in another way, which those that wait are not.
        """
        if model.framing != self._present.framing:
            raise LithoscopeError(
                "the model that the alias stands for now wants photographs framed in another way: start the server anew"
            )
        self._present = model

    @property
    def framing(self) -> tuple[int, bool, ReadingSettings]:
        """Side of the squares, whether a border is cut away, how files become pixels; the same for all that follow."""
        return self._present.framing

    def about(self) -> Mapping[str, Any]:
        """Return what the present model is."""
        return self._present.about()

    def run(self, squares: npt.NDArray[np.uint8]) -> list[tuple[Floats, Floats]]:
        """Return probabilities (classes,) and features (d,) of each of the squares (n, size, size, 3)."""
        model = self._present
        return [_output(model, square, found) for square, found in zip(squares, model.run(squares), strict=True)]

    def look(self, square: npt.NDArray[np.uint8]) -> Look:
        """Find what the present model looked at in a square (size, size, 3)."""
        return self._present.look(square)

    def answers(
        self, outputs: Sequence[tuple[Floats, Floats]], fields: Mapping[str, str], *, one_specimen: bool
    ) -> list[dict[str, Any]]:
        """Return the answer to each photograph, or one to all as photographs of one specimen.

        Raises:
            LithoscopeError: A field test or its outcome is not known.
        """
        found = [one for one in outputs if isinstance(one, _Output)]  # all of them: run makes no others
        models = list({id(one.model): one.model for one in found}.values())
        if len(models) > 1 and one_specimen:
            model = self._present
            return model.answers(model.run(np.stack([one.square for one in found])), fields, one_specimen=True)
        if one_specimen or len(models) == 1:
            return models[0].answers(outputs, fields, one_specimen=one_specimen)
        return [one.model.answers([one], fields, one_specimen=False)[0] for one in found]


def _output(model: AnsweringModel, square: npt.NDArray[np.uint8], found: tuple[Floats, Floats]) -> _Output:
    output = _Output(found)
    output.model, output.square = model, square
    return output


def is_alias(name: str) -> bool:
    """Return whether a model's name is one that may stand for another model tomorrow."""
    return name.startswith("models:/") and "@" in name


class _Alias:
    """An alias, and which export it stood for when it was last looked at."""

    def __init__(self, name: str, root: Path, known: OnnxDescription) -> None:
        self._name, self._root, self._known = name, root, known

    def newer(self) -> AnsweringModel | None:
        place = exported_model(self._name, self._root, lambda _: None)
        if load_onnx_description(place) == self._known:
            return None
        model = OnnxModel.load(place)
        self._known = model.description
        return ExportedModel(model)


@contextmanager
def following(
    name: str, root: Path, first: OnnxModel, say: Callable[[str], None], seconds: float = SECONDS
) -> Iterator[FollowingModel]:
    """Follow an alias for as long as the context lasts; where MLflow does not answer, the present model stays.

    Args:
        name: ``models:/NAME@ALIAS``.
        root: The checkout.
        first: What it stands for now.
        say: Told of each swap, and once of each reason why none could be.
        seconds: Between two looks.
    """
    with watched(ExportedModel(first), _Alias(name, root, first.description).newer, name, say, seconds) as model:
        yield model


@contextmanager
def watched(
    first: AnsweringModel,
    newer: Callable[[], AnsweringModel | None],
    name: str,
    say: Callable[[str], None],
    seconds: float,
) -> Iterator[FollowingModel]:
    """Swap in whatever ``newer`` returns, asked from time to time in a thread; None is no other model.

    Args:
        first: What answers until then.
        newer: What it raises is said, and nothing is swapped; what no one foresaw goes to the log too.
        name: The alias, for people.
        say: As of :func:`following`.
        seconds: Between two looks.
    """
    model, ended = FollowingModel(first), threading.Event()

    def look() -> None:
        said = ""
        while not ended.wait(seconds):
            try:
                found = newer()
                if found is not None:
                    model.swap(found)
                    say(f"{name} is another model now, and answers from here on")
                said = ""
            except Exception as error:  # the thread must outlive it: the next look may succeed
                foreseen = isinstance(error, LithoscopeError | OSError)
                reason = str(error) if foreseen else f"{type(error).__name__}: {error}"
                if reason != said:
                    said = reason
                    say(f"{name} is not followed for now, the present model stays: {said}")
                    if not foreseen:
                        _LOG.exception("following %s", name)

    thread = threading.Thread(target=look, name="following", daemon=True)  # its process may be asking MLflow
    thread.start()
    try:
        yield model
    finally:
        ended.set()
