"""Documents of several sections, each written by a command of its own, and the words of such commands."""

from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path


def words_of(asked: Namespace, places: Mapping[str, str], left_out: Collection[str] = ()) -> str:
    """Return the options of a command as one would type them, without this machine's paths.

    Options are said although they have their defaults, some of which are the machine's; those without a value are not.

    Args:
        asked: What was parsed, its names those of the options.
        places: What stands for the path of an option, by its name: such as ``FOLDER``.
        left_out: Names of what else was parsed, such as words without an option, and options that changed nothing.
    """
    words: list[str] = []
    for name, value in vars(asked).items():
        if name in left_out or value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if name in places:
            words.append(places[name])
        elif value is not True:
            words += map(str, value if isinstance(value, list) else [value])
    return " ".join(words)


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
