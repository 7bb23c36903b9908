"""A page to step through doubtful labels with the keyboard, and to take a corrected label table from."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image

from lithoscope.reporting.page import templates

_SCRIPT = "doubtful.js"


@dataclass(frozen=True)
class DoubtfulLabel:
    """A training photograph whose label is doubtful.

    Attributes:
        id: The photograph.
        label: Its label.
        own: The probability of that label, by heads that did not learn from it.
        suggested: Other classes with their probabilities, the most probable first.
        picture: uint8 (side, side, 3), RGB.
    """

    id: str
    label: str
    own: float
    suggested: Sequence[tuple[str, float]]
    picture: npt.NDArray[np.uint8]


def doubtful_page(
    title: str, shown: Sequence[DoubtfulLabel], every: Sequence[tuple[str, str]], classes: Sequence[str]
) -> str:
    """Return the page; its pictures are inside it, and it loads nothing.

    Args:
        title: Of the set.
        shown: The labels to judge, the most doubtful first.
        every: File and label of all photographs of the set, which the corrected table holds.
        classes: The labels that there are.
    """
    script = (resources.files("lithoscope.reporting") / "templates" / "scripts" / _SCRIPT).read_text("utf-8")
    values = {
        "labels": [
            {
                "file": one.id,
                "label": one.label,
                "own": round(one.own, 3),
                "suggested": [[name, round(probability, 3)] for name, probability in one.suggested],
                "picture": _encoded(one.picture),
            }
            for one in shown
        ],
        "every": every,
        "classes": classes,
    }
    # "<" would end the element early, whatever a class is called.
    data = json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")
    return (
        templates()
        .get_template("doubtful.html.j2")
        .render(
            title=title,
            count=len(shown),
            data=Markup(data),  # noqa: S704 (JSON without a "<")
            script=Markup(script),  # noqa: S704 (ours, without anything from the inputs)
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        )
    )


def _encoded(picture: npt.NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=88)
    return base64.b64encode(stream.getvalue()).decode("ascii")
