"""``lithoscope record`` and ``lithoscope results``: finished runs as files, and the table of them."""

from pathlib import Path

import click

from lithoscope.cli.group import Command


@click.command(cls=Command)
@click.argument("name", help="RECIPE-seedN stands with the recipe's other seeds in the table.")
@click.option("--experiment", metavar="EXP", help="A finished DVC experiment, instead of the workspace's run.")
def record(name: str, experiment: str | None) -> None:
    """Keep a finished run as results/NAME.json."""
    from lithoscope.experiments.record import record_run

    written = record_run(Path.cwd(), name, experiment)
    print(f"wrote {written}; rebuild the table with: lithoscope results")


@click.command(cls=Command)
def results() -> None:
    """Rebuild docs/results.md from results/*.json."""
    from lithoscope.experiments.results.page import write_page

    print(f"wrote {write_page(Path.cwd())}")
