"""Observations beside photographs: field tests that go with all of them, or in a table with each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.answers import FieldTests
from lithoscope.serving.field_tests import Properties, known_properties, likelihoods, read_properties, read_table
from lithoscope.serving.outcomes import TESTS


@dataclass(frozen=True)
class Observations:
    """Field tests, and what each class allows.

    Attributes:
        properties: What each class allows; empty where nobody says.
        of_all: Outcomes that go with every photograph, by the test's name.
        of_each: Further outcomes of single photographs or specimens, by their path or its last part.
    """

    properties: Properties = field(default_factory=dict)
    of_all: Mapping[str, str] = field(default_factory=dict)
    of_each: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, name: str) -> FieldTests | None:
        """Return the tests of a photograph or specimen; None where nothing is known of what classes allow."""
        if not self.properties:
            return None
        own = self.of_each.get(name) or self.of_each.get(PurePath(name).name) or {}
        return FieldTests(self.properties, {**self.of_all, **own})

    def require_used(self, names: Iterable[str], table: Path) -> None:
        """Refuse a table that speaks of photographs or specimens that are not there.

        Raises:
            LithoscopeError: It names one that is none of these.
        """
        known = {part for name in names for part in (name, PurePath(name).name)}
        for name in self.of_each:
            if name not in known:
                raise LithoscopeError(
                    f"{table}: {name!r} is none of what is asked about; allowed: paths or their last part"
                )


def read_observations(
    classes: Sequence[str], of_all: Mapping[str, str], table: Path | None, properties: Path | None
) -> Observations:
    """Read field tests.

    Args:
        classes: Of the model.
        of_all: Outcomes that go with every photograph.
        table: With the column ``file`` (a photograph, or with specimens a folder) and columns named as the tests.
        properties: What each class allows, or None for the tables that come with Lithoscope.

    Raises:
        LithoscopeError: A file is missing or says what is not allowed, or no table knows these classes.
    """
    allowed = read_properties(properties) if properties is not None else known_properties(classes)
    of_each = _read_tests(table) if table is not None else {}
    if (of_all or of_each) and not allowed:
        raise LithoscopeError(
            "field tests: no table that comes along knows these classes; give --properties TABLE, with the columns "
            f"class, {', '.join(TESTS)}"
        )
    if properties is not None and not set(classes) & set(allowed):
        raise LithoscopeError(f"{properties}: it knows none of the model's classes: {', '.join(classes)}")
    for found in (of_all, *of_each.values()):
        for test, text in found.items():
            likelihoods(test, text, classes, allowed)  # says now what is not allowed, not in the middle of a run
    return Observations(allowed, of_all, of_each)


def _read_tests(table: Path) -> dict[str, dict[str, str]]:
    rows = read_table(table, "field tests", ("file", *TESTS))
    return {row["file"]: {test: text for test in TESTS if (text := (row.get(test) or "").strip())} for row in rows}
