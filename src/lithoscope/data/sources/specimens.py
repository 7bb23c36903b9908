"""The embedded set: drawings of seven minerals, so that everything runs without a network."""

import shutil
from pathlib import Path
from typing import ClassVar

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Photograph, Request
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.layout import split_folders


class Specimens(FolderSet):
    """Synthetic specimens of seven minerals with an official test split, kept in ``data/specimens``."""

    name: ClassVar[str] = "specimens"
    title: ClassVar[str] = "Lithoscope specimens (synthetic)"
    citation: ClassVar[str] = "drawn by Lithoscope's own renderer; synthetic, no photographs"
    rights: ClassVar[str] = "made by this project, under its licence"
    synthetic: ClassVar[bool] = True

    def obtain(self, destination: Path, request: Request) -> None:
        """Copy the specimens that ``data.dvc`` keeps."""
        source = request.data / "specimens"
        if set(split_folders(source).values() if source.is_dir() else []) < {"train", "test"}:
            raise LithoscopeError(f"{source}: the built-in specimens are not there: run `dvc pull data.dvc`")
        shutil.copytree(source, destination, copy_function=shutil.copyfile, dirs_exist_ok=True)

    def photographs(self, root: Path) -> list[Photograph]:
        """List the specimens; the catalogue that lies beside them belongs to no class and is left out."""
        return [file for file in super().photographs(root) if file.label]
