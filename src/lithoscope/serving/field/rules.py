"""What the page for the field answers by: a model's limits and the field tests, as numbers that JavaScript reads."""

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.profiles import coded_profile
from lithoscope.data.images.reading import ReadingSettings, UnreadablePhotograph
from lithoscope.evaluation.answers.limits import SHORT, Limits
from lithoscope.evaluation.answers.novelty import GAMMA, LARGEST, NEIGHBOUR
from lithoscope.evaluation.answers.rule import KINDS, Decision
from lithoscope.serving.answers import in_words
from lithoscope.serving.field_tests import Properties, likelihoods, outcome_table

_PLACEHOLDER = "{}"
_PROBE = 32  # side of the pictures that a browser is tried with, pixels
Choices = Mapping[str, Sequence[Mapping[str, str]]]
"""Of each field test the outcomes that can be tapped: ``value`` and ``label``."""


def page_rules(
    classes: Sequence[str], limits: Limits | None, properties: Properties, choices: Choices
) -> dict[str, Any]:
    """Return what ``answers.js`` answers by.

    Args:
        classes: In the order of the probabilities.
        limits: Of the model, if it has any.
        properties: What each class allows.
        choices: The outcomes of each test that can be tapped. Their likelihoods are computed here, so that the page has
            the same numbers.
    """
    tests = {
        test: {
            "outcomes": [
                {"value": one["value"], "likelihoods": likelihoods(test, one["value"], classes, properties).tolist()}
                for one in outcomes
            ],
            "table": outcome_table(test, classes, properties).tolist(),
        }
        for test, outcomes in choices.items()
    }
    return {"classes": list(classes), "limits": None if limits is None else _limits(limits), "tests": tests}


def page_framing(image_size: int, crop_border: bool, reading: ReadingSettings) -> dict[str, Any]:
    """Return what ``framing.js`` frames by.

    Args:
        image_size: Side of the squares, pixels.
        crop_border: Whether a uniform border is cut away.
        reading: How files become pixels.
    """
    limits = {"image_size": image_size, "crop_border": crop_border, "max_megapixels": reading.max_megapixels}
    return {**limits, "codes": _codes(), "probes": _probes()}


@cache
def _probes() -> dict[str, dict[str, str]]:
    """Return files that not every browser gives Python's pixels of, and these pixels (32, 32, 3), both in base64."""
    drawn = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    coloured = Image.fromarray(drawn).resize((_PROBE, _PROBE), Image.Resampling.BICUBIC)
    found = {}
    for name, picture, kind in (("AVIF", coloured.convert("RGB"), "AVIF"), ("transparent", coloured, "PNG")):
        packed = io.BytesIO()
        picture.save(packed, kind)
        pixels = np.asarray(read_photograph(io.BytesIO(packed.getvalue()))).tobytes()
        found[name] = {key: b64encode(one).decode() for key, one in (("file", packed.getvalue()), ("pixels", pixels))}
    return found


@cache
def _codes() -> dict[str, list[int]]:
    """Return with which curves primaries count as sRGB, both code points of H.273; ``other`` are all not named."""
    counted = {str(primaries): _as_srgb(primaries) for primaries in range(256)}
    return {"other": counted["0"], **{name: some for name, some in counted.items() if some != counted["0"]}}


def _as_srgb(primaries: int) -> list[int]:
    found = []
    for transfer in range(256):
        with suppress(UnreadablePhotograph):  # HDR
            if coded_profile(primaries, transfer) is None:
                found.append(transfer)
    return found


def reference_bytes(limits: Limits) -> bytes:
    """Return the reference of the similarity: mean, scale, lengths (float32, little endian), signs (packed bits)."""
    known = limits.reference
    numbers = (known.mean, known.scale, known.lengths)
    return b"".join(np.ascontiguousarray(values, "<f4").tobytes() for values in numbers) + known.signs.tobytes()


def _limits(limits: Limits) -> dict[str, Any]:
    words: dict[str, str] = {kind: in_words(Decision(kind, ("",), _PLACEHOLDER, 0.0, 0.0)).why for kind in KINDS}
    words["none_of_these"] = in_words(Decision("none", ("",), "", 0.0, 0.0)).shown
    return {
        "features": len(limits.reference.mean),
        "neighbour": NEIGHBOUR,
        "gamma": GAMMA,
        "largest": LARGEST,
        "short": SHORT,
        "coarse": limits.coarse,
        "familiar": limits.familiar,
        "needed": limits.needed,
        "coarse_needed": limits.coarse_needed,
        "similar": limits.similar.tolist(),
        "decided": limits.decided.tolist(),
        "words": words,
    }
