"""The verdict: all checks and comparisons of one set of results with another, put together."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.gate import checks
from lithoscope.gate.budgets import Budget, size_budget, time_budget
from lithoscope.gate.checks import Finding
from lithoscope.gate.non_inferiority import ClassChange, Judgement, judge, largest_recall_losses
from lithoscope.gate.predictions import Predictions
from lithoscope.gate.provenance import mismatches
from lithoscope.gate.result_files import EVALUATION, PARAMETERS, ResultFiles, resolve_revision
from lithoscope.gate.settings import GateSettings, gate_settings

PASSED, FAILED, CANNOT_TELL = 0, 1, 2


@dataclass(frozen=True)
class Verdict:
    """What the gate found.

    Attributes:
        baseline: The name of what was compared with.
        current: The name of what was judged.
        photographs: How many were scored, in the baseline and now; None where they were not compared.
        paired: Whether both scored the same photographs.
        judgements: One for each metric; empty where they were not compared.
        classes: Those that lost most.
        budgets: Size, and time where it was asked for.
        findings: Everything else.
    """

    baseline: str
    current: str
    photographs: tuple[int, int] | None = None
    paired: bool = False
    judgements: list[Judgement] = field(default_factory=list)
    classes: list[ClassChange] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def failures(self) -> list[str]:
        """Return why it fails, each as a line."""
        return [
            *(finding.text for finding in self.findings if finding.kind == "failure"),
            *(
                f"{one.metric} is worse by at least {one.at_least:.4f} (confidence {one.level:g}); tolerated: "
                f"{one.tolerated:g}"
                for one in self.judgements
                if one.outcome == "worse"
            ),
            *(
                f"{one.name} is {one.ratio:.2f} times the baseline's; allowed: {one.limit:g}"
                for one in self.budgets
                if one.over
            ),
        ]

    def unknown(self) -> list[str]:
        """Return what could not be told, each as a line."""
        untimed = [one for one in self.budgets if one.ratio is None and one.name == "prediction time"]
        return [
            *(finding.text for finding in self.findings if finding.kind == "unknown"),
            *(f"{one.name}: {one.text}" for one in untimed),
        ]

    @property
    def status(self) -> int:
        """The exit status: 0 passed, 1 failed, 2 cannot tell."""
        if self.failures():
            return FAILED
        return CANNOT_TELL if self.unknown() else PASSED


def decide(root: Path, baseline: ResultFiles, current: ResultFiles, *, timed: bool) -> Verdict:
    """Judge a set of results against a baseline.

    Args:
        root: The checkout.
        baseline: What to compare with.
        current: What is judged; its ``params.yaml`` holds the gate's settings.
        timed: Whether to measure the time of predictions.

    Raises:
        LithoscopeError: There are no valid settings, or DVC cannot read the pipeline.
    """
    settings = gate_settings(current.yaml(PARAMETERS), f"{PARAMETERS} in {current.name}")
    findings = [*_provenance_findings(root, current), *_baseline_findings(root, baseline, current)]
    try:
        predictions = current.predictions()
    except LithoscopeError as error:
        failure = Finding("failure", f"{error}; run: dvc repro")
        return Verdict(baseline.name, current.name, findings=[*findings, failure])
    findings += [*checks.inconsistent_figures(current, predictions), *checks.leakage(current, predictions)]
    findings += checks.below_floors(settings, current, predictions)
    before = _comparable_baseline(baseline, current, predictions, findings)
    if before is None:
        return Verdict(baseline.name, current.name, findings=findings)
    findings += [*checks.missing_figures(baseline, current), *checks.changed_test_set(before, predictions)]
    paired = checks.same_photographs(baseline, current)
    judgements = judge_metrics(settings, before, predictions, paired=paired)
    accuracy = judgements[0]
    if accuracy.smallest is not None and accuracy.smallest > accuracy.baseline:
        findings.append(
            Finding("unknown", f"no drop of accuracy could be shown: {len(predictions)} photographs are too few")
        )
    budgets = [size_budget(baseline, current, settings.model_size)]
    if timed:
        budgets.append(time_budget(root, baseline, current, settings.prediction_time))
    return Verdict(
        baseline.name,
        current.name,
        (len(before), len(predictions)),
        paired,
        judgements,
        largest_recall_losses(before, predictions),
        budgets,
        findings,
    )


def judge_metrics(
    settings: GateSettings, baseline: Predictions, current: Predictions, *, paired: bool
) -> list[Judgement]:
    """Judge every metric that has a rule."""
    return [judge(name, rule, baseline, current, paired=paired) for name, rule in settings.rules().items()]


def _provenance_findings(root: Path, current: ResultFiles) -> Iterator[Finding]:
    """Find results that were not made by the code and the parameters beside them."""
    wrong, unchecked = mismatches(root, current.commit)
    for number, line in enumerate(wrong, start=1):
        remedy = "; run: dvc repro" if number == len(wrong) else ""
        yield Finding("failure", f"dvc.lock does not match {current.name}: {line}{remedy}")
    for line in unchecked:
        yield Finding("note", line)


def _baseline_findings(root: Path, baseline: ResultFiles, current: ResultFiles) -> Iterator[Finding]:
    head = resolve_revision(root, "HEAD")
    if baseline.commit and baseline.commit == (current.commit or (head or ("",))[0]):
        yield Finding("note", f"the baseline is the very commit that {current.name} belongs to")
    yield from checks.changed_rules(baseline, current)


def _comparable_baseline(
    baseline: ResultFiles, current: ResultFiles, predictions: Predictions, findings: list[Finding]
) -> Predictions | None:
    """Return the baseline's predictions, or None with the reason among the findings."""
    sets = [results.yaml(PARAMETERS).get("dataset") for results in (baseline, current)]
    if sets[0] is not None and sets[0] != sets[1]:
        findings.append(Finding("unknown", f"{baseline.name} has other photographs: dataset {sets[0]}, now {sets[1]}"))
        return None
    altered = baseline.altered_files()
    if altered:
        findings.append(
            Finding("unknown", f"{baseline.name}: {', '.join(altered)} is not what its dvc.lock says was made")
        )
    try:
        before = baseline.predictions()
    except LithoscopeError as error:
        findings.append(Finding("unknown", str(error)))
        return None
    if before.split != predictions.split:
        text = f"{EVALUATION} is about {predictions.split}, that of {baseline.name} about {before.split}"
        # Figures of the test that are gone have vanished; those of validation were a step on the way.
        findings.append(Finding("failure" if before.split == "test" else "unknown", text))
        return None
    return before
