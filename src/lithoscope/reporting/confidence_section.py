"""The sections on calibration and selective prediction."""

from typing import Any

from markupsafe import Markup

from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.reporting import confidence_figures
from lithoscope.reporting.inputs import ReportInputs

LEVELS = (0.5, 0.7, 0.9, 0.95)


def calibration(inputs: ReportInputs) -> dict[str, Any]:
    """Whether confidences can be believed: reliability, calibration error, Brier score, before and after."""
    figures = inputs.figures
    about, ends = figures["calibration"], figures["interval"]
    fitted = int(about["photographs"]) > 0
    values, right = inputs.predictions["confidence"].to_numpy(), inputs.right.to_numpy()
    mean = float(values.mean()) if len(values) else 0.0
    rows = []
    for key, name in (("ece", "Expected calibration error"), ("brier", "Brier score"), ("loss", "Loss")):
        before = about["before"]
        rows.append(
            {
                "name": name,
                "before": {"value": before[key], **before["interval"][key]},
                "after": {"value": figures[key], **ends[key]},
            }
        )
    return {
        # The figures' own markup; it holds no text from the inputs.
        "reliability": Markup(confidence_figures.reliability_diagram(inputs.reliability, calibrated=inputs.tempered)),  # noqa: S704
        "histogram": Markup(confidence_figures.confidence_histogram(values, right)),  # noqa: S704
        "rows": rows,
        "fitted": fitted,
        "tempered": inputs.tempered,
        "temperature": float(about["temperature"]),
        "photographs": int(about["photographs"]),
        "reason": str(inputs.training.get("calibration", {}).get("reason", "")),
        "ece": float(figures["ece"]),
        "if_calibrated": about["ece_if_calibrated"],
        "within_chance": float(figures["ece"]) <= float(about["ece_if_calibrated"]["high"]),
        "in_sample": inputs.split == "validation",
        "mean": mean,
        "gap": mean - float(figures["accuracy"]),
        "accuracy": float(figures["accuracy"]),
        "n": int(figures["n"]),
    }


def selective(inputs: ReportInputs) -> dict[str, Any]:
    """Accuracy against coverage, and the confidence from which on the model is right 95 % of the time."""
    about = inputs.figures["selective"]
    figure = confidence_figures.selective_curve(
        inputs.selective, float(about["target"]), about["threshold"], about.get("coverage")
    )
    values, right = inputs.predictions["confidence"].to_numpy(), inputs.right.to_numpy()
    levels = []
    for level in LEVELS:
        chosen = values >= level
        hits, n = int(right[chosen].sum()), int(chosen.sum())
        low, high = wilson(hits, n)
        levels.append(
            {
                "level": level,
                "n": n,
                "share": n / len(values) if len(values) else 0.0,
                "accuracy": hits / n if n else None,
                "low": low,
                "high": high,
            }
        )
    return {
        "figure": Markup(figure),  # noqa: S704 (the figure's own markup; it holds no text from the inputs)
        "levels": levels,
        "about": about,
        "n": int(inputs.figures["n"]),
        "split": inputs.split,
    }
