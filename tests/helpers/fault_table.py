"""The table of docs/faults.md: a row for each test that is marked ``@pytest.mark.fault(tried=…, outcome=…)``.

``make faults`` runs these tests and writes the table of what passed; test_fault_table.py compares the table with the
marks. A mark's texts stand in it as they are, so they are one line each.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

MARK, FIELDS = "fault", {"tried", "outcome"}
HEAD = """# Faults that were tried

Made by `make faults` out of tests that passed: each row is what a test did (to the real `dvc`, a real MLflow server, a
really full disk, where those are named; a loss of power is imitated by damaging files as it does) and what it then
found. Some need the administrator's rights, to mount a small disk.

| what was tried | what happened | the test |
| --- | --- | --- |
"""


@dataclass(frozen=True)
class Fault:
    """A row.

    Attributes:
        file: Of the test, below ``tests/``.
        test: Its name.
        tried: What goes wrong.
        outcome: What then happens.
    """

    file: str
    test: str
    tried: str
    outcome: str


def declared(tests: Path) -> list[Fault]:
    """Return the rows that the marks in a folder of tests ask for, by file and place in it."""
    return [fault for path in sorted(tests.rglob("test_*.py")) for fault in _of_file(path, tests)]


def _of_file(path: Path, tests: Path) -> Iterator[Fault]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for mark in getattr(node, "decorator_list", []):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == f"pytest.mark.{MARK}":
                assert isinstance(node, ast.FunctionDef), f"{path}: mark functions"
                texts = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in mark.keywords}
                assert not mark.args, f"{path}: {node.name}: name the texts tried=… and outcome=…"
                assert set(texts) == FIELDS, f"{path}: {node.name}: give tried=… and outcome=…, and nothing else"
                for text in texts.values():
                    assert text.strip() == text, f"{path}: {node.name}: a text with space around it"
                    assert not set(text) & set("\n|"), f"{path}: {node.name}: a text that is no cell of a table"
                yield Fault(path.relative_to(tests).as_posix(), node.name, **texts)


def row(fault: Fault) -> str:
    """Return a line of the table."""
    return f"| {fault.tried} | {fault.outcome} | [{fault.test}](../tests/{fault.file}) |"


def render(faults: list[Fault]) -> str:
    """Return the page."""
    return HEAD + "\n".join(map(row, faults)) + "\n"


class Writer:
    """The plugin behind ``--fault-table FILE``: writes the page where every marked test passed.

    A test that did not run this time keeps the row it has; one that ran and failed, or was skipped, has none.

    Args:
        path: Of the page.
        tests: The folder of the tests.
    """

    def __init__(self, path: Path, tests: Path) -> None:
        self.path, self.tests = path, tests
        self._passed: dict[tuple[str, str], bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether a test passed; of one with parameters all must, set-up and clean-up too."""
        file, _, name = report.nodeid.partition("::")
        key = (file.removeprefix("tests/"), name.partition("[")[0])
        self._passed[key] = self._passed.get(key, True) and report.passed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page, or say whose row would be untrue."""
        faults = declared(self.tests)
        kept = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        untrue = sorted(
            {fault.test for fault in faults if not self._passed.get((fault.file, fault.test), row(fault) in kept)}
        )
        if untrue:
            print(f"\n{self.path} not written, since these did not run and pass: {', '.join(untrue)}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            self.path.write_text(render(faults), encoding="utf-8")
            print(f"\nwrote {self.path}: {len(faults)} faults")
