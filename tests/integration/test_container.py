"""The container file, read: what it copies is let in, nothing else is, and the server in it has no rights."""

import json
import os
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def lines(checkout: Path) -> list[str]:
    text = (checkout / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def let_in(checkout: Path, name: str) -> bool:
    """As Docker reads ``.dockerignore``: the last pattern that names a file, or a folder it lies in, decides."""
    decided = True
    parts = name.split("/")
    for pattern in (checkout / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if pattern and not pattern.startswith("#"):
            ways = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
            wanted = pattern.removeprefix("!").removeprefix("**/")
            deep = "**/" in pattern
            if any(
                fnmatch(way.rpartition("/")[2] if deep else way, wanted)
                and (deep or way.count("/") == wanted.count("/"))
                for way in ways
            ):
                decided = pattern.startswith("!")
    return decided


def test_what_is_copied_is_let_in_and_nothing_else(checkout: Path, lines: list[str]) -> None:
    copied = [name for line in lines if line.startswith("COPY") and "--from" not in line for name in line.split()[1:-1]]
    assert set(copied) == {"pyproject.toml", "README.md", "LICENSE", "requirements.txt", "src", "build/export"}
    assert all((checkout / name).exists() for name in copied if name != "build/export")  # that one is made
    assert all(let_in(checkout, f"{name}/x" if "." not in name and name != "LICENSE" else name) for name in copied)
    for name in ("data/rock.jpg", "build/raw/rock.jpg", "build/model/model.safetensors", "mlflow.db", ".git/config"):
        assert not let_in(checkout, name), name
    assert not let_in(checkout, "src/lithoscope/__pycache__/x.pyc")


def test_the_image_installs_an_extra_that_the_package_has(checkout: Path, lines: list[str]) -> None:
    extras = re.search(r'"\.\[([a-z,]+)\]"', "\n".join(lines))
    assert extras
    with (checkout / "pyproject.toml").open("rb") as stream:
        known = tomllib.load(stream)["project"]["optional-dependencies"]
    assert "serve" in extras[1].split(",")
    assert set(extras[1].split(",")) <= set(known)
    assert "pipeline" not in extras[1]  # which brings torch


def test_the_server_in_it_has_no_rights_and_is_asked_whether_it_is_well(lines: list[str]) -> None:
    last = lines[max(place for place, line in enumerate(lines) if line.startswith("FROM")) :]
    (user,) = [line.split()[1] for line in last if line.startswith("USER")]
    assert int(user) > 0
    (health,) = [line for line in last if line.startswith("HEALTHCHECK")]
    assert "/healthz" in health
    (entry,) = [json.loads(line.removeprefix("ENTRYPOINT ")) for line in last if line.startswith("ENTRYPOINT")]
    assert entry[:4] == ["lithoscope", "serve", "--model", "/model"]
    assert not [line for line in lines if "TOKEN" in line]


def made_image(checkout: Path, folder: Path, docker: str) -> subprocess.CompletedProcess[str]:
    """``make image`` where ``docker`` is the given shell script."""
    (folder / "docker").write_text(f"#!/bin/sh\n{docker}\n", encoding="utf-8")
    (folder / "docker").chmod(0o755)
    # What is older than nothing is not made: neither an environment nor an export.
    command = ["make", "--no-print-directory", "--old-file=setup", "--assume-old=build/export/model.onnx", "image"]
    environ = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "MAKEFLAGS": ""}
    return subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)


def test_a_client_without_its_daemon_is_no_docker(checkout: Path, tmp_path: Path) -> None:
    result = made_image(checkout, tmp_path, 'echo "Cannot connect to the Docker daemon" >&2; exit 1')
    assert (result.returncode, result.stdout) == (0, "no Docker here that answers: no image was built\n")
