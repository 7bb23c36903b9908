"""``lithoscope folds``: cross-validation of a recipe."""

import json
from pathlib import Path
from typing import Any

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import PATH, print_note
from lithoscope.cli.request import complete_recipe, request, request_options
from lithoscope.core.errors import LithoscopeError


@click.command(cls=Command)
@click.argument("name", shell_complete=complete_recipe, help="A file in recipes/, without .yaml.")
@request_options
@click.option("--folds", "count", type=int, default=5, metavar="K", show_default=True, help="How many.")
@click.option("--output", type=PATH, metavar="JSON", help="Write the pooled figures for machines.")
def folds(name: str, dry: bool, count: int, output: Path | None, **asked: Any) -> None:
    """Cross-validate a recipe, one experiment a fold.

    Runs the folds that are missing, pools the answers of all, and says what a training on all training photographs
    should be given.
    """
    from lithoscope.experiments import cross_validation
    from lithoscope.experiments.dvc_runs import base_name, execute, finished_names, warnings
    from lithoscope.experiments.recipes import load_recipe

    root, wanted = Path.cwd(), request(**asked)
    recipe = load_recipe(root, name)
    planned = cross_validation.plan_folds(root, recipe, wanted, count)
    for line in warnings(root, planned):
        print_note(line)
    finished = finished_names(root)
    for experiment in planned:
        print(f"{experiment.name} is there already" if experiment.name in finished else experiment.line, flush=True)
        if not dry and experiment.name not in finished and execute(root, experiment) != 0:
            raise LithoscopeError(f"{experiment.name} did not finish; the lines above say why; the same line goes on")
    if dry:
        return
    pooled = cross_validation.pool_folds(cross_validation.read_folds(root, planned))
    print("\n".join(cross_validation.summary_lines(base_name(recipe, wanted), count, pooled)))
    parameters = planned[0].parameters
    if parameters.train.schedule == "plateau":
        print("note: without validation photographs there is no plateau to follow; no fold judged the schedule below")
    final = cross_validation.final_training_command(recipe.name, wanted, parameters, pooled)
    print("on all training photographs:", final)
    if output is not None:
        figures = cross_validation.pooled_figures(pooled, recipe.name, wanted, planned)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
