"""Which files a folder of photographs holds, and which of them may be touched."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from lithoscope.data.fetching.limits import largest_file, too_large

_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r"}
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)


def is_ignored(name: str) -> bool:
    """Say whether a file or folder is an operating system's own: hidden, a thumbnail cache, a resource fork."""
    return name.startswith(".") or name.casefold() in _SYSTEM_FILES


def visible_files(root: Path) -> list[str]:
    """List everything below a folder that is not a folder, as sorted posix paths relative to it.

    Hidden files and those of operating systems are left out. Links to folders are followed wherever they lead, but for
    those that lead back to a folder around them: these are listed themselves.
    """
    found: list[str] = []
    for folder, _, files in walk(root):
        below = folder.relative_to(root)
        found += [(below / name).as_posix() for name in files if not is_ignored(name)]
    return sorted(found)


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Walk as :func:`os.walk` does, through links to folders, and not into folders that are ignored.

    A link that leads back to a folder around it stands among the files. Names may be taken out of the subfolders.
    """
    for place, subfolders, files in os.walk(root, onerror=_raise, followlinks=True):
        folder = Path(place)
        circles = [name for name in subfolders if _leads_back(root, folder / name)]
        subfolders[:] = [name for name in subfolders if name not in circles and not is_ignored(name)]
        yield folder, subfolders, files + circles


def linked_folders(root: Path) -> list[str]:
    """List the links to folders that are followed below a folder, as sorted posix paths relative to it."""
    followed = (folder / name for folder, subfolders, _ in walk(root) for name in subfolders)
    return sorted(path.relative_to(root).as_posix() for path in followed if path.is_symlink())


def _leads_back(root: Path, path: Path) -> bool:
    """Say whether a path is a link to a folder that holds the link, by whatever links one came there."""
    if not path.is_symlink():
        return False
    target = path.resolve()
    around = [folder for folder in path.parents if folder == root or folder.is_relative_to(root)]
    return any(folder.resolve().is_relative_to(target) for folder in around)


def visible_folders(root: Path) -> list[Path]:
    """List the folders directly below ``root``, sorted by name, without ignored ones and links that lead back."""
    return sorted(
        (
            entry
            for entry in root.iterdir()
            if not is_ignored(entry.name) and entry.is_dir() and not _leads_back(root, entry)
        ),
        key=lambda entry: entry.name,
    )


def refusal(root: Path, identity: str, max_megapixels: int | None = None) -> str | None:
    """Say why the file ``root/identity`` must not be opened, or None if it may be.

    Args:
        root: The folder that holds the set. A link to a file is read wherever it points: caches of DVC, git-annex and
            DataLad lie elsewhere. (Archives are another matter: see :mod:`lithoscope.data.sources.archives`.)
        identity: Posix path below it, as :func:`visible_files` gives it.
        max_megapixels: The most pixels of a picture, in millions. None: its file may be as large as it likes.
    """
    if not _is_utf8(identity):
        return "its name is not valid UTF-8"
    path = f"{root}/{identity}"
    try:
        found = os.stat(path)  # noqa: PTH116 (asked of every file several times, and a Path costs ten times this call)
    except OSError:
        return broken_link(Path(path)) if Path(path).is_symlink() else "not a regular file"
    if stat.S_ISDIR(found.st_mode):
        return "a link that leads back to a folder around it"
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    if max_megapixels is not None and found.st_size > largest_file(max_megapixels):
        return too_large(max_megapixels)
    return None


def broken_link(path: Path) -> str:
    """Say of a link to nothing how its content is fetched, where its target shows whose it is."""
    target = path.readlink().as_posix()
    if "annex/objects/" in target:
        return "a link to nothing: git-annex has its content elsewhere; fetch it with `datalad get` or `git annex get`"
    if "/cache/" in target and re.search("/[0-9a-f]{2}/[0-9a-f]{30}$", target):
        return "a link to nothing: DVC's cache does not hold it; fetch it with `dvc pull`"
    return "a link to nothing"


def unsafe(name: str) -> str | None:
    """Say why a listed name must not become a file name here, or None if it may."""
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0") or re.match(r"[A-Za-z]:", name):
        return "it points outside the folder"
    if _RESERVED.fullmatch(name):
        return "it is a device's name on Windows"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if length > 255 or any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        return "it is no usable file name"
    return None


def printable(identity: str) -> str:
    """Return a name that can be written as UTF-8, with bytes that are not valid shown as escapes."""
    return identity.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raise(error: OSError) -> None:
    raise error
