"""Counts what the gate made of pairs of trainings, and writes it down."""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev

from lithoscope.gate.non_inferiority import Judgement
from lithoscope.gate.predictions import METRICS, Predictions
from lithoscope.gate.settings import GateSettings
from lithoscope.gate.verdict import judge_metrics
from lithoscope.reporting.headline import share_in_words

Kept = Sequence[Predictions | None]
"""The predictions of trainings; None for one that broke off."""
Pair = list[Judgement] | None


def judged(settings: GateSettings, baselines: Kept, others: Kept) -> list[Pair]:
    """Judge pairs; None where the training that is judged broke off."""
    return [
        judge_metrics(settings, before, after, paired=True) if after is not None else None
        for before, after in zip(baselines, others, strict=True)
        if before is not None
    ]


def fails(pair: Pair, metric: str | None = None) -> bool:
    """Say whether a pair fails, by any metric or by one; a training that breaks off never reaches the gate."""
    return pair is None or any(one.outcome == "worse" and metric in (None, one.metric) for one in pair)


def would_fail(pair: Pair, times: float) -> bool:
    """Say whether a pair would fail with ``times`` as much tolerated."""
    return pair is None or any(
        one.at_least > times * one.tolerated and (one.p_value is None or one.p_value <= 1 - one.level) for one in pair
    )


def tolerance(settings: GateSettings, metric: str, values: Sequence[float], pairs: Sequence[Pair]) -> float:
    """Return the drop to tolerate so that seeds alone fail as rarely as the level says.

    All seeds read the same photographs, so the difference of two of them spreads by √2·s, where s is the standard
    deviation between seeds. A pair fails where it exceeds drop + z·e, e being its standard error over photographs. With
    a probability of 1 - level it does so where drop = z·(√2·s − e).
    """
    level = settings.rules()[metric].level
    z = NormalDist().inv_cdf(level)
    judgements = [one for pair in pairs if pair for one in pair if one.metric == metric]
    width = fmean((one.at_most - one.at_least) / (2 * z) for one in judgements)
    return max(0.0, z * (sqrt(2) * stdev(values) - width))


def render(baselines: Kept, arms: Mapping[str, Kept], same: str, settings: GateSettings, about: str) -> str:
    """Return ``gate_errors.md``."""
    pairs = {arm: judged(settings, baselines, kept) for arm, kept in arms.items()}
    lines = ["# How often the gate errs", "", f"Written by the command below, never by hand. {about}.", ""]
    lines += [
        "Every pair has other seeds; all read the same test photographs, so the rates belong to this set. Failing is "
        "judged by the metrics alone: the floors, which catch most plants too, are left out. 95 % Wilson intervals.",
        "",
        "| what is judged | should | fails | by " + " | by ".join(METRICS) + " | accuracy, mean ± SD |",
        "| --- " * (4 + len(METRICS)) + "|",
    ]
    for arm, judgements in pairs.items():
        n = len(judgements)
        rates = [share_in_words(sum(fails(pair, name) for pair in judgements) / n, n) for name in (None, *METRICS)]
        accuracies = [METRICS["accuracy"].of(predictions) for predictions in arms[arm] if predictions]
        broken = sum(pair is None for pair in judgements)
        shown = _spread(accuracies) + (f"; {broken} of {n} broke off" if broken else "")
        lines.append(
            f"| {arm}, other seed | {'pass' if arm == same else 'fail'} | **{rates[0]}** | "
            f"{' | '.join(rates[1:])} | {shown} |"
        )
    wrongly = sum(any(one.outcome == "better" for one in pair) for pair in pairs[same] if pair)
    n = len(pairs[same])
    lines += [
        "",
        f"Of the pairs of the same recipe, {share_in_words(wrongly / n, n)} were called better by a metric.",
        "",
    ]
    return "\n".join(lines + _seeds(baselines, arms[same], pairs[same], settings) + _other_tolerances(pairs)) + "\n"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"{fmean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def _seeds(baselines: Kept, others: Kept, pairs: Sequence[Pair], settings: GateSettings) -> list[str]:
    """Return the table of what a seed does to each metric, and the drop that calls for."""
    lines = [
        "## What another seed does",
        "",
        "| metric | mean ± SD between seeds | drop that calls for | `drop` in `params.yaml` |",
        "| --- | --- | --- | --- |",
    ]
    for name, metric in METRICS.items():
        values = [metric.of(predictions) for predictions in [*baselines, *others] if predictions]
        asked = tolerance(settings, name, values, pairs)
        lines.append(f"| {name} | {_spread(values)} | {asked:.4f} | {settings.rules()[name].drop:g} |")
    return [*lines, ""]


def _other_tolerances(pairs: Mapping[str, Sequence[Pair]]) -> list[str]:
    """Return the table of what other tolerances would have done to the same pairs."""
    factors = (0.0, 0.5, 1.0, 1.5, 2.0)
    lines = [
        "## With other tolerances",
        "",
        "Share of the same pairs that would have failed, had every `drop` been so many times as large.",
        "",
        "| what is judged | " + " | ".join(f"× {factor:g}" for factor in factors) + " |",
        "| --- " * (1 + len(factors)) + "|",
    ]
    for arm, judgements in pairs.items():
        shares = [sum(would_fail(pair, factor) for pair in judgements) / len(judgements) for factor in factors]
        lines.append(f"| {arm}, other seed | " + " | ".join(f"{share:.2f}" for share in shares) + " |")
    return lines
