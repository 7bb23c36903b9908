"""``lithoscope croissant``: metadata of the data set for those who search or load data sets."""

from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH


@click.command(cls=Command)
@click.option("--output", type=PATH, metavar="FOLDER", default=Path("build/croissant"), show_default=True)
def croissant(output: Path) -> None:
    """Describe the data set in Croissant: photographs by path and hash, labels, splits, whom to cite."""
    from lithoscope.data.croissant import write_croissant

    for path in write_croissant(Path("build"), output):
        print(f"wrote {path}")
