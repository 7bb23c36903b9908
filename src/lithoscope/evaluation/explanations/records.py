"""Example records of ``explained.json``: the entries of single photographs, and their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.data.packed.arrays import Pixels
from lithoscope.evaluation.explanations.attribution import Floats as Evidence
from lithoscope.evaluation.explanations.features import PhotographFeatures
from lithoscope.evaluation.explanations.images import Album, overlay
from lithoscope.evaluation.explanations.label_issues import LabelIssue, find_label_issues, out_of_fold
from lithoscope.evaluation.explanations.neighbours import nearest

NEIGHBOURS = 3  # of each mistake
SUSPECTS = 12  # of each split at most


@dataclass(frozen=True)
class ScoredSplit:
    """The photographs that were scored, and what the model said of them.

    Attributes:
        split: ``test`` or ``validation``.
        ids: n of them.
        images: As the model was shown them, uint8 (n, side, side, 3), RGB.
        labels: int64 (n,).
        probabilities: Calibrated, (n, classes).
    """

    split: str
    ids: Sequence[str]
    images: Pixels
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.floating[Any]]

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The classes that were named, int64 (n,)."""
        found: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1).astype(np.int64)
        return found

    @property
    def confidence(self) -> npt.NDArray[np.floating[Any]]:
        """Their probabilities, (n,)."""
        found: npt.NDArray[np.floating[Any]] = self.probabilities.max(axis=1)
        return found


class ExampleRecords:
    """Writes pictures into an album and says which photograph is which.

    Args:
        album: Where pictures are kept.
        scored: The photographs that were scored.
        training: The packed training photographs.
        features: Of both.
        classes: Names of the classes.
    """

    def __init__(
        self, album: Album, scored: ScoredSplit, training: Pixels, features: PhotographFeatures, classes: Sequence[str]
    ) -> None:
        self.album, self.scored, self.training, self.features, self.classes = album, scored, training, features, classes

    def examples(self, rows: Sequence[int], maps: dict[int, Evidence]) -> list[dict[str, Any]]:
        """Return an entry for each of some scored photographs, with its evidence."""
        return [
            self._answered(row, maps, f"examples/{place:04d}")
            | {"right": bool(self.scored.predicted[row] == self.scored.labels[row])}
            for place, row in enumerate(rows, start=1)
        ]

    def mistakes(self, rows: Sequence[int], maps: dict[int, Evidence]) -> list[dict[str, Any]]:
        """Return an entry for each of some scored photographs, with its nearest training photographs."""
        training, places = self.features.training, {int(row): n for n, row in enumerate(self.features.scored.rows)}
        # What sets them apart from the mean photograph: all features are positive, so that all are alike in the rest.
        mean = training.values.mean(axis=0)
        queries = self.features.scored.values[[places[row] for row in rows]] - mean
        near = nearest(queries, training.values - mean, training.groups, NEIGHBOURS)
        entries = []
        for place, (row, found) in enumerate(zip(rows, near, strict=True), start=1):
            stem = f"mistakes/{place:04d}"
            neighbours = [
                {
                    "photograph": training.ids[one],
                    "label": self.classes[training.labels[one]],
                    "similarity": similarity,
                    "photo": self._learnt(one, f"{stem}-near-{rank}"),
                }
                for rank, (one, similarity) in enumerate(found, start=1)
            ]
            entries.append(self._answered(row, maps, stem) | {"neighbours": neighbours})
        return entries

    def suspects(self) -> list[dict[str, Any]]:
        """Return the labels that may be wrong: of scored photographs, then, where it can be said, of training ones."""
        scored, training = self.scored, self.features.training
        entries: list[dict[str, Any]] = []
        for one in find_label_issues(scored.probabilities, scored.labels)[:SUSPECTS]:
            photo = self.album.photo(
                scored.ids[one.row], scored.images[one.row], f"suspects/{len(entries) + 1:04d}-photo"
            )
            entries.append(self._suspect(one, scored.ids[one.row], int(scored.labels[one.row]), photo, scored.split))
        if self.features.unlearnt:
            answers = out_of_fold(training.values, training.labels, training.groups, len(self.classes))
            for one in find_label_issues(answers, training.labels)[:SUSPECTS]:
                photo = self._learnt(one.row, f"suspects/{len(entries) + 1:04d}-photo")
                entries.append(
                    self._suspect(one, training.ids[one.row], int(training.labels[one.row]), photo, "training")
                )
        return entries

    def _answered(self, row: int, maps: dict[int, Evidence], stem: str) -> dict[str, Any]:
        scored = self.scored
        return {
            "photograph": scored.ids[row],
            "label": self.classes[scored.labels[row]],
            "predicted": self.classes[scored.predicted[row]],
            "confidence": float(scored.confidence[row]),
            "photo": self.album.photo(scored.ids[row], scored.images[row], f"{stem}-photo"),
            "map": self.album.photo(
                f"evidence for {scored.ids[row]}", overlay(np.array(scored.images[row]), maps[row]), f"{stem}-map"
            ),
        }

    def _learnt(self, place: int, name: str) -> str:
        training = self.features.training
        return self.album.photo(training.ids[place], self.training[training.rows[place]], name)

    def _suspect(self, one: LabelIssue, photograph: str, label: int, photo: str, split: str) -> dict[str, Any]:
        named, usual = self.classes[one.named], f"photographs labelled {self.classes[one.named]} usually get"
        who = "a linear model that had not seen it names it" if split == "training" else "the model names it"
        return {
            "photograph": photograph,
            "label": self.classes[label],
            "predicted": named,
            "confidence": one.confidence,
            "photo": photo,
            "split": split,
            "reason": f"{who} {named} with {one.confidence:.2f}, where {usual} {one.usual:.2f}; its own label gets "
            f"{one.own:.2f}",
        }
