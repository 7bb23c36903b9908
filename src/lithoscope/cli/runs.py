"""``lithoscope runs``: the MLflow run of a model, by the hashes that its report states."""

from pathlib import Path

import click

from lithoscope.cli.group import Command


@click.command(cls=Command)
@click.option("--weights", metavar="SHA256", help="Hash of the weights.")
@click.option("--parameters", metavar="SHA256", help="Hash of the parameters.")
@click.option("--data", metavar="SHA256", help="Hash of the photographs.")
def runs(weights: str | None, parameters: str | None, data: str | None) -> None:
    """Find the MLflow run of a model by the hashes that its report states."""
    from lithoscope.experiments.find_run import describe_run, require_run
    from lithoscope.tracking import open_store

    root = Path.cwd()
    store = open_store(root)[1]
    for name, text in describe_run(store, require_run(root, store, weights, parameters, data)):
        print(f"{name:<12}{text}")
