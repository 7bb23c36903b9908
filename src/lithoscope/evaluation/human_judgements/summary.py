"""Headline figures of the human-judgement comparison, for recorded runs and tables."""

from collections.abc import Mapping
from typing import Any

CONDITIONS = ("igneous", "metamorphic", "mixed")
_FITTED = ("mean_r", "disparity")


def headlines(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """Pick the headline figures, each with its 95 % interval as ``…_low`` and ``…_high``.

    Args:
        figures: What ``metrics/people.json`` holds.

    Returns:
        ``training`` (predicted for photographs that were not fitted to, by cross-validation) and ``test``: photographs,
        the map that was fitted, mean r and disparity; ``authors`` and ``difference_from_authors``: the same of the
        authors' network and of the distance to it; ``naming``: of each condition the accuracies of model and people.
        What was not compared is absent; None where nothing was.
    """
    found: dict[str, Any] = {}
    for name in ("training", "test"):
        part = figures.get(name) or {}
        kind = next((kind for kind in ("ridge", "components") if kind in part), None)
        if kind is not None:
            found[name] = {"photographs": part["photographs"], "map": kind, **_fitted(part[kind])}
    test = figures.get("test") or {}
    found |= {name: _fitted(test[name]) for name in ("authors", "difference_from_authors") if name in test}
    naming = test.get("naming") or {}
    named = {name: _named(naming[name]) for name in CONDITIONS if "model" in (naming.get(name) or {})}
    return (found | ({"naming": named} if named else {})) or None


def _fitted(part: Mapping[str, Any]) -> dict[str, float]:
    keys = [f"{name}{end}" for name in _FITTED for end in ("", "_low", "_high")]
    return {key: part[key] for key in keys if key in part}


def _named(part: Mapping[str, Any]) -> dict[str, Any]:
    model, people = part["model"], part["people"]
    return {
        "photographs": model["photographs"],
        **{f"model{key}": model[name] for key, name in (("", "accuracy"), ("_low", "low"), ("_high", "high"))},
        "people": people["people"],
        **{f"accuracy{key}": people[name] for key, name in (("", "accuracy"), ("_low", "low"), ("_high", "high"))},
    }
