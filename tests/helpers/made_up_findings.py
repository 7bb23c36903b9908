"""Parts of a run that never happened: comparisons with baselines and people, and what a network was seen to look at."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.human_judgements.human_data import DIMENSIONS, SUPPLEMENTARY

COLUMNS = ["photograph", "split", "label", "predicted", "pca_1", "pca_2", "tsne_1", "tsne_2"]


def write_comparisons(root: Path, on: str, verdicts: Mapping[str, str]) -> None:
    """Write ``metrics/comparisons.json`` with the verdict on each baseline, ``better`` where none is given."""
    network = read_json(root / "metrics/evaluation.json")[on]
    table: dict[str, Any] = {"network": {"accuracy": network["accuracy"], **network["interval"]["accuracy"]}}
    for name, accuracy in (("majority_class", 0.125), ("colour_histogram", 0.25)):
        verdict = verdicts.get(name, "better")
        middle = {"better": 0.3, "worse": -0.3, "not shown": 0.02}[verdict]
        ends = {"difference": middle, "difference_low": middle - 0.1, "difference_high": middle + 0.1}
        p = 0.6 if verdict == "not shown" else 0.001
        table[name] = {"accuracy": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05, **ends} | {
            "p": p,
            "verdict": verdict,
        }
    table["beats_baselines"] = not [name for name, verdict in verdicts.items() if verdict != "better"]
    write_json(root / "metrics/comparisons.json", {on: table})


def write_people(root: Path, *, part: str = "test") -> None:
    """Write a comparison with people as ``evaluate`` does where a set has their judgements."""
    r = {name: round(0.9 - 0.05 * place, 3) for place, name in enumerate(DIMENSIONS)}
    fitted = {"mean_r": 0.767, "mean_r_low": 0.738, "mean_r_high": 0.794} | {
        "disparity": 0.371,
        "disparity_low": 0.338,
        "disparity_high": 0.408,
        "r": r,
    }
    chance = {"mean_r": 0.209, "mean_r_95": 0.241, "disparity": 0.957, "disparity_95": 0.943}
    people, model = {"people": 45, "accuracy": 0.624}, {"photographs": 20, "accuracy": 0.75, "outdoes": 0.78}
    ends = {"low": 0.531, "high": 0.888}
    agreement = {"off_diagonal": 0.41, "off_diagonal_p": 0.002, "off_diagonal_ceiling": 0.88}
    figures: dict[str, Any] = {
        "photographs": 12,
        "ridge": fitted,
        "components": {**fitted, "mean_r": 0.575},
        "chance": {"permuted": chance, "random": chance},
        "similarity": {"last layer": {"spearman": 0.526, "low": 0.474, "high": 0.575}, "ceiling": "unknown"},
    }
    if part == "test":
        figures |= {
            "authors": {**fitted, "mean_r": 0.74},
            "difference_from_authors": {"mean_r": 0.027, "mean_r_low": 0.007, "mean_r_high": 0.047}
            | {"disparity": -0.028, "disparity_low": -0.056, "disparity_high": 0.003},
            "supplementary": {"mean_r": 0.77, "r": dict.fromkeys(SUPPLEMENTARY, 0.77)},
            "naming": {
                "igneous": {"people": {**people, **ends}, "model": {**model, **ends}, "agreement": agreement},
                "mixed": {"note": "left out: 3 of the 20 photographs that people named are there"},
            },
        }
    embedding = {"network": "mobilenet_v2", "of": "the backbone as it was before training", "views": 8}
    write_json(root / "metrics/people.json", {"status": "compared", "embedding": embedding, part: figures})
    rows = [
        {"split": "test" if part == "test" else "train", "id": f"{n}.jpg", "dimension": name}
        | {"people": float(n), "model": n + 0.5 * (n % 3), "authors": float(n)}
        for n in range(12)
        for name in DIMENSIONS
    ]
    pd.DataFrame(rows).to_csv(root / "plots/people.csv", index=False)


def write_explained(
    root: Path, *, on: str = "test", maps: bool = True, tsne: bool = True, suspects: Sequence[str] = ("looks odd",)
) -> dict[str, Any]:
    """Write ``build/explained`` for a made-up run, and return what ``explained.json`` holds.

    Args:
        root: Where the run lies.
        on: The split that was scored.
        maps: Whether there are attribution maps.
        tsne: Whether the embedding was arranged by t-SNE too.
        suspects: The reason of each suspect.
    """
    folder = root / "build/explained"
    (folder / "examples").mkdir(parents=True)
    predictions = pd.read_csv(root / "plots/predictions.csv", dtype=str, keep_default_na=False)
    splits = pd.read_csv(root / "build/splits.csv", dtype=str, keep_default_na=False)
    trained = splits[splits["split"] == "train"]

    def picture(name: str, shade: int) -> str:
        Image.new("RGB", (24, 24), (shade % 256, 120, 90)).save(folder / f"examples/{name}.png")
        return f"examples/{name}.png"

    shown = [
        {"photograph": row["id"], "label": row["label"], "predicted": row["predicted"]}
        | {"confidence": float(row["confidence"]), "photo": picture(f"{n:04d}-photo", 7 * n)}
        | {"map": picture(f"{n:04d}-map", 11 * n) if maps else None}
        for n, row in enumerate(predictions.to_dict("records"))
    ]
    wrong = sorted((one for one in shown if one["label"] != one["predicted"]), key=lambda one: -one["confidence"])
    near = [
        {"photograph": row["id"], "label": row["label"], "similarity": 0.9 - 0.1 * n, "photo": picture(f"near{n}", n)}
        for n, row in enumerate(trained.head(3).to_dict("records"))
    ]
    gradcam = {"method": "Grad-CAM", "layer": "features.7", "source": "Selvaraju et al., ICCV 2017", "note": ""}
    about = {
        "attribution": gradcam if maps else {"method": None, "note": "The network has no convolution to look at."},
        "examples": [{**one, "right": one["label"] == one["predicted"]} for one in shown],
        "mistakes": [{**one, "neighbours": near} for one in wrong],
        "suspects": [
            {**{key: value for key, value in one.items() if key != "map"}, "split": on, "reason": reason}
            for one, reason in zip(wrong, suspects, strict=False)
        ],
        "embedding": {
            "pca": {"explained_variance": [0.31, 0.18]},
            "tsne": {"perplexity": 5.0} if tsne else {"note": "too few photographs"},
            "features": "the next-to-last layer",
            "photographs": len(predictions) + len(trained),
        },
        "split": on,
        "synthetic": False,
    }
    write_json(folder / "explained.json", about)
    rows = []
    for split, table in (("training", trained), (on, predictions)):
        for row in table.to_dict("records"):
            x, y = generator(0, "place", row["id"]).normal(size=2)
            tsne_place = [x * 9, y * 9] if tsne else [None, None]
            rows.append([row["id"], split, row["label"], row.get("predicted", ""), x, y, *tsne_place])
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "map.csv", index=False, float_format="%.4f")
    return about


def read_json(path: Path) -> Any:
    """Read a file as the stages wrote it."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, values: Any) -> None:
    """Write a file as the stages do."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def add(path: Path, **values: Any) -> None:
    """Add values to a file as the stages wrote it."""
    write_json(path, read_json(path) | values)
