"""``lithoscope``: its commands in sections, and how a command ends."""

import os
import sys
from collections.abc import Sequence

import click

from lithoscope.cli.compare import compare
from lithoscope.cli.croissant import croissant
from lithoscope.cli.deliver import deliver
from lithoscope.cli.doubtful import doubtful
from lithoscope.cli.export import export
from lithoscope.cli.folds import folds
from lithoscope.cli.gate import gate
from lithoscope.cli.group import Group
from lithoscope.cli.models import models
from lithoscope.cli.output import print_error
from lithoscope.cli.predict import predict
from lithoscope.cli.promote import promote, rollback
from lithoscope.cli.recipe import recipe
from lithoscope.cli.report import report, summary
from lithoscope.cli.results import record, results
from lithoscope.cli.runs import runs
from lithoscope.cli.serve import serve
from lithoscope.cli.use import specimens, use
from lithoscope.core.errors import LithoscopeError, circumstance
from lithoscope.core.text import print_in_any_encoding

COMMANDS = Group(
    {
        "Photographs": (use, specimens, croissant, predict, export, serve),
        "Experiments": (models, recipe, folds, compare),
        "What a run found": (summary, report, doubtful, runs, deliver),
        "Results that are kept": (record, results, gate, promote, rollback),
    },
    help="A reproducible classifier of rocks and minerals. The pipeline itself runs with: dvc repro",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Returns:
        0; 1 after a mistake, which is explained in a line; 2 where nothing of that name or form can be asked for; 130
        after Ctrl-C; 141 where the reader of a pipe left. ``gate`` has its own 0, 1 and 2.
    """
    print_in_any_encoding()
    if (instruction := os.environ.get("_LITHOSCOPE_COMPLETE")) is not None:
        from click.shell_completion import shell_complete

        return shell_complete(COMMANDS, {}, "lithoscope", "_LITHOSCOPE_COMPLETE", instruction)
    try:
        with COMMANDS.make_context("lithoscope", list(sys.argv[1:] if argv is None else argv)) as context:
            return int(COMMANDS.invoke(context) or 0)
    except click.exceptions.Exit as ended:  # after --help
        return ended.exit_code
    except click.UsageError as error:
        used = error.ctx or click.Context(COMMANDS, info_name="lithoscope")
        print(f"{used.get_usage()}\n{used.command_path}: error: {error.format_message()}", file=sys.stderr)
        return error.exit_code
    except LithoscopeError as error:
        print_error(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "lithoscope").partition(".")[0] == "lithoscope":
            raise
        print_error(f"this takes the pipeline's packages, {error.name} among them: pip install 'lithoscope[pipeline]'")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `lithoscope … | head` closes the pipe early
        sys.stderr.close()
        return 141
    except Exception as error:
        explained = circumstance(error)
        if explained is None:
            raise
        print_error(explained)
    return 1
