"""Tables of a comparison: ratios round by round, what was aimed at, and who reached an accuracy when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lithoscope.gate.non_inferiority import Judgement, judge
from lithoscope.gate.predictions import Predictions
from lithoscope.gate.settings import Rule

OURS, ALONE, CEILING = "ours, decoding included", "ours, epochs alone", "forward + backward alone"
CLOCKS = ("images/s", "images/processor s")
AIMS = {"timm tuned": 1.5, "timm's defaults": 3.0, "torchvision's script": 2.0}
SHARE = 0.9
"""What our epochs are to reach of forward and backward alone."""


@dataclass(frozen=True)
class Spread:
    """A figure over some rounds.

    Attributes:
        median: Its median.
        low: Its lowest value.
        high: Its highest.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return that of at least one value."""
        return cls(float(np.median(values)), min(values), max(values))

    def text(self, digits: int) -> str:
        """Return e.g. ``1.52 (1.40 to 1.61)``."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return how many times as fast we are, round by round."""
    return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])


def with_decoding(speed: float, seconds: float, epochs: int) -> float:
    """Return images/s of a training of so many epochs that first spends some seconds on each photograph."""
    return 1 / (1 / speed + seconds / epochs)


def speed_rows(
    found: Mapping[str, Sequence[Mapping[str, Any]]], seconds: Mapping[str, float], epochs: int, *, quiet: bool = True
) -> list[str]:
    """Return the rows of one network: images a second, by the wall's clock, and ratios by it and by the processor's.

    Args:
        found: By way, the answers of all rounds; ``ours`` and :data:`CEILING` among them.
        seconds: What our decoding takes for each photograph, by clock (:data:`CLOCKS`).
        epochs: Over how many it is spread.
        quiet: Whether nobody else used the machine. Otherwise, and in one round, no aim is said to be met or missed.
    """
    alone = {clock: [one[clock] for one in found["ours"]] for clock in CLOCKS}
    whole = {
        clock: [with_decoding(speed, seconds[clock], epochs) for speed in speeds] for clock, speeds in alone.items()
    }
    rows = [
        f"| {name} | {Spread.of(own[CLOCKS[0]]).text(1)} | | | | |" for name, own in ((OURS, whole), (ALONE, alone))
    ]
    for way, answers in found.items():
        if way == "ours":
            continue
        errors = [one["error"] for one in answers if "error" in one]
        if errors:
            rows.append(f"| {way} | did not run: `{errors[0]}` | | | | |")
            continue
        ours, aim = (alone, SHARE) if way == CEILING else (whole, AIMS[way])
        by_wall, by_processor = (ratios(ours[clock], [one[clock] for one in answers]) for clock in CLOCKS)
        theirs = Spread.of([one[CLOCKS[0]] for one in answers]).text(1)
        met = "yes" if min(by_wall.median, by_processor.median) >= aim else "**no**"
        if not quiet or len(answers) < 2:
            met = "not judged"
        rows.append(f"| {way} | {theirs} | {by_wall.text(2)} | {by_processor.text(2)} | ≥ {aim:g} | {met} |")
    return rows


def first_reaching(seconds: Sequence[float], accuracies: Sequence[float], target: float) -> float | None:
    """Return when an accuracy was first reached, or None where it never was."""
    return next((at for at, reached in zip(seconds, accuracies, strict=True) if reached >= target), None)


def judged(rule: Rule, theirs: Predictions, ours: Predictions) -> Judgement:
    """Return what the gate's paired test says of our accuracy beside theirs."""
    return judge("accuracy", rule, theirs, ours, paired=True)


def predictions(answer: Mapping[str, Any], classes: Sequence[str], groups: Mapping[str, str]) -> Predictions:
    """Return the answers to the test as the gate takes them.

    Args:
        answer: With ``ids``, such as ``quartz/0001.jpg``, and ``probabilities`` in their order.
        classes: Their names, in the order of the probabilities.
        groups: The group of near-duplicates of each photograph.
    """
    probabilities = np.asarray(answer["probabilities"], dtype=np.float64)
    ids = list(answer["ids"])
    labels = np.array([classes.index(name.partition("/")[0]) for name in ids], dtype=np.int64)
    true = probabilities[np.arange(len(ids)), labels]
    predicted = probabilities.argmax(axis=1)
    return Predictions("test", ids, list(classes), labels, predicted, true, [groups[name] for name in ids])


def accuracy_rows(
    found: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float], rule: Rule, tests: Mapping[str, Predictions]
) -> list[str]:
    """Return a row for each way, timm's first.

    Args:
        found: By way, with ``seconds`` and ``processor`` (seconds of it too) and ``accuracies`` of each epoch;
            ``timm tuned`` among them. Where a head was fitted after the epochs, ours have one more than ``epochs``.
        seconds: What our decoding takes in all, which is added to ours, under the same two names.
        rule: The gate's, for the accuracy.
        tests: Each way's answers to the test.
    """
    timm = found["timm tuned"]
    target = max(timm["accuracies"])
    until = {clock: first_reaching(timm[clock], timm["accuracies"], target) for clock in seconds}
    rows = [
        f"| timm tuned | {len(timm['seconds'])} | {timm['seconds'][-1]:.0f} | {target:.3f} | "
        f"{until['seconds']:.0f} | | | {tests['timm tuned'].correct.mean():.3f} | |"
    ]
    for way, one in found.items():
        if way == "timm tuned":
            continue
        reached, ratio = "never", dict.fromkeys(seconds, 0.0)
        for clock, decoding in seconds.items():
            at, theirs = first_reaching(one[clock], one["accuracies"], target), until[clock]
            if at is not None and theirs is not None:
                ratio[clock] = theirs / (at + decoding)
                reached = f"{at + decoding:.0f}" if clock == "seconds" else reached
        sooner = [f"{value:.1f}" if value else "" for value in ratio.values()]
        test = judged(rule, tests["timm tuned"], tests[way])
        rows.append(
            f"| ours, {way} | {one['epochs']} | {one['seconds'][-1] + seconds['seconds']:.0f} | "
            f"{max(one['accuracies']):.3f} | {reached} | {' | '.join(sooner)} | {test.current:.3f} | "
            f"{test.outcome}, drop {test.drop:+.3f} [{test.at_least:+.3f}, {test.at_most:+.3f}] |"
        )
    return rows


def settings_rows(found: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> list[str]:
    """Return a row for each setting: images/s, and the ratio to the first setting by processor time.

    Args:
        found: By network, then by setting, the answers of all rounds.
    """
    rows = []
    for setting in next(iter(found.values())):
        cells = []
        for by_setting in found.values():
            answers, first = by_setting[setting], next(iter(by_setting.values()))
            errors = [one["error"] for one in answers if "error" in one]
            if errors:
                cells += [f"did not run: `{errors[0]}`", "", ""]
                continue
            speeds = [one["images/s"] for one in answers]
            by_processor = ratios([one[CLOCKS[1]] for one in answers], [one[CLOCKS[1]] for one in first])
            warm = Spread.of([one["first"] for one in answers]).median
            cells += [Spread.of(speeds).text(1), by_processor.text(2), f"{warm:.0f}"]
        rows.append(f"| {setting} | {' | '.join(cells)} |")
    return rows
