"""The options that ``lithoscope recipe`` and ``lithoscope folds`` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lithoscope.cli.output import PLACE

if TYPE_CHECKING:
    from lithoscope.experiments.dvc_runs import RecipeRequest

_OPTIONS = (
    click.option("-S", "settings", multiple=True, metavar="KEY=VALUE", help="Change one more parameter."),
    click.option("--data", type=PLACE, metavar="PATH", help="A copy of the recipe's photographs, or its address."),
    click.option("--seed", type=int, metavar="N", help="Seed of weights and split; the name gets -seedN."),
    click.option("--name", "experiment", metavar="EXPERIMENT", help="Another name for the experiment."),
    click.option("--dry", is_flag=True, help="Print the plain DVC lines and run nothing."),
)


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what may be asked for beside a recipe; :func:`request` takes the values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def request(
    settings: Sequence[str], data: Path | str | None, seed: int | None, experiment: str | None, *, queue: bool = False
) -> RecipeRequest:
    """Return the :class:`lithoscope.experiments.dvc_runs.RecipeRequest` of what was typed.

    Raises:
        LithoscopeError: A setting is no ``KEY=VALUE``.
    """
    from lithoscope.experiments.dvc_runs import RecipeRequest
    from lithoscope.experiments.recipes import setting

    return RecipeRequest(dict(map(setting, settings)), data, seed, experiment, queue)


def complete_recipe(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the recipes whose names begin so, for a shell's completion."""
    from lithoscope.experiments.recipes import recipe_names

    return [name for name in recipe_names(Path.cwd()) if name.startswith(incomplete)]
