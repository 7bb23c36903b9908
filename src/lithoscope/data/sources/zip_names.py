"""Names in zips that do not say how they are encoded: UTF-8, Shift-JIS, GBK, Big5, cp866 or cp437."""

import re
import unicodedata
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
    """Guess among the encodings that zips are written in without a mark: cp932 (Shift-JIS), gbk, big5, cp866, cp437.

    Standards of Chinese and Japanese put the characters that are much used into rows of their own: of a wrong decoding
    few fall there. Russian in cp866 has its letters at 80–AF and E0–F1, where cp437 has accented letters: these are few
    among plain ones in western words, and nearly all of a Russian one.
    """
    high = [byte for name in names for byte in name if byte >= 0x80]
    plain = sum(bytes([byte]).isalpha() for name in names for byte in _stem(name) if byte < 0x80)
    russian = sum(0x80 <= byte <= 0xAF or 0xE0 <= byte <= 0xF1 for byte in high)
    common = {encoding: _common(names, encoding) for encoding in ("cp932", "gbk", "big5")}
    if common["cp932"] > 0.6:  # granite, 花崗岩, has a rare sign among its three
        return "cp932"
    if russian < 0.9 * len(high):
        best = max(("gbk", "big5"), key=lambda encoding: common[encoding])
        if common[best] > 0.5:
            return best
    return "cp866" if len(high) > plain and russian == len(high) else "cp437"


def _common(names: Sequence[bytes], encoding: str) -> float:
    """Return the share of much used characters among those of words beyond ASCII; 0 where a name has no such reading.

    Kana, and the first level of ideographs of JIS X 0208, GB 2312 and Big5. Signs and marks tell nothing.
    """
    found, of = 0, 0
    for name in names:
        text = _decoded(name, encoding)
        if text is None:
            return 0.0
        for word in re.findall(r"[^\W\d_]+", text):
            if not word.isascii():
                found += sum(_is_common(sign, encoding) for sign in word)
                of += sum(unicodedata.category(sign) != "Lm" for sign in word)  # 々 and ー
    return found / of if of else 0.0


def _is_common(sign: str, encoding: str) -> bool:
    lead, trail = sign.encode(encoding).ljust(2, b"\0")
    if encoding == "gbk":
        return 0xB0 <= lead <= 0xD7
    if encoding == "big5":
        return 0xA4 <= lead <= 0xC6
    return (
        (lead == 0x82 and trail >= 0x9F)
        or (lead == 0x83 and 0x40 <= trail <= 0x96)
        or (0x889F <= 256 * lead + trail <= 0x9872)
    )


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
