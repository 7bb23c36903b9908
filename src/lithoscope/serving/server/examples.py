"""Examples of what the API takes and answers: figures are made up, forms are those of real answers."""

from pydantic import JsonValue

from lithoscope.serving.occlusion import OF_MAPS

Example = dict[str, JsonValue]

_FILE = "(the bytes of an image file)"
_PICTURE = "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/"

PROBLEM: Example = {"error": "no photograph; send at least one as a file called `photographs`"}
HEALTH: Example = {"status": "ok"}

TRAINING_PHOTOGRAPH: Example = {
    "photograph": "malachite/0017.jpg",
    "label": "malachite",
    "similarity": 0.91,
    "picture": _PICTURE,
}
PHOTOGRAPH: Example = {
    "photograph": "IMG_0412.heic",
    "file": 0,
    "page": 1,
    "label": "malachite",
    "confidence": 0.981245,
    "probabilities": {"malachite": 0.981245, "chrysocolla": 0.018755},
    "answer": "name",
    "named": "malachite",
    "sure": 0.981245,
    "familiarity": 0.62,
    "why": "no other name is probable enough",
    "problem": None,
    "notes": [],
    "nearest": [],
}
UNREADABLE: Example = {
    "photograph": "notes.txt",
    "file": 1,
    "page": 1,
    "label": None,
    "confidence": None,
    "probabilities": {},
    "problem": "not an image",
    "notes": [],
    "nearest": [],
}
SPECIMEN: Example = {**PHOTOGRAPH, "photograph": "", "photographs": 2}
PREDICT: Example = {"predictions": [PHOTOGRAPH, UNREADABLE], "specimen": None, "error": None}

FIGURE: Example = {"value": 0.931, "low": 0.902, "high": 0.956, "n": 320, "split": "test", "name": "accuracy"}
MODEL: Example = {
    "classes": ["chrysocolla", "malachite"],
    "image_size": 224,
    "synthetic": False,
    "dataset": "minerals",
    "sha256": {"onnx": "9f2c" + 60 * "0", "weights": "41d7" + 60 * "0"},
    "figures": {"accuracy": FIGURE},
    "card": {"Accuracy on 320 test photographs": "0.931, 95 % interval 0.902 to 0.956"},
    "card_html": "<h3>A classifier of minerals</h3>",
    "field_tests": {"magnetism": [{"value": "none", "label": "none"}, {"value": "strong", "label": "strong"}]},
    "pages": "first",
    "limits": {"files": 32, "bytes": 64_000_000},
    "shows_training": False,
}
EVIDENCE: Example = {
    "photograph": "IMG_0412.heic",
    "label": "malachite",
    "confidence": 0.981245,
    "lowest": 0.402118,
    "evidence": [[0.0, 0.0, 0.1, 0.2, 0.2, 0.1, 0.0, 0.0] for _ in range(8)],
    "square": _PICTURE,
    "method": OF_MAPS.name,
    "source": OF_MAPS.source,
    "note": OF_MAPS.note,
}

PREDICT_BODIES: dict[str, Example] = {
    "one photograph": {"photographs": [_FILE]},
    "two of one specimen, which a steel file scratches": {
        "photographs": [_FILE, _FILE],
        "specimen": "true",
        "hardness": "6-7",
    },
}
EVIDENCE_BODIES: dict[str, Example] = {
    "the most probable class": {"photographs": [_FILE]},
    "another class": {"photographs": [_FILE], "label": "chrysocolla"},
}
