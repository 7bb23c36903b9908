"""What a file turns out to be when it is opened: a photograph, several pages, or none of that, with the reason."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from lithoscope.core.files import file_digest
from lithoscope.data.engines.tasks import Task, Wanted
from lithoscope.data.fetching.by_address import FETCHED_AT_ONCE, ByAddress
from lithoscope.data.images.decode import read
from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.reading import Reading, ReadingSettings, UnreadablePhotograph, page_path, require_unchanged


@dataclass(frozen=True)
class ExaminedPage:
    """A page, of which most files have one.

    Attributes:
        reason: Why it is no photograph, in words that follow the file's name; ``""`` of one.
        phash: Perceptual hash of the upright RGB picture, 16 hexadecimal digits.
        width: Of the upright picture, pixels.
        height: Of the upright picture, pixels.
        format: As :class:`lithoscope.data.images.reading.Reading` names it.
        notes: What was done to it besides decoding it.
    """

    reason: str = ""
    phash: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examined:
    """A file that was opened.

    Attributes:
        content: SHA-256 of the file's bytes, hexadecimal; ``""`` where its first page is no photograph.
        pages: The first page; where each page is a photograph of its own, all of them.
    """

    content: str
    pages: tuple[ExaminedPage, ...]


@dataclass(frozen=True)
class Examination(Task[Examined]):
    """Hashes, decodes and measures a file; a :class:`lithoscope.data.engines.tasks.Task`.

    Attributes:
        settings: How to read.
        by_address: Fetches the files that lie at addresses; None where there are none.
    """

    settings: ReadingSettings
    by_address: ByAddress | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of what is found, about."""
        return 2**9

    @property
    def at_once(self) -> int:
        """More than there are cores where photographs are fetched."""
        return FETCHED_AT_ONCE if self.by_address else 0

    def stop(self) -> None:
        """End what is being fetched."""
        if self.by_address:
            self.by_address.stop()

    def __call__(self, photograph: Wanted) -> Examined:
        """Examine a file.

        Raises:
            LithoscopeError: Its content is known, and it is gone, cannot be fetched or has changed.
        """
        path = Path(photograph.file)
        if photograph.content and not photograph.address:
            require_unchanged(path, photograph.content)
        try:
            if self.by_address and photograph.address:
                with self.by_address.opened(photograph.address, photograph.content) as stream:
                    return Examined(photograph.content, self._pages(stream))
            pages = self._pages(path)
            return Examined(photograph.content or file_digest(path), pages)
        except UnreadablePhotograph as problem:
            return Examined("", (ExaminedPage(problem.reason),))

    def _pages(self, source: Path | BinaryIO) -> tuple[ExaminedPage, ...]:
        """Return the pages of a file; raise if the first is no photograph."""
        first = read(source, self.settings)
        pages = [_examined(first)]
        for number in range(2, first.pages + 1 if self.settings.pages == "each" else 2):
            try:
                pages.append(_examined(_page(source, number, self.settings)))
            except UnreadablePhotograph as problem:
                pages.append(ExaminedPage(problem.reason))
        return tuple(pages)

    def pack(self, made: Examined) -> bytes:
        """Write down what was found, as JSON."""
        return json.dumps(asdict(made)).encode()

    def unpack(self, content: bytes) -> Examined:
        """Undo :meth:`pack`."""
        found = json.loads(content)
        pages = (ExaminedPage(**{**page, "notes": tuple(page["notes"])}) for page in found["pages"])
        return Examined(found["content"], tuple(pages))


def _page(source: Path | BinaryIO, number: int, settings: ReadingSettings) -> Reading:
    if isinstance(source, Path):
        return read(Path(page_path(str(source), number)), settings)
    source.seek(0)
    return read(source, settings, page=number)


def _examined(page: Reading) -> ExaminedPage:
    return ExaminedPage("", perceptual_hash(page.picture), *page.size, page.format, page.notes)
