"""``lithoscope deliver``: send what a tracking server did not take while it was away."""

import sys
from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.core.errors import LithoscopeError


@click.command(cls=Command)
@click.option("--here", is_flag=True, help="Send also what was meant for another server.")
def deliver(here: bool) -> int:
    """Send to MLflow what its server did not take while it was away."""
    from lithoscope.tracking import Connection, tracking_uri, waiting
    from lithoscope.tracking import deliver as deliver_journals

    root = Path.cwd()
    folders = waiting(root)
    if not folders:
        print("nothing waits to be sent")
        return 0
    connection = Connection(tracking_uri(root), root)
    try:
        connection.open()
    except LithoscopeError as error:
        raise LithoscopeError(f"{error}; nothing was sent, {_runs(len(folders))} in {folders[0].parent}") from None
    deliveries = deliver_journals(connection, here=here)
    for delivery in deliveries:
        print(delivery.line(), file=sys.stdout if delivery.whole else sys.stderr)
    living = len(folders) - len(deliveries)
    if living:
        print(f"{_runs(living)} until the work that fills them has ended")
    return int(any(not delivery.whole for delivery in deliveries))


def _runs(count: int) -> str:
    return f"{count} run{'s wait' if count > 1 else ' waits'}"
