"""How a photograph is read: the settings, the limits, what a reading gives and why there is none."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest

MIN_SIDE = 32
"""Smallest width and height of a photograph, in pixels."""

LARGE_PIXELS = 32_000_000
"""Photographs above this are decoded one at a time, so that memory stays bounded; those below in parallel."""

PAGE_MARK = "#page="

_ONE_LARGE_AT_A_TIME = Lock()


class UnreadablePhotograph(Exception):  # noqa: N818 (an answer about a file, caught where files are listed)
    """A file that cannot serve as a photograph.

    Attributes:
        reason: Why, in words that follow the file's name: ``"truncated"``, ``"not an image"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ReadingSettings:
    """How files become pixels, as ``params.yaml`` says.

    Attributes:
        pages: Of a file with several pages or frames: the first full-size one, each of them as a photograph of its
            own (see :func:`page_path`), or the brightest value of all at each pixel (a stack under crossed polarisers).
        max_megapixels: The most pixels that are decoded, in millions. Pillow's own limit for decompression bombs, 16
            bytes a pixel being 2.7 GiB, is 179.
    """

    pages: Literal["first", "each", "max"] = "first"
    max_megapixels: int = 179

    def check_size(self, width: int, height: int) -> None:
        """Refuse a picture from its header, before anything is decoded.

        Raises:
            UnreadablePhotograph: It is too small or too large.
        """
        if width * height > self.max_megapixels * 1_000_000:
            raise UnreadablePhotograph(
                f"{width} by {height} px are {width * height / 1e6:,.0f} megapixels, above max_megapixels = "
                f"{self.max_megapixels:,}: raise that in params.yaml for a stitched scan"
            )
        if min(width, height) < MIN_SIDE:
            raise UnreadablePhotograph(f"{width} by {height} px, smaller than {MIN_SIDE} px")


DEFAULTS = ReadingSettings()


@dataclass(frozen=True)
class Reading:
    """A photograph that was read.

    Attributes:
        picture: Upright, mode RGB, sRGB.
        format: The file's format: Pillow's name for it, or ``"RAW"``.
        size: Width and height of the upright picture as the file holds it, pixels; ``picture`` may be smaller where a
            very large JPEG was decoded at a reduced scale.
        notes: What was done to it that its owner may want to know, each in words that follow the file's name.
        pages: How many full-size pages or frames the file has.
    """

    picture: Image.Image
    format: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()
    pages: int = 1


def page_path(path: str, number: int) -> str:
    """Return what stands for a page, counted from 1, where a file's path would; the first page has the file's own."""
    return path if number == 1 else f"{path}{PAGE_MARK}{number}"


def file_and_page(path: Path) -> tuple[Path, int]:
    """Undo :func:`page_path`; a file that is really called so is itself."""
    file, mark, number = str(path).rpartition(PAGE_MARK)
    return (Path(file), int(number)) if mark and number.isdecimal() and not path.exists() else (path, 1)


def page_digest(digest: str, number: int) -> str:
    """Return what stands for a page's content: the SHA-256 of its file, after the first page of that and the number."""
    return digest if number == 1 else hashlib.sha256(page_path(digest, number).encode()).hexdigest()


def file_of(identity: str, digests: Mapping[str, str]) -> tuple[str, int]:
    """Undo :func:`page_path` by content: return the id of a photograph's file, which its first page has, and the page.

    Args:
        identity: The photograph's id.
        digests: The :func:`page_digest` of each photograph, by id.
    """
    file, mark, number = identity.rpartition(PAGE_MARK)
    if mark and number.isdecimal() and page_digest(digests.get(file, ""), int(number)) == digests[identity]:
        return file, int(number)
    return identity, 1


def require_unchanged(path: Path, content: str) -> None:
    """Require that a photograph that stays in its place is there and holds what it held when it was listed.

    Args:
        path: The file, or one of its pages.
        content: What :func:`page_digest` was then.

    Raises:
        LithoscopeError: It is gone, cannot be opened or has changed.
    """
    file, number = file_and_page(path)
    try:
        if page_digest(file_digest(file), number) == content:
            return
        what = "has changed since it was listed"
    except OSError as error:
        what = f"cannot be read any more ({error.strerror})"
    raise LithoscopeError(f"{path}: {what}; list the photographs anew with `lithoscope use`")


def bounded(width: int, height: int) -> AbstractContextManager[object]:
    """Return what a picture of this size is decoded in, so that two very large ones never fill the memory at once."""
    return _ONE_LARGE_AT_A_TIME if width * height > LARGE_PIXELS else nullcontext()
