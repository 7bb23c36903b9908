"""What a look into photographs finds, and how it is told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lithoscope.config.params import FolderParameters
from lithoscope.core.text import safe
from lithoscope.data.sources.base import Photograph, PhotographSet
from lithoscope.data.sources.catalogue import Catalogue, Entry, SetAside

SHOWN_AT_MOST = 20
_SPLITS = {"train": "train", "val": "val", "test": "test", "": "to split"}


@dataclass(frozen=True)
class Inspection:
    """What a place with photographs holds.

    Attributes:
        path: The folder or archive, absolute, or its address.
        dataset: The value of the parameter ``dataset`` that fits it.
        title: The set's title.
        counts: Photographs that can be read, by class, then by official split (``""`` where there is none).
        entries: Photographs that can be read.
        set_aside: Files that would be set aside, with their reasons.
        layout: How a folder of one's own is laid out.
        notes: What else a person should know, a line each.
        root: The folder that ids are relative to; None of an archive, an address or a manifest.
        listed: What the set found, whatever can be read of it.
        coarse: The coarser class of each class that has one.
    """

    path: Path | str
    dataset: str
    title: str
    counts: dict[str, dict[str, int]]
    entries: list[Entry]
    set_aside: list[SetAside]
    layout: FolderParameters
    notes: list[str]
    root: Path | None
    listed: Sequence[Photograph]
    coarse: dict[str, str]

    @property
    def photographs(self) -> int:
        """How many photographs can be read."""
        return sum(sum(splits.values()) for splits in self.counts.values())

    @property
    def splits(self) -> dict[str, int]:
        """Photographs by official split, of those splits that occur."""
        totals: Counter[str] = Counter()
        for splits in self.counts.values():
            totals.update(splits)
        return {split: totals[split] for split in _SPLITS if totals[split]}

    def describe(self) -> str:
        """Say in a few lines, for a terminal, what was found."""
        lines = [
            safe(str(self.path)),
            f"dataset: {self.dataset} ({self.title})",
            f"{self.photographs:,} photographs of {len(self.counts)} classes; "
            + ", ".join(f"{_SPLITS[split]} {count:,}" for split, count in self.splits.items()),
        ]
        width = max(len(safe(label)) for label in self.counts)
        for label, splits in sorted(self.counts.items()):
            cells = [f"{_SPLITS[split]} {splits.get(split, 0):>6,}" for split in self.splits]
            lines.append(f"  {safe(label):<{width}}  {'   '.join(cells)}")
        lines += [f"note: {safe(note)}" for note in self.notes]
        files = "1 file" if len(self.set_aside) == 1 else f"{len(self.set_aside) or 'no'} files"
        lines.append(f"{files} would be set aside{':' if self.set_aside else ''}")
        lines += [f"  {safe(item.id)}: {item.reason}" for item in self.set_aside[:SHOWN_AT_MOST]]
        if len(self.set_aside) > SHOWN_AT_MOST:
            lines.append(f"  and {len(self.set_aside) - SHOWN_AT_MOST:,} more")
        return "\n".join(lines)


def inspection(
    named: Path | str,
    kind: PhotographSet,
    found: Catalogue,
    layout: FolderParameters,
    notes: list[str],
    root: Path | None = None,
    listed: Sequence[Photograph] = (),
) -> Inspection:
    """Sum up what was found; see :class:`Inspection` for what is given."""
    counts: dict[str, dict[str, int]] = {label: {} for label in found.labels()}
    for entry in found.entries:
        splits = counts[entry.label]
        splits[entry.official_split] = splits.get(entry.official_split, 0) + 1
    coarse = kind.coarse_classes(found.labels())
    return Inspection(
        named, kind.name, kind.title, counts, found.entries, found.set_aside, layout, notes, root, listed, coarse
    )
