"""Pages of the documentation that tests make: a row for each test with the page's mark.

``make faults`` runs the tests that are marked ``@pytest.mark.fault(tried=…, outcome=…)`` and writes docs/faults.md out
of those that passed; ``make kinds`` does the same for ``@pytest.mark.kind(…)``. test_fault_table.py
compares the pages with the marks. A mark's texts stand in its row as they are, so they are one line each.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Page:
    """A page that tests make.

    Attributes:
        mark: The mark of its tests.
        fields: What a mark gives, in the order of the columns.
        head: What stands above the rows.
        order: What the first field may say, in the order in which such rows stand; none: by file and place in it.
    """

    mark: str
    fields: tuple[str, ...]
    head: str
    order: tuple[str, ...] = ()


FAULTS = Page(
    "fault",
    ("tried", "outcome"),
    """# Faults that were tried

Made by `make faults` out of tests that passed: each row is what a test did (to the real `dvc`, a real MLflow server, a
really full disk, where those are named; a loss of power is imitated by damaging files as it does) and what it then
found. Some need the administrator's rights, to mount a small disk.

| what was tried | what happened | the test |
| --- | --- | --- |
""",
)
KINDS = Page(
    "kind",
    ("about", "kind", "done", "reported"),
    """# Photographs, labels and machines as people have them

Made by `make kinds` out of tests that passed: each test makes such a thing and finds what is said here. Those about
photographs write files with known pixels, read them as the stages and `lithoscope predict` do, and find the pixels
within 2 of 255 on average, or the reason that is named. What was done to a photograph beyond decoding it stands in
`build/notes.csv`, what was refused in `build/set_aside.csv`. A report is named where a public one of the kind is known.

- **More than 8 bits.** A sample is divided by the largest value of the narrowest of 8, 10, 12, 14 and 16 bits that
  holds the picture's own maximum. So a 16-bit picture whose brightest value lies below 16,384 is taken for one of 14
  bits or fewer, and made brighter; its note says so. Floating point of 0 … 1 keeps its share of 1.
- **Profiles** are converted by LittleCMS, relative colorimetric with black-point compensation. A picture without one,
  and without code points that say otherwise, counts as sRGB; what a PNG says by `gAMA` and `cHRM` alone does not count.
  A profile that moves no colour by more than 2 of 255 leaves the pixels as they are.
- **Pages.** `pages: each` makes a photograph of each full-size page, `stack.tif` and `stack.tif#page=2` …; one file's
  pages count as one specimen, so they never fall on two sides of the split. `pages: max` takes the pages of the first
  full-size one's shape and type.
- **Large JPEGs** are decoded at a reduced scale by the decoder itself. What that may change of an answer, and what
  was measured by which command: [how photographs become squares](predicting.md#how-photographs-become-squares).

| about | kind | what is done | reported in | the test |
| --- | --- | --- | --- | --- |
""",
    ("photographs", "labels", "layouts", "encodings", "DVC", "MLflow", "Git"),
)


_LINK = r"[\1#\2](https://github.com/\1/issues/\2)"  # GitHub leads from there to a pull request too


@dataclass(frozen=True)
class Row:
    """A row of a page.

    Attributes:
        file: Of the test, below ``tests/``.
        test: Its name.
        cells: What its mark gives.
    """

    file: str
    test: str
    cells: tuple[str, ...]


def declared(tests: Path, page: Page = FAULTS) -> list[Row]:
    """Return the rows that the marks in a folder of tests ask for, by file and place in it."""
    rows = [row for path in sorted(tests.rglob("test_*.py")) for row in _of_file(path, tests, page)]
    return sorted(rows, key=lambda row: page.order.index(row.cells[0])) if page.order else rows


def _of_file(path: Path, tests: Path, page: Page) -> Iterator[Row]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for mark in getattr(node, "decorator_list", []):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == f"pytest.mark.{page.mark}":
                assert isinstance(node, ast.FunctionDef), f"{path}: mark functions"
                texts = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in mark.keywords}
                wanted = "=…, ".join(page.fields)
                assert not mark.args, f"{path}: {node.name}: name the texts {wanted}=…"
                assert set(texts) == set(page.fields), f"{path}: {node.name}: give {wanted}=…, and nothing else"
                for text in texts.values():
                    assert text.strip() == text, f"{path}: {node.name}: a text with space around it"
                    assert not set(text) & set("\n|"), f"{path}: {node.name}: a text that is no cell of a table"
                yield Row(path.relative_to(tests).as_posix(), node.name, tuple(texts[name] for name in page.fields))


def line(row: Row) -> str:
    """Return a line of a table."""
    cells = [re.sub(r"(?<![\w/-])([\w.-]+/[\w.-]+)#(\d+)", _LINK, cell) for cell in row.cells]
    return f"| {' | '.join(cells)} | [{row.test}](../tests/{row.file}) |"


def render(rows: list[Row], page: Page = FAULTS) -> str:
    """Return a page."""
    return page.head + "\n".join(map(line, rows)) + "\n"


class Writer:
    """The plugin behind ``--fault-table FILE`` and its like: writes the page where every marked test passed.

    A test that did not run this time keeps the row it has; one that ran and failed, or was skipped, has none.

    Args:
        path: Of the page.
        tests: The folder of the tests.
        page: Which page it is.
    """

    def __init__(self, path: Path, tests: Path, page: Page = FAULTS) -> None:
        self.path, self.tests, self.page = path, tests, page
        self._passed: dict[tuple[str, str], bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether a test passed; of one with parameters all must, set-up and clean-up too."""
        file, _, name = report.nodeid.partition("::")
        key = (file.removeprefix("tests/"), name.partition("[")[0])
        self._passed[key] = self._passed.get(key, True) and report.passed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page, or say whose row would be untrue."""
        rows = declared(self.tests, self.page)
        kept = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        untrue = sorted({row.test for row in rows if not self._passed.get((row.file, row.test), line(row) in kept)})
        if untrue:
            print(f"\n{self.path} not written, since these did not run and pass: {', '.join(untrue)}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            self.path.write_text(render(rows, self.page), encoding="utf-8")
            print(f"\nwrote {self.path}: {len(rows)} rows")
