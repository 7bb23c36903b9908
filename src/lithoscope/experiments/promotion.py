"""Promotion of models: what passes the gate against the model in use is registered, tagged, and takes its alias."""

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lithoscope.config.params import load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json
from lithoscope.core.git import changed_files, git_output
from lithoscope.data.packed.shards import open_shards
from lithoscope.gate.checks import Finding
from lithoscope.gate.result_files import PIPELINE, ResultFiles, resolve_revision, revision_files
from lithoscope.gate.verdict import PASSED, Verdict, decide
from lithoscope.serving.onnx_description import LIMITS, limits_of, source_digests
from lithoscope.tracking import GIT_TAG, PARAMETERS_TAG, WEIGHTS_TAG, Store, run_name
from lithoscope.tracking.registry import ARTIFACT_TAG, RELEASE_TAG, RegisteredModel, Registry

MODEL, JUDGED_BY, ARRAYS = "build/model", "build/limits", "build/arrays"
_SOURCE = Path(__file__).resolve().parents[1]
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Candidate:
    """The model of the commit that is checked out.

    Attributes:
        artifact: Its name in ``dvc.yaml``, in Git's tags and in the registry.
        results: What Git holds of its run.
        weights: SHA-256 of its weights.
        md5: DVC's hash of its folder.
    """

    artifact: str
    results: ResultFiles
    weights: str
    md5: str


def artifact_name(results: ResultFiles) -> str:
    """Return the name that ``dvc.yaml`` gives the model.

    Raises:
        LithoscopeError: It gives none.
    """
    if PIPELINE not in results.files:
        raise LithoscopeError(f"{PIPELINE}: not there in {results.name}; run this at the root of a checkout")
    artifacts = results.yaml(PIPELINE).get("artifacts") or {}
    found = [name for name, entry in artifacts.items() if entry.get("path") == MODEL]
    if not found:
        raise LithoscopeError(f"{PIPELINE}: no artifact has the path {MODEL}; docs/registry.md says how it is named")
    return str(found[0])


def committed_model(root: Path) -> Candidate:
    """Return the model of the commit that is checked out.

    Raises:
        LithoscopeError: It was not tested, its files are not those of the commit, or there is none.
    """
    if resolve_revision(root, "HEAD") is None:
        raise LithoscopeError(f"{root}: no commit here; run this at the root of a checkout that has one")
    results = revision_files(root, "HEAD")
    name, entry = artifact_name(results), results.lock_entry(MODEL)
    changed = sorted(set(changed_files(root)) & set(results.files))
    if changed:
        raise LithoscopeError(f"{', '.join(changed)}: not as committed; a tag names a commit, so commit first")
    if results.predictions().split != "test":
        raise LithoscopeError("the predictions are not of the test; set evaluate.on to test, run `dvc repro`, commit")
    weights = source_digests(root / MODEL, None)["weights"]
    if entry is None or _differs(root):
        raise LithoscopeError(f"{MODEL}: not the model of dvc.lock; run `dvc checkout` or `dvc repro`, and commit")
    return Candidate(name, results, weights, str(entry["md5"]))


def _differs(root: Path) -> bool:
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        (out,) = repo.find_outs_by_path(str(root / MODEL))
        return bool(out.workspace_status())


def is_in_use(root: Path, champion: RegisteredModel, candidate: Candidate) -> bool:
    """Say whether an alias stands for this very model: weights, temperature, and what judges its answers."""
    if champion.weights != candidate.weights:
        return False
    if not champion.commit or resolve_revision(root, champion.commit) is None:
        return True
    before = revision_files(root, champion.commit)
    return all(_md5(before, path) == _md5(candidate.results, path) for path in (MODEL, JUDGED_BY))


def _md5(results: ResultFiles, path: str) -> object:
    return (results.lock_entry(path) or {}).get("md5")


def judge_candidate(root: Path, champion: RegisteredModel | None, candidate: Candidate) -> Verdict:
    """Hold a model against the one in use, on the same test photographs; the first one against the gate's rules alone.

    Raises:
        LithoscopeError: The commit of the model in use is not here.
    """
    if champion is None:
        return decide(root, candidate.results, candidate.results, timed=False)
    if not champion.commit or resolve_revision(root, champion.commit) is None:
        raise LithoscopeError(
            f"version {champion.version} of {candidate.artifact}: its commit {champion.commit[:9] or 'nobody noted'} "
            "is not in this checkout; fetch it, so that both can be compared"
        )
    verdict = decide(root, revision_files(root, champion.commit), candidate.results, timed=False)
    if verdict.paired or verdict.photographs is None:
        return verdict
    text = f"version {champion.version} was tested on other photographs: train it anew on these, and promote that first"
    return replace(verdict, findings=[*verdict.findings, Finding("unknown", text)])


def may_be_promoted(verdict: Verdict, champion: RegisteredModel | None) -> bool:
    """Say whether a model may be used: it passed, or nothing speaks against the first one."""
    return verdict.status == PASSED or (champion is None and not verdict.failures())


def next_release(root: Path, artifact: str, asked: str | None) -> str:
    """Return the Git tag of the next release, ``NAME@vX.Y.Z``, as ``dvc artifacts get`` looks for it.

    Args:
        root: The checkout.
        artifact: NAME.
        asked: X.Y.Z; None counts the minor version up.

    Raises:
        LithoscopeError: It is no version, or taken.
    """
    listed = (git_output(root, "tag", "--list", f"{artifact}@v*") or "").splitlines()
    found = [_RELEASE.fullmatch(tag.partition("@v")[2]) for tag in listed]
    taken = sorted(tuple(map(int, match.groups())) for match in found if match)
    if asked is None:
        major, minor, _ = taken[-1] if taken else (1, -1, 0)
        return f"{artifact}@v{major}.{minor + 1}.0"
    if _RELEASE.fullmatch(asked) is None:
        raise LithoscopeError(f"--release {asked}: allowed: three numbers, such as 1.2.0")
    if f"{artifact}@v{asked}" in listed:
        raise LithoscopeError(f"--release {asked}: the tag {artifact}@v{asked} is there already; name another one")
    return f"{artifact}@v{asked}"


def promote(
    root: Path, store: Store, candidate: Candidate, alias: str, champion: RegisteredModel | None, release: str
) -> RegisteredModel:
    """Register a model, tag its commit, and let the alias stand for it, in this order.

    Whatever fails, the alias stands for the model it stood for before.

    Args:
        root: The checkout.
        store: Whose registry it is.
        candidate: The model, which may be promoted.
        alias: Such as ``champion``.
        champion: What the alias stands for now.
        release: The Git tag to make.

    Raises:
        LithoscopeError: The store cannot be used, or Git makes no tag.
    """
    registry = Registry(store.connection, candidate.artifact)
    parameters = load_parameters(root / "params.yaml", past=True)
    commit = str(candidate.results.commit)
    tags = {WEIGHTS_TAG: candidate.weights, ARTIFACT_TAG: candidate.md5, GIT_TAG: commit, RELEASE_TAG: release}
    hashes = {WEIGHTS_TAG: candidate.weights, PARAMETERS_TAG: parameters.digest()}
    classes = [str(name) for name in read_json(root / MODEL / "model.json", "run `dvc repro`")["classes"]]
    with store.trained(run_name(parameters), parameters, hashes) as run:
        run_id = run.run_id
    if not run_id:
        raise LithoscopeError(f"MLflow: the store {store.shown} went away; nothing was promoted")
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as place:
        folder = shutil.copytree(root / MODEL, Path(place) / "model")
        if (limits := limits_of(root / MODEL)) is not None:  # what its answers are judged by goes along
            shutil.copytree(limits, folder / LIMITS, dirs_exist_ok=True)
        example = np.array(open_shards(root / ARRAYS, "test")[:1])
        model = registry.register(run_id, folder, example, _SOURCE, classes, tags)
    message = f"{candidate.artifact}, version {model.version} in MLflow\n\nsha256 of the weights: {candidate.weights}"
    message += f"\nmd5 of {MODEL}: {candidate.md5}"
    if git_output(root, "tag", "--annotate", release, "--message", message, commit) is None:
        raise LithoscopeError(
            f"git made no tag {release}, so {alias} stays as it was; `git tag --annotate {release}` says why"
        )
    registry.take_alias(alias, model, champion)
    return model
