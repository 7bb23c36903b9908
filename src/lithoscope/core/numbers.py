"""Which floats are numbers."""

import sys


def is_number(value: float) -> bool:
    """Say whether a stored figure came from a number: MLflow's SQLite keeps infinity as the largest finite float."""
    return abs(value) < sys.float_info.max  # which NaN is not either
