"""Documents of several sections, each written by a command of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_section(
    path: Path, head: str, titles: Mapping[str, str], what: str, words: str, lines: Sequence[str]
) -> None:
    """Write one section into a document, in the place of the one that is there.

    Args:
        path: The document.
        head: What stands above the sections.
        titles: The sections' titles in their order, by the word that names each.
        what: The word of the section that is written.
        words: The command that made it.
        lines: What it says.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    kept = {part.partition("\n")[0]: f"## {part.rstrip()}" for part in text.split("\n## ")[1:]}
    kept[titles[what]] = "\n".join([f"## {titles[what]}", "", f"`{words}`", "", *lines])
    sections = [head.rstrip(), *(kept[title] for title in titles.values() if title in kept)]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
