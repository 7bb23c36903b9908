"""``lithoscope use`` and ``lithoscope specimens``: the photographs to train on."""

import sys
from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH
from lithoscope.core.errors import LithoscopeError

OWN_SOURCES = ("specimens", "osf-rocks", "minerals")


@click.command(cls=Command)
@click.argument("path", type=PATH, help="A folder (one folder a class), zip or tar; or specimens, osf-rocks, minerals.")
def use(path: Path) -> None:
    """Choose the photographs: your own, a local copy of a set, or a set by its name."""
    from lithoscope.data.inspect import inspect_source, set_source

    name = str(path)
    if name == ".":  # what an empty text becomes
        raise LithoscopeError("use: name a folder, an archive, or a set: " + ", ".join(OWN_SOURCES))
    if name in OWN_SOURCES and not path.exists():
        set_source(Path("params.yaml"), name, None)
        print(f"params.yaml: dataset {name}, from its own source")
    else:
        found = inspect_source(path)
        print(found.describe())
        set_source(Path("params.yaml"), found.dataset, path)
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
