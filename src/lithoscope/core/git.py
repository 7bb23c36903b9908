"""Git, asked as a process: one line's answer, the contents of files in commits, and what changed.

The project may be a folder of a repository, a worktree or a shallow clone. A repository that Git does not read because
it belongs to another user, as in a container, is an error and never "nothing changed".
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lithoscope.core.errors import LithoscopeError


def git_output(root: Path, *arguments: str) -> str | None:
    """Return what git prints in a checkout, without the line break at its end; None where it fails.

    Raises:
        LithoscopeError: Git is not there, or does not read this repository.
    """
    answer = _run(root, *arguments)
    return None if answer is None else answer.decode("utf-8", "surrogateescape").removesuffix("\n")


def _run(root: Path, *arguments: str, request: bytes | None = None) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            input=request,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},  # its refusal below is known by its words
        )
    except FileNotFoundError:
        raise LithoscopeError("git is not installed") from None
    if b"dubious ownership" in done.stderr:
        raise LithoscopeError(
            f"{root.resolve()}: git does not read a repository of another user; where it can be trusted: "
            f"git config --global --add safe.directory {root.resolve()}"
        )
    return done.stdout if done.returncode == 0 else None


def folder_in_repository(root: Path) -> str:
    """Return where the project lies in its repository: "" at its root, else a path that ends with ``/``.

    Raises:
        LithoscopeError: This is no Git checkout, or one that Git does not read.
    """
    prefix = git_output(root, "rev-parse", "--show-prefix")
    if prefix is None:
        raise LithoscopeError(f"{root.resolve()}: git cannot tell what changed; run this in a Git checkout")
    return prefix


def changed_files(root: Path) -> list[str]:
    """Return the tracked files of the project that differ from the commit that is checked out.

    Args:
        root: The checkout; files of the repository outside it are none of the project's.

    Returns:
        Paths relative to ``root``.

    Raises:
        LithoscopeError: This is no Git checkout, or one that Git does not read.
    """
    inside = folder_in_repository(root)
    status = git_output(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--", ".")
    if status is None:
        raise LithoscopeError(f"{root.resolve()}: git cannot tell what changed; `git status` fails there")
    return [entry[3:].removeprefix(inside) for entry in status.split("\0") if entry]


def read_blobs(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return what files held in commits, all in one git process.

    Args:
        root: The checkout.
        names: ``REVISION:PATH``, or ``REVISION:./PATH`` for a path below ``root``.

    Returns:
        Contents by name; those that are not there, or are no files, are left out.

    Raises:
        LithoscopeError: Git is not there, or does not read this repository.
    """
    asked = list(dict.fromkeys(names))
    request = "".join(f"{name}\n" for name in asked).encode()
    answer = _run(root, "cat-file", "--batch", request=request) or b""
    found: dict[str, bytes] = {}
    for name in asked:
        head, _, answer = answer.partition(b"\n")
        _, kind, size = (b" " + head).rsplit(b" ", 2)
        if size.isdigit():  # else "NAME missing"
            content, answer = answer[: int(size)], answer[int(size) + 1 :]
            if kind == b"blob":
                found[name] = content
    return found
