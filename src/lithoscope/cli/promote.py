"""``lithoscope promote`` and ``rollback``: which model is in use."""

import re
from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import print_note
from lithoscope.core.errors import LithoscopeError


def _possible(_context: click.Context, _parameter: click.Parameter, alias: str) -> str:
    """Refuse what MLflow would refuse too, but only once a version and a Git tag were made."""
    if not re.fullmatch(r"[\w-]+", alias, re.ASCII) or re.fullmatch(r"v\d+|latest", alias, re.IGNORECASE):
        raise LithoscopeError(f"--alias {alias}: allowed: letters, digits, - and _, but not latest, v1, v2 and so on")
    return alias


ALIAS = click.option(
    "--alias", default="champion", show_default=True, callback=_possible, help="What stands for the model in use."
)


@click.command(cls=Command)
@ALIAS
@click.option("--release", metavar="X.Y.Z", help="Version of its Git tag; otherwise the next minor one.")
def promote(alias: str, release: str | None) -> int:
    """Put the committed model in use, if the gate lets it pass.

    It is judged against the model that the alias stands for, on the same test photographs. The status is the gate's: 0
    passed and promoted, 1 failed, 2 cannot tell. The first model has nothing to be judged against.
    """
    from lithoscope.cli.gate import print_verdict
    from lithoscope.experiments.promotion import (
        committed_model,
        is_in_use,
        judge_candidate,
        may_be_promoted,
        next_release,
    )
    from lithoscope.experiments.promotion import promote as register
    from lithoscope.tracking import open_store
    from lithoscope.tracking.registry import Registry

    root = Path.cwd()
    candidate = committed_model(root)
    tag = next_release(root, candidate.artifact, release)
    store = open_store(root)[1]
    champion = Registry(store.connection, candidate.artifact).model(alias)
    shown = f"models:/{candidate.artifact}@{alias}"
    if champion is not None and is_in_use(root, champion, candidate):
        print(f"{shown} is this model already: version {champion.version}")
        return 0
    verdict = judge_candidate(root, champion, candidate)
    if not may_be_promoted(verdict, champion):
        print_verdict(verdict)
        print_note(f"{shown} stays as it was")
        return verdict.status
    if champion is not None:
        print_verdict(verdict)
    model = register(root, store, candidate, alias, champion, tag)
    before = f", before it version {champion.version}" if champion else ", the first one"
    print(f"{shown} is version {model.version}{before}")
    print(f"weights {model.weights}, the Git tag {tag}; hand it on with: git push origin {tag} && dvc push train")
    return 0


@click.command(cls=Command)
@ALIAS
def rollback(alias: str) -> None:
    """Put the model in use that was in use before."""
    from lithoscope.experiments.promotion import artifact_name
    from lithoscope.gate.result_files import workspace_files
    from lithoscope.tracking import open_store
    from lithoscope.tracking.registry import Registry

    root = Path.cwd()
    name = artifact_name(workspace_files(root))
    left, model = Registry(open_store(root)[1].connection, name).roll_back(alias)
    release = f", {model.release}" if model.release else ""
    print(f"models:/{name}@{alias} is version {model.version}{release}, no longer version {left.version}")
