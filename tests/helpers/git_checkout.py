"""A Git checkout with parameters and no pipeline, made in milliseconds."""

import subprocess
from pathlib import Path

from helpers.tiny_parameters import TINY, with_values


def git(root: Path, *arguments: str) -> str:
    """Run git as somebody; return what it printed."""
    someone = ["-c", "user.name=A Test", "-c", "user.email=test@localhost"]
    done = subprocess.run(["git", *someone, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def small_checkout(root: Path, source: Path) -> Path:
    """Make a checkout with the committed parameters of another one, made tiny, and an empty folder for recipes."""
    (root / "recipes").mkdir(parents=True)
    (root / "params.yaml").write_text(with_values(git(source, "show", "HEAD:params.yaml"), TINY), encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    return root
