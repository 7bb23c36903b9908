"""Camera raw files: never their thumbnail, developed with fixed settings or set aside."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from lithoscope.data.images.decode import read

from helpers.icc_profiles import SRGB
from helpers.known_pictures import reason


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


@pytest.mark.kind(
    about="photographs",
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


@pytest.mark.kind(
    about="photographs",
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


@pytest.mark.kind(
    about="photographs",
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
