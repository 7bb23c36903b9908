"""Files of a multipart request, kept in memory: no name of theirs ever reaches the file system."""

import logging
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from lithoscope.core.text import safe

LONGEST_NAME = 255
FIELD_BYTES = 1000
FIELDS = 20
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it logs each bad body, which its sender is told of


class BadUpload(Exception):  # noqa: N818 (an answer, not a fault of ours)
    """A request that is not what ``POST /predict`` takes."""


class _InMemory(MultiPartParser):
    spool_max_size = 0  # of a spooled file: never rolled over to disk; the whole body is bounded before


@dataclass(frozen=True)
class Upload:
    """One file of a request.

    Attributes:
        name: As its sender calls it, for the answer alone.
        content: Its bytes.
    """

    name: str
    content: bytes


async def read_uploads(request: Request, max_files: int) -> tuple[list[Upload], dict[str, str]]:
    """Read the files and fields of a multipart body.

    Args:
        request: With a body that is bounded already.
        max_files: Most files.

    Returns:
        The files in their order, and the fields by name; of several of a name the last.

    Raises:
        BadUpload: It is no multipart body with at least one file called ``photographs``, or has too many.
    """
    if not request.headers.get("content-type", "").casefold().startswith("multipart/form-data"):
        raise BadUpload("send the photographs as multipart/form-data, each as a file called `photographs`")
    parser = _InMemory(
        request.headers, request.stream(), max_files=max_files, max_fields=FIELDS, max_part_size=FIELD_BYTES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadUpload(f"{error.message.rstrip('.')}; allowed: {max_files} files and {FIELDS} short fields") from None
    uploads, fields = [], {}
    try:
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                if key != "photographs":
                    raise BadUpload(f"a file called {key[:40]!r}; allowed: photographs")
                uploads.append(Upload(safe((value.filename or "")[:LONGEST_NAME]), await value.read()))
            else:
                fields[key] = value
    finally:
        await form.close()
    if not uploads:
        raise BadUpload("no photograph; send at least one as a file called `photographs`")
    return uploads, fields
