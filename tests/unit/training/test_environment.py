import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lithoscope.training.environment import differences, examine, installed, pinned, processor

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
CUDA = ("nvidia-", "cuda-", "triton")


def needed(roots: list[str], python: str) -> Iterator[str]:
    """Every package that some requirements lead to, for a Python, by what the installed ones say they need."""
    here: dict[str, Any] = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    waiting, seen = [(Requirement(root), "") for root in roots], set[tuple[str, str]]()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({**here, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        yield name
        for wanted in ["", *requirement.extras]:
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            try:
                waiting += [(Requirement(line), wanted) for line in requires(name) or []]
            except PackageNotFoundError:  # only another Python needs it
                continue


def roots(checkout: Path) -> list[str]:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["docs"]]
    for line in extras["dev"]:  # some of which are extras of ours in turn
        requirement = Requirement(line)
        ours = requirement.name == project["name"]
        lines += [each for extra in requirement.extras for each in extras[extra]] if ours else [line]
    return lines


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_is_pinned_transitively_for_each_python(checkout: Path, python: str) -> None:
    pins = pinned(checkout / "requirements.txt", python)
    wanted = set(needed(roots(checkout), python))
    assert len(wanted) > 100, "this test looks at nothing"
    assert sorted(name for name in wanted - set(pins) if not name.startswith(CUDA)) == []


@pytest.mark.parametrize("python", PYTHONS)
def test_pins_are_exact_fit_what_is_asked_for_and_bring_no_cuda(checkout: Path, python: str) -> None:
    pins = pinned(checkout / "requirements.txt", python)
    assert all(pin and pin[0].isdigit() and not set(pin) & set("<>=!~*, ") for pin in pins.values())
    assert not [name for name in pins if name.startswith(CUDA)]
    for root in map(Requirement, roots(checkout)):
        assert root.specifier.contains(pins[canonicalize_name(root.name)]), root


def test_every_supported_python_is_looked_at(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={PYTHONS[0]}"


def test_a_missing_pin_would_be_noticed(checkout: Path, tmp_path: Path) -> None:
    lines = (checkout / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (tmp_path / "requirements.txt").write_text("\n".join(x for x in lines if not x.startswith("mpmath")), "utf-8")
    missing = set(needed(roots(checkout), "3.11")) - set(pinned(tmp_path / "requirements.txt", "3.11"))
    assert {name for name in missing if not name.startswith(CUDA)} == {"mpmath"}  # which torch needs through sympy


def test_a_pin_for_another_python_is_not_for_this_one(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# made by hand\nNumPy==2.4.6 ; python_full_version < '3.12'\nnumpy==2.5.5 ; python_full_version >= '3.12'\n"
        "pywin32==312 ; sys_platform == 'no such system'\n\npydantic_core==2.50.4\n",
        encoding="utf-8",
    )
    assert pinned(path, "3.11") == {"numpy": "2.4.6", "pydantic-core": "2.50.4"}
    assert pinned(path, "3.13") == {"numpy": "2.5.5", "pydantic-core": "2.50.4"}
    assert pinned(tmp_path / "none.txt") == {}


def test_other_versions_are_named_and_builds_and_missing_ones_are_not() -> None:
    pins = {"torch": "2.13.0", "numpy": "2.4.6", "ruff": "0.17.5", "zipp": "4.0"}
    versions = {"torch": "2.13.0+cpu", "numpy": "2.3.0", "zipp": "4"}
    assert differences(pins, versions) == ["numpy 2.3.0 (pinned: 2.4.6)"]


def test_what_is_installed_is_found() -> None:
    assert installed()["torch"] == version("torch")
    assert "pydantic-core" in installed()


def test_other_versions_give_one_line_and_a_tag(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"pillow==1\nnumpy==1\npandas==1\nmlflow==1\nscipy==1\ntorch=={torch.__version__}\n", "utf-8")
    found = examine(path, "fp32", "cpu")
    (line,) = found.warnings
    assert line.startswith("warning: other versions than in requirements.txt: mlflow ")
    assert "and 2 more" in line
    assert "\n" not in line
    assert found.tags["requirements"].startswith("differ: mlflow ")
    assert len(found.report["requirements"]["different"]) == 5
    path.write_text(f"pillow=={version('pillow')}\n", encoding="utf-8")
    alike = examine(path, "bf16", "cpu")
    assert alike.warnings == []
    assert alike.tags["requirements"] == "as pinned"
    assert alike.tags["precision"] == "bf16"


def test_what_a_run_ran_on_is_said_in_full(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = examine(tmp_path / "requirements.txt", "fp32", "cpu")
    torch.set_num_threads(before)
    assert found.tags["threads"] == "1"
    assert found.tags["processes"] == "1"
    assert found.report["versions"]["numpy"] == version("numpy")
    assert found.report["processor"] == processor()
    assert found.report["processor"]["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert all(name in found.deciding for name in ("torch", "lightning", "numpy", "1 processes"))


def test_no_pin_needs_a_later_patch_of_the_oldest_python(checkout: Path) -> None:
    """Debian's Python 3.11 is 3.11.2, and the project says 3.11."""
    oldest, needing = f"{PYTHONS[0]}.0", {}
    for name in pinned(checkout / "requirements.txt", PYTHONS[0]):
        try:
            needing[name] = SpecifierSet(str(metadata(name).json.get("requires_python", "")))
        except PackageNotFoundError:  # another system needs it
            continue
    assert len(needing) > 100, "this test looks at nothing"
    assert [name for name, specifier in needing.items() if not specifier.contains(oldest)] == []
