"""``lithoscope gate``: whether results got worse than a baseline's."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH, print_error
from lithoscope.core.errors import LithoscopeError, circumstance

if TYPE_CHECKING:
    from lithoscope.gate.verdict import Verdict

WIDTH = 120  # columns of the table, at least


@click.command(cls=Command)
@click.option(
    "--baseline",
    default="main",
    metavar="REV|FILE",
    show_default=True,
    help="A revision, a snapshot or a predictions.csv.",
)
@click.option("--rev", metavar="REV", help="Judge a revision instead of the workspace.")
@click.option("--markdown", type=PATH, metavar="MD", help="Write the report for a pull request.")
@click.option("--json", type=PATH, metavar="JSON", help="Write the report for machines.")
@click.option("--time", "timed", is_flag=True, help="Time predictions too, where both models are in DVC's cache.")
@click.option("--snapshot", type=PATH, metavar="JSON", help="Judge nothing: keep these results as a baseline.")
def gate(
    baseline: str, rev: str | None, markdown: Path | None, json: Path | None, timed: bool, snapshot: Path | None
) -> int:
    """Compare results with a baseline: 0 passed, 1 failed, 2 cannot tell."""
    from lithoscope.gate import report
    from lithoscope.gate.result_files import PARAMETERS, baseline_files, revision_files, workspace_files, write_snapshot
    from lithoscope.gate.verdict import CANNOT_TELL, decide

    root = Path.cwd()
    try:
        current = workspace_files(root) if rev is None else revision_files(root, rev)
        if PARAMETERS not in current.files:
            raise LithoscopeError(f"{PARAMETERS} is not there in {current.name}; run this at the root of a checkout")
        if snapshot is not None:
            current.predictions()  # a snapshot without predictions would be no baseline
            write_snapshot(current, snapshot)
            print(f"wrote {snapshot}; compare with it: lithoscope gate --baseline {snapshot}")
            return 0
        verdict = decide(root, baseline_files(root, baseline), current, timed=timed)
        for path, written in ((markdown, report.markdown), (json, report.as_json)):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(written(verdict), encoding="utf-8")
    except (LithoscopeError, OSError) as error:  # whatever the reason, nothing was judged
        explained = str(error) if isinstance(error, LithoscopeError) else circumstance(error)
        if explained is None:
            raise
        print_error(explained)
        return CANNOT_TELL
    print_verdict(verdict)
    return verdict.status


def print_verdict(verdict: "Verdict") -> None:
    """Print a verdict: the table of metrics, how it was judged, and why it fails."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from lithoscope.gate.report import HEADINGS, detail_sections, method_lines, metric_rows, verdict_line

    console = Console(highlight=False, soft_wrap=True)
    if verdict.judgements:
        table = Table(*HEADINGS, box=box.SIMPLE, show_edge=False)
        for cells in metric_rows(verdict):
            table.add_row(*cells)
        Console(highlight=False, width=max(console.width, WIDTH)).print(table)
    for line in method_lines(verdict):
        console.print(escape(line))
    for heading, lines in detail_sections(verdict):
        console.print(f"{heading}:")
        for line in lines:
            console.print(f"  - {escape(line)}")
    console.print(escape(verdict_line(verdict)))
