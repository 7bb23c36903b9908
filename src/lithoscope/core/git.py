"""Git, asked as a process: one line's answer, and the contents of files in commits."""

import subprocess
from collections.abc import Iterable
from pathlib import Path


def git_output(root: Path, *arguments: str) -> str | None:
    """Return what git prints in a checkout, without the line break at its end; None where it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def read_blobs(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return what files held in commits, all in one git process.

    Args:
        root: The checkout.
        names: ``REVISION:PATH``, or ``REVISION:./PATH`` for a path below ``root``.

    Returns:
        Contents by name; those that are not there, or are no files, are left out.
    """
    asked = list(dict.fromkeys(names))
    request = "".join(f"{name}\n" for name in asked).encode()
    answer = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=root, input=request, capture_output=True, check=False
    ).stdout
    found: dict[str, bytes] = {}
    for name in asked:
        head, _, answer = answer.partition(b"\n")
        _, kind, size = (b" " + head).rsplit(b" ", 2)
        if size.isdigit():  # else "NAME missing"
            content, answer = answer[: int(size)], answer[int(size) + 1 :]
            if kind == b"blob":
                found[name] = content
    return found
