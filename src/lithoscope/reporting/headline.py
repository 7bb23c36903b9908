"""Headline figures of the workspace, for the end of ``make repro``."""

from pathlib import Path
from typing import Any

from lithoscope.core.files import read_json
from lithoscope.evaluation.statistics.against_baselines import comparison_lines
from lithoscope.evaluation.statistics.proportions import wilson


def accuracy_in_words(figures: dict[str, Any]) -> str:
    """Return an accuracy with its 95 % interval and its n, e.g. ``.912 [.881, .936], n = 420``."""
    if "groups" in figures:  # specimens: photographs are no independent cases
        ends = figures["interval"]["accuracy"]
        shown = [short(value) for value in (figures["accuracy"], ends["low"], ends["high"])]
        return f"{shown[0]} [{shown[1]}, {shown[2]}], n = {int(figures['n'])} in {int(figures['groups'])} groups"
    return f"{share_in_words(float(figures['accuracy']), int(figures['n']))}, n = {int(figures['n'])}"


def share_in_words(share: float, n: int, *, whole: bool = True) -> str:
    """Return a share of n with its 95 % Wilson interval, e.g. ``.912 [.881, .936]``.

    Args:
        share: 0 … 1.
        n: Of how many.
        whole: Whether the share is a count of those n; a mean over several readings is not.
    """
    low, high = wilson(round(share * n) if whole else share * n, n)
    shown = [short(value) for value in (share, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def short(share: float) -> str:
    """Write a share with three digits and no leading nought, e.g. ``.912``."""
    return f"{float(share):.3f}".replace("0.", ".", 1)


def photographs_in_words(count: int, published: int | None) -> str:
    """Return e.g. ``758 of 956 photographs`` where the set as published has more of them."""
    return f"{count} of {published} photographs" if published not in (None, count) else f"{count} photographs"


def training_in_words(training: dict[str, Any]) -> str:
    """Say which epoch's weights were kept, from ``metrics/train.json``."""
    epochs, members, validation = training["epochs"], training.get("members", []), training["validation"]
    networks = f"{len(members)} networks, " if members else ""
    if validation is None:
        return f"{networks}last of {epochs} epochs, no validation"
    mean = "mean " if members else ""
    if training.get("adapt", {}).get("way") == "head":
        return f"{networks}head in closed form, {mean}validation loss {validation['loss']:.3f}"
    best = f"{networks}{mean}epoch {training['best_epoch']} of {epochs}"
    kept = training.get("refit") or validation
    return f"{best}, {mean}validation loss {kept['loss']:.3f}"


def with_interval(figures: dict[str, Any], name: str, value: float) -> str:
    """Return a figure of ``metrics/evaluation.json`` with its 95 % interval, e.g. ``0.688 [0.611, 0.770]``."""
    ends = figures.get("interval", {}).get(name)  # files of earlier versions have none
    return f"{value:.3f}" + (f" [{ends['low']:.3f}, {ends['high']:.3f}]" if ends else "")


def headline(root: Path) -> str:
    """Return a few lines: what data, how well, where the report lies.

    Args:
        root: A checkout in which the pipeline has run.

    Raises:
        LithoscopeError: It has not.
    """
    dataset = read_json(root / "build" / "dataset.json")
    (split, figures), *_ = read_json(root / "metrics" / "evaluation.json").items()
    training = read_json(root / "metrics" / "train.json")
    kind = " (synthetic: drawn, not photographed)" if dataset["synthetic"] else ""
    macro = figures["macro"]
    photographs = photographs_in_words(read_json(root / "metrics" / "data.json")["photographs"], dataset["published"])
    return "\n".join(
        [
            f"data        {dataset['title']}, {len(dataset['classes'])} classes, {photographs}{kind}",
            f"{split:<11} accuracy {accuracy_in_words(figures)} (95 % Wilson interval)",
            *_per_specimen(figures),
            f"            loss {with_interval(figures, 'loss', figures['loss'])}, top-3 accuracy "
            f"{with_interval(figures, 'top3_accuracy', figures['top3_accuracy'])}, macro F1 "
            f"{with_interval(figures, 'macro_f1', macro['f1'])}",
            *_against_baselines(root, split),
            f"training    {training_in_words(training)}",
            f"report      {root / 'report' / 'index.html'}",
        ]
    )


def _per_specimen(figures: dict[str, Any]) -> list[str]:
    if "specimens" not in figures:
        return []
    each = figures["specimens"]
    shown = [short(each[name]) for name in ("accuracy", "low", "high")]
    return [f"            per specimen {shown[0]} [{shown[1]}, {shown[2]}], n = {each['n']}"]


def _against_baselines(root: Path, split: str) -> list[str]:
    path = root / "metrics" / "comparisons.json"
    if not path.exists():  # an earlier version's run
        return []
    return [f"            {line}" for line in comparison_lines(read_json(path)[split])]
