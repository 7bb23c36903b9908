"""Environment of a run: versions, processor, threads; and whether the versions are those of ``requirements.txt``."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch
from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lithoscope.core.locked_folder import content_key
from lithoscope.core.processor import processor_name_and_family
from lithoscope.training import distributed

_SHOWN = 3  # packages named in a line
_DECIDING = ("torch", "torchvision", "timm", "lightning", "numpy")
DECIDING = ("core", "config", "data/images", "data/packed", "data/loading", "models", "training")
"""Our packages that decide the weights of a training: an edit in another one lets a half-done training go on."""


def pinned(requirements: Path, python: str | None = None) -> dict[str, str]:
    """Return the version of each package that a file pins for this system.

    Args:
        requirements: Lines such as ``numpy==2.4.6 ; python_full_version < '3.12'``; none where there is no file.
        python: Another Python's version than this one's, such as ``3.12``.
    """
    if not requirements.is_file():
        return {}
    here: dict[str, Any] = dict(default_environment())
    if python is not None:
        here |= {"python_version": python, "python_full_version": f"{python}.0"}
    pins: dict[str, str] = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:  # a comment, an empty line
            continue
        if wanted.marker is None or wanted.marker.evaluate(here):
            pins[canonicalize_name(wanted.name)] = str(wanted.specifier).removeprefix("==")
    return pins


def installed() -> dict[str, str]:
    """Return the version of every package that is installed, the one that would be imported where there are two."""
    found: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def differences(pins: Mapping[str, str], versions: Mapping[str, str]) -> list[str]:
    """Return what is installed in another version than the pinned one, such as ``numpy 2.3.0 (pinned: 2.4.6)``.

    What is not installed is none: whoever needs it will notice. Nor is a local build such as ``2.13.0+cpu``.
    """
    return [
        f"{name} {versions[name]} (pinned: {pin})"
        for name, pin in sorted(pins.items())
        if name in versions and _release(versions[name]) != _release(pin)
    ]


def _release(version: str) -> Version:
    return Version(Version(version).public)


def processor() -> dict[str, str]:
    """Return what tells one processor from another: its name, its family, the instructions it knows, its cores.

    ``instructions`` is the widest set that torch's own kernels use, such as ``AVX512``.
    """
    name, family = processor_name_and_family()
    instructions = torch.backends.cpu.get_cpu_capability()
    return {"name": name, "family": family, "instructions": instructions, "cores": str(os.cpu_count())}


def training_key(source: Path, script: Path, data: str, chosen: str) -> str:
    """Return the key of a training's checkpoints: all that decides the weights, and so who shares them.

    Args:
        source: The folder of our package, of which :data:`DECIDING` counts.
        script: What runs the training.
        data: A hash of the photographs.
        chosen: The parameters, what they were resolved to, and :attr:`Environment.deciding`.
    """
    return content_key(*(source / package for package in DECIDING), script, text=f"{data} {chosen}")


def _some(different: list[str]) -> str:
    more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
    return ", ".join(different[:_SHOWN]) + more


@dataclass(frozen=True)
class Environment:
    """What a run runs on.

    Attributes:
        tags: What MLflow keeps as tags, beside the versions of the main packages.
        report: What ``environment.json`` says, which MLflow keeps with the run: every version among it.
        warnings: The line that says that versions are not the tested ones; none where they are.
        deciding: What decides a training's last digits beside code, data, parameters and processor.
    """

    tags: dict[str, str]
    report: dict[str, Any]
    warnings: list[str]
    deciding: str


def examine(requirements: Path, precision: str, device: str) -> Environment:
    """Look at what this process runs on.

    Args:
        requirements: The file with the pinned versions.
        precision: Resolved: ``fp32`` or ``bf16``.
        device: Resolved.
    """
    versions, chip = installed(), processor()
    different = differences(pinned(requirements), versions)
    tags = {
        "device": device,
        "precision": precision,
        "threads": str(torch.get_num_threads()),
        "processes": str(distributed.world_size()),
        "processor.family": chip["family"],
        "processor.instructions": chip["instructions"],
        "processor.cores": chip["cores"],
        "system": f"{platform.system()} {platform.machine()}",
        "requirements": "as pinned" if not different else f"differ: {_some(different)}",
    }
    report = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": chip,
        "run": tags,
        "versions": dict(sorted(versions.items())),
        "requirements": {"as_pinned": not different, "different": different},
    }
    line = (
        f"warning: other versions than in requirements.txt: {_some(different)}; figures may differ from those of the "
        "pinned ones, which `make setup` installs"
    )
    libraries = [f"{name} {versions.get(name, '')}" for name in _DECIDING]
    deciding = ", ".join([*libraries, f"{distributed.world_size()} processes"])
    return Environment(tags, report, [line] if different else [], deciding)
