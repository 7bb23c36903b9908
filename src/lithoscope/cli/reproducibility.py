"""``python -m lithoscope.cli.reproducibility``: what `make repro` and `make unchanged` end with."""

import argparse
import sys
from pathlib import Path

from lithoscope.core.text import print_in_any_encoding
from lithoscope.experiments.reproducibility import RECORD, check, machine, record


def main() -> int:
    """Check, or with ``--record`` note this machine beside a new ``dvc.lock``."""
    print_in_any_encoding()
    parser = argparse.ArgumentParser("python -m lithoscope.cli.reproducibility", description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD} where dvc.lock is new")
    if parser.parse_args().record:
        record(Path())
        return 0
    status, line = check(Path(), machine())
    print(line, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
