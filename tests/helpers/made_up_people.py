"""A made-up set with human data, laid out as the download, split and augment stages leave one.

Ten igneous categories by their true names; no number in it is a person's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lithoscope.data.packed.arrays import write_classes, write_split
from lithoscope.evaluation.human_judgements.human_data import DIMENSIONS, SUPPLEMENTARY

CATEGORIES = [
    "Andesite",
    "Basalt",
    "Diorite",
    "Gabbro",
    "Granite",
    "Obsidian",
    "Pegmatite",
    "Peridotite",
    "Pumice",
    "Rhyolite",
]
TRAIN, TEST = "360 Rocks", "120 Rocks"


def names(folder: str, each: int) -> list[str]:
    """File names in sorted order; one is misspelt, as one of the published set is."""
    ending = "_120" if folder == TEST else ""
    found = [f"I_{category}_{token}{ending}.jpg" for category in CATEGORIES for token in range(1, each + 1)]
    return sorted(name.replace("Granite_3_120.", "Granite_3_1201.") for name in found)


def matrix(path: Path, values: np.ndarray, separator: str = " ") -> None:
    np.savetxt(path, values, fmt="%.3f", delimiter=separator)


def trials(people: int = 6, right: float = 0.8, seed: int = 0, condition: int = 1) -> pd.DataFrame:
    """New and trained tokens, each person once; a wrong answer is the next category."""
    rng = np.random.default_rng(seed)
    rows = [
        (condition, 1000 + person, 2, subtype, token, rng.random() < right)
        for person in range(people)
        for subtype in range(1, 11)
        for token in range(1, 5)
    ]
    table = pd.DataFrame(rows, columns=["Condition", "Subject", "Session", "Subtype", "Token", "Correct"])
    answered = np.where(table["Correct"], table["Subtype"], table["Subtype"] % 10 + 1)
    return table.assign(Response=answered % 10, Correct=table["Correct"].astype(int))


@dataclass
class MadeUp:
    """What was written, and where."""

    build: Path
    train: list[str]
    test: list[str]
    train_space: np.ndarray
    test_space: np.ndarray

    @property
    def human(self) -> Path:
        return self.build / "raw" / "human"


def pictures(space: np.ndarray, side: int, seed: int) -> list[np.ndarray]:
    """Noise whose brightness, reddishness and coarseness follow the first three dimensions."""
    rng = np.random.default_rng(seed)
    found = []
    for light, red, coarse, *_ in np.tanh(space / 2):
        grain = 2 if coarse < 0 else 4
        noise = np.kron(rng.normal(0, 20, (side // grain, side // grain)), np.ones((grain, grain)))
        picture = 128 + 60 * light + noise[..., None] * np.ones(3) + np.array([50 * red, 0, -50 * red])
        found.append(np.clip(picture, 0, 255).astype(np.uint8))
    return found


def made_up(root: Path, *, each: Sequence[int] = (4, 4), side: int = 32, seed: int = 0) -> MadeUp:
    """Write the set below ``root/build``; half a category's first training photographs validate."""
    build, rng = root / "build", np.random.default_rng(seed)
    (build / "raw" / "human").mkdir(parents=True)
    train, test = (
        [f"{folder}/{name}" for name in names(folder, n)] for folder, n in zip((TRAIN, TEST), each, strict=True)
    )
    spaces = [rng.normal(size=(len(ids), len(DIMENSIONS))) * 2 for ids in (train, test)]
    for stem, space in (("mds_360", spaces[0]), ("mds_120", spaces[1])):
        matrix(build / "raw" / "human" / f"{stem}.txt", space)
        rated = np.hstack([space, space[:, : len(SUPPLEMENTARY)] + rng.normal(size=(len(space), len(SUPPLEMENTARY)))])
        matrix(build / "raw" / "human" / f"{stem}_supplemental_dims.txt", rated, "\t")
    matrix(build / "raw" / "human" / "cnn_120.txt", spaces[1] + rng.normal(size=spaces[1].shape))
    trials().to_csv(build / "raw" / "human" / "human_categorization_120.csv", index=False)
    description = {"name": "osf-rocks", "human_data": True, "coarse_classes": dict.fromkeys(CATEGORIES, "igneous")}
    (build / "dataset.json").write_text(json.dumps(description), "utf-8")
    rows = [
        {"id": name, "label": name.split("_")[1], "official_split": split}
        for split, ids in (("train", train), ("test", test))
        for name in ids
    ]
    pd.DataFrame(rows).to_csv(build / "index.csv", index=False)
    (build / "set_aside.csv").write_text("id,path,label,reason\n", "utf-8")
    pd.DataFrame([{"id": row["id"], "group": row["id"]} for row in rows]).to_csv(build / "splits.csv", index=False)
    labels = {row["id"]: row["label"] for row in rows}
    images = dict(zip(train + test, pictures(np.vstack(spaces), side, seed), strict=True))
    write_classes(build / "arrays", CATEGORIES)
    validating = train[:: each[0]]
    for split, ids in (("train", [i for i in train if i not in validating]), ("val", validating), ("test", test)):
        shown = ids[::-1]  # not in people's order
        write_split(build / "arrays", split, shown, [labels[i] for i in shown], [images[i] for i in shown], side=side)
    return MadeUp(build, train, test, spaces[0], spaces[1])
