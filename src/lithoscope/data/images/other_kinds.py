"""What a file is that is not read as a photograph: told by its name, so that a whole one is never called damaged."""

TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What a TIFF begins with; the last two are BigTIFF."""

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Of the first box of HEIC and HEIF."""

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
        or (head[4:8] == b"ftyp" and head[8:12] in (*HEIF_BRANDS, b"avif", b"avis"))
    ):
        return "truncated or damaged"
    return "a video" if head[4:8] == b"ftyp" else "not an image"
