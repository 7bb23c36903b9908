"""Files of several pages: stacks, animations, thumbnails before the scan."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import ReadingSettings, UnreadablePhotograph, page_path

from helpers.known_pictures import CLOSE, EIGHT, GREY, HEIGHT, WIDTH, bits, error, known


@pytest.mark.kind(
    about="photographs",
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


@pytest.mark.kind(
    about="photographs",
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
