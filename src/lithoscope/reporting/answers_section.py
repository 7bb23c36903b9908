"""The section on answers that know their limits: how often each kind is right."""

from typing import Any

from lithoscope.reporting.inputs import ReportInputs

_WORDS = {
    "name": ("A name", "one class alone is probable enough"),
    "set": ("A set of names", "several are; the true one should be among them"),
    "coarser": ("A coarser name", "no short set is sure enough, but the kind is"),
    "none": ("None of these", "less familiar than held-out photographs nearly always are"),
}


def answers(inputs: ReportInputs) -> dict[str, Any] | None:
    """How often each kind of answer is given and right; nothing where it was not measured."""
    found = inputs.answers.get(inputs.split)
    if found is None:
        return None
    if found["status"] == "off":
        return {"reason": found["reason"]}
    rows = [
        {"name": _WORDS[kind][0], "when": _WORDS[kind][1], "kind": kind, **about}
        for kind, about in found["kinds"].items()
        if about["n"] or kind != "coarser"
    ]
    return {"reason": "", "rows": rows, "split": inputs.split, **{key: found[key] for key in _SHOWN}}


_SHOWN = ("n", "held_out", "rejected", "coverage", "right", "in_sample")
