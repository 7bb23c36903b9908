"""Reading the report's page as a browser does, and rendering one from a made-up run."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from lithoscope.reporting.inputs import ReportInputs, read_inputs
from lithoscope.reporting.page import render_page

from helpers.made_up_run import DIGEST, make_run

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """A page as a browser reads it: elements, texts, scripts; refuses tags that don't match."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if "script" in self.open else self.texts).append(data)

    @property
    def text(self) -> str:
        """All visible text, blanks made equal."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Attributes of the elements of a kind that have certain ones."""
        wanted = attributes.items()
        return [found for name, found in self.elements if name == tag and wanted <= found.items()]


def inputs_of(root: Path, parameters: dict[str, Any]) -> ReportInputs:
    """Read a made-up run."""
    return read_inputs(root, parameters, DIGEST)


def render(root: Path, **options: Any) -> str:
    """Make a run up below ``root`` and render its page."""
    return render_page(inputs_of(root, make_run(root, **options)))


def section(source: str, key: str) -> str:
    """Return the source of one section."""
    start = source.index(f'<section id="{key}"')
    return source[start : source.index("</section>", start)] + "</section>"
