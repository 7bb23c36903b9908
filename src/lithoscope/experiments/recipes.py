"""Recipes: named experiments, each a small file that states what differs from the committed parameters.

A recipe's parameters are those of ``params.yaml`` as committed, then the recipe's differences, then the user's own
``-S``; later wins. What stands in the workspace's ``params.yaml`` never counts.
"""

import difflib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lithoscope.config.params import Parameters, validate_parameters
from lithoscope.config.yaml import parse_yaml, read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import git_output
from lithoscope.core.nested import flatten

FOLDER = "recipes"
PLACES = ("mirror", "osf_api", "folder.table")  # where photographs lie is a matter of the machine, not of a recipe


class _Block(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SourceFigure(_Block):
    """A figure that the source states, e.g. metric ``test accuracy``, value 0.929."""

    metric: str
    value: float


class Source(_Block):
    """Whose work a recipe repeats or is measured against."""

    who: str
    what: str
    figures: list[SourceFigure] = []


class About(_Block):
    """The head of a recipe; nothing in it changes what is computed.

    Attributes:
        description: One line for ``lithoscope recipe --list``.
        source: Whose work, and the figures stated there.
        compare_with: Other recipes, one or a list; ``docs/results.md`` compares them photograph by photograph.
        notes: What else ``docs/results.md`` says of it; each line becomes a point of a list.
    """

    description: str = Field(min_length=1)
    source: Source | None = None
    compare_with: list[str] = []
    notes: str = ""

    @field_validator("compare_with", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


@dataclass(frozen=True)
class Recipe:
    """One recipe file.

    Attributes:
        name: The file's name without its ending.
        about: What it is, and whose figures stand beside it.
        differences: Parameters that differ, under dotted keys.
        grid: Under dotted keys the values to try; every combination is an experiment of its own.
    """

    name: str
    about: About
    differences: dict[str, Any]
    grid: dict[str, list[Any]]

    def combinations(self) -> list[dict[str, Any]]:
        """Return every combination of the grid; without a grid there is one, which is empty."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]


def recipe_names(root: Path) -> list[str]:
    """Return the names of all recipes of a checkout, in alphabetical order."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.yaml"))


def recipe_and_seed(name: str) -> tuple[str, int | None]:
    """Take a name of an experiment or result apart: ``granite-seed2`` is (granite, 2), ``granite`` (granite, None)."""
    matched = re.fullmatch(r"(.+)-seed(\d+)", name)
    return (matched[1], int(matched[2])) if matched else (name, None)


def grid_member(recipes: Mapping[str, Recipe], name: str) -> tuple[Recipe, dict[str, Any]] | None:
    """Find the member of a grid that an experiment or result (without its seed) is named after.

    Returns:
        For ``granite-3`` the recipe granite and the third combination of its grid; None for any other name.
    """
    matched = re.fullmatch(r"(.+)-(\d+)", name)
    recipe = recipes.get(matched[1]) if matched and name not in recipes else None
    if matched is None or recipe is None or not recipe.grid:
        return None
    number, combinations = int(matched[2]), recipe.combinations()
    return (recipe, combinations[number - 1]) if 1 <= number <= len(combinations) else None


def load_recipe(root: Path, name: str) -> Recipe:
    """Read a recipe.

    Raises:
        LithoscopeError: There is none of that name, or the file is no recipe.
    """
    names = recipe_names(root)
    if not names:
        raise LithoscopeError(f"{root / FOLDER}: no recipes there; run this at the root of a Lithoscope checkout")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LithoscopeError(f"no recipe {name}: {hint}allowed: {', '.join(names)}")
    where = f"{FOLDER}/{name}.yaml"
    values = read_yaml(root / where)
    if not isinstance(values, dict) or "about" not in values:
        raise LithoscopeError(f"{where}: must begin with an `about:` block that has a description")
    try:
        about = About.model_validate(values.pop("about"))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, ("about", *problem["loc"])))
        raise LithoscopeError(f"{where}: {key}: {problem['msg']}; see docs/recipes.md") from None
    grid = values.pop("grid", None) or {}
    if not isinstance(grid, dict) or not all(isinstance(tried, list) and tried for tried in flatten(grid).values()):
        raise LithoscopeError(f"{where}: grid: each parameter needs a list of values, e.g. lr: [1e-3, 1e-4]")
    differences = flatten(values)
    places = [key for key in (*differences, *flatten(grid)) if key in PLACES]
    if places:
        raise LithoscopeError(f"{where}: {places[0]} is a matter of each machine: leave it out and use --data PATH")
    return Recipe(name, about, differences, flatten(grid))


def parameters_with(values: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> Parameters:
    """Return validated parameters: nested ``values`` with changes under dotted keys.

    Raises:
        LithoscopeError: With one line for each mistake: ``where``, the key, its value, what is allowed.
    """
    changed: dict[str, Any] = json.loads(json.dumps(values))
    for key, value in changes.items():
        *blocks, last = key.split(".")
        block = changed
        for name in blocks:
            block = block.setdefault(name, {})
            if not isinstance(block, dict):
                raise LithoscopeError(f"{where}: {key}: {name} is a value, not a block")
        block[last] = value
    return validate_parameters(changed, where)


def committed_parameters(root: Path, revision: str = "HEAD") -> dict[str, Any]:
    """Return ``params.yaml`` as it stands in a revision, nested.

    Raises:
        LithoscopeError: This is no Git checkout, or the revision has no such file.
    """
    text = git_output(root, "show", f"{revision}:./params.yaml")
    if text is None:
        raise LithoscopeError(
            f"params.yaml at {revision}: Git holds no such file or revision here; run this at the root of a Lithoscope "
            "checkout"
        )
    values = parse_yaml(text, f"params.yaml at {revision}")
    if not isinstance(values, dict):
        raise LithoscopeError(f"params.yaml at {revision}: must hold keys and values")
    return values


def setting(text: str) -> tuple[str, Any]:
    """Read one ``key=value`` of ``-S`` as DVC does; what its grammar refuses (blanks, brackets) is a plain text.

    Raises:
        LithoscopeError: There is no ``=``, or it lists several values.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, sign, written = text.partition("=")
    if not sign or not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", key):
        raise LithoscopeError(f"-S {text}: must be key=value, e.g. -S lr=1e-4")
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException:
        return key, written
    if override.is_sweep_override():
        raise LithoscopeError(f"-S {text}: one value at a time; several stand in a recipe's `grid:` (docs/recipes.md)")
    return key, override.value()


def override(key: str, value: Any) -> str:
    """Write ``key=value`` so that DVC's ``-S``, which has Hydra's override grammar, reads that very value."""
    return f"{key}={_hydra(value)}"


def overrides(changes: Mapping[str, Any]) -> list[str]:
    """Return the arguments of a command line that set these keys: ``-S key=value`` for each, in their order."""
    return [part for key, value in changes.items() for part in ("-S", override(key, value))]


def _hydra(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{','.join(map(_hydra, value))}]"
    text = str(value)
    plain = re.fullmatch(r"/?[A-Za-z][A-Za-z0-9._/-]*", text)
    if plain and text.lower() not in {"true", "false", "null", "nan", "inf"}:
        return text
    # In quotes a backslash is itself, unless it stands before a quote (or before others that do).
    escaped = re.sub(r"(\\*)(')|(\\+)$", lambda hit: (hit[1] or hit[3] or "") * 2 + ("\\'" if hit[2] else ""), text)
    return f"'{escaped}'"
