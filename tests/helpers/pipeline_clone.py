"""A clone of the working tree with a tiny set of photographs, in which the real ``dvc`` runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from helpers.tiny_parameters import make_tiny

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

CLASSES = ("basalt", "granite & gneiss", "quartz")


def make_photographs(folder: Path, each: int = 12) -> None:
    """Draw noisy pictures with a shade of grey for each class: easy to learn, no two alike."""
    for index, label in enumerate(CLASSES):
        (folder / label).mkdir(parents=True)
        for number in range(each):
            rng = np.random.default_rng([index, number])
            coarse = rng.integers(0, 120, (6, 6, 3)) + 60 * index
            picture = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8)).resize(
                (80, 64), Image.Resampling.BICUBIC
            )
            picture.save(folder / label / f"IMG {number:02d}.png")


class Clone:
    """A checkout of its own, with an environment like an activated one.

    Args:
        root: Where it is.
        warm: Where commands lie that begin with their libraries in memory (:mod:`helpers.warm_python`).
    """

    def __init__(self, root: Path, warm: Path | None = None) -> None:
        self.root, self.warm = root, warm
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "MLFLOW_"))}
        self.environment = {
            **kept,
            "PATH": os.pathsep.join([*([str(warm)] if warm else []), str(Path(sys.executable).parent), kept["PATH"]]),
            "GIT_AUTHOR_NAME": "A Test",
            "GIT_AUTHOR_EMAIL": "test@localhost",
            "GIT_COMMITTER_NAME": "A Test",
            "GIT_COMMITTER_EMAIL": "test@localhost",
        }

    @classmethod
    def of(cls, checkout: Path, root: Path, *, pull: bool = False, warm: Path | None = None) -> "Clone":
        """Make one of a checkout; with the built-in specimens, two files of three in the repository, where asked.

        Without them it does not know of them either: ``dvc checkout`` would ask for what was never pulled.
        """
        clone = cls(root, warm)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (checkout / name).is_file() and (pull or not name.startswith(("bundled/", "data.dvc"))):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, root / name)
        clone.run("git", "init", "--quiet", "--initial-branch=main")
        clone.commit("Start")
        if pull:
            clone.run("dvc", "pull", "--quiet", "data.dvc")  # as the README says
        return clone

    def tiny(self, photographs: Path, **settings: int) -> None:
        """Set it up for a tiny set; what else stands at the top of params.yaml can be set too."""
        make_tiny(self.root / "params.yaml", **settings)
        self.run("lithoscope", "use", str(photographs))

    def copy(self, root: Path) -> "Clone":
        """Return another clone with everything in it as it is here."""
        shutil.copytree(self.root, root, symlinks=True)
        return Clone(root, self.warm)

    def cold(self) -> "Clone":
        """Return this clone with commands that begin with nothing in memory, as a signal to their group wants them."""
        clone = Clone(self.root)
        clone.environment = {**self.environment, "PATH": clone.environment["PATH"]}
        return clone

    def run(self, *command: str, status: int | None = 0) -> str:
        """Run a command; return what it printed, on both streams."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if status is not None:
            assert done.returncode == status, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def edit(self, file: str, pattern: str, replacement: str) -> None:
        """Replace the one place in a file that matches a pattern."""
        text = (self.root / file).read_text(encoding="utf-8")
        changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count == 1, f"{pattern} matches {count} times in {file}"
        (self.root / file).write_text(changed, encoding="utf-8")


def runs(store: "MlflowClient") -> "list[Run]":
    """Return all runs of ours in a store, the oldest first."""
    experiment = store.get_experiment_by_name("lithoscope")
    assert experiment is not None
    return list(store.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]))


def read(clone: Clone, name: str) -> dict[str, Any]:
    """Read a JSON file in a clone."""
    values: dict[str, Any] = json.loads((clone.root / name).read_text(encoding="utf-8"))
    return values
