"""``lithoscope predict``: name photographs, show each with its label and confidence."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.text import safe

if TYPE_CHECKING:
    from PIL import Image

    from lithoscope.models.predictor import Prediction, Predictor

SHEET_LIMIT = 120


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@click.option("--model", type=PATH, default=Path("build/model"), show_default=True, help="A model folder.")
@click.option("--output", type=PATH, metavar="CSV", help="Write a table with all probabilities.")
@click.option("--sheet", type=PATH, metavar="PNG", help="Draw a contact sheet.")
def predict(paths: tuple[Path, ...], model: Path, output: Path | None, sheet: Path | None) -> int:
    """Classify photographs, and folders, zips and tars of photographs.

    The status is 1 where a file could not be read; the others are classified all the same.
    """
    from lithoscope.models.predictor import Predictor
    from lithoscope.serving.batch import opened_photographs, prediction_table

    names = click.get_current_context().with_resource(opened_photographs(paths))
    files = list(names)
    _check_targets([target for target in (output, sheet) if target is not None], files)
    predictor = Predictor.load(model)
    found = list(predictor.predict_files(files))
    predictions = [replace(prediction, path=_named(prediction.path, names)) for prediction in found]
    readable = [prediction for prediction in predictions if prediction.label is not None]
    broken = [prediction for prediction in predictions if prediction.label is None]
    if predictor.description.synthetic:
        print("note: this model was trained on synthetic drawings; on photographs it shows the way, not the truth")
    _print_table(readable)
    if output is not None:
        prediction_table(predictions, predictor.description.classes).to_csv(
            output, index=False, lineterminator="\n", float_format="%.6f"
        )
        print(f"wrote {_shown(output)}")
    if sheet is not None and readable:
        _sheet([one for one in found if one.label is not None], predictor).save(sheet, format="PNG", optimize=True)
        print(f"wrote {_shown(sheet)}")
    for prediction in broken:
        print(f"error: {_shown(prediction.path)}: {prediction.problem}", file=sys.stderr)
    return 1 if broken else 0


def _named(path: Path, names: Mapping[Path, Path]) -> Path:
    """Return the path that names a file, or one of its pages, for people."""
    from lithoscope.data.images.reading import file_and_page, page_path

    file, number = file_and_page(path)
    return Path(page_path(str(names[file]), number))


def _check_targets(targets: Sequence[Path], files: Sequence[Path]) -> None:
    """Refuse, before the first photograph is read, what cannot be written or would be written over."""
    for target in targets:
        if not target.parent.is_dir():
            raise LithoscopeError(f"{target}: its folder does not exist; make it first, or choose another place")
        if target.is_dir() or not os.access(target.parent, os.W_OK):
            raise LithoscopeError(f"{target}: cannot be written; name a file in a folder that can be written to")
    places = {target.resolve() for target in targets}
    if len(places) < len(targets) or places & {file.resolve() for file in files}:
        raise LithoscopeError("--output and --sheet must name files of their own, which are no photographs to classify")


def _print_table(predictions: "Sequence[Prediction]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("photograph", overflow="fold")
    table.add_column("label", no_wrap=True)
    table.add_column("confidence", justify="right")
    for prediction in predictions:
        table.add_row(_shown(prediction.path), prediction.label, f"{prediction.confidence:.3f}")
    Console(markup=False, highlight=False).print(table)


def _shown(path: Path) -> str:
    """Return a path for the terminal, whatever bytes it is made of."""
    from lithoscope.data.sources.listing import printable

    return safe(printable(str(path)))


def _sheet(predictions: "Sequence[Prediction]", predictor: "Predictor") -> "Image.Image":
    from lithoscope.reporting.sheets.contact_sheet import Tile, contact_sheet

    shown = predictions[:SHEET_LIMIT]
    tiles = [Tile(predictor.read_square(p.path), predicted=str(p.label), confidence=p.confidence) for p in shown]
    more = f", the first {len(shown)}" if len(shown) < len(predictions) else ""
    synthetic = "; the model was trained on synthetic drawings" if predictor.description.synthetic else ""
    return contact_sheet(tiles, title=f"{len(predictions)} photographs{more}{synthetic}")
