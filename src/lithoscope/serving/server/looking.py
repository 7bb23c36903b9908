"""``POST /evidence``: where in a photograph the evidence for a class lies, computed when it is asked for, not kept."""

import asyncio
import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.occlusion import evidence
from lithoscope.serving.server.asked_model import AnsweringModel
from lithoscope.serving.tables import DIGITS

_QUALITY = 90


class Looker:
    """Finds what a model looked at, one photograph after the other: each costs as much as several answers.

    Predictions go on meanwhile; the system shares the cores between them.

    Args:
        model: Whose answers are asked about.
    """

    def __init__(self, model: AnsweringModel) -> None:
        self._model, self._turn = model, asyncio.Lock()

    async def look(self, square: npt.NDArray[np.uint8], label: str | None) -> dict[str, Any]:
        """Return the evidence for a class, as :class:`lithoscope.serving.server.schemas.EvidenceAnswer` describes it.

        Args:
            square: The framed photograph, uint8 (size, size, 3).
            label: The class; None for the most probable one.

        Raises:
            LithoscopeError: There is no such class.
        """
        async with self._turn:
            return await asyncio.to_thread(self._looked, square, label)

    def _looked(self, square: npt.NDArray[np.uint8], label: str | None) -> dict[str, Any]:
        seen = self._model.look(square)
        asked = seen.classes[int(seen.before.argmax())] if label is None else label
        if asked not in seen.classes:
            raise LithoscopeError(f"label = {asked[:40]!r}; allowed: {', '.join(seen.classes)}")
        place = list(seen.classes).index(asked)
        before, after = float(seen.before[place]), seen.after[:, place]
        return {
            "label": asked,
            "confidence": round(before, DIGITS),
            "lowest": round(float(after.min()), DIGITS),
            "evidence": evidence(before, after).round(DIGITS).tolist(),
            "square": picture_address(square, _QUALITY),
            "method": seen.method.name,
            "source": seen.method.source,
            "note": seen.method.note,
        }


def picture_address(pixels: npt.NDArray[np.uint8], quality: int) -> str:
    """Return a picture, uint8 (height, width, 3), as the ``data:`` address of a JPEG."""
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"
