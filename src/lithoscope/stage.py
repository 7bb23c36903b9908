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
    except Exception as error:
        explained = circumstance(error)
        if explained is None:
            raise
        print(f"error: {explained}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; the next `dvc repro` goes on: a training after its last epoch", file=sys.stderr)
        sys.exit(130)
