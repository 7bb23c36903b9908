"""``lithoscope recipe``: named experiments, listed, run or queued."""

import sys
from pathlib import Path
from typing import Any

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import print_error, print_note
from lithoscope.cli.request import complete_recipe, request, request_options


@click.command(cls=Command)
@click.argument("name", required=False, shell_complete=complete_recipe, help="A file in recipes/, without .yaml.")
@click.option("--list", "listed", is_flag=True, help="List the recipes with what they are.")
@request_options
@click.option("--queue", is_flag=True, help="Queue it for `dvc queue start` instead of running it now.")
def recipe(name: str | None, listed: bool, dry: bool, queue: bool, **asked: Any) -> int:
    """Run a named experiment, or list them all.

    The plain `dvc exp run` line of each experiment is printed before it runs.
    """
    from lithoscope.experiments.dvc_runs import execute, free_name, plan, warnings
    from lithoscope.experiments.recipes import load_recipe

    root = Path.cwd()
    if listed or name is None:
        _print_recipes(root)
        return 0
    chosen, wanted = load_recipe(root, name), request(**asked, queue=queue)
    if not dry:
        wanted = free_name(root, chosen, wanted, _ask if sys.stdin.isatty() else None)
    experiments = plan(root, chosen, wanted)
    for line in warnings(root, experiments):
        print_note(line)
    failed = []
    for experiment in experiments:
        print(experiment.line, flush=True)
        if not dry and execute(root, experiment) != 0:
            failed.append(experiment.name)
    if failed:
        print_error(f"did not finish: {', '.join(failed)}; the lines above say why")
        return 1
    if queue and not dry:
        print("queued; run two at a time: dvc queue start --jobs 2, and see how far: dvc queue status")
    return 0


def _print_recipes(root: Path) -> None:
    from lithoscope.experiments.recipes import load_recipe, recipe_names

    names = recipe_names(root) or [load_recipe(root, "").name]
    for name in names:
        print(f"{name:<{max(map(len, names))}}  {load_recipe(root, name).about.description}")


def _ask(question: str) -> str:
    """Put a question to whoever sits at the terminal; Ctrl-D answers nothing."""
    try:
        return input(question)
    except EOFError:
        print()  # what follows begins on a line of its own
        return ""
