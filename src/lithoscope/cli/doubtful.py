"""``lithoscope doubtful``: training labels worth a second look."""

from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH
from lithoscope.core.errors import LithoscopeError


@click.command(cls=Command)
@click.option("--output", type=PATH, default=Path("doubtful.html"), show_default=True, help="The page.")
@click.option("--most", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="Labels at most.")
def doubtful(output: Path, most: int) -> None:
    """Write a page of training labels to step through; it saves a corrected table, and changes nothing."""
    from lithoscope.experiments.doubtful_labels import write_doubtful_labels

    if not output.parent.is_dir() or output.is_dir():
        raise LithoscopeError(f"{output}: cannot be written; name a file in a folder that is there")
    shown, ranked = write_doubtful_labels(Path.cwd(), output, most)
    print(f"{output}: the {shown} most doubtful of {ranked:,} training labels; the page holds photographs")
