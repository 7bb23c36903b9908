"""Provenance: whether ``dvc.lock`` belongs to the code, parameters and figures beside it. Needs no DVC cache.

``dvc status`` cannot say so on a fresh clone: it calls all that is not in the cache deleted. What Git holds is compared
here by DVC itself, stage by stage, in the workspace or in a revision; what only the cache holds is compared by the
hashes in ``dvc.lock``, as one stage made it and as the next one read it.
"""

from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import git_output


def mismatches(root: Path, commit: str | None = None) -> tuple[list[str], list[str]]:
    """Return what does not belong together, and what cannot be checked, each as lines.

    Args:
        root: The checkout.
        commit: The revision to look at; None for the workspace.

    Raises:
        LithoscopeError: DVC cannot read the pipeline.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.repo.brancher import switch

    try:
        # Repo(rev=…) would look for the pipeline at the root of the repository, of which the project may be a folder.
        with Repo(str(root)) as repo, switch(repo, commit or "workspace"):
            return _compare(root, repo)
    except DvcException as error:
        raise LithoscopeError(f"DVC cannot read the pipeline: {' '.join(str(error).split())}") from None


def _compare(root: Path, repo: Any) -> tuple[list[str], list[str]]:
    stages = repo.index.stages
    made = {out.fs_path: out for stage in stages for out in stage.outs}
    wrong: list[str] = []
    unchecked: list[str] = []
    for stage in stages:
        if not getattr(stage, "cmd", None):  # data.dvc: Git holds its hash, and nothing to compare it with
            continue
        problems = []
        if stage.changed_stage():
            problems.append("its command changed")
        for dependency in stage.deps:
            path = str(dependency.def_path)
            maker = made.get(dependency.fs_path)
            if maker is not None:
                if dependency.hash_info != maker.hash_info:
                    problems.append(f"{path} is not what the stage before made")
            elif not dependency.is_in_repo or _ignored(root, path):
                unchecked.append(f"{path}: Git does not hold it, so nobody can say whether it changed")
            else:
                problems += _described(dependency.status(), path)
        for out in stage.outs:
            if not out.use_cache:  # Git holds it
                problems += _described(out.status(), str(out.def_path))
        if problems:
            shown = "; ".join(problems[:4]) + (f"; and {len(problems) - 4} more" if len(problems) > 4 else "")
            wrong.append(f"stage {stage.name}: {shown}")
    return wrong, sorted(set(unchecked))


def _described(status: Any, path: str) -> list[str]:
    """Turn DVC's status of one dependency or output into words."""
    if not status:
        return []
    word = status.get(path, "changed")
    if isinstance(word, dict):  # of parameters, each with a word of its own
        return [f"{path}: {key} {state}" for key, state in sorted(word.items())]
    return [f"{path} {word}"]


def _ignored(root: Path, path: str) -> bool:
    return git_output(root, "check-ignore", "--quiet", path) is not None
