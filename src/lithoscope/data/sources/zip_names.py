"""Names in zips that do not say how they are encoded: UTF-8, GBK, cp866 or cp437."""

import re
import zipfile
from collections.abc import Sequence

from lithoscope.data.sources.listing import printable
from lithoscope.data.sources.progress import log


def name_encoding(archive: zipfile.ZipFile) -> str:
    """Say how names that are not marked as UTF-8 are written; a line says so, since a file cannot tell for certain."""
    written = [bytes_ for info in archive.infolist() if (bytes_ := _unmarked(info)) is not None]
    odd = [name for name in written if _decoded(name, "utf-8") is None]
    if not odd:
        return "utf-8"
    encoding = guess_encoding(odd)
    example = _decoded(odd[0], encoding) or ""
    log(
        f"note: {archive.filename}: {len(odd):,} names do not say how they are encoded; read as {encoding}, e.g. "
        f"{printable(example)}; if that is wrong, unpack it and give the folder"
    )
    return encoding


def guess_encoding(names: Sequence[bytes]) -> str:
    """Guess among the encodings that zips are written in without a mark: cp866, gbk, cp437.

    Russian in cp866 has its letters at 80–AF and E0–F1, where cp437 has accented letters: these are few among plain
    ones in western words, and nearly all of a Russian one. Chinese in GBK is pairs of bytes that are ideographs.
    """
    high = [byte for name in names for byte in name if byte >= 0x80]
    plain = sum(bytes([byte]).isalpha() for name in names for byte in _stem(name) if byte < 0x80)
    chinese = [_decoded(name, "gbk") for name in names]
    signs = [sign for text in chinese for sign in text or "" if ord(sign) >= 0x80]
    if None not in chinese and signs and all("\u4e00" <= sign <= "\u9fff" or sign in "（）、，。·—" for sign in signs):
        letters = sum(0x80 <= byte <= 0xAF or 0xE0 <= byte <= 0xF1 for byte in high)
        if letters < 0.9 * len(high):
            return "gbk"
    if len(high) > plain and all(0x80 <= byte <= 0xAF or 0xE0 <= byte <= 0xF1 for byte in high):
        return "cp866"
    return "cp437"


def _stem(name: bytes) -> bytes:
    """Return the words of a path that hold more than ASCII: plain endings and numbers tell nothing."""
    return b"".join(word for word in re.findall(rb"[A-Za-z\x80-\xff]+", name) if max(word) >= 0x80)


def _unmarked(info: zipfile.ZipInfo) -> bytes | None:
    """Return a name's bytes where it is not marked as UTF-8: zipfile took it for code page 437."""
    if info.flag_bits & 0x800:
        return None
    try:
        return info.filename.encode("cp437")
    except UnicodeError:  # read from a field of its own
        return None


def _decoded(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeError:
        return None


def member_name(info: zipfile.ZipInfo, encoding: str) -> str:
    """Return a member's path, with the slashes of some Windows programs turned."""
    written, name = _unmarked(info), info.filename
    if written is not None:
        # The zips of macOS hold UTF-8 without saying so.
        name = _decoded(written, "utf-8") or _decoded(written, encoding) or name
    return name.replace("\\", "/")
