"""A list of remote files, made a folder: whole files of earlier runs are skipped, and names that clash refused."""

import os
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.download import Fetcher, RemoteFile, fetch_all, is_done
from lithoscope.data.sources.listing import printable
from lithoscope.data.sources.progress import DownloadProgress, log


def refuse_clashes(files: Sequence[RemoteFile], where: str) -> None:
    """Refuse names that are one name on some file systems, so that no file silently replaces another.

    Args:
        files: What is listed.
        where: Who lists it, for the error.

    Raises:
        LithoscopeError: Two names are one, or a file's name is a folder's too.
    """
    seen: dict[str, str] = {}
    for file in files:
        plain = _plain(file.path)
        if seen.setdefault(plain, file.path) != file.path:
            raise LithoscopeError(f"{where} lists {seen[plain]} and {file.path}: one name on some systems")
    for path in list(seen):
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in seen:
                raise LithoscopeError(f"{where} lists {printable(seen[path])} as a file and as a folder")


def fetch_missing(client: Fetcher, files: Sequence[RemoteFile], folder: Path, title: str, *, workers: int = 4) -> None:
    """Fetch files into ``folder/<stem>.done``, those left out that lie there whole; say how many, and how it goes.

    Args:
        client: Fetches them.
        files: What is to lie there.
        folder: Where half-done work lies; must exist.
        title: What is downloaded, for people.
        workers: How many are fetched at a time.

    Raises:
        LithoscopeError: One of the files could not be had.
    """
    kept = {file for file in files if is_done(file, folder)}
    missing = [file for file in files if file not in kept]
    total = sum(file.size or 0 for file in files)
    already = f", {len(kept)} of them already there" if kept else ""
    log(f"{title}: {len(files)} {'file' if len(files) == 1 else 'files'}, {total / 1e6:.1f} MB{already}")
    with DownloadProgress(title, len(files), total) as progress:
        progress.add_bytes(sum(file.size or 0 for file in kept))
        progress.add_files(len(kept))
        fetch_all(
            client, missing, folder, workers=workers, advance=progress.add_bytes, on_file=lambda _: progress.add_files()
        )


def place(files: Sequence[RemoteFile], folder: Path, destination: Path) -> None:
    """Link whole files to where they belong, or copy them where the file system has no links."""
    for file in files:
        done, target = folder / f"{file.stem}.done", destination / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(done, target)
        except OSError:
            shutil.copyfile(done, target)


def some(names: Sequence[str]) -> str:
    """Name the first few of many."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _plain(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
