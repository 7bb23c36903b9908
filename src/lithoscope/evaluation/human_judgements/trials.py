"""Categorisation trials: how people named photographs in the naming experiment.

Sanders & Nosofsky (2020), Computational Brain & Behavior 3, 229–251: each person learnt the names of ten categories
from two photographs (tokens) of each, and then named those and two new ones.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError

WAYS = 10
"""How many categories a condition has."""
CONDITIONS = {1: "igneous", 2: "metamorphic", 4: "mixed"}
"""Number in the column ``Condition`` → what the ten categories were."""
MIXED = (
    "Basalt",
    "Diorite",
    "Obsidian",
    "Pumice",
    "Anthracite",
    "Marble",
    "Dolomite",
    "Micrite",
    "Rock Gypsum",
    "Sandstone",
)
"""The ten of the mixed condition, as the authors' own analysis lists them; docs/people.md says what speaks for it."""
KINDS = ("igneous", "metamorphic", "sedimentary")

_LIMITS = {"Subtype": (1, WAYS), "Token": (1, 4), "Response": (0, WAYS), "Correct": (0, 1)}
_NEW = 3  # tokens from here on were never trained


@dataclass(frozen=True)
class Namings:
    """The trials with new photographs.

    Attributes:
        condition: One of :data:`CONDITIONS`, int64 (trials,).
        person: Number of the person, int64 (trials,).
        category: Which of the condition's ten was shown, 0 … 9, int64 (trials,).
        token: Which photograph of the category was shown, int64 (trials,).
        named: Which of the ten it was named, 0 … 9, int64 (trials,).
    """

    condition: npt.NDArray[np.int64]
    person: npt.NDArray[np.int64]
    category: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    named: npt.NDArray[np.int64]

    def of(self, condition: int) -> "Namings":
        """Return the trials of one condition."""
        rows = self.condition == condition
        return Namings(*(values[rows] for values in vars(self).values()))

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self.condition)


def categories_of(condition: int, coarse: dict[str, str]) -> list[str]:
    """Return a condition's categories in the order of the column ``Subtype``.

    That order is the order of the file names: by kind (igneous, metamorphic, sedimentary), then by name.

    Args:
        condition: A key of :data:`CONDITIONS`.
        coarse: Kind of each category of the set.
    """
    name = CONDITIONS[condition]
    wanted = [label for label, kind in coarse.items() if (label in MIXED if name == "mixed" else kind == name)]
    return sorted(wanted, key=lambda label: (KINDS.index(coarse[label]), label))


def read_namings(path: Path, remedy: str) -> Namings:
    """Read ``human_categorization_120.csv``.

    Args:
        path: The file.
        remedy: What an error tells to do.

    Raises:
        LithoscopeError: It lacks a column, holds something else than whole numbers within their limits, or says of an
            answer that it was right where it was not.
    """
    columns = ["Condition", "Subject", *_LIMITS]
    try:
        table = pd.read_csv(path, usecols=columns)
        values = {name: table[name].to_numpy(dtype=np.int64) for name in columns}
    except (ValueError, UnicodeDecodeError) as error:  # parser errors are ValueErrors
        raise LithoscopeError(f"{path}: not the table of trials ({str(error).splitlines()[0]}); {remedy}") from None
    for name, (low, high) in _LIMITS.items():
        if ((values[name] < low) | (values[name] > high)).any():
            raise LithoscopeError(f"{path}: column {name} leaves {low} … {high}; {remedy}")
    if not np.isin(values["Condition"], list(CONDITIONS)).all():
        raise LithoscopeError(f"{path}: column Condition: allowed: {', '.join(map(str, CONDITIONS))}; {remedy}")
    # The tenth category was answered with the key 0.
    shown, named = values["Subtype"] - 1, (values["Response"] - 1) % WAYS
    if ((shown == named) != (values["Correct"] == 1)).any():
        raise LithoscopeError(f"{path}: columns Subtype, Response and Correct contradict each other; {remedy}")
    new = values["Token"] >= _NEW
    if not new.any():
        raise LithoscopeError(f"{path}: no trial with a new photograph (Token {_NEW} or 4); {remedy}")
    return Namings(values["Condition"][new], values["Subject"][new], shown[new], values["Token"][new], named[new])
