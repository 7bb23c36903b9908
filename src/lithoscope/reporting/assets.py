"""Style sheets and scripts of the page, in files of their own, one a subject."""

from importlib.resources import files

from lithoscope.core import style_sheets

SHARED_STYLES = ("colours", "base")
STYLES = ("frame", "overview", "tables", "matrix", "figures", "pictures", "texts", "print")
SCRIPTS = ("tables", "pictures", "matrix", "map", "navigation")


def style_sheet() -> str:
    """Return all styles: those that all pages share, then the page's own."""
    return "\n".join(
        [style_sheets.style_sheet(name) for name in SHARED_STYLES] + [_text(f"styles/{name}.css") for name in STYLES]
    )


def colours() -> str:
    """Return the style sheet that gives the page's colours their names, light and dark."""
    return style_sheets.style_sheet("colours")


def script() -> str:
    """Return all scripts as one. Each stands in a block of its own, so that they share no names."""
    blocks = [f"{{\n{_text(f'scripts/{name}.js')}}}\n" for name in SCRIPTS]
    return '"use strict";\n' + "".join(blocks)


def _text(name: str) -> str:
    return (files("lithoscope.reporting") / "templates" / name).read_text(encoding="utf-8")
