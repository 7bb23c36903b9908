"""Two experiments' accuracies compared: photograph by photograph where both read the same ones, else as two samples."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import fisher_exact

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.statistics.paired import compare_pairs, in_words
from lithoscope.evaluation.statistics.proportions import newcombe
from lithoscope.experiments.dvc_runs import finished_refs
from lithoscope.gate.scores import Scores, read_scores
from lithoscope.gate.sides import PREDICTIONS, Side, revision_side
from lithoscope.tracking import PastRun, Store

_ONCE = "one training"


def predictions_of(root: Path, store: Store, run: PastRun) -> Scores | None:
    """Return what a run said of each photograph that it was scored on.

    MLflow keeps the table with the run; where it does not, the Git commit of the run's DVC experiment has it. Near-
    duplicates are known from that commit. A table whose accuracy is not the run's belongs to another evaluation.

    Args:
        root: The checkout.
        store: Where the run is kept.
        run: The run.

    Returns:
        The predictions, or None where neither place has those of this run.
    """
    refs = [ref for ref in finished_refs(root) if run.experiment and ref.rsplit("/", 1)[1] == run.experiment]
    sides = [revision_side(root, ref) for ref in refs]  # several commits may have an experiment of one name
    kept = store.file(run.run_id, Path(PREDICTIONS).name)
    texts = [None if kept is None else kept.decode("utf-8", errors="replace")]
    for text in [*texts, *(side.files.get(PREDICTIONS) for side in sides)]:
        try:
            scores = None if text is None else read_scores(text, f"predictions of {run.name}")
        except LithoscopeError:
            continue
        if scores is not None and _belongs(scores, run):
            return replace(scores, groups=_groups(scores, sides))
    return None


def _belongs(scores: Scores, run: PastRun) -> bool:
    return abs(float(scores.right.mean()) - run.metrics.get(f"{scores.split}.accuracy", -1.0)) < 1e-5


def _groups(scores: Scores, sides: Sequence[Side]) -> list[str]:
    """Return the group of near-duplicates of each photograph; itself where no commit knows of it."""
    for side in sides:
        table = side.packed()
        if table is not None:
            groups = dict(zip(table["id"], table["group"], strict=True))
            if groups.keys() >= set(scores.ids):
                return [groups[name] for name in scores.ids]
    return list(scores.ids)


def against(reference: Scores, other: Scores, *, same_set: bool) -> str:
    """Put the difference of two accuracies in words; ``better`` is in favour of ``other``.

    On the same photographs: exact McNemar test and paired bootstrap over groups of near-duplicates
    (:mod:`lithoscope.evaluation.statistics.paired`). On others, the two are taken for independent samples: Newcombe's
    interval (1998, method 10) and Fisher's exact test (1935); the words then begin with ``other photographs``.

    Args:
        reference: What one run said.
        other: What the other one said.
        same_set: Whether both read the same data set. Between two sets no difference is a model's alone, so that none
            is stated; nor is one between validation and test.
    """
    if not same_set:
        return "not comparable: another data set"
    if reference.split != other.split:
        return f"not comparable: {other.split} against {reference.split}"
    if reference.labelled() == other.labelled():
        mine = reference.like(other)
        groups = dict(zip(other.ids, other.groups, strict=True))
        if all(group == name for name, group in groups.items()):
            groups = dict(zip(mine.ids, mine.groups, strict=True))
        one, two = ({_ONCE: dict(zip(each.ids, map(bool, each.right), strict=True))} for each in (other, mine))
        paired = compare_pairs(one, two, "experiments", other.split, groups=groups)
        assert paired is not None  # both read every photograph
        return paired.words
    hits, n = (int(other.right.sum()), int(reference.right.sum())), (len(other), len(reference))
    p = float(fisher_exact(np.array([[hits[0], n[0] - hits[0]], [hits[1], n[1] - hits[1]]])).pvalue)
    difference = hits[0] / n[0] - hits[1] / n[1]
    return f"other photographs, unpaired: {in_words(difference, newcombe(hits, n), [p])}"
