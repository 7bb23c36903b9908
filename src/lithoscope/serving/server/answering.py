"""An exported model as the server asks it: answers as plain values, and what the model is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.serving.answers import FieldTests, answered, load_limits
from lithoscope.serving.field_tests import KIT, known_properties
from lithoscope.serving.model_card import CARD, averaged, card_html
from lithoscope.serving.occlusion import Look
from lithoscope.serving.onnx_description import LIMITS
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.outcomes import OUTCOMES
from lithoscope.serving.tables import DIGITS

Floats = npt.NDArray[np.float32]
_SCRATCHED_BY = ("a fingernail scratches it", "a copper coin does", "a knife does", "a steel file does", "nothing does")


class ExportedModel:
    """Answers of an export; see :class:`lithoscope.serving.server.asked_model.AnsweringModel`.

    Args:
        model: The export.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._limits = load_limits(model.folder / LIMITS)
        self._properties = known_properties(model.description.classes)
        card = model.folder / CARD
        self._card = card_html(card.read_text(encoding="utf-8")) if card.is_file() else None

    @property
    def framing(self) -> tuple[int, bool, ReadingSettings]:
        """Side of the squares, whether a border is cut away, how files become pixels."""
        about = self._model.description
        return about.image_size, about.crop_border, about.reading

    def about(self) -> Mapping[str, Any]:
        """Return classes, figures, hashes, and the field tests that may be counted in."""
        about = self._model.description
        kinds = ", ".join(about.classes)
        card = {
            "Tells apart": f"{len(about.classes)} kinds: {kinds}",
            "Trained on": f"{about.dataset}{' (synthetic drawings, not photographs)' if about.synthetic else ''}",
            **{_figure_title(one): _figure(one) for one in about.figures.values()},
            "Network": f"{averaged(about)}, {about.precision}",
            "SHA-256": about.onnx,
        }
        return {
            "classes": about.classes,
            "image_size": about.image_size,
            "synthetic": about.synthetic,
            "dataset": about.dataset,
            "sha256": {"onnx": about.onnx, **about.source},
            "figures": about.figures,
            "parity": about.parity,
            "card": card,
            "card_html": self._card,
            "field_tests": self._field_tests(),
        }

    def run(self, squares: npt.NDArray[np.uint8]) -> list[tuple[Floats, Floats]]:
        """Return probabilities (classes,) and features (d,) of each of the squares (n, size, size, 3)."""
        outputs = self._model.run(squares)
        return list(zip(outputs.probabilities, outputs.features, strict=True))

    def look(self, square: npt.NDArray[np.uint8]) -> Look:
        """Find what the model looked at in a square (size, size, 3)."""
        return self._model.look(square)

    def answers(
        self, outputs: Sequence[tuple[Floats, Floats]], fields: Mapping[str, str], *, one_specimen: bool
    ) -> list[dict[str, Any]]:
        """Return the answer to each photograph, or one to all as photographs of one specimen.

        Raises:
            LithoscopeError: A field test or its outcome is not known.
        """
        probabilities = np.stack([row for row, _ in outputs])
        features = np.stack([row for _, row in outputs])
        found = {test: text for test, text in fields.items() if text}
        if one_specimen:
            probabilities, features = probabilities.mean(axis=0, keepdims=True), features.mean(axis=0, keepdims=True)
        if found and not self._properties:
            raise LithoscopeError("no table says what this model's classes allow in field tests: leave them out")
        tests = FieldTests(self._properties, found) if self._properties else None
        said, answers = answered(probabilities, features, self._model.description.classes, self._limits, tests)
        return [
            {**self._plain(row), **({} if answer is None else answer.columns())}
            for row, answer in zip(said, answers, strict=True)
        ]

    def _plain(self, probabilities: npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
        classes, best = self._model.description.classes, int(probabilities.argmax())
        rounded = [round(float(one), DIGITS) for one in probabilities]
        return {
            "label": classes[best],
            "confidence": rounded[best],
            "probabilities": dict(zip(classes, rounded, strict=True)),
        }

    def _field_tests(self) -> dict[str, list[dict[str, str]]]:
        if not self._properties:
            return {}
        kit = [f"{low:g}-{high:g}" for low, high in KIT]
        hardness = [{"value": value, "label": label} for value, label in zip(kit, _SCRATCHED_BY, strict=True)]
        others = {test: [{"value": one, "label": one} for one in OUTCOMES[test]] for test in OUTCOMES}
        return {"hardness": hardness, **others}


def _figure_title(figure: Mapping[str, Any]) -> str:
    name = figure["name"]
    return f"{name[:1].upper()}{name[1:]} on {figure['n']} {figure['split']} photographs"


def _figure(figure: Mapping[str, Any]) -> str:
    low, high = figure.get("low"), figure.get("high")
    interval = "" if low is None or high is None else f", 95 % interval {low:.3f} to {high:.3f}"
    return f"{figure['value']:.3f}{interval}"
