"""What a file is that is not read as a photograph: told by its name, so that a whole one is never called damaged."""

import os
from typing import BinaryIO

from lithoscope.data.images.boxes import boxes, content, fill_the_file, first_box

TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What a TIFF begins with; the last two are BigTIFF."""

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"mif3", b"miaf", b"msf1"}
_AVIF_BRANDS = (b"avif", b"avis")
_READ_CODECS = {b"hvc1", b"av01"}
_CODECS = {
    b"jpeg": "JPEG",
    b"avc1": "AVC (H.264)",
    b"vvc1": "VVC (H.266)",
    b"evc1": "EVC",
    b"j2k1": "JPEG 2000",
    b"unci": "uncompressed",
    b"hej2": "HEVC in layers",
    b"lhv1": "HEVC in layers",
}

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", *TIFF_MARKS, b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")
_OTHER_KINDS = {
    b"\xff\x0a": "a JPEG XL image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"II\xbc\x01": "a JPEG XR image",
    b"8BPS": "a Photoshop document",
    b"v/1\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance HDR image",
    b"SIMPLE  =": "a FITS image",
    b"ZISRAW": "a Zeiss CZI microscope file",
    b"gimp xcf": "a GIMP document",
    b"qoif": "a QOI image",
    b"DDS ": "a DDS texture",
    b"PF\n": "a PFM image",
    b"Pf\n": "a PFM image",
    b"P7\n": "a PAM image",
    b"\0\0\1\0": "an icon",
    b"BPG\xfb": "a BPG image",
    b"AT&TFORM": "a DjVu document",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript drawing",
    b"<svg": "an SVG drawing",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\xda\xce\xbe\x0a": "a Nikon ND2 microscope file",
}
_NO_IMAGES = {
    b"version https://git-lfs": "what stands for a file in Git LFS: fetch it with `git lfs pull`",
    b"/annex/objects/": "what stands for a file in git-annex: fetch it with `git annex get`",
    b"PK\3\4": "an archive: unpack it beside the photographs",
    b"Rar!": "an archive: unpack it beside the photographs",
    b"7z\xbc\xaf": "an archive: unpack it beside the photographs",
}


def is_heif(head: bytes) -> bool:
    """Say whether a file is a HEIC or HEIF image, which Pillow may read as AVIF, by all brands its first box names."""
    named = int.from_bytes(head[:4], "big")
    brands = {head[place : place + 4] for place in (8, *range(16, min(named, len(head)), 4))}
    return head[4:8] == b"ftyp" and head[8:12] not in _AVIF_BRANDS and bool(brands & _HEIF_BRANDS)


def why_not_read(stream: BinaryIO, error: Exception) -> str | None:
    """Say what a whole file is that a decoder knows the kind of and does not take, or None where it may be damaged.

    Args:
        stream: The file.
        error: What the decoder said.
    """
    stream.seek(0)
    head = stream.read(132)
    words = str(error).removeprefix("Unsupported BMP ")
    if head.startswith(b"BM") and words != str(error):
        named = int.from_bytes(head[2:6], "little")  # some programs write 0
        if named <= stream.seek(0, os.SEEK_END):
            return f"a BMP image whose {words} is not read: save it as PNG, TIFF or JPEG"
    if not (is_heif(head) and fill_the_file(stream)):
        return None
    codecs = {codec for codec in _item_types(stream) if codec in _CODECS or codec in _READ_CODECS}
    if b"av01" in codecs and head[8:12] not in (b"mif1", b"msf1"):  # of these Pillow knows that they may be AVIF
        return "an AVIF image under another brand than avif, which is not read: save it as PNG, TIFF or JPEG"
    if codecs & _READ_CODECS or not codecs:
        return None
    packed = " and ".join(sorted(_CODECS[codec] for codec in codecs))
    return f"a HEIF image ({packed}), which is not read: save it as PNG, TIFF or JPEG"


def _item_types(stream: BinaryIO) -> list[bytes]:
    """Return the types of the items of a HEIF file (ISO/IEC 14496-12, 8.11.6)."""
    meta = first_box(stream, b"meta")
    table = first_box(stream, b"iinf", meta.start + 4, meta.end) if meta else None
    if table is None:
        return []
    first = table.start + (6 if content(stream, table)[:1] == b"\0" else 8)
    entries = (content(stream, entry) for entry in boxes(stream, first, table.end))
    return [said[8:12] if said[:1] == b"\2" else said[10:14] for said in entries]


def why_no_photograph(head: bytes) -> str:
    """Say what a file is that no decoder took, by its first 132 bytes, in words that follow its name."""
    for beginning, kind in _OTHER_KINDS.items():
        if head.startswith(beginning):
            return f"{kind}, which is not read: save it as PNG, TIFF or JPEG"
    for beginning, what in _NO_IMAGES.items():
        if head.startswith(beginning):
            office = any(mark in head for mark in (b"[Content_Types]", b"mimetype"))  # zips as well, of documents
            return "a document" if office else what
    if head[128:132] == b"DICM":
        return "a DICOM image, which is not read: save it as PNG, TIFF or JPEG"
    if (
        head.startswith(_SIGNATURES)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or is_heif(head)
        or (head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS)
    ):
        return "truncated or damaged"
    return "a video" if head[4:8] == b"ftyp" else "not an image"
