"""Style sheets and scripts of the page, in files of their own, one a subject."""

from importlib.resources import files

STYLES = ("colours", "base", "frame", "overview", "tables", "matrix", "figures", "pictures", "texts", "print")
SCRIPTS = ("tables", "pictures", "matrix", "map", "navigation")


def style_sheet() -> str:
    """Return all styles, in the order of :data:`STYLES`."""
    return "\n".join(_text(f"styles/{name}.css") for name in STYLES)


def colours() -> str:
    """Return the style sheet that gives the page's colours their names, light and dark."""
    return _text("styles/colours.css")


def script() -> str:
    """Return all scripts as one. Each stands in a block of its own, so that they share no names."""
    blocks = [f"{{\n{_text(f'scripts/{name}.js')}}}\n" for name in SCRIPTS]
    return '"use strict";\n' + "".join(blocks)


def _text(name: str) -> str:
    return (files("lithoscope.reporting") / "templates" / name).read_text(encoding="utf-8")
