"""Photographs as phones, cameras, microscopes and scanners write them: right pixels, or a true reason."""

import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
import tifffile
from PIL import Image

from lithoscope.data.images import decode
from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import DEFAULTS, Reading, ReadingSettings, UnreadablePhotograph, page_path
from lithoscope.data.images.square import to_square

from helpers.icc_profiles import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, Space, encoded, grey_profile

HEIGHT, WIDTH = 80, 96
CLOSE = 2.0
"""Mean error, of 255, below which pixels are right."""


def known(height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.float64]:
    """A picture of 0 … 1 with a gradient, grain, black and white, and a green corner that shows how it is turned."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([columns / (width - 1), rows / (height - 1), np.full((height, width), 0.5)], axis=-1)
    picture = (picture + np.random.default_rng(0).normal(0, 0.03, picture.shape)).clip(0, 1)
    picture[: height // 4, : width // 4] = (0.1, 0.9, 0.1)
    picture[-8:, -8:], picture[-8:, -16:-8] = 1.0, 0.0
    return picture


def bits(picture: npt.NDArray[np.float64], depth: int) -> npt.NDArray[np.uint16]:
    values: npt.NDArray[np.uint16] = np.rint(picture * (2**depth - 1)).astype(np.uint16)
    return values


EIGHT = bits(known(), 8).astype(np.uint8)
GREY = EIGHT[..., 1]


def error(reading: Reading, wanted: npt.NDArray[np.uint8] = EIGHT) -> float:
    """Mean distance of the pixels from the known ones; grey ones stand for three equal channels."""
    if wanted.ndim == 2:
        wanted = np.stack([wanted] * 3, axis=-1)
    pixels = np.asarray(reading.picture)
    assert pixels.shape == wanted.shape
    return float(np.abs(pixels.astype(int) - wanted).mean())


def reason(path: Path, settings: ReadingSettings = DEFAULTS) -> str:
    with pytest.raises(UnreadablePhotograph) as refusal:
        read(path, settings)
    return refusal.value.reason


def smooth() -> Image.Image:
    """What lossy codecs keep."""
    return Image.fromarray(EIGHT).resize((12, 10), Image.Resampling.BOX).resize((WIDTH, HEIGHT))


@pytest.mark.photograph(
    kind="HEIC and HEIF of phones, under any name, turned by the camera",
    done="read (pi-heif); the turn is applied once",
    reported="python-pillow/Pillow#2806, #4163",
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_read_and_turned_once(tmp_path: Path, orientation: int) -> None:
    upright = smooth()
    turned = {1: 0, 3: 180, 6: 90, 8: 270}[orientation]  # what the camera stores, counter-clockwise
    stored = upright.rotate(turned, expand=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pillow_heif.from_pillow(stored).save(tmp_path / "IMG_0001.jpg", quality=100, chroma=444, exif=exif.tobytes())
    read_ = read(tmp_path / "IMG_0001.jpg")
    assert read_.format == "HEIF"
    assert read_.size == (WIDTH, HEIGHT)
    assert error(read_, np.asarray(upright)) < CLOSE


@pytest.mark.photograph(kind="AVIF, turned by the camera", done="read; the turn is applied once", reported="–")
@pytest.mark.parametrize("orientation", [1, 6])
def test_avif_is_read_and_turned_once(tmp_path: Path, orientation: int) -> None:
    upright = smooth()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.rotate(90 if orientation == 6 else 0, expand=True)
    stored.save(tmp_path / "a.avif", quality=100, subsampling="4:4:4", exif=exif)
    read_ = read(tmp_path / "a.avif")
    assert read_.size == (WIDTH, HEIGHT)
    assert error(read_, np.asarray(upright)) < CLOSE


def write_raw(path: Path, light: float = 1.0, dng: bool = True, size: tuple[int, int] = (240, 320)) -> None:
    """A raw file as cameras lay it out: a thumbnail of 160 by 120 first, the sensor's values below it."""
    height, width = size
    thumbnail = np.full((120, 160, 3), 200, np.uint8)
    sensor = np.full((height, width), round(12000 * light), np.uint16)
    sensor[0::2, 0::2] //= 2  # red is weaker than green, as sensors see white
    tags: list[Any] = [(271, 2, 0, "NIKON CORPORATION", True), (272, 2, 0, "D1", True)]
    if dng:
        matrix = [(1, 1), (0, 1), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (0, 1), (1, 1)]
        flat = [number for pair in matrix for number in pair]
        tags += [(50706, 1, 4, (1, 4, 0, 0), True), (50721, 10, 9, flat, True), (50778, 3, 1, 21, True)]
        tags += [(50728, 5, 3, [1, 2, 1, 1, 1, 1], True)]
    pattern: list[Any] = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True), (50717, 4, 1, 16383, True)]
    with tifffile.TiffWriter(path) as file:
        file.write(thumbnail, photometric="rgb", subfiletype=1, subifds=1, extratags=tags, metadata=None)
        file.write(sensor, photometric=32803, subfiletype=0, extratags=pattern, metadata=None)


@pytest.mark.photograph(
    kind="DNG, NEF, ARW, CR2 and other raw files that lie in a TIFF, without the extra `raw`",
    done="set aside, with the line that says how to get it; never read as their thumbnail of 160 by 120",
    reported="python-pillow/Pillow#6482",
)
@pytest.mark.parametrize(("dng", "kind"), [(True, "DNG"), (False, "NEF")])
def test_a_raw_file_is_never_its_thumbnail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dng: bool, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    write_raw(tmp_path / "a.tif", dng=dng)
    assert reason(tmp_path / "a.tif") == (
        f"a camera raw file ({kind}), which needs the extra `raw`: pip install 'lithoscope[raw]'"
    )


@pytest.mark.photograph(
    kind="camera raw files, with the extra `raw`",
    done="developed at full size: the camera's white balance, no automatic brightness, 8 bits, sRGB",
    reported="python-pillow/Pillow#6482",
)
def test_a_raw_file_is_developed_with_fixed_settings(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    means = []
    for light in (0.5, 0.25):
        write_raw(tmp_path / "a.dng", light)
        found = read(tmp_path / "a.dng")
        assert (found.format, found.size) == ("RAW", (320, 240))
        pixels = np.asarray(found.picture)[8:-8, 8:-8].reshape(-1, 3).astype(int)
        assert np.ptp(pixels.mean(axis=0)) < 3, "grey under the camera's white balance"
        means.append(float(pixels.mean()) / 255)
    linear = SRGB.decode(np.array(means))
    assert linear[0] / linear[1] == pytest.approx(2, rel=0.05), "half the light is half the value"


@pytest.mark.photograph(
    kind="raw files with a layout of their own: CR3, RAF, ORF, RW2, CR2, X3F, IIQ",
    done="recognised by their first bytes, and developed or set aside as above",
    reported="–",
)
@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "CR3"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"IIU\0\x18\0\0\0", "RW2"),
        (b"II*\0\x10\0\0\0CR\2\0", "CR2"),
        (b"FOVb\0\0\3\0", "X3F"),
        (b"II*\0\x08\0\0\0IIII", "IIQ"),
    ],
)
def test_raw_files_are_known_by_their_first_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, kind: str
) -> None:
    (tmp_path / "a").write_bytes(head + bytes(200))
    assert reason(tmp_path / "a").startswith(f"a camera raw file ({kind}) that LibRaw cannot read")
    monkeypatch.setitem(sys.modules, "rawpy", None)
    assert f"({kind}), which needs the extra `raw`" in reason(tmp_path / "a")


@pytest.mark.photograph(
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


@pytest.mark.photograph(
    kind="TIFF whose zero is white, of 8 or 16 bits", done="read, not as its negative", reported="–"
)
@pytest.mark.parametrize("depth", [8, 12, 16])
def test_white_is_zero(tmp_path: Path, depth: int) -> None:
    values = bits(1 - known()[..., 1], depth)
    tifffile.imwrite(tmp_path / "a.tif", values.astype(np.uint8) if depth == 8 else values, photometric="miniswhite")
    assert error(read(tmp_path / "a.tif"), GREY) < CLOSE


@pytest.mark.photograph(
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


@pytest.mark.photograph(
    kind="PNG of 16 bits: grey, RGB, with transparency", done="read, scaled to 8 bits, laid on white", reported="–"
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


@pytest.mark.photograph(
    kind="JPEG 2000 of 12 or 16 bits, RGB or grey", done="read (imagecodecs); white stays white", reported="–"
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


@pytest.mark.photograph(kind="JPEG of 12 bits", done="read (imagecodecs)", reported="–")
def test_twelve_bit_jpeg(tmp_path: Path) -> None:
    picture = np.asarray(smooth()) / 255
    content = imagecodecs.jpeg_encode(bits(picture, 12), level=98, bitspersample=12, subsampling="444")
    (tmp_path / "a.jpg").write_bytes(content)
    assert error(read(tmp_path / "a.jpg"), np.asarray(smooth())) < CLOSE


@pytest.mark.photograph(
    kind="TIFF of floating point in RGB or grey: 0 … 1, or the range of 8 or 16 bits", done="read, scaled", reported="–"
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


@pytest.mark.photograph(
    kind="TIFF packed as JPEG 2000, JPEG XL, LERC, WebP, ZSTD or PackBits",
    done="read (tifffile, imagecodecs)",
    reported="–",
)
@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl", "lerc", "webp", "zstd", "packbits", "lzma"])
def test_unusual_packing(tmp_path: Path, compression: Any) -> None:
    options = {"lossless": True} if compression == "webp" else None
    tifffile.imwrite(tmp_path / "a.tif", EIGHT, photometric="rgb", compression=compression, compressionargs=options)
    assert error(read(tmp_path / "a.tif")) < CLOSE


@pytest.mark.photograph(
    kind="TIFF of 16 bits in CMYK, or with transparency", done="read, scaled, on white", reported="–"
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


@pytest.mark.photograph(
    kind="a whole file that is not read: JPEG XL, Photoshop, OpenEXR, more than five channels, CIE L*a*b* of 16 bits",
    done="set aside by its name, never as truncated or damaged",
    reported="–",
)
def test_a_whole_file_is_never_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(EIGHT))
    assert reason(tmp_path / "a") == "a JPEG XL image, which is not read: save it as PNG, TIFF or JPEG"
    (tmp_path / "a").write_bytes(b"8BPS\0\1" + bytes(99))
    assert reason(tmp_path / "a").startswith("a Photoshop document, which is not read")
    (tmp_path / "a").write_bytes(imagecodecs.jpegls_encode(EIGHT))
    assert reason(tmp_path / "a").startswith("a JPEG-LS image, which is not read")
    (tmp_path / "a").write_bytes(bytes(128) + b"DICM" + bytes(99))
    assert reason(tmp_path / "a").startswith("a DICOM image, which is not read")
    tifffile.imwrite(
        tmp_path / "a", np.zeros((HEIGHT, WIDTH, 7), np.uint16), photometric="minisblack", planarconfig="contig"
    )
    assert reason(tmp_path / "a") == (
        "a TIFF of grey pixels, 16 bits a channel: 7 channels are no photograph's, save three as RGB"
    )
    tifffile.imwrite(tmp_path / "a", bits(known(), 16), photometric="cielab")
    assert reason(tmp_path / "a") == "a TIFF of CIELAB pixels, 16 bits a channel: save it as RGB"


@pytest.mark.parametrize("compression", [None, "deflate", "lerc"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_cut_tiff_of_any_kind_is_called_so(tmp_path: Path, compression: Any, share: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", bits(known(), 16), photometric="rgb", compression=compression)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: int(len(whole) * share)])
    assert reason(tmp_path / "a.tif") in {"truncated", "truncated or damaged"}


@pytest.mark.photograph(
    kind="a stack under crossed polarisers, OME planes, an animation (TIFF, GIF, WebP)",
    done="`pages: first` takes the first full-size page, `max` the brightest value at each pixel, `each` all; noted",
    reported="–",
)
def test_pages_of_a_stack(tmp_path: Path) -> None:
    pages = np.stack([EIGHT // 2, EIGHT, EIGHT // 3])
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="rgb")
    deep = np.stack([bits(known() / share, 16) for share in (2, 1, 3)])
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    tifffile.imwrite(tmp_path / "ome.ome.tif", pages[..., 1], photometric="minisblack", metadata={"axes": "CYX"})
    frames = [Image.fromarray(page) for page in pages]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    most = ReadingSettings(pages="max")
    first = read(tmp_path / "stack.tif")
    assert error(first, pages[0]) == 0
    assert first.notes == ("3 pages: the first full-size one is used, page 1",)
    for name in ("stack.tif", "deep.tif"):
        assert error(read(tmp_path / name, most)) < CLOSE
        assert read(tmp_path / name, most).notes == ("the maximum of 3 of 3 pages",)
    assert error(read(tmp_path / "ome.ome.tif"), pages[0, ..., 1]) == 0
    assert error(read(tmp_path / "ome.ome.tif", most), GREY) == 0
    assert error(read(tmp_path / "a.webp"), pages[0]) < CLOSE
    assert read(tmp_path / "a.webp").notes == ("the first of 3 frames",)
    assert error(read(tmp_path / "a.webp", most)) < CLOSE


@pytest.mark.parametrize("name", ["stack.tif", "a.gif", "a.webp"])
def test_each_page_can_be_read(tmp_path: Path, name: str) -> None:
    levels = (40, 200, 90)
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (level,) * 3) for level in levels]
    options: dict[str, Any] = {"lossless": True} if name == "a.webp" else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
    each = ReadingSettings(pages="each")
    assert read(tmp_path / name, each).pages == 3
    for number, level in enumerate(levels, start=1):
        reading = read(Path(page_path(str(tmp_path / name), number)), each)
        assert error(reading, np.full((HEIGHT, WIDTH), level, np.uint8)) < CLOSE
        assert str(number) in reading.notes[0]
    with pytest.raises(UnreadablePhotograph):
        read(tmp_path / f"{name}#page=4", each)


def test_a_file_that_is_called_like_a_page_is_itself(tmp_path: Path) -> None:
    Image.fromarray(EIGHT).save(tmp_path / "a.png")
    Image.fromarray(EIGHT // 2).save(tmp_path / "a.png#page=2", "PNG")
    assert error(read(tmp_path / "a.png#page=2"), EIGHT // 2) == 0


@pytest.mark.photograph(
    kind="a scanner's thumbnail before the scan, marked as one or not, or the scan below the thumbnail",
    done="the scan is read; noted",
    reported="–",
)
@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_thumbnail_before_the_scan_is_passed_over(tmp_path: Path, marked: bool, depth: int) -> None:
    scan = EIGHT if depth == 8 else bits(known(), 16)
    small = np.zeros((HEIGHT // 3, WIDTH // 3, 3), scan.dtype)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(small, photometric="rgb", subfiletype=int(marked), metadata=None)
        file.write(scan, photometric="rgb", metadata=None)
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write(small, photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        file.write(scan, photometric="rgb", metadata=None)
    read_ = read(tmp_path / "a.tif")
    assert error(read_) < CLOSE
    assert read_.notes == ("2 pages: the first full-size one is used, page 2",)
    assert error(read(tmp_path / "b.tif")) < CLOSE


@pytest.mark.photograph(
    kind="an embedded profile: Display P3, Adobe RGB, ProPhoto (JPEG, PNG, TIFF of 8 or 16 bits, WebP, AVIF, HEIC)",
    done="converted to sRGB, relative colorimetric with black-point compensation; noted",
    reported="OpenDisplay/Home_Assistant_Integration#73, kohya-ss/sd-scripts#2179",
)
@pytest.mark.parametrize(
    ("name", "space"),
    [
        (name, space)
        for name in ("a.png", "a.tif", "deep.tif", "a.webp", "a.jpg", "a.avif", "a.heic")
        for space in (DISPLAY_P3, ADOBE_RGB, PROPHOTO)
        if (name, space) != ("a.avif", PROPHOTO)  # whose few numbers for common colours that codec rounds too far
    ],
)
def test_colours_are_those_the_profile_means(tmp_path: Path, name: str, space: Space) -> None:
    wanted = np.asarray(smooth())
    stored, profile = Image.fromarray(encoded(wanted, space)), space.profile()
    options: dict[str, dict[str, Any]] = {
        "a.webp": {"lossless": True},
        "a.jpg": {"quality": 100, "subsampling": 0},
        "a.avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    if name == "deep.tif":
        deep = np.asarray(stored).astype(np.uint16) * 257
        tifffile.imwrite(tmp_path / name, deep, photometric="rgb", iccprofile=profile)
    elif name == "a.heic":
        pillow_heif.from_pillow(stored).save(tmp_path / name, quality=100, chroma=444, icc_profile=profile)
    else:
        stored.save(tmp_path / name, icc_profile=profile, **options.get(name, {}))
    read_ = read(tmp_path / name)
    assert error(Reading(stored, "", stored.size), wanted) > CLOSE, "what ignoring the profile would give"
    assert error(read_, wanted) < CLOSE
    assert read_.notes == (f"colours converted from {space.name} to sRGB",)


@pytest.mark.photograph(
    kind="a profile that is sRGB by any name, broken, or of another kind of picture; none at all",
    done="the pixels stay as they are",
    reported="pbs/its#180",
)
@pytest.mark.parametrize(
    "profile", [SRGB.profile(), b"no profile at all", grey_profile(1.0), DISPLAY_P3.profile()[:150]]
)
def test_a_profile_that_changes_nothing_changes_nothing(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(EIGHT).save(tmp_path / "a.png", icc_profile=profile)
    read_ = read(tmp_path / "a.png")
    assert error(read_) == 0
    assert read_.notes == ()


@pytest.mark.photograph(kind="a profile of a grey picture", done="converted to sRGB; noted", reported="–")
def test_a_grey_profile_is_applied(tmp_path: Path) -> None:
    light = (SRGB.decode(GREY / 255.0) * 255).round().astype(np.uint8)
    Image.fromarray(light).save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    read_ = read(tmp_path / "a.png")
    assert error(read_, GREY) < CLOSE
    assert read_.notes == ("colours converted from grey to sRGB",)


@pytest.mark.photograph(
    kind="a stitched scan above 179 megapixels",
    done="set aside with a reason that names `max_megapixels`; read where that is raised",
    reported="mpetroff/pannellum#596, ksugar/qupath-extension-sam#20",
)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "deep.tif"])
def test_the_limit_of_a_stitched_scan_can_be_raised(tmp_path: Path, name: str) -> None:
    scan = np.zeros((1000, 1100, 3), np.uint16 if name == "deep.tif" else np.uint8)
    if name == "deep.tif":
        tifffile.imwrite(tmp_path / name, scan, photometric="rgb")
    else:
        Image.fromarray(scan).save(tmp_path / name)
    assert reason(tmp_path / name, ReadingSettings(max_megapixels=1)) == (
        "1100 by 1000 px are 1 megapixels, above max_megapixels = 1: raise that in params.yaml for a stitched scan"
    )
    assert read(tmp_path / name, ReadingSettings(max_megapixels=2)).size == (1100, 1000)


@pytest.mark.photograph(
    kind="a JPEG above 32 megapixels",
    done="decoded at a half, a quarter or an eighth, at least 4,096 wide or high; squares differ by less than 1 of 255",
    reported="–",
)
def test_a_very_large_jpeg_is_decoded_at_a_reduced_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grain = np.random.default_rng(1).normal(0, 20, (1500, 2000, 1))
    picture = Image.fromarray((np.asarray(smooth().resize((2000, 1500))) + grain).clip(0, 255).astype(np.uint8))
    picture.save(tmp_path / "a.jpg", quality=90)
    whole = read(tmp_path / "a.jpg")
    assert whole.picture.size == (2000, 1500)
    monkeypatch.setattr(decode, "LARGE_PIXELS", 1_000_000)  # the same, at a quarter of the size
    monkeypatch.setattr(decode, "REDUCED_SIDE", 1000)
    reduced = read(tmp_path / "a.jpg")
    assert reduced.picture.size == (1000, 750)
    assert reduced.size == (2000, 1500), "the table of photographs names the file's own size"
    for side in (96, 250):
        squares = [to_square(one.picture, side, crop_border=True).astype(int) for one in (whole, reduced)]
        assert np.abs(squares[0] - squares[1]).mean() < 1
