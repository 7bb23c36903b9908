"""How much is fetched of a file, and how much of the disk stays free."""

MAX_FILE_BYTES = 512 * 2**20
"""The most that is fetched of a file by default. One that lies here may always have that, and more where the pictures
may have many pixels."""
KEEP_FREE = 2**28
"""Bytes that stay free on the disk, whatever is unpacked or fetched."""
_PIXEL_BYTES = 8  # four channels of 16 bits, as they are: the most that a picture of a given size takes up in a file


def largest_file(max_megapixels: int) -> int:
    """Return the most bytes that a photograph's file may have, where a picture has at most so many million pixels."""
    return max(MAX_FILE_BYTES, max_megapixels * 1_000_000 * _PIXEL_BYTES)


def too_large(max_megapixels: int) -> str:
    """Say of a file with more bytes than that why it is set aside."""
    return (
        f"larger than {largest_file(max_megapixels) // 2**20:,} MiB, the most that max_megapixels = "
        f"{max_megapixels:,} lets a file have: raise that in params.yaml for a stitched scan"
    )
