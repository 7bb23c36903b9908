"""``lithoscope use`` and ``lithoscope specimens``: the photographs to train on."""

import sys
from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH
from lithoscope.core.errors import LithoscopeError

OWN_SOURCES = ("specimens", "osf-rocks", "minerals")
PARAMS = Path("params.yaml")


@click.command(cls=Command)
@click.argument("path", type=PATH, help="A folder (one folder a class), zip or tar; or specimens, osf-rocks, minerals.")
@click.option("--depth", type=int, metavar="N", help="Folders that make a class: Igneous/Basalt is 2 (1).")
def use(path: Path, **layout: object) -> None:
    """Choose the photographs: your own, a local copy of a set, or a set by its name."""
    from lithoscope.config.params import FolderParameters, SplitParameters
    from lithoscope.config.schema import read_block_file, validate_block
    from lithoscope.data.inspect import inspect_source, require_splittable, set_source

    name = str(path)
    if name == ".":  # what an empty text becomes
        raise LithoscopeError("use: name a folder, an archive, or a set: " + ", ".join(OWN_SOURCES))
    if name in OWN_SOURCES and not path.exists():
        set_source(PARAMS, name, None)
        print(f"params.yaml: dataset {name}, from its own source")
    else:
        given = {key: value for key, value in layout.items() if value is not None}
        found = inspect_source(path, validate_block(FolderParameters, given, "use"))
        print(found.describe())
        split = validate_block(SplitParameters, read_block_file(PARAMS).get("split"), PARAMS.name, "split.")
        require_splittable(found.entries, split)
        set_source(PARAMS, found.dataset, path, found.layout)
    print("params.yaml now says so; train on it with: dvc repro")


@click.command(cls=Command)
@click.argument("path", type=PATH, help="A new folder.")
def specimens(path: Path) -> None:
    """Draw the built-in synthetic specimens anew."""
    from lithoscope.data.synthetic import draw_specimens

    if path.exists() and any(path.iterdir()):
        raise LithoscopeError(f"{path}: not empty; name a new folder, nothing is overwritten")
    draw_specimens(path, progress=lambda line: print(line, file=sys.stderr))
    print(f"drew the synthetic specimens into {path}")
