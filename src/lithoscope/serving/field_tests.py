"""Field tests: what hardness, streak, lustre, a magnet and acid say, beside a photograph.

A table says what each class allows. An outcome re-weights the classes' probabilities by Bayes' rule, as if the test and
the photograph were independent given the class; and the test whose outcome is expected to say most about the class
is the one to do next (D. V. Lindley 1956, On a measure of the information provided by an experiment, Annals of
Mathematical Statistics 27).
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from math import erf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.outcomes import OUTCOMES, TESTS

Floats = npt.NDArray[np.floating[Any]]

KIT = ((1.0, 2.5), (2.5, 3.5), (3.5, 5.5), (5.5, 6.5), (6.5, 10.0))
"""What a kit tells apart, Mohs: scratched by a fingernail, a copper coin, a knife, a steel file, or by none of them."""
ERROR = 0.05
"""How often an outcome is taken to be one that the table does not allow: a mistake, or an unusual piece."""
SPREAD = 0.5
"""Standard deviation of a hardness found in the field, Mohs; where one is given without a range."""
_HARDEST = 10.0
_GRID = 21  # places within a class's range

Limits = tuple[float, float]


@dataclass(frozen=True)
class Allowed:
    """What a class allows; an empty test says nothing about the class.

    Attributes:
        hardness: Lowest and highest, Mohs, or None.
        outcomes: Of each other test.
        source: Where that stands.
    """

    hardness: Limits | None = None
    outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""


Properties = Mapping[str, Allowed]
"""What each class allows, by its name."""


def read_hardness(text: str, where: str) -> Limits:
    """Read ``6``, ``6.5`` or ``6-7``.

    Raises:
        LithoscopeError: It is no such number or range between 1 and 10.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:[-–]\s*(\d+(?:\.\d+)?)\s*)?", text)
    low = float(match[1]) if match else 0.0
    high = float(match[2] or match[1]) if match else 0.0
    if not 1 <= low <= high <= _HARDEST:
        raise LithoscopeError(f"{where}: hardness {text!r}; allowed: a number or a range of Mohs 1-10, such as 6-7")
    return low, high


def read_outcomes(test: str, text: str, where: str) -> tuple[str, ...]:
    """Read outcomes such as ``white`` or ``green|blue``.

    Raises:
        LithoscopeError: The test has no such outcome.
    """
    found = tuple(part.strip().casefold() for part in text.split("|"))
    unknown = [part for part in found if part not in OUTCOMES[test]]
    if unknown:
        raise LithoscopeError(f"{where}: {test} {unknown[0]!r}; allowed: {', '.join(OUTCOMES[test])}, several with |")
    return found


def read_table(path: Path, holds: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a small table that a person wrote: CSV in UTF-8, with a line of column titles.

    Args:
        path: The file.
        holds: What it is a table of, for errors.
        columns: What may stand in it; the first must.

    Raises:
        LithoscopeError: It is not there, is no CSV, or has lines but not the first column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing: a table with the columns {', '.join(columns)}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise LithoscopeError(f"{path}: no table of {holds} ({error}); allowed: CSV in UTF-8") from None
    if rows and columns[0] not in rows[0]:
        raise _without_column(path, columns)
    return rows


def _without_column(path: Path, columns: Sequence[str]) -> LithoscopeError:
    return LithoscopeError(f"{path}: no column {columns[0]}; allowed: {', '.join(columns)}")


def read_properties(path: Path) -> dict[str, Allowed]:
    """Read a table of properties: the columns ``class``, any of :data:`TESTS`, and perhaps ``source``.

    Raises:
        LithoscopeError: It is not there, is no such table, or says something that is not allowed.
    """
    columns = ("class", *TESTS, "source")
    rows = read_table(path, "properties", columns)
    if not rows:
        raise _without_column(path, columns)
    table = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, line {number}"
        hardness = (row.get("hardness") or "").strip()
        outcomes = {test: text for test in OUTCOMES if (text := (row.get(test) or "").strip())}
        table[(row["class"] or "").strip()] = Allowed(
            read_hardness(hardness, where) if hardness else None,
            {test: read_outcomes(test, text, where) for test, text in outcomes.items()},
            (row.get("source") or "").strip(),
        )
    return table


def known_properties(classes: Sequence[str]) -> dict[str, Allowed]:
    """Return what the tables that come with Lithoscope say of these classes; empty unless they know each of them."""
    for name in ("minerals", "osf-rocks"):
        with resources.as_file(resources.files(__package__) / "properties" / f"{name}.csv") as path:
            table = read_properties(path)
        found = {one: table[one] for one in classes if one in table}
        if len(found) == len(classes):
            return found
    return {}


def reweight(probabilities: Floats, classes: Sequence[str], found: Mapping[str, str], properties: Properties) -> Floats:
    """Return the probabilities after tests, by Bayes' rule, float64 (n, classes).

    Args:
        probabilities: Before, (n, classes).
        classes: Their names; one that the table does not know, or of which it says nothing, fits every outcome alike.
        found: The outcome of each test that was made, such as ``{"hardness": "6-7", "streak": "black"}``.
        properties: What each class allows.

    Raises:
        LithoscopeError: A test or an outcome is not known.
    """
    weights = np.array(probabilities, dtype=np.float64)
    for test, text in found.items():
        weights *= likelihoods(test, text, classes, properties)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def likelihoods(test: str, text: str, classes: Sequence[str], properties: Properties) -> npt.NDArray[np.float64]:
    """Return how probable an outcome is if each class is the true one, float64 (classes,).

    Raises:
        LithoscopeError: The test or the outcome is not known.
    """
    if test not in TESTS:
        raise LithoscopeError(f"no test is called {test!r}; allowed: {', '.join(TESTS)}")
    allowed = [properties.get(name, Allowed()) for name in classes]
    if test == "hardness":
        low, high = read_hardness(text, "--hardness")
        if low == high:
            low, high = low - SPREAD, high + SPREAD
        return np.array([_of_hardness(one.hardness, low, high) for one in allowed])
    outcomes = read_outcomes(test, text, f"--{test}")
    return np.array([sum(_of_outcome(one.outcomes.get(test), seen, test) for seen in outcomes) for one in allowed])


def _of_hardness(limits: Limits | None, low: float, high: float) -> float:
    """The true hardness is anywhere in the class's range alike, and what is found scatters around it."""
    anything = (min(high, _HARDEST) - max(low, 1.0)) / (_HARDEST - 1.0)
    if limits is None:
        return anything
    centres = np.linspace(*limits, _GRID)
    inside = np.mean([_below((high - one) / SPREAD) - _below((low - one) / SPREAD) for one in centres])
    return float((1 - ERROR) * inside + ERROR * anything)


def _below(deviations: float) -> float:
    return 0.5 * (1 + erf(deviations / sqrt(2)))


def _of_outcome(allowed: tuple[str, ...] | None, seen: str, test: str) -> float:
    every = len(OUTCOMES[test])
    if allowed is None:
        return 1 / every
    return ((1 - ERROR) / len(allowed) if seen in allowed else 0.0) + ERROR / every


def most_informative(
    probabilities: Floats, classes: Sequence[str], properties: Properties, done: Sequence[str] = ()
) -> list[tuple[str, float]]:
    """Return for each photograph the test to do next, and how much it is expected to say, in bits.

    The mutual information of class and outcome; hardness is told apart as a :data:`KIT` does.

    Args:
        probabilities: (n, classes).
        classes: Their names.
        properties: What each class allows.
        done: Tests that were made already.

    Returns:
        The name and the bits, ``("", 0.0)`` where no test is left that says anything.
    """
    best = [("", 0.0)] * len(probabilities)
    prior = np.asarray(probabilities, dtype=np.float64)
    for test in TESTS:
        if test in done:
            continue
        given = outcome_table(test, classes, properties)
        marginal = prior @ given
        surprise = _entropy(marginal) - prior @ _entropy(given)
        best = [
            (test, float(bits)) if bits > found[1] + 1e-9 else found for found, bits in zip(best, surprise, strict=True)
        ]
    return best


def outcome_table(test: str, classes: Sequence[str], properties: Properties) -> npt.NDArray[np.float64]:
    """Return the probability of each outcome of a test given each class, float64 (classes, outcomes)."""
    if test == "hardness":
        allowed = [properties.get(name, Allowed()).hardness for name in classes]
        table = np.array([[_of_hardness(one, low, high) for low, high in KIT] for one in allowed])
    else:
        table = np.column_stack([likelihoods(test, seen, classes, properties) for seen in OUTCOMES[test]])
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _entropy(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(-(rows * np.log2(np.maximum(rows, 1e-300))).sum(axis=-1))
