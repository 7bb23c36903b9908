"""Colours and base styles of the house's pages: the report, the comparison, the server's page."""

from importlib.resources import files


def style_sheet(name: str) -> str:
    """Return ``colours`` (the colours' names, light and dark) or ``base`` (texts, focus, motion), CSS."""
    return (files("lithoscope.core") / "styles" / f"{name}.css").read_text(encoding="utf-8")
