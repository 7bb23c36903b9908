"""DVC experiments of recipes: planned, named, handed to ``dvc exp run``, and their files fetched.

DVC lays ``-S`` over the workspace's ``params.yaml``, so that what an earlier experiment or an edit left there leaks
into the next one. A planned experiment therefore also sets back, key by key, what differs there from the last commit,
and runs in a checkout of its own (``--temp`` or ``--queue``), which leaves the workspace as it is.
"""

import dataclasses
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lithoscope.config.params import NO_TABLE, Parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import changed_files, git_output
from lithoscope.core.nested import flatten
from lithoscope.core.revision_files import NotThereError, fetch_revision_files
from lithoscope.experiments.recipes import Recipe, committed_parameters, overrides, parameters_with

QUEUE = "refs/exps/celery/stash"


@dataclass(frozen=True)
class RecipeRequest:
    """What a user asked for beside the recipe.

    Attributes:
        settings: The user's ``-S``, under dotted keys.
        data: A local copy of the photographs, or None for the set's own source.
        seed: Seed of weights and split, or None for the recipe's.
        name: The experiment's name, or None for the recipe's.
        queue: Whether to queue it instead of running it now.
    """

    settings: Mapping[str, Any]
    data: Path | str | None = None
    seed: int | None = None
    name: str | None = None
    queue: bool = False


@dataclass(frozen=True)
class Experiment:
    """A planned experiment.

    Attributes:
        name: Of the DVC experiment.
        parameters: All of them, validated.
        command: What is run, as a list of arguments.
        reset: Keys that the command only sets back to what the last commit says.
    """

    name: str
    parameters: Parameters
    command: list[str]
    reset: list[str]

    @property
    def line(self) -> str:
        """The command as one types it in a shell."""
        return shlex.join(self.command)


def plan(root: Path, recipe: Recipe, request: RecipeRequest) -> list[Experiment]:
    """Plan a recipe's experiments: one, or one for each combination of its grid.

    Raises:
        LithoscopeError: With one line for each mistake in the recipe, in ``-S`` or in the workspace's ``params.yaml``.
    """
    committed = committed_parameters(root)
    before = flatten(committed)
    workspace = _workspace(root, set(before))
    where = f"recipes/{recipe.name}.yaml"
    for combination in recipe.combinations():  # the recipe's own mistakes are told apart from the user's
        parameters_with(committed, {**recipe.differences, **combination}, where)
    base = base_name(recipe, request)
    _check_name(base)
    seeds = {} if request.seed is None else {"seed": request.seed, "split.seed": request.seed}
    source = _source(root, before, workspace, recipe, request)
    planned = []
    for number, combination in enumerate(recipe.combinations(), start=1):
        changes = {**recipe.differences, **combination, **seeds, **source, **request.settings}
        parameters = parameters_with(committed, changes, f"{where} with -S")
        wanted = {**before, **changes}
        _check_places(root, wanted)
        reset = [key for key, value in wanted.items() if key not in changes and workspace[key] != value]
        name = f"{base}-{number}" if recipe.grid else base
        settings = overrides({key: wanted[key] for key in (*changes, *reset)})
        mode = "--queue" if request.queue else "--temp"
        planned.append(Experiment(name, parameters, ["dvc", "exp", "run", mode, "--name", name, *settings], reset))
    return planned


def base_name(recipe: Recipe, request: RecipeRequest) -> str:
    """Return the experiment's name; a grid's members add their number."""
    return request.name or recipe.name + ("" if request.seed is None else f"-seed{request.seed}")


def _source(
    root: Path, before: Mapping[str, Any], workspace: Mapping[str, Any], recipe: Recipe, request: RecipeRequest
) -> dict[str, Any]:
    """Return ``dataset``, ``mirror`` and the layout of the photographs a recipe asks for.

    Where `lithoscope use` has described these very photographs in the workspace, their layout is the one it wrote.
    """
    dataset = request.settings.get("dataset", recipe.differences.get("dataset", before["dataset"]))
    if request.data is None:
        # A committed mirror holds the committed set; another set comes from its own source.
        return {"mirror": "data"} if dataset != before["dataset"] and before["mirror"] != "data" else {}
    from lithoscope.config.params import FolderParameters
    from lithoscope.config.schema import validate_block
    from lithoscope.data.inspect import DOWNLOAD, inspect_source
    from lithoscope.data.set_source import mirror_value

    described = workspace["dataset"] == "folder" and mirror_value(request.data, root) == workspace["mirror"]
    asked = {**(workspace if described else {}), **recipe.differences, **request.settings}
    layout = {key.removeprefix("folder."): value for key, value in asked.items() if key.startswith("folder.")}
    found = inspect_source(
        request.data,
        validate_block(FolderParameters, layout, "-S", "folder."),
        look_for_table=not described,
        download=root / DOWNLOAD,
    )
    fixed = "dataset" in recipe.differences or "dataset" in request.settings
    if fixed and found.dataset != dataset:
        raise LithoscopeError(
            f"--data {found.path}: holds dataset {found.dataset}, but {recipe.name} is for {dataset}: name a copy of "
            f"that set, or add -S dataset={found.dataset} to train on these photographs all the same"
        )
    laid_out = {f"folder.{key}": value for key, value in found.layout.model_dump().items()}
    known = {key: value for key, value in laid_out.items() if key in before and before[key] != value}
    return {"dataset": found.dataset, "mirror": mirror_value(found.path, root), **known}


def _check_places(root: Path, wanted: Mapping[str, Any]) -> None:
    """Refuse places that a checkout elsewhere lacks, such as that of an experiment."""
    from lithoscope.data.fetching.addresses import is_remote
    from lithoscope.data.set_source import mirror_value
    from lithoscope.data.sources.remote import check_address

    for key, none, option in (("mirror", "data", "--data PATH"), ("folder.table", NO_TABLE, "-S folder.table=PATH")):
        value = str(wanted.get(key, none))
        if is_remote(value) and key == "mirror":
            check_address(value)
            continue
        place = Path(value)
        if value != none and not place.is_absolute() and Path(mirror_value(root / place, root)).is_absolute():
            raise LithoscopeError(
                f"{key} = {place}: allowed: a full path, a path from the checkout's root to what DVC or Git keeps "
                f"there, or {none} (the default)"
            )
        if value != none and not (root / place).exists():
            raise LithoscopeError(f"{key} = {place}: no such folder or file; name yours with {option}")


def _workspace(root: Path, expected: set[str]) -> dict[str, Any]:
    values = read_yaml(root / "params.yaml")
    found = flatten(values) if isinstance(values, dict) else {}
    differing = sorted(expected ^ set(found))
    if differing:
        raise LithoscopeError(
            f"params.yaml: {differing[0]} is {'missing' if differing[0] in expected else 'not in the last commit'}: "
            "commit the change, or go back with: git checkout params.yaml"
        )
    return found


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_-]))*", name) or name.endswith(".lock"):
        raise LithoscopeError(f"--name {name}: allowed: letters, digits, '-', '_' and single dots between them")


def taken_names(root: Path) -> set[str]:
    """Return the names of all experiments there are, on any commit, finished or queued."""
    queued = git_output(root, "reflog", "show", "--format=%gs", QUEUE, "--") or ""  # fails where nothing is queued
    return finished_names(root) | {line.rsplit(":", 1)[1] for line in queued.splitlines() if "dvc-exp:" in line}


def finished_names(root: Path) -> set[str]:
    """Return the names of all finished experiments, on any commit."""
    return {ref.rsplit("/", 1)[1] for ref in finished_refs(root)}


def finished_refs(root: Path) -> list[str]:
    """Return the Git references of all finished experiments, on any commit; the last part of each is the name."""
    refs = (git_output(root, "for-each-ref", "--format=%(refname)", "refs/exps") or "").split()
    return [ref for ref in refs if re.fullmatch(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/.+", ref)]


def fetch_files(root: Path, experiment: str, folder: Path, names: Sequence[str], *, optional: bool = False) -> None:
    """Copy files and folders that an experiment left into a folder, from its Git commit and DVC's cache.

    Args:
        root: The checkout.
        experiment: Its name.
        folder: Where they are put, under the same paths.
        names: Their paths.
        optional: Leave out those that are not there.

    Raises:
        LithoscopeError: There is no one finished experiment of that name, or it lacks one of the files.
    """
    found = [ref for ref in finished_refs(root) if ref.rsplit("/", 1)[1] == experiment]
    if not found:
        raise LithoscopeError(f"--experiment {experiment}: no finished experiment of that name; see: dvc exp list -A")
    if len(found) > 1:
        raise LithoscopeError(
            f"--experiment {experiment}: {len(found)} commits have one of that name: give one another with "
            f"`dvc exp rename --rev COMMIT {experiment} OTHER`"
        )
    try:
        fetch_revision_files(root, found[0], [(name, folder / name) for name in names], optional=optional)
    except NotThereError as error:
        raise LithoscopeError(
            f"--experiment {experiment}: {error.name or 'its commit'} is not there: it did not finish, or `dvc gc` "
            "emptied the cache"
        ) from None


def free_name(root: Path, recipe: Recipe, request: RecipeRequest, ask: Callable[[str], str] | None) -> RecipeRequest:
    """Return the request under a name that no experiment has, so that none is ever overwritten.

    Args:
        root: The checkout.
        recipe: The recipe.
        request: What was asked for.
        ask: Puts a question to the user and returns the answer; None where nobody can answer.

    Raises:
        LithoscopeError: The name is taken, and nobody chose another.
    """
    taken = taken_names(root)
    numbers = [f"-{number}" for number in range(1, len(recipe.combinations()) + 1)] if recipe.grid else [""]
    base = base_name(recipe, request)
    clash = [base + number for number in numbers if base + number in taken]
    if not clash:
        return request
    other = next(
        candidate
        for candidate in (f"{base}-{count}" for count in itertools.count(2))
        if not any(candidate + number in taken for number in ["", *numbers])
    )
    question = f"the experiment {clash[0]} exists; run as {other} instead? [y/N] "
    if ask is not None and ask(question).strip().lower() in {"y", "yes"}:
        return dataclasses.replace(request, name=other)
    raise LithoscopeError(
        f"the experiment {clash[0]} exists and is never overwritten: choose another name with --name {other}, or "
        f"remove it with: dvc exp remove {clash[0]}"
    )


def warnings(root: Path, experiments: Sequence[Experiment]) -> list[str]:
    """Return what a user should know before the experiments start."""
    lines = []
    if experiments[0].reset:
        lines.append(f"params.yaml differs from the last commit; not used here: {', '.join(experiments[0].reset)}")
    # The last run's records change with every run, and change no result.
    results = ("params.yaml", "dvc.lock", "metrics/", "plots/")
    changed = [name for name in changed_files(root) if not name.startswith(results)]
    if changed:
        lines.append(f"files that differ from the last commit are part of the experiment: {', '.join(changed)}")
    return lines


def execute(root: Path, experiment: Experiment) -> int:
    """Hand an experiment to DVC and return DVC's exit status."""
    # Stages are started as `python stages/…`: that must be the Python that has Lithoscope.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path}
    command = [sys.executable, "-m", *experiment.command]
    return subprocess.run(command, cwd=root, env=environment, check=False).returncode
