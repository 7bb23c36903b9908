"""``lithoscope use`` and ``lithoscope specimens``: the photographs to train on."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH, PLACE
from lithoscope.core.errors import LithoscopeError

if TYPE_CHECKING:
    from lithoscope.config.params import FolderParameters
    from lithoscope.data.inspection import Inspection

OWN_SOURCES = ("specimens", "osf-rocks", "minerals")
PARAMS = Path("params.yaml")


@click.command(cls=Command)
@click.argument(
    "path", type=PLACE, help="A folder (one folder a class), zip, tar or address; or specimens, osf-rocks, minerals."
)
@click.option("--depth", type=int, metavar="N", help="Folders that make a class: Igneous/Basalt is 2 (1).")
@click.option(
    "--specimens", type=click.Choice(["none", "folders"]), help="folders: Basalt/piece 7/1.jpg, one a specimen."
)
@click.option(
    "--labels", multiple=True, metavar="FILE", help="A table of labels, repeatable; none: labels.csv counts not."
)
@click.option("--file-column", metavar="NAME", help="Its column with the files (file, or a usual name).")
@click.option("--label-column", metavar="NAME", help="Its column with the labels (label, or a usual name).")
@click.option("--specimen-column", metavar="NAME", help="Its column with the specimens (specimen).")
@click.option("--photographer-column", metavar="NAME", help="Its column with who took each (photographer).")
@click.option("--locality-column", metavar="NAME", help="Its column with where each was found (locality).")
@click.option("--split-column", metavar="NAME", help="Its column with train, val or test (split).")
@click.option("--weight-column", metavar="NAME", help="Its column with what each counts in training (weight).")
@click.option(
    "--in-place/--copied", default=None, help="Whether photographs stay where they are (from 10,000 in a folder on)."
)
def use(
    path: Path | str,
    labels: tuple[str, ...],
    depth: int | None,
    specimens: str | None,
    in_place: bool | None,
    **columns: str | None,
) -> None:
    """Choose the photographs: your own, a local copy of a set, or a set by its name."""
    from lithoscope.config.params import FolderParameters, ReadingParameters, SplitParameters
    from lithoscope.config.schema import validate_block
    from lithoscope.config.yaml import read_block_file
    from lithoscope.data.engines.chosen import chosen_engine
    from lithoscope.data.images.reading import ReadingSettings
    from lithoscope.data.inspect import inspect_source, require_splittable
    from lithoscope.data.set_source import set_source

    name = str(path)
    if name == ".":  # what an empty text becomes
        raise LithoscopeError("use: name a folder, an archive, or a set: " + ", ".join(OWN_SOURCES))
    if name in OWN_SOURCES and not Path(path).exists():
        set_source(PARAMS, name, None)
        print(f"params.yaml: dataset {name}, from its own source")
    else:
        named = "; ".join(f"{key.removesuffix('_column')}={name}" for key, name in columns.items() if name is not None)
        layout = {key: value for key, value in {"depth": depth, "specimens": specimens}.items() if value is not None}
        written = read_block_file(PARAMS)
        about_reading = {key: written[key] for key in ReadingParameters.model_fields if key in written}
        reading = validate_block(ReadingParameters, about_reading, PARAMS.name)
        with chosen_engine(os.environ, Path.cwd() / ".partial") as engine:
            found = inspect_source(
                path,
                validate_block(FolderParameters, layout, "use"),
                look_for_table=not labels,
                settings=ReadingSettings(**reading.model_dump()),
                tables=[table for table in labels if table != "none"],
                columns=named or None,
                engine=engine,
            )
        print(found.describe())
        split = validate_block(SplitParameters, written.get("split"), PARAMS.name, "split.")
        require_splittable(found.entries, split)
        set_source(PARAMS, found.dataset, *_kept(path, found, in_place))
    print("params.yaml now says so; train on it with: dvc repro")


def _kept(path: Path | str, found: "Inspection", in_place: bool | None) -> "tuple[Path | str, FolderParameters]":
    """Return what the pipeline is told of: the place itself, or a manifest of a folder's photographs."""
    from lithoscope.config.params import FolderParameters
    from lithoscope.data.sources.in_place import IN_PLACE_FROM, MANIFEST, list_in_place, write_manifest

    if in_place and found.root is None:
        raise LithoscopeError(f"use --in-place: {path} is no folder of your own photographs; unpack or mount it")
    if found.root is None or not (len(found.entries) >= IN_PLACE_FROM if in_place is None else in_place):
        return path, found.layout
    contents = {entry.id: entry.sha256 for entry in found.entries}
    manifest = PARAMS.with_name(MANIFEST)
    write_manifest(manifest, list_in_place(found.root, found.listed, contents), found.coarse)
    print(
        f"{manifest} lists the photographs, which stay where they are; when they change: `lithoscope use` again\n"
        "(--copied has the pipeline copy them, and DVC keep each of them)"
    )
    return manifest, FolderParameters()


@click.command(cls=Command)
@click.argument("path", type=PATH, help="A new folder.")
def specimens(path: Path) -> None:
    """Draw the built-in synthetic specimens anew."""
    from lithoscope.data.synthetic import draw_specimens

    if path.exists() and any(path.iterdir()):
        raise LithoscopeError(f"{path}: not empty; name a new folder, nothing is overwritten")
    draw_specimens(path, progress=lambda line: print(line, file=sys.stderr))
    print(f"drew the synthetic specimens into {path}")
