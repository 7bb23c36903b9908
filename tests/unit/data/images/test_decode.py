"""Files are judged by their content: every odd kind is read, every unusable one refused with its reason."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lithoscope.data.images.decode import read, read_photograph
from lithoscope.data.images.reading import DEFAULTS, UnreadablePhotograph

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def picture(width: int = 48, height: int = 40) -> Image.Image:
    """A red picture whose upper left quarter is green, so that turns and flips can be seen."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (0, 0, width // 2, height // 2))
    return image


def close(pixel: object, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(value - wanted) <= tolerance for value, wanted in zip(pixel, colour, strict=True))


def noise(width: int = 64, height: int = 64) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "JPEG"),
        ("a.png", "PNG"),
        ("a.gif", "GIF"),
        ("a.webp", "WEBP"),
        ("a.bmp", "BMP"),
        ("a.tif", "TIFF"),
        ("a.jp2", "JPEG2000"),
        ("a.ppm", "PPM"),
        ("a.avif", "AVIF"),
    ],
)
def test_a_format_is_recognised_under_any_name(tmp_path: Path, name: str, kind: str) -> None:
    picture().save(tmp_path / name)
    for odd in ("photo", "42. bo", "photo.txt", "photo.exe"):
        (tmp_path / name).rename(tmp_path / odd)
        found = read(tmp_path / odd)
        image = found.picture
        assert found.format == kind
        assert image.mode == "RGB"
        assert image.size == (48, 40)
        assert close(image.getpixel((4, 4)), GREEN, 40)
        assert close(image.getpixel((44, 36)), RED, 40)
        (tmp_path / odd).rename(tmp_path / name)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_lie_on_white(tmp_path: Path, mode: str) -> None:
    black = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    black.paste((0, 0, 0, 255), (0, 0, 20, 40))
    black.convert(mode).save(tmp_path / "a.tif" if mode == "PA" else tmp_path / "a.png")
    image = read_photograph(next(tmp_path.iterdir()))
    assert image.getpixel((5, 20)) == (0, 0, 0)
    assert image.getpixel((35, 20)) == WHITE


def test_palette_pictures_keep_their_colours_and_their_transparent_colour_is_white(tmp_path: Path) -> None:
    palette = picture().convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "opaque.png")
    assert close(read_photograph(tmp_path / "opaque.png").getpixel((40, 30)), RED)
    for name in ("clear.png", "clear.gif"):
        palette.save(tmp_path / name, transparency=palette.getpixel((40, 30)))
        image = read_photograph(tmp_path / name)
        assert image.getpixel((40, 30)) == WHITE
        assert close(image.getpixel((4, 4)), GREEN)


def test_grey_with_a_transparent_grey_lies_on_white(tmp_path: Path) -> None:
    Image.new("L", (40, 40), 7).save(tmp_path / "a.png", transparency=7)
    assert read_photograph(tmp_path / "a.png").getpixel((3, 3)) == WHITE


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr"])
def test_other_colour_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (40, 40), WHITE).convert(mode).save(tmp_path / "a.tif")
    assert read_photograph(tmp_path / "a.tif").getpixel((20, 20)) == WHITE


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    picture().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert close(read_photograph(tmp_path / "a.jpg").getpixel((40, 34)), RED, 30)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).round().astype(np.uint16), (40, 1))
    Image.fromarray(ramp).save(tmp_path / name)
    read = np.asarray(read_photograph(tmp_path / name))
    assert read.shape == (40, 256, 3)
    assert (read[7, :, 1] == np.arange(256)).all()


def test_floating_point_keeps_its_share_of_one_or_is_stretched(tmp_path: Path) -> None:
    values = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (40, 1))
    Image.fromarray(values).save(tmp_path / "unit.tif")
    Image.fromarray(values * 900 - 400).save(tmp_path / "wide.tif")
    Image.fromarray(values * 0.5).save(tmp_path / "dim.tif")
    assert [read_photograph(tmp_path / "unit.tif").getpixel((x, 0))[0] for x in (0, 63)] == [0, 255]  # type: ignore[index]
    assert [read_photograph(tmp_path / "wide.tif").getpixel((x, 0))[0] for x in (0, 63)] == [0, 255]  # type: ignore[index]
    assert read_photograph(tmp_path / "dim.tif").getpixel((63, 0))[0] == 128  # type: ignore[index]


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (GREEN, RED)]
    for name in ("a.gif", "a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert close(read_photograph(tmp_path / name).getpixel((20, 20)), GREEN)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_exif_orientation_turns_the_picture_upright(tmp_path: Path, name: str, orientation: int) -> None:
    # What the camera stores for an upright picture, by EXIF's table of where row 0 and column 0 are.
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](np.asarray(picture()))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if name.endswith(("jpg", "webp")) else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / name, exif=exif, **options)  # type: ignore[arg-type]
    image = read_photograph(tmp_path / name)
    assert image.size == (48, 40)
    assert close(image.getpixel((6, 6)), GREEN, 30)
    assert all(close(image.getpixel(corner), RED, 30) for corner in [(42, 6), (6, 34), (42, 34)])


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_data_are_no_reason_to_refuse_a_photograph(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read_photograph(tmp_path / "a.jpg").size == (48, 40)


def test_an_open_stream_is_read_like_a_file() -> None:
    stream = io.BytesIO()
    picture().save(stream, "PNG")
    stream.seek(0)
    assert read_photograph(stream).size == (48, 40)


def refused(path: Path) -> str:
    with pytest.raises(UnreadablePhotograph) as caught:
        read_photograph(path)
    return caught.value.reason


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.webp", "a.bmp", "a.tif", "a.jp2", "a.avif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_photograph_is_refused(tmp_path: Path, name: str, share: float) -> None:
    noise().save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    assert refused(tmp_path / name) in {"truncated", "truncated or damaged", "damaged"}


def test_a_header_alone_is_called_truncated_and_no_unknown_kind(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    (tmp_path / "a").write_bytes((tmp_path / "a.png").read_bytes()[:12])
    assert refused(tmp_path / "a") == "truncated or damaged"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"these are notes, not a photograph\n", "not an image"),
        (b"#define a_width 40\n#define a_height 40\nstatic char a_bits[] = {", "not an image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "truncated or damaged"),
    ],
)
def test_what_is_no_photograph_is_refused_whatever_its_name(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert refused(tmp_path / "a.jpg") == reason


@pytest.mark.parametrize("size", [(31, 200), (200, 31), (1, 1)])
def test_a_picture_below_32_pixels_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    assert refused(tmp_path / "a.png") == f"{size[0]} by {size[1]} px, smaller than 32 px"
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    assert read_photograph(tmp_path / "a.png").size == (32, 32)


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is large; its pixels would be zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (DEFAULTS.max_megapixels * 100 + 1, 10_000)])
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png_bomb(*size))
    assert "above max_megapixels = 179: raise that in params.yaml" in refused(tmp_path / "a.png")


def test_the_limit_holds_where_somebody_switched_pillows_own_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    (tmp_path / "a.png").write_bytes(png_bomb(60_000, 60_000))
    assert refused(tmp_path / "a.png").startswith("60000 by 60000 px are 3,600 megapixels, above max_megapixels")
