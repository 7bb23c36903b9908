"""Photographs as phones and scanners write them: right pixels, or a true reason."""

from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from lithoscope.data.images import decode
from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.images.square import to_square

from helpers.files_by_hand import bmp, heif, jp2
from helpers.known_pictures import CLOSE, EIGHT, HEIGHT, WIDTH, bits, error, known, reason, smooth

FIVE = np.repeat(EIGHT[..., :1], 5, axis=-1)
WHOLE = {
    bmp(24, compression=4): "a BMP image whose compression (4) is not read: save it as",
    bmp(0, compression=5): "a BMP image whose pixel depth (0) is not read",
    bmp(2): "a BMP image whose pixel depth (2) is not read",
    bmp(32, compression=3, masks=(0x3FF00000, 0xFFC00, 0x3FF)): "a BMP image whose bitfields layout is not read",
    bmp(24, header=16): "a BMP image whose header type (16) is not read",
    imagecodecs.jpeg2k_encode(FIVE, level=0, codecformat="j2k"): "a JPEG 2000 image of 5 channels, which is not read",
    jp2(FIVE, 16): "a JPEG 2000 image of 5 channels, which is not read",
    jp2(EIGHT, 14): "a JPEG 2000 image in CIE L*a*b*, which is not read",
    heif(b"jpeg", packed=bytes(600)): "a HEIF image (JPEG), which is not read",
    heif(b"avc1", b"avci", bytes(600)): "a HEIF image (AVC (H.264)), which is not read",
    heif(b"unci", packed=bytes(600)): "a HEIF image (uncompressed), which is not read",
    heif(b"av01", b"mif2", bytes(600)): "an AVIF image under another brand than avif, which is not read",
}


@pytest.mark.kind(
    about="photographs",
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


@pytest.mark.kind(
    about="photographs", kind="AVIF, turned by the camera", done="read; the turn is applied once", reported="–"
)
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


@pytest.mark.kind(
    about="photographs",
    kind="a whole file that is not read: JPEG XL, Photoshop, OpenEXR, more than five channels, CIE L*a*b* of 16 bits; "
    "a BMP of rare packing or depth, a JPEG 2000 of five channels, a HEIF of another codec than HEVC and AV1",
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
    for content, words in WHOLE.items():
        (tmp_path / "a").write_bytes(content)
        assert reason(tmp_path / "a").startswith(words)
        (tmp_path / "a").write_bytes(content[:-500])
        assert "truncated" in reason(tmp_path / "a") or "damaged" in reason(tmp_path / "a"), words


def test_why_a_damaged_file_is_not_read_ends_in_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(heif(b"hvc1", b"heic", bytes(600)))
    table = content.index(b"iinf")
    content[table - 4 : table] = (0x7FFFFF00).to_bytes(4, "big")  # beyond the file
    (tmp_path / "a").write_bytes(content)
    assert reason(tmp_path / "a") == "truncated or damaged"

    def broken(*_arguments: object) -> None:
        raise ValueError("what nobody thought of")

    monkeypatch.setattr(decode, "why_not_read", broken)
    assert reason(tmp_path / "a") == "damaged"


def test_a_whole_heif_is_read_whatever_brand_it_names_first(tmp_path: Path) -> None:
    pillow_heif.from_pillow(smooth()).save(tmp_path / "a", quality=100, chroma=444)
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:8] + b"miaf" + content[12:])
    assert error(read(tmp_path / "a"), np.asarray(smooth())) < CLOSE


@pytest.mark.kind(
    about="photographs",
    kind="what stands for a photograph in Git LFS or git-annex, and archives among photographs",
    done="set aside with what fetches or unpacks it",
    reported="–",
)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "fetch it with `git lfs pull`"),
        (b"/annex/objects/SHA256E-s31390--f50d.jpg\n", "fetch it with `git annex get`"),
        (b"PK\3\4" + bytes(26) + b"photos/1.jpg", "an archive: unpack it beside the photographs"),
        (b"PK\3\4" + bytes(26) + b"[Content_Types].xml", "a document"),
        (b"P7\nWIDTH 96\n", "a PAM image, which is not read: save it as PNG, TIFF or JPEG"),
        (b"%PDF-1.7\n", "a PDF document, which is not read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "a PostScript drawing, which is not read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>", "an SVG drawing, which is not read"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert words in reason(tmp_path / "a.jpg")


@pytest.mark.kind(
    about="photographs",
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


@pytest.mark.kind(
    about="photographs",
    kind="a JPEG above 32 megapixels",
    done="decoded at a half, a quarter or an eighth, at least 4,096 wide or high; the table names the file's own size",
    reported="–",
)
def test_a_very_large_jpeg_is_decoded_at_a_reduced_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grain = np.random.default_rng(1).normal(0, 20, (1500, 2000, 1))
    picture = Image.fromarray((np.asarray(smooth().resize((2000, 1500))) + grain).clip(0, 255).astype(np.uint8))
    picture.save(tmp_path / "a.jpg", quality=90)
    whole = read(tmp_path / "a.jpg")
    assert whole.picture.size == (2000, 1500)
    monkeypatch.setattr(decode, "LARGE_PIXELS", 1_000_000)  # the same, at a quarter of the size
    monkeypatch.setattr(decode, "QUICK_PIXELS", 1_000_000)
    monkeypatch.setattr(decode, "REDUCED_SIDE", 1000)
    reduced = read(tmp_path / "a.jpg")
    assert reduced.picture.size == (1000, 750)
    assert reduced.size == (2000, 1500), "the table of photographs names the file's own size"
    for side in (96, 250):
        squares = [to_square(one.picture, side, crop_border=True).astype(int) for one in (whole, reduced)]
        assert np.abs(squares[0] - squares[1]).mean() < 1
