"""Which files a folder of photographs holds, and which of them may be touched."""

import os
import re
import stat
from pathlib import Path

MAX_FILE_BYTES = 512 * 2**20
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r"}


def is_ignored(name: str) -> bool:
    """Say whether a file or folder is an operating system's own: hidden, a thumbnail cache, a resource fork."""
    return name.startswith(".") or name.casefold() in _SYSTEM_FILES


def visible_files(root: Path) -> list[str]:
    """List everything below a folder that is not a folder, as sorted posix paths relative to it.

    Hidden files and those of operating systems are left out. Links to folders are listed and not followed, so the
    walk cannot leave ``root`` or run in circles.
    """
    found: list[str] = []
    for folder, subfolders, files in os.walk(root, onerror=_raise):
        subfolders[:] = [name for name in subfolders if not is_ignored(name)]
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        found += [Path(folder, name).relative_to(root).as_posix() for name in files + links if not is_ignored(name)]
    return sorted(found)


def visible_folders(root: Path) -> list[Path]:
    """List the folders directly below ``root``, sorted by name, without ignored ones and without links."""
    return sorted(
        (entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink() and not is_ignored(entry.name)),
        key=lambda entry: entry.name,
    )


def refusal(root: Path, identity: str) -> str | None:
    """Say why the file ``root/identity`` must not be opened, or None if it may be.

    Args:
        root: The folder that holds the set. A link to a file is read wherever it points: caches of DVC, git-annex and
            DataLad lie elsewhere. (Archives are another matter: see :mod:`lithoscope.data.sources.archives`.)
        identity: Posix path below it, as :func:`visible_files` gives it.
    """
    if not _is_utf8(identity):
        return "its name is not valid UTF-8"
    path = f"{root}/{identity}"
    try:
        found = os.stat(path)  # noqa: PTH116 (asked of every file several times, and a Path costs ten times this call)
    except OSError:
        return broken_link(Path(path)) if Path(path).is_symlink() else "not a regular file"
    if stat.S_ISDIR(found.st_mode):
        return "a link to a folder, which is not followed"
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    if found.st_size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES // 2**20} MiB"
    return None


def broken_link(path: Path) -> str:
    """Say of a link to nothing how its content is fetched, where its target shows whose it is."""
    target = path.readlink().as_posix()
    if "annex/objects/" in target:
        return "a link to nothing: git-annex has its content elsewhere; fetch it with `datalad get` or `git annex get`"
    if "/cache/" in target and re.search("/[0-9a-f]{2}/[0-9a-f]{30}$", target):
        return "a link to nothing: DVC's cache does not hold it; fetch it with `dvc pull`"
    return "a link to nothing"


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
