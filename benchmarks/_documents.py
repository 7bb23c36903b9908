"""Tables and sentences of documents that a benchmark writes itself, between marks that name it."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write_between(document: Path, script: str, lines: Sequence[str]) -> None:
    """Put lines where a document has the marks of a script; what stands around them stays.

    Raises:
        SystemExit: The document has no such marks.
    """
    document.write_text(between(document.read_text(encoding="utf-8"), script, lines), encoding="utf-8")


def between(text: str, script: str, lines: Sequence[str]) -> str:
    """Return a document's text with lines between ``<!-- SCRIPT: begin -->`` and ``<!-- SCRIPT: end -->``."""
    start, end = f"<!-- {script}: begin -->", f"<!-- {script}: end -->"
    if start not in text or end not in text:
        raise SystemExit(f"the document lacks the marks {start} and {end}")
    before, _, rest = text.partition(start)
    return "\n".join([before + start, "", *lines, "", end + rest.partition(end)[2]])
