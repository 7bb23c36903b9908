"""``lithoscope compare``: runs side by side, as a table here and as a page."""

import sys
from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH
from lithoscope.core.errors import LithoscopeError


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[EXPERIMENT|RUN]...", help="DVC experiments or MLflow runs; none: all.")
@click.option("--last", type=int, metavar="N", help="Only the N newest.")
@click.option(
    "--against", metavar="EXPERIMENT|RUN", help="Compare the others' accuracies with this one's (the first's)."
)
@click.option("--output", type=PATH, default=Path("compare/index.html"), metavar="HTML", help="The page.")
def compare(names: tuple[str, ...], last: int | None, against: str | None, output: Path) -> None:
    """Show runs side by side: parameters, curves, accuracies."""
    from lithoscope.experiments.comparison import compare_runs, comparison_note, comparison_table
    from lithoscope.experiments.comparison_page import comparison_page

    if last is not None and last < 1:
        raise LithoscopeError(f"--last {last}: allowed: 1 or more")
    if last is not None and names:
        raise LithoscopeError(f"--last {last}: chooses among all runs; allowed without names only")
    if output.suffix.lower() not in {".html", ".htm"}:
        raise LithoscopeError(f"--output {output}: must end in .html")
    if output.exists() and "lithoscope compare" not in output.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise LithoscopeError(f"--output {output}: another file, which is not written over: name a new one")
    compared = compare_runs(Path.cwd(), names, last, against)
    head, lines = comparison_table(compared)
    _print_table(head, lines)
    note = comparison_note(compared)
    if note:
        print(note)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(comparison_page(compared, head, lines, note), encoding="utf-8")
    print(f"curves, intervals and sample predictions: {output}")


def _print_table(head: list[str], lines: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        table.add_column(title, overflow="fold", no_wrap=not title)
    for line in lines:
        table.add_row(*line)
    # A pipe has no width: nothing is folded there.
    Console(width=None if sys.stdout.isatty() else 400, highlight=False, markup=False).print(table)
