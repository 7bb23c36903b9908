"""How a stage script starts and ends."""

import sys
from collections.abc import Callable

from lithoscope.errors import LithoscopeError, circumstance


def run(main: Callable[[], None]) -> None:
    """Run a stage; show a user's mistake as a line instead of a stack trace, and end with status 1."""
    try:
        main()
    except LithoscopeError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        explained = circumstance(error)
        if explained is None:
            raise
        print(f"error: {explained}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; `dvc repro` goes on from the last finished stage", file=sys.stderr)
        sys.exit(130)
