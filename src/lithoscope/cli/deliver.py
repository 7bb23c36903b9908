"""``lithoscope deliver``: send what a tracking server did not take while it was away."""

import sys
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking import Connection, deliver, tracking_uri, waiting


def deliver_command(root: Path, *, here: bool) -> int:
    """Send everything that waits in a workspace's journals to the store that ``MLFLOW_TRACKING_URI`` names.

    Args:
        root: The workspace.
        here: Also what was meant for another store.

    Returns:
        0, or 1 where something still waits that belongs to no living process.

    Raises:
        LithoscopeError: The store cannot be used.
    """
    folders = waiting(root)
    if not folders:
        print("nothing waits to be sent")
        return 0
    connection = Connection(tracking_uri(root), root)
    try:
        connection.open()
    except LithoscopeError as error:
        raise LithoscopeError(f"{error}; nothing was sent, {_runs(len(folders))} in {folders[0].parent}") from None
    deliveries = deliver(connection, here=here)
    for delivery in deliveries:
        print(delivery.line(), file=sys.stdout if delivery.whole else sys.stderr)
    living = len(folders) - len(deliveries)
    if living:
        print(f"{_runs(living)} until the work that fills them has ended")
    return int(any(not delivery.whole for delivery in deliveries))


def _runs(count: int) -> str:
    return f"{count} run{'s wait' if count > 1 else ' waits'}"
