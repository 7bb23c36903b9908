"""Options and output that the commands share."""

import sys
from pathlib import Path
from typing import Any

import click

from lithoscope.core.text import safe

PATH = click.Path(path_type=Path, readable=False)  # each command says itself what is wrong with a path


class _Place(click.Path):
    """A path, or an address such as ``s3://bucket/prefix``, which stays a text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, str) and "://" in value else super().convert(value, param, ctx)


PLACE = _Place(path_type=Path, readable=False)


def print_error(text: str) -> None:
    """Print a mistake, a line each, to standard error; nothing in it can steer the terminal."""
    for line in text.splitlines():
        print(f"error: {safe(line)}", file=sys.stderr)


def print_note(text: str) -> None:
    """Print what a user should know to standard error."""
    print(f"note: {text}", file=sys.stderr)
