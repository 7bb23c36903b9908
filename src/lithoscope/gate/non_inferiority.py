"""Non-inferiority test of a metric, and the smallest drop it could have detected.

One-sided throughout. The difference between two models is estimated with its confidence bounds over the test
photographs; a drop beyond the tolerated one counts as shown when even its lower bound lies beyond. This is the
non-inferiority margin of Blackwelder (1982), "Proving the null hypothesis" in clinical trials, with the burden of proof
on the regression.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.bootstrap import effective_cases, resampled_sums
from lithoscope.evaluation.statistics.paired import mcnemar
from lithoscope.evaluation.statistics.proportions import newcombe
from lithoscope.gate.predictions import METRICS, Predictions
from lithoscope.gate.settings import Rule

POWER = 0.8  # how probable it should be to see the smallest drop that is said to be visible

Outcome = Literal["worse", "tolerated", "no drop shown", "better"]


@dataclass(frozen=True)
class Judgement:
    """What became of one metric. Drops are in its unit and above 0 where it got worse.

    Attributes:
        metric: Its name.
        baseline: Its value there.
        current: Its value now.
        drop: By how much it is worse.
        at_least: Lower confidence bound of the drop, at the rule's level, one-sided.
        at_most: Upper one.
        p_value: One-sided exact McNemar test of a drop; None for other metrics and where the tests differ.
        smallest: The smallest drop that would have failed in :data:`POWER` of such comparisons; infinite where none
            would, None where the two answer alike, so that nothing says how a worse model would have spread.
        tolerated: The drop that is tolerated.
        level: The confidence of the bounds.
        outcome: ``worse`` (by more than is tolerated), ``tolerated`` (a drop is shown, but not that one),
            ``better`` (by more than that, so that another seed is not taken for progress), or ``no drop shown``.
    """

    metric: str
    baseline: float
    current: float
    drop: float
    at_least: float
    at_most: float
    p_value: float | None
    smallest: float | None
    tolerated: float
    level: float
    outcome: Outcome


def judge(metric: str, rule: Rule, baseline: Predictions, current: Predictions, *, paired: bool) -> Judgement:
    """Compare a metric of two models.

    Paired, photographs are resampled together with both models' answers (percentile bootstrap over groups of
    near-duplicates and specimens), and accuracy must pass the exact McNemar test as well before it counts as worse or
    better. Unpaired, each of the two is resampled on its own, and accuracy has Newcombe's interval, at the effective
    number of photographs where these come in groups
    (:func:`lithoscope.evaluation.statistics.bootstrap.effective_cases`).

    Args:
        metric: One of :data:`lithoscope.gate.predictions.METRICS`.
        rule: What is asked of it.
        baseline: The predictions to compare with.
        current: The predictions that are judged.
        paired: Whether both hold the same photographs.
    """
    values = METRICS[metric].of(baseline), METRICS[metric].of(current)
    drop, p_value, p_better = rule.drop_of(*values), None, None
    drops = _resampled_drops(metric, rule, baseline, current, paired)
    at_least, at_most = (float(value) for value in np.quantile(drops, [1 - rule.level, rule.level]))
    spread = float(drops.std())
    smallest = rule.drop + _normal(rule.level, POWER) * spread if spread > 0 else None
    if metric == "accuracy":
        if paired:
            lost, gained = disagreements(baseline, current)
            p_value, p_better = mcnemar(lost, gained, first_better=True), mcnemar(gained, lost, first_better=True)
            smallest = smallest_detectable_drop(len(baseline), (lost + gained) / len(baseline), rule.drop, rule.level)
        else:
            at_least, at_most = _newcombe(baseline, current, rule)
    alpha = 1 - rule.level
    if at_least > 0 and (p_value is None or p_value <= alpha):
        outcome: Outcome = "worse" if at_least > rule.drop else "tolerated"
    elif at_most < -rule.drop and (p_better is None or p_better <= alpha):
        outcome = "better"
    else:
        outcome = "no drop shown"
    return Judgement(metric, *values, drop, at_least, at_most, p_value, smallest, rule.drop, rule.level, outcome)


def _resampled_drops(
    metric: str, rule: Rule, baseline: Predictions, current: Predictions, paired: bool
) -> npt.NDArray[np.float64]:
    columns = (
        METRICS[metric].columns(baseline),
        METRICS[metric].columns(current.in_order_of(baseline) if paired else current),
    )
    figure = METRICS[metric].figure
    if paired:
        groups = current.in_order_of(baseline).groups  # an earlier baseline may know of none
        both = resampled_sums(np.concatenate(columns, axis=1), groups, generator(0, "gate"))
        cut = columns[0].shape[1]
        first, second = figure(both[:, :cut]), figure(both[:, cut:])
    else:
        first, second = (
            figure(resampled_sums(own, predictions.groups, generator(0, "gate", name)))
            for own, predictions, name in zip(columns, (baseline, current), ("baseline", "current"), strict=True)
        )
    return np.asarray(first - second if rule.better == "higher" else second - first)


def disagreements(baseline: Predictions, current: Predictions) -> tuple[int, int]:
    """Return how many photographs the baseline alone predicts correctly, and how many the current model alone."""
    before, now = baseline.correct, current.in_order_of(baseline).correct
    return int((before & ~now).sum()), int((now & ~before).sum())


def _newcombe(baseline: Predictions, current: Predictions, rule: Rule) -> tuple[float, float]:
    before, now = (
        effective_cases(one.correct, one.groups, generator(0, "gate", "effective", name))
        for one, name in ((baseline, "baseline"), (current, "current"))
    )
    hits = float(baseline.correct.mean()) * before, float(current.correct.mean()) * now
    low, high = newcombe(hits, (before, now), 2 * rule.level - 1)  # each of its ends has the confidence of the rule
    return (low, high) if rule.better == "higher" else (-high, -low)


def _normal(*probabilities: float) -> float:
    return sum(NormalDist().inv_cdf(probability) for probability in probabilities)


def smallest_detectable_drop(n: int, disagreeing: float, tolerated: float, level: float) -> float:
    """Return the smallest drop of accuracy that a paired comparison would have failed in :data:`POWER` of cases.

    By the normal approximation to the paired difference (Miettinen 1968, Biometrics 24, 339–352). Two models cannot
    differ by more than the share of photographs they disagree about, so a larger drop brings more disagreement; and
    McNemar's exact test can reject nothing with fewer disagreements than leave a chance below 1 - level.

    Args:
        n: Test photographs.
        disagreeing: Share that one of the two models alone predicts correctly, as observed.
        tolerated: The drop that is tolerated.
        level: Confidence, one-sided.

    Returns:
        0 … 1, or infinity where no drop at all could be seen.
    """
    least = ceil(np.log(1 - level) / np.log(0.5) - 1e-9)
    for lost in range(max(least, 1), n + 1):
        drop = lost / n
        spread = sqrt(max(disagreeing, drop) - drop**2) / sqrt(n)
        if drop >= tolerated + _normal(level, POWER) * spread:
            return drop
    return float("inf")


@dataclass(frozen=True)
class ClassChange:
    """How many photographs of a class are predicted correctly, before and now."""

    label: str
    right_before: int
    before: int
    right_now: int
    now: int

    @property
    def lost(self) -> float:
        """By how much the class's recall fell, as a share."""
        return self.right_before / self.before - self.right_now / self.now


def largest_recall_losses(baseline: Predictions, current: Predictions, shown: int = 3) -> list[ClassChange]:
    """Return the classes whose recall fell most, largest loss first; classes that lost nothing are left out."""
    changes = []
    for place, label in enumerate(baseline.classes):
        before = baseline.correct[baseline.labels == place]
        now = (
            current.correct[current.labels == current.classes.index(label)] if label in current.classes else before[:0]
        )
        if len(before) and len(now):
            changes.append(ClassChange(label, int(before.sum()), len(before), int(now.sum()), len(now)))
    losers = [change for change in changes if change.lost > 0]
    return sorted(losers, key=lambda change: (-change.lost, change.label))[:shown]
