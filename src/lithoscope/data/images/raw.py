"""Camera raw files: recognised by their content, developed with fixed settings, never taken for their thumbnail."""

from typing import BinaryIO

from PIL import Image

from lithoscope.data.images.reading import Reading, ReadingSettings, UnreadablePhotograph, bounded

# What the files of makers begin with that use no TIFF, or a TIFF under a number of their own.
_BEGINNINGS = {
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"FUJIFILMCCD-RAW": "RAF",
    b"FOVb": "X3F",
    b"\0MRM": "MRW",
    b"II\x1a\0\0\0HEAPCCDR": "CRW",
}
_WITHIN = {(8, b"CR\2"): "CR2", (4, b"ftypcrx "): "CR3", (8, b"IIII"): "IIQ", (8, b"MMMM"): "IIQ"}
_OF_MAKERS = {
    "nikon": "NEF",
    "sony": "ARW",
    "canon": "CR2",
    "pentax": "PEF",
    "ricoh": "PEF",
    "samsung": "SRW",
    "hasselblad": "3FR",
    "epson": "ERF",
    "leica": "RWL",
    "panasonic": "RW2",
    "olympus": "ORF",
}


def kind_of_raw(head: bytes) -> str | None:
    """Tell the kind of a camera raw file that no TIFF reader knows, such as ``"CR3"``, from its first 32 bytes."""
    found = [kind for beginning, kind in _BEGINNINGS.items() if head.startswith(beginning)]
    found += [kind for (place, mark), kind in _WITHIN.items() if head[place : place + len(mark)] == mark]
    return found[0] if found else None


def kind_of_maker(maker: str) -> str:
    """Return what raw files of a camera's maker are called; ``"TIFF/EP"`` for one that is not known."""
    words = maker.casefold().split()
    return next((kind for name, kind in _OF_MAKERS.items() if name in words[:1]), "TIFF/EP")


def read_raw(stream: BinaryIO, kind: str, settings: ReadingSettings) -> Reading:
    """Develop a camera raw file: the camera's white balance, no automatic brightness, 8 bits, sRGB.

    Automatic brightness, LibRaw's default, would give a scene the same mean at any exposure.

    Args:
        stream: The file, from its beginning.
        kind: As :func:`kind_of_raw` says.
        settings: How to read.

    Raises:
        UnreadablePhotograph: The extra ``raw`` is not installed, or LibRaw cannot read the file.
    """
    try:
        import rawpy
    except ImportError:
        raise UnreadablePhotograph(
            f"a camera raw file ({kind}), which needs the extra `raw`: pip install 'lithoscope[raw]'"
        ) from None
    try:
        with rawpy.imread(stream) as raw:
            width, height = raw.sizes.width, raw.sizes.height
            settings.check_size(width, height)
            with bounded(width, height):
                pixels = raw.postprocess(
                    use_camera_wb=True,
                    no_auto_bright=True,
                    output_bps=8,
                    output_color=rawpy.ColorSpace.sRGB,
                    gamma=(2.4, 12.92),  # of sRGB; LibRaw's default is that of television, BT.709
                )
    except rawpy.LibRawError as error:
        text = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise UnreadablePhotograph(f"a camera raw file ({kind}) that LibRaw cannot read: {text}") from None
    picture = Image.fromarray(pixels.squeeze()).convert("RGB")  # a sensor without colours gives one channel
    return Reading(picture, "RAW", picture.size)  # LibRaw turned it upright
