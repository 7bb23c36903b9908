"""More than 8 bits, as microscopes, scanners and cameras store them."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from lithoscope.data.images.decode import read

from helpers.files_by_hand import jp2
from helpers.known_pictures import CLOSE, EIGHT, GREY, HEIGHT, WIDTH, bits, error, known, reason, smooth


@pytest.mark.kind(
    about="photographs",
    kind="TIFF of 16 bits in RGB: interleaved, in separate planes, either byte order, packed or not",
    done="read (tifffile), scaled to 8 bits",
    reported="python-pillow/Pillow#4621",
)
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planes", [False, True])
def test_sixteen_bits_in_rgb(tmp_path: Path, planes: bool, byteorder: Any, compression: Any) -> None:
    values = bits(known(), 16)
    values = np.ascontiguousarray(np.moveaxis(values, -1, 0)) if planes else values
    tifffile.imwrite(
        tmp_path / "a.tif",
        values,
        photometric="rgb",
        planarconfig="separate" if planes else "contig",
        byteorder=byteorder,
        compression=compression,
        predictor=compression == "lzw",
    )
    read_ = read(tmp_path / "a.tif")
    assert error(read_) < CLOSE
    assert read_.notes == ()


@pytest.mark.kind(
    about="photographs",
    kind="TIFF whose zero is white, of 8 or 16 bits",
    done="read, not as its negative",
    reported="–",
)
@pytest.mark.parametrize("depth", [8, 12, 16])
def test_white_is_zero(tmp_path: Path, depth: int) -> None:
    values = bits(1 - known()[..., 1], depth)
    tifffile.imwrite(tmp_path / "a.tif", values.astype(np.uint8) if depth == 8 else values, photometric="miniswhite")
    assert error(read(tmp_path / "a.tif"), GREY) < CLOSE


@pytest.mark.kind(
    about="photographs",
    kind="10, 12 or 14 bits of a camera or microscope in a file of 16 (TIFF, PNG, PPM)",
    done="divided by the largest value of the narrowest of 8, 10, 12, 14 and 16 bits that holds the picture; noted",
    reported="pydicom/pydicom#693",
)
@pytest.mark.parametrize("depth", [10, 12, 14])
@pytest.mark.parametrize("name", ["rgb.tif", "grey.tif", "rgb.png", "grey.png", "rgb.ppm", "grey.pgm"])
def test_fewer_bits_than_the_file_has_room_for(tmp_path: Path, name: str, depth: int) -> None:
    values = bits(known(), depth)
    values = values[..., 1] if name.startswith("grey") else values
    if name.endswith("png"):
        (tmp_path / name).write_bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))
    elif name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, values)
    else:
        magic = {"rgb.ppm": "P6", "grey.pgm": "P5"}[name]
        header = f"{magic}\n# by a microscope\n{WIDTH} {HEIGHT}\n65535\n"
        (tmp_path / name).write_bytes(header.encode() + values.astype(">u2").tobytes())
    read_ = read(tmp_path / name)
    assert error(read_, GREY if name.startswith("grey") else EIGHT) < CLOSE
    top = 2**depth - 1
    assert read_.notes == (f"values up to {top:,}: {depth} bits in 16, scaled by {top:,}",)


@pytest.mark.kind(
    about="photographs",
    kind="PNG of 16 bits: grey, RGB, with transparency",
    done="read, scaled to 8 bits, laid on white",
    reported="–",
)
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_sixteen_bit_png(tmp_path: Path, grey: bool, alpha: bool) -> None:
    values, wanted = bits(known(), 16), EIGHT.copy()
    values = values[..., 1:2] if grey else values
    if grey:
        wanted = np.stack([GREY] * 3, axis=-1)
    if alpha:
        opaque = np.full((HEIGHT, WIDTH, 1), 65535, np.uint16)
        opaque[:20] = 0
        values, wanted[:20] = np.concatenate([values, opaque], axis=-1), 255
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(values.squeeze())))
    assert error(read(tmp_path / "a.png"), wanted) < CLOSE


@pytest.mark.kind(
    about="photographs",
    kind="JPEG 2000 of 12 or 16 bits, RGB or grey",
    done="read (imagecodecs); white stays white",
    reported="–",
)
@pytest.mark.parametrize("depth", [8, 12, 16])
@pytest.mark.parametrize("grey", [False, True])
def test_deep_jpeg_2000(tmp_path: Path, depth: int, grey: bool) -> None:
    values = bits(known(), depth)
    values = values[..., 1] if grey else values
    values = values.astype(np.uint8) if depth == 8 else values
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(values, level=0, bitspersample=depth))
    read_ = read(tmp_path / "a.jp2")
    assert error(read_, GREY if grey else EIGHT) < CLOSE
    assert np.asarray(read_.picture)[-4, -4].tolist() == [255, 255, 255]
    assert read_.notes == ()


IN_ORDER = ((0, 0, 1), (1, 0, 2), (2, 0, 3))
BACKWARDS = ((0, 0, 3), (1, 0, 2), (2, 0, 1))


@pytest.mark.kind(
    about="photographs",
    kind="JPEG 2000 of 8 or 16 bits with four channels in any order: CMYK, RGB with transparency, RGB with one of no "
    "meaning",
    done="taken as its colour space and definition of channels say; without a definition the fourth is transparency",
    reported="–",
)
@pytest.mark.parametrize("depth", [8, 16])
def test_channels_of_a_jpeg_2000_are_what_it_says(tmp_path: Path, depth: int) -> None:
    values, dtype, top = known(), f"u{depth // 8}", 2**depth - 1
    none, full = np.zeros((HEIGHT, WIDTH, 1)), np.ones((HEIGHT, WIDTH, 1))
    white = np.rint((values * 0.5 + 0.5) * 255).astype(np.uint8)
    cases = [
        ([1 - values, none], 12, (), EIGHT),
        ([values, none], 16, (*IN_ORDER, (3, 65535, 65535)), EIGHT),
        ([values, full / 2], 16, (*IN_ORDER, (3, 1, 0)), white),
        ([values / 2, full / 2], 16, (*IN_ORDER, (3, 2, 0)), white),
        ([full / 2, values], 16, ((0, 1, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3)), white),
        ([values[..., ::-1]], 16, BACKWARDS, EIGHT),
        ([values[..., 1:2], none], 17, ((0, 0, 1), (1, 65535, 65535)), GREY),
        ([values, full / 2], 16, (), white),
    ]
    for channels, space, definitions, wanted in cases:
        stored = np.rint(np.concatenate(channels, axis=-1) * top).astype(dtype)
        (tmp_path / "a.jp2").write_bytes(jp2(stored, space, definitions))
        assert error(read(tmp_path / "a.jp2"), wanted) < CLOSE, (space, definitions)


@pytest.mark.kind(about="photographs", kind="JPEG of 12 bits", done="read (imagecodecs)", reported="–")
def test_twelve_bit_jpeg(tmp_path: Path) -> None:
    picture = np.asarray(smooth()) / 255
    content = imagecodecs.jpeg_encode(bits(picture, 12), level=98, bitspersample=12, subsampling="444")
    (tmp_path / "a.jpg").write_bytes(content)
    assert error(read(tmp_path / "a.jpg"), np.asarray(smooth())) < CLOSE


@pytest.mark.kind(
    about="photographs",
    kind="TIFF of floating point in RGB or grey: 0 … 1, or the range of 8 or 16 bits",
    done="read, scaled",
    reported="–",
)
@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
@pytest.mark.parametrize("grey", [False, True])
def test_floating_point(tmp_path: Path, top: float, grey: bool) -> None:
    values = (known() * top).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values[..., 1] if grey else values, photometric=None if grey else "rgb")
    assert error(read(tmp_path / "a.tif"), GREY if grey else EIGHT) < CLOSE


@pytest.mark.parametrize(("kind", "top"), [(np.int16, 2**15 - 1), (np.int8, 127), (np.uint32, 2**32 - 1)])
def test_other_integers(tmp_path: Path, kind: Any, top: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.rint(known()[..., 1] * top).astype(kind))
    assert error(read(tmp_path / "a.tif"), GREY) < CLOSE


@pytest.mark.kind(
    about="photographs",
    kind="TIFF packed as JPEG 2000, JPEG XL, LERC, WebP, ZSTD or PackBits",
    done="read (tifffile, imagecodecs)",
    reported="–",
)
@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl", "lerc", "webp", "zstd", "packbits", "lzma"])
def test_unusual_packing(tmp_path: Path, compression: Any) -> None:
    options = {"lossless": True} if compression == "webp" else None
    tifffile.imwrite(tmp_path / "a.tif", EIGHT, photometric="rgb", compression=compression, compressionargs=options)
    assert error(read(tmp_path / "a.tif")) < CLOSE


@pytest.mark.kind(
    about="photographs",
    kind="TIFF of 16 bits in CMYK, or with transparency",
    done="read, scaled, on white",
    reported="–",
)
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
def test_sixteen_bits_with_transparency(tmp_path: Path, extra: Any) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 1.0)
    alpha[:20] = 0.5
    colours = known() * alpha if extra == "assocalpha" else known()
    tifffile.imwrite(
        tmp_path / "a.tif", bits(np.concatenate([colours, alpha], -1), 16), photometric="rgb", extrasamples=[extra]
    )
    wanted = np.rint((known() * alpha + 1 - alpha) * 255).astype(np.uint8)
    assert error(read(tmp_path / "a.tif"), wanted) < CLOSE
    cmyk = np.concatenate([1 - known(), np.zeros((HEIGHT, WIDTH, 1))], -1)
    tifffile.imwrite(tmp_path / "b.tif", bits(cmyk, 16), photometric="separated")
    assert error(read(tmp_path / "b.tif")) < CLOSE


@pytest.mark.parametrize("compression", [None, "deflate", "lerc"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_cut_tiff_of_any_kind_is_called_so(tmp_path: Path, compression: Any, share: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", bits(known(), 16), photometric="rgb", compression=compression)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: int(len(whole) * share)])
    assert reason(tmp_path / "a.tif") in {"truncated", "truncated or damaged"}


@pytest.mark.kind(
    about="photographs",
    kind="TIFF with a palette whose colours are 0 … 255 in the place of 0 … 65,535",
    done="read in these colours, not black; noted",
    reported="–",
)
def test_a_palette_of_eight_bits(tmp_path: Path) -> None:
    colours = np.stack([np.arange(256)[::-1], np.arange(256), np.arange(256)]).astype(np.uint16)
    for factor in (1, 257):
        tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="palette", colormap=colours * factor)
        assert error(read(tmp_path / "a.tif"), np.stack([255 - GREY, GREY, GREY], axis=-1)) < CLOSE
