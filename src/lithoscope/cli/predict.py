"""``lithoscope predict``: name photographs, show each with its label and confidence."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lithoscope.cli.export import MODEL_HELP
from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH, print_note
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.text import count, safe, sentence
from lithoscope.serving.outcomes import OUTCOMES, TESTS

if TYPE_CHECKING:
    from lithoscope.serving.pages import Engine
    from lithoscope.serving.photographs import FoundPhotograph
    from lithoscope.serving.rows import AnswerRow
    from lithoscope.serving.tables import Table

SHEET_LIMIT = {".png": 120, ".html": 1000}
"""Most photographs on a sheet, by its ending."""
ENGINE_HELP = "What decodes and asks: this process, or Ray Data on a cluster (without an address, on this machine)."
_FLUSH = 64  # rows after which a table is safe from the end of this process


def field_test_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add an option for each field test."""
    for test in reversed(TESTS):
        allowed = "Mohs, such as 6-7" if test == "hardness" else ", ".join(OUTCOMES[test])
        command = click.option(f"--{test}", metavar="OUTCOME", help=f"Of a field test of all photographs: {allowed}.")(
            command
        )
    return command


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--model", default="build/model", show_default=True, help=f"{MODEL_HELP} An export is a folder too.")
@click.option("--output", type=PATH, metavar="TABLE", help="Write a .csv, .jsonl or .parquet with all probabilities.")
@click.option("--sheet", type=PATH, metavar="PICTURE", help="Draw a contact sheet: .png or .html.")
@click.option("--top", type=click.IntRange(1), default=1, metavar="K", help="Show the K most probable classes.")
@click.option("--specimens", is_flag=True, help="One answer a folder: its photographs show one specimen.")
@field_test_options
@click.option("--tests", type=PATH, metavar="TABLE", help="Field tests of each: a CSV with the column file, and those.")
@click.option("--properties", type=PATH, metavar="TABLE", help="What your classes allow in field tests, as a CSV.")
@click.option("--resume", is_flag=True, help="Go on with an --output that was stopped; what changed is asked anew.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help=ENGINE_HELP)
@click.option("--ray-address", metavar="HOST:PORT", help="Of a Ray cluster that runs; auto: of this machine's.")
def predict(
    paths: tuple[str, ...],
    model: str,
    output: Path | None,
    sheet: Path | None,
    top: int,
    specimens: bool,
    tests: Path | None,
    properties: Path | None,
    resume: bool,
    engine: str,
    ray_address: str | None,
    **found_in_tests: str | None,
) -> int:
    """Classify photographs: files, folders, archives, patterns, and - for a list of files on standard input.

    The status is 1 where a file could not be read; the others are classified all the same.
    """
    from lithoscope.serving.model_source import exported_model
    from lithoscope.serving.observations import read_observations
    from lithoscope.serving.onnx_model import OnnxModel
    from lithoscope.serving.photographs import opened_photographs
    from lithoscope.serving.pipeline import predict_rows

    if resume and specimens:
        raise LithoscopeError("--resume goes on photograph by photograph: leave it or --specimens out")
    if resume and (output is None or sheet is not None):
        raise LithoscopeError("--resume goes on with a table: give --output, and draw a --sheet in a run of its own")
    if ray_address is not None and engine != "ray":
        raise LithoscopeError("--ray-address goes with --engine ray")
    if engine == "ray" and sheet is not None:
        raise LithoscopeError("--engine ray leaves the pictures where they are: draw a --sheet with --engine local")
    asks = _engine(engine, ray_address, digests=output is not None)
    found = click.get_current_context().with_resource(opened_photographs(paths, sys.stdin.buffer))
    _check_targets([target for target in (output, sheet) if target is not None], found)
    if sheet is not None and sheet.suffix.lower() not in SHEET_LIMIT:
        raise LithoscopeError(f"--sheet {sheet}: allowed endings: {', '.join(SHEET_LIMIT)}")
    asked = OnnxModel.load(exported_model(model, Path.cwd(), print_note), threads=1 if len(found) > 1 else 0)
    classes = asked.description.classes
    if asked.description.synthetic:
        print("note: this model was trained on synthetic drawings; on photographs it shows the way, not the truth")
    if top > len(classes):
        raise LithoscopeError(f"--top {top}: the model knows {len(classes)} classes; allowed: at most that many")
    observations = read_observations(
        classes, {test: text for test, text in found_in_tests.items() if text}, tests, properties
    )
    if tests is not None:
        names = [os.path.dirname(one.shown) if specimens else one.shown for one in found]  # noqa: PTH120 (it is a text)
        observations.require_used(names, tests)
    mark = asked.description.onnx[:12]
    table = _open_table(output, {"model": mark, "top": top}, resume) if output is not None else None
    done = table.done if table is not None else {}
    wanted = [one._replace(known=done[one.shown]) if one.shown in done else one for one in found] if done else found
    shown: list[AnswerRow] = []
    broken = 0
    limit = SHEET_LIMIT[sheet.suffix.lower()] if sheet is not None else 0
    width = max(map(len, classes))
    try:
        asks = _tracked(asks, len(wanted))
        for number, row in enumerate(predict_rows(asked, wanted, asks, observations, specimens=specimens), start=1):
            if table is not None:
                table.add(row.cells(classes, top, mark), row.content)
                if number % _FLUSH == 0:
                    table.flush()
            if row.problem is not None:
                broken += 1
                print(f"error: {safe(row.path)}: {row.problem}", file=sys.stderr)
            else:
                print(_line(row, classes, top, width))
                if len(shown) < limit:
                    shown.append(row)
    except BaseException:
        if table is not None:
            table.close()
            print_note(f"what was done is kept in {_shown(table.journal)}; the same line with --resume goes on")
        raise
    if table is not None:
        table.finish()
        print(f"wrote {_shown(table.path)}")
    if sheet is not None and shown:
        _draw(sheet, shown, len(wanted) - broken, classes, top, synthetic=asked.description.synthetic)
        print(f"wrote {_shown(sheet)}")
    return 1 if broken else 0


def _engine(name: str, address: str | None, *, digests: bool) -> "Engine":
    if name == "ray":
        from lithoscope.serving.ray_engine import on_ray

        return on_ray(address)
    from lithoscope.serving.pages import on_threads

    return on_threads(digests=digests)


def _open_table(path: Path, run: dict[str, str | float | None], resume: bool) -> "Table":
    from lithoscope.serving.tables import Table

    table = Table(path, run, resume=resume)
    if table.done:
        print_note(f"{len(table.done):,} photographs were done before")
    return table


def _tracked(engine: "Engine", total: int) -> "Engine":
    """Show how many photographs an engine went by, those that were done before among them: it reads them too."""
    if total < 2 or sys.stdout.isatty():  # on a terminal the lines themselves show it
        return engine
    from lithoscope.data.sources.progress import track

    return lambda model, photographs: track(engine(model, photographs), total, "predicting")


def _line(row: "AnswerRow", classes: Sequence[str], top: int, width: int) -> str:
    further = ", ".join(f"{name} {probability:.3f}" for name, probability in row.further(classes, top))
    confidence = f"{row.stated:.3f}" if row.stated is not None else " " * len("0.000")
    answer = f"{row.shown or row.label or '':<{width}}  {confidence}"
    return safe(f"{answer}  {row.path}" + (f"  ({further})" if further else ""))


def _caption(row: "AnswerRow", classes: Sequence[str], top: int) -> dict[str, Any]:
    """Return what stands below a photograph on a PNG sheet, as a tile's arguments."""
    further = ", ".join(f"{name} {probability:.0%}" for name, probability in row.further(classes, top))
    return {
        "predicted": row.shown or str(row.label),
        "confidence": row.stated,
        "remarks": (sentence(str(row.extra.get("why") or "")), further),
        "note": os.path.basename(row.path),  # noqa: PTH119 (it is a text)
    }


def _check_targets(targets: Sequence[Path], photographs: "Sequence[FoundPhotograph]") -> None:
    """Refuse, before the first photograph is read, what cannot be written or would be written over."""
    for target in targets:
        if not target.parent.is_dir():
            raise LithoscopeError(f"{target}: its folder does not exist; make it first, or choose another place")
        if target.is_dir() or not os.access(target.parent, os.W_OK):
            raise LithoscopeError(f"{target}: cannot be written; name a file in a folder that can be written to")
    places = {target.resolve() for target in targets}
    names = {place.name for place in places}
    taken = (Path(one.file).resolve() for one in photographs if os.path.basename(one.file) in names)  # noqa: PTH119
    if len(places) < len(targets) or not places.isdisjoint(taken):
        raise LithoscopeError("--output and --sheet must name files of their own, which are no photographs to classify")


def _shown(path: Path) -> str:
    """Return a path for the terminal, whatever bytes it is made of."""
    from lithoscope.data.sources.listing import printable

    return safe(printable(str(path)))


def _draw(
    sheet: Path, rows: "Sequence[AnswerRow]", named: int, classes: Sequence[str], top: int, *, synthetic: bool
) -> None:
    more = f", the first {len(rows)}" if len(rows) < named else ""
    title = f"{count(named, 'photograph')}{more}{'; the model was trained on synthetic drawings' if synthetic else ''}"
    squares = [(row, row.square) for row in rows if row.square is not None]
    if sheet.suffix.lower() == ".html":
        from lithoscope.reporting.sheets.answers_page import AnswerTile, answers_page

        page = answers_page(
            (
                AnswerTile(
                    square,
                    row.path,
                    row.shown or str(row.label),
                    row.top(classes, max(top, 3)),
                    str(row.extra.get("why") or ""),
                )
                for row, square in squares
            ),
            title,
        )
        sheet.write_text(page, encoding="utf-8")
        return
    from lithoscope.reporting.sheets.contact_sheet import Tile, contact_sheet

    tiles = [Tile(square, **_caption(row, classes, top)) for row, square in squares]
    contact_sheet(tiles, title=title).save(sheet, format="PNG", optimize=True)
