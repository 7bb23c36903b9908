"""The page for the field answers as Python does: the same limits and field tests, in headless Chromium."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from lithoscope.evaluation.answers.limits import HeldOut, Limits, fit_limits
from lithoscope.serving.answers import FieldTests, decide
from lithoscope.serving.field.rules import page_rules, reference_bytes
from lithoscope.serving.field_tests import KIT, known_properties, reweight
from lithoscope.serving.outcomes import OUTCOMES

from helpers.static_files import script_page

pytestmark = pytest.mark.browser

MINERALS = ["biotite", "bornite", "chrysocolla", "malachite", "muscovite", "pyrite", "quartz"]
COARSE = dict(zip(MINERALS, ("silicate", "sulphide", "silicate", "carbonate", "silicate", "sulphide", ""), strict=True))
WIDTH = 24
HARDNESS = [f"{low:g}-{high:g}" for low, high in KIT]
CHOICES = {
    test: [{"value": one, "label": one} for one in some] for test, some in {"hardness": HARDNESS, **OUTCOMES}.items()
}
DECIDE = """async ([rules, reference, photographs]) => {
    const { averaged, decide, readReference } = await import("./answers.js");
    const bytes = Uint8Array.from(atob(reference), (letter) => letter.charCodeAt(0));
    const known = rules.limits && readReference(bytes.buffer, rules.limits.features);
    return photographs.map(({ probabilities, features, found }) => {
        const [p, f] = [probabilities, features].map((rows) => averaged(rows.map((row) => Float32Array.from(row))));
        return decide(p, f, rules, known, found);
    });
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with script_page("answers.js") as opened:
        yield opened


def draw(random: np.random.Generator, count: int, sharp: float) -> tuple[Any, Any]:
    logits = random.normal(0, sharp, (count, len(MINERALS)))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return shares.astype(np.float32), random.normal(0.4, 1, (count, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def limits() -> Limits:
    random = np.random.default_rng(3)
    probabilities, features = draw(random, 150, 1.6)
    labels = np.array(
        [random.choice(len(MINERALS), p=row.astype(float) / row.astype(float).sum()) for row in probabilities]
    )
    found = fit_limits(HeldOut(probabilities, features, labels, "made up"), draw(random, 90, 1)[1], MINERALS, COARSE)
    assert found is not None
    return found


def in_page(page: Page, limits: Limits | None, photographs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules = page_rules(MINERALS, limits, known_properties(MINERALS), CHOICES)
    reference = base64.b64encode(reference_bytes(limits) if limits else b"").decode()
    found: list[dict[str, Any]] = page.evaluate(DECIDE, [rules, reference, photographs])
    return found


def photograph(probabilities: Any, features: Any, found: dict[str, str] | None = None) -> dict[str, Any]:
    return {"probabilities": probabilities.tolist(), "features": features.tolist(), "found": found or {}}


def assert_same(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    for column, value in wanted.items():
        assert given[column] == (pytest.approx(value, abs=2e-6) if isinstance(value, float) else value), column


def test_every_kind_of_answer_is_the_one_python_gives(page: Page, limits: Limits) -> None:
    random = np.random.default_rng(11)
    drawn = [draw(random, 150, sharp) for sharp in (0.2, 0.8, 1.6, 6)]
    probabilities, features = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    features[::7] *= 9
    tests = FieldTests(known_properties(MINERALS), {})
    wanted = [one.columns() for one in decide(probabilities, features, limits, tests)]
    rows = zip(probabilities, features, strict=True)
    given = in_page(page, limits, [photograph(one[None], other[None]) for one, other in rows])
    assert {one["answer"] for one in wanted} == {"name", "set", "coarser", "none"}
    for one, other, row in zip(given, wanted, probabilities, strict=True):
        assert_same(one, other)
        assert one["label"] == MINERALS[int(row.argmax())]
        assert one["confidence"] == pytest.approx(float(row.max()), abs=1e-6)


def test_field_tests_count_as_in_python(page: Page, limits: Limits) -> None:
    random = np.random.default_rng(5)
    properties = known_properties(MINERALS)
    outcomes = [{"hardness": value} for value in HARDNESS] + [
        {"streak": "green", "acid": "fizzes"},
        {"lustre": "metallic"},
    ]
    for found in outcomes:
        probabilities, features = draw(random, 30, 1.2)
        wanted = [one.columns() for one in decide(probabilities, features, limits, FieldTests(properties, found))]
        weighted = reweight(probabilities, MINERALS, found, properties)
        rows = zip(probabilities, features, strict=True)
        given = in_page(page, limits, [photograph(one[None], other[None], found) for one, other in rows])
        for one, other, row in zip(given, wanted, weighted, strict=True):
            assert_same(one, other)
            assert one["probabilities"] == pytest.approx(dict(zip(MINERALS, row.tolist(), strict=True)), abs=1e-6)


def test_photographs_of_one_specimen_are_averaged_as_in_python(page: Page, limits: Limits) -> None:
    random = np.random.default_rng(7)
    for count in (1, 2, 3, 5):
        probabilities, features = draw(random, count, 1.5)
        given = in_page(page, limits, [photograph(probabilities, features)])[0]
        said, seen = (rows.mean(axis=0, keepdims=True) for rows in (probabilities, features))
        (wanted,) = decide(said, seen, limits, FieldTests(known_properties(MINERALS), {}))
        assert_same(given, wanted.columns())


def test_a_model_without_limits_gives_plain_names(page: Page) -> None:
    probabilities, features = draw(np.random.default_rng(1), 1, 1)
    given = in_page(page, None, [photograph(probabilities, features)])[0]
    assert given["label"] == MINERALS[int(probabilities[0].argmax())]
    assert "answer" not in given
