"""``lithoscope export``: a model for ONNX Runtime, and how far it agrees with torch."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH, print_note

if TYPE_CHECKING:
    from lithoscope.serving.onnx_description import OnnxDescription, Precision

MODEL_HELP = "A folder, models:/NAME@ALIAS of MLflow, or dvc:REV."


@click.command(cls=Command)
@click.option("--model", default="build/model", show_default=True, help=MODEL_HELP)
@click.option("--output", type=PATH, metavar="FOLDER", help="Where to; build/export, or build/export-int8.")
@click.option("--precision", type=click.Choice(["fp32", "int8"]), default="fp32", show_default=True, help="Of numbers.")
@click.option("--arrays", type=PATH, metavar="FOLDER", help="The model's packed photographs; those beside it.")
@click.option(
    "--web", type=PATH, metavar="FOLDER", help="Also write a page that answers in a phone, offline; needs npm."
)
@click.option("--quiet", is_flag=True, help="Say nothing where all is well.")
def export(model: str, output: Path | None, precision: str, arrays: Path | None, web: Path | None, quiet: bool) -> None:
    """Write a model as ONNX, if it still is the same classifier.

    Its answers are held against those of torch on the test photographs; model.json says how far they agree.
    """
    from lithoscope.serving.export import export_model
    from lithoscope.serving.model_source import is_current
    from lithoscope.serving.onnx_description import limits_of, load_onnx_description, source_digests
    from lithoscope.serving.saved_models import saved_model

    place = output or Path("build/export" if precision == "fp32" else "build/export-int8")
    with saved_model(model, Path.cwd()) as folder:
        beside = folder.parent / "arrays"
        packed = arrays or (beside if beside.is_dir() else Path("build/arrays"))
        digests = source_digests(folder, limits_of(folder))
        if is_current(place, digests) and load_onnx_description(place).precision == precision:
            made, done = load_onnx_description(place), "is up to date"
        else:
            made, done = export_model(folder, place, cast("Precision", precision), packed), "written"
    if not quiet:
        _print_parity(place, made, done)
    if web is not None:
        _write_web(place, web, quiet)


def _print_parity(place: Path, made: "OnnxDescription", done: str) -> None:
    from lithoscope.serving.onnx_description import NETWORK

    parity = made.parity
    print(f"{place}: {done}, {(place / NETWORK).stat().st_size / 1e6:,.1f} MB, {made.precision}")
    print(
        f"against torch, on {parity['photographs']} {parity['kind']}: probabilities differ by up to "
        f"{parity['largest_difference']:.1g}, {len(parity['changed_labels'])} labels changed"
    )
    if "against_fp32" in parity:
        print(
            f"accuracy {parity['accuracy']:.3f} ({parity['accuracy_of_torch']:.3f} in fp32): {parity['against_fp32']}"
        )
    looked = made.looked
    if "onnx" in looked:
        print(
            f"what it looked at, on {looked['photographs']} of them: evidence differs by up to "
            f"{looked['largest_difference_of_evidence']:.1g} (natural logarithm)"
        )
    elif looked:
        print(f"what it looked at is found by covering photographs, which takes fifty answers: {looked['without']}")


def _write_web(place: Path, web: Path, quiet: bool) -> None:
    from lithoscope.serving.field.build import MOST_BYTES, MOST_SENT, write_web_folder
    from lithoscope.serving.onnx_model import OnnxModel

    made = write_web_folder(OnnxModel.load(place), web)
    if made.total > MOST_BYTES or made.sent > MOST_SENT:
        print_note(
            f"{made.total / 1e6:.1f} MB, {made.sent / 1e6:.1f} MB gzipped, is much for a phone in the field: a smaller "
            "network, or --precision int8, is lighter"
        )
    if not quiet:
        print(f"{web}: a page for the field, {made.total / 1e6:.1f} MB, {made.sent / 1e6:.1f} MB gzipped on its way")
        print(f"put it on any static host with https; or try it here: python -m http.server -d {shlex.quote(str(web))}")
