from pathlib import Path

import pytest

from helpers.fault_table import FAULTS, KINDS, Page, Row, Writer, declared, render

pytest_plugins = ["pytester"]
TEST = """
import pytest

@pytest.mark.fault(tried="The disk is full", outcome="It says so")
@pytest.mark.parametrize("number", [1, 2])
def test_a_disk(number):
    assert number < {limit}

def test_another():
    pass
"""


@pytest.mark.parametrize("page", [FAULTS, KINDS], ids=lambda page: page.mark)
def test_a_page_names_exactly_the_marked_tests(checkout: Path, page: Page) -> None:
    name = f"{page.mark}s"
    rows = declared(checkout / "tests", page)
    assert rows
    assert (checkout / "docs" / f"{name}.md").read_text("utf-8") == render(rows, page), (
        f"docs/{name}.md is stale: run `make {name}`"
    )


@pytest.mark.parametrize("limit", [3, 2])
def test_a_row_comes_of_a_test_that_passed_with_all_its_parameters(pytester: pytest.Pytester, limit: int) -> None:
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests" / "test_it.py").write_text(TEST.format(limit=limit), encoding="utf-8")
    page = pytester.path / "faults.md"
    result = pytester.inline_run("tests", "-p", "no:cacheprovider", plugins=[Writer(page, pytester.path / "tests")])
    rows = [Row("test_it.py", "test_a_disk", ("The disk is full", "It says so"))]
    assert declared(pytester.path / "tests") == rows
    if limit == 3:
        assert page.read_text("utf-8") == render(rows)
        assert "| The disk is full | It says so | [test_a_disk](../tests/test_it.py) |" in render(rows)
    else:
        assert not page.exists()
        assert result.ret != 0
        page.write_text(render(rows), encoding="utf-8")  # it passed once
        arguments = ("tests", "-p", "no:cacheprovider")
        again = pytester.inline_run(*arguments, plugins=[Writer(page, pytester.path / "tests")])
        assert again.ret == pytest.ExitCode.TESTS_FAILED, "it ran, and failed"
        other = pytester.inline_run(*arguments, "-k", "another", plugins=[Writer(page, pytester.path / "tests")])
        assert other.ret == pytest.ExitCode.OK, "it did not run"
        assert page.read_text("utf-8") == render(rows)
        page.write_text(render([]), encoding="utf-8")
        other = pytester.inline_run(*arguments, "-k", "another", plugins=[Writer(page, pytester.path / "tests")])
        assert other.ret == pytest.ExitCode.TESTS_FAILED, "it never passed"


@pytest.mark.parametrize("mark", ['"The disk", "It says so"', 'tried="x"', 'tried="a|b", outcome="c"'])
def test_a_mark_that_makes_no_row_is_refused(tmp_path: Path, mark: str) -> None:
    (tmp_path / "test_it.py").write_text(f"@pytest.mark.fault({mark})\ndef test_it(): ...\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="test_it"):
        declared(tmp_path)
