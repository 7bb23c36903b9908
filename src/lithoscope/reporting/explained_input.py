"""Reader of explanations: ``build/explained`` as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json
from lithoscope.reporting.formatting import data_uri

FOLDER = "build/explained"
MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
COORDINATES = ("pca_1", "pca_2", "tsne_1", "tsne_2")


@dataclass(frozen=True)
class Explained:
    """Attribution maps, neighbours, suspects, and the map of the embedding.

    Attributes:
        folder: Where the pictures lie that ``about`` names.
        about: ``explained.json``: ``attribution``, ``examples``, ``mistakes``, ``suspects``, ``embedding``, ``split``.
        places: ``map.csv``: a row a photograph with ``split``, ``label``, ``predicted`` and its coordinates; NaN where
            there are none.
    """

    folder: Path
    about: Mapping[str, Any]
    places: pd.DataFrame

    def uri(self, name: str | None) -> str | None:
        """Return a picture as a ``data:`` address; None where there is no such picture.

        Raises:
            LithoscopeError: ``explained.json`` names a file that is not there, or no picture of its folder.
        """
        if name is None:
            return None
        path = self.folder / name
        media_type = MEDIA_TYPES.get(path.suffix.lower())
        inside = path.resolve().is_relative_to(self.folder.resolve())
        if media_type is None or not inside or not path.is_file():
            raise LithoscopeError(
                f"{FOLDER}/explained.json names the picture {name!r}, which is not there: `dvc repro evaluate` makes it"
            )
        return data_uri(path.read_bytes(), media_type)


def read_explained(root: Path, split: str) -> Explained | None:
    """Read what ``evaluate`` left below ``build/explained``; None where it left nothing.

    Args:
        root: The checkout.
        split: What was scored, ``test`` or ``validation``.

    Raises:
        LithoscopeError: The files are damaged, or explain the answers to another split.
    """
    folder = root / FOLDER
    if not (folder / "explained.json").is_file():
        return None
    about = read_json(folder / "explained.json", "`dvc repro evaluate` makes it")
    if about.get("split") != split:
        raise LithoscopeError(
            f"{FOLDER}/explained.json explains {about.get('split')} photographs, but evaluate.on = {split}: run "
            "`dvc repro evaluate`"
        )
    table = folder / "map.csv"
    if not table.is_file():
        return Explained(
            folder, about, pd.DataFrame(columns=["photograph", "split", "label", "predicted", *COORDINATES])
        )
    places = pd.read_csv(table, dtype=str, keep_default_na=False)
    for column in COORDINATES:
        places[column] = pd.to_numeric(places[column], errors="coerce")
    return Explained(folder, about, places)
