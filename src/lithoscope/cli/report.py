"""``lithoscope summary`` and ``lithoscope report``: the workspace's run, in lines and as a page."""

from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH
from lithoscope.core.errors import LithoscopeError


@click.command(cls=Command)
def summary() -> None:
    """Print the headline figures of this workspace."""
    from lithoscope.reporting.headline import headline

    print(headline(Path.cwd()))


@click.command(cls=Command)
@click.option("--full", is_flag=True, help="Add run id, revision, hashes, versions, other runs.")
@click.option("--output", type=PATH, metavar="HTML", help="The page (report-full/index.html).")
def report(full: bool, output: Path | None) -> None:
    """Write the report with what changes from run to run."""
    if not full:
        raise LithoscopeError(
            "report: the page itself is made by `dvc repro report`; `lithoscope report --full` adds the run"
        )
    from lithoscope.experiments.full_report import write_full_report

    print(f"full report: {write_full_report(Path.cwd(), output)}")
