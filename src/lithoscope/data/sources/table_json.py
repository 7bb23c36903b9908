"""Tables of labels in JSON: plain lists of objects, exports of Label Studio, annotations as COCO has them."""

import json
from collections.abc import Mapping
from typing import Any

Record = tuple[int, dict[str, str]]


def json_records(parsed: Any) -> list[Record]:
    """Return the entries of a table, each with its number from 1 on; empty where it is no table.

    Args:
        parsed: A list of objects (Hugging Face's ``metadata.jsonl``, Label Studio's JSON-MIN), a list of tasks (Label
            Studio's JSON), an object with ``images``, ``annotations`` and ``categories`` (COCO, iNaturalist's
            competitions), or an object that gives each file its label.

    Returns:
        Texts by column; what is no text stays JSON. Where annotators of a task differ, it comes once for each.
    """
    if isinstance(parsed, Mapping) and {"images", "annotations", "categories"} <= set(parsed):
        return _of_coco(parsed)
    if isinstance(parsed, Mapping) and parsed and all(isinstance(value, str | int) for value in parsed.values()):
        parsed = [{"file": file, "label": label} for file, label in parsed.items()]
    if not isinstance(parsed, list) or not all(isinstance(entry, Mapping) for entry in parsed):
        return []
    found: list[Record] = []
    for number, entry in enumerate(parsed, start=1):
        said = _of_task(entry) if isinstance(entry.get("data"), Mapping) else [entry]
        found += [(number, {str(key): _text(value) for key, value in one.items()}) for one in said]
    return found


def labels_of_cell(cell: str) -> list[str]:
    """Return the labels of a cell: one, but where it is a list in JSON, as Label Studio writes several choices."""
    if cell.startswith(('{"choices"', '["')):
        try:
            return _choices(json.loads(cell)) or [""]
        except ValueError:
            return [cell]
    return [cell]


def _of_task(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what each annotator said of a task of Label Studio, what they agree on once."""
    said: list[dict[str, Any]] = []
    for annotation in task.get("annotations") or task.get("completions") or []:
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            continue
        chosen = {
            str(result.get("from_name")): result["value"]
            for result in annotation.get("result") or []
            if isinstance(result.get("value"), Mapping) and "choices" in result["value"]
        }
        entry = {**task["data"], **chosen}
        said += [entry] if entry not in said else []
    return said or [dict(task["data"])]


def _of_coco(parsed: Mapping[str, Any]) -> list[Record]:
    names = {category.get("id"): category.get("name") for category in parsed["categories"]}
    labels: dict[Any, dict[str, None]] = {}
    for annotation in parsed["annotations"]:
        label = names.get(annotation.get("category_id"))
        labels.setdefault(annotation.get("image_id"), {})[_text(label)] = None
    return [
        (number, {"file": _text(image.get("file_name")), "label": label})
        for number, image in enumerate(parsed["images"], start=1)
        for label in labels.get(image.get("id")) or {"": None}
    ]


def _choices(value: Any) -> list[str]:
    listed = value.get("choices") if isinstance(value, Mapping) else value
    return [_text(choice) for choice in (listed if isinstance(listed, list) else [value])]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
