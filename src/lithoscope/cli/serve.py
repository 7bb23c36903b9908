"""``lithoscope serve``: a page and an API that name photographs for others."""

import os
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from lithoscope.cli.export import MODEL_HELP
from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH, print_note
from lithoscope.core.errors import LithoscopeError

TOKEN = "LITHOSCOPE_TOKEN"  # noqa: S105 (the variable's name)


@click.command(cls=Command)
@click.option("--model", default="build/model", show_default=True, help=f"{MODEL_HELP} An export is a folder too.")
@click.option("--web", type=PATH, metavar="FOLDER", help="Serve a page for the field (export --web) and its QR code.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for the whole network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--token", help=f"What requests must bring; better in the variable {TOKEN}, which no list shows.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="One more name it may be addressed by; * for all.")
@click.option("--show-training", is_flag=True, help="Show the nearest training photographs beside each answer.")
@click.option("--max-files", type=click.IntRange(1), default=32, show_default=True, help="Photographs in a request.")
@click.option("--max-mb", type=click.IntRange(1), default=64, show_default=True, help="Megabytes in a request.")
@click.option("--max-megapixels", type=click.IntRange(1), default=100, show_default=True, help="Of a photograph.")
@click.option("--seconds", type=click.FloatRange(1), default=20, show_default=True, help="To send; to decode one.")
@click.option("--waiting", type=click.IntRange(1), default=16, show_default=True, help="Requests under way at once.")
def serve(
    model: str,
    web: Path | None,
    host: str,
    port: int,
    token: str | None,
    allow_host: tuple[str, ...],
    show_training: bool,
    max_files: int,
    max_mb: int,
    max_megapixels: int,
    seconds: float,
    waiting: int,
) -> int:
    """Serve a page and an API that name photographs, until Ctrl-C.

    It listens on this machine alone unless --host says otherwise, stores nothing, and finishes what is under way.
    """
    if web is not None:
        _refuse_server_options(click.get_current_context())
        return _serve_web(web, host, port)
    try:
        import fastapi  # noqa: F401
        import pebble  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise LithoscopeError(f'{error.name} is not installed: pip install "lithoscope[serve]"') from None
    from lithoscope.serving.model_source import exported_model
    from lithoscope.serving.onnx_model import OnnxModel
    from lithoscope.serving.server.answering import ExportedModel
    from lithoscope.serving.server.following import following, is_alias
    from lithoscope.serving.server.run import bind, is_loopback, own_names
    from lithoscope.serving.server.run import serve as answer
    from lithoscope.serving.server.settings import ServerSettings
    from lithoscope.serving.server.training_photographs import TrainingPhotographs

    if show_training and is_alias(model):
        raise LithoscopeError("--show-training: an alias may stand for a model of other photographs; name a folder")
    settings = ServerSettings(
        token=token or os.environ.get(TOKEN) or None,
        max_files=max_files,
        max_bytes=max_mb * 1_000_000,
        max_megapixels=max_megapixels,
        seconds=seconds,
        waiting=waiting,
        decoders=os.cpu_count() or 1,
    )
    settings = replace(settings, hosts=(*settings.hosts, *own_names(host), *allow_host))
    asked = OnnxModel.load(exported_model(model, Path.cwd(), print_note))
    if asked.description.synthetic:
        print("note: this model was trained on synthetic drawings; on photographs it shows the way, not the truth")
    training = TrainingPhotographs.load(asked, _arrays(model)) if show_training else None
    listening = bind(host, port)
    if not is_loopback(host) and settings.token is None:
        print_note(f"everyone who reaches {host} may ask; --token, or the variable {TOKEN}, keeps others out")
    with (
        following(model, Path.cwd(), asked, print_note) if is_alias(model) else nullcontext(ExportedModel(asked)) as it
    ):
        answer(it, settings, listening, lambda page: print(f"serving at {page}", flush=True), training)
    print("stopped", file=sys.stderr)
    return 0


def _arrays(model: str) -> Path:
    """Return where a model's packed photographs lie: beside it, or in the workspace."""
    beside = Path(model).parent / "arrays"
    return beside if beside.is_dir() else Path("build/arrays")


def _refuse_server_options(context: click.Context) -> None:
    """Refuse what a page for the field, plain files that anyone may read, cannot keep."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in context.params
        if name not in ("web", "host", "port")
        and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise LithoscopeError(f"{', '.join(given)}: not with --web, whose page answers on the phone; leave it out")
    if os.environ.get(TOKEN):
        print_note(f"the page for the field knows no token: everyone who reaches it may read it, despite {TOKEN}")


def _serve_web(web: Path, host: str, port: int) -> int:
    try:
        from lithoscope.serving.field.local import qr_code, read_web_folder, serve_folder
        from lithoscope.serving.server.run import bind
    except ModuleNotFoundError as error:
        raise LithoscopeError(f'{error.name} is not installed: pip install "lithoscope[serve]"') from None

    def say(address: str) -> None:
        print(f"{qr_code(address)}\nserving {web} at {address}", flush=True)

    contents = read_web_folder(web)
    listening = bind(host, port)
    print_note(
        "phones answer while they reach this machine: browsers keep pages of https addresses alone (docs/field.md)"
        if host != "127.0.0.1"
        else "this machine alone reaches 127.0.0.1; --host 0.0.0.0 lets phones of the same network in"
    )
    serve_folder(contents, listening, say)
    print("stopped", file=sys.stderr)
    return 0
