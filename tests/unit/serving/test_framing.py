"""Every consumer frames a photograph as the reference does: the golden pictures' squares, bit for bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lithoscope.data.engines.tasks import Wanted
from lithoscope.data.images import decode
from lithoscope.data.images.decode import read, read_photograph
from lithoscope.data.images.framed import GAP, TOLERANCE, read_framed
from lithoscope.data.images.reading import DEFAULTS
from lithoscope.data.images.square import to_square
from lithoscope.data.splits.traits import Framing
from lithoscope.models.predictor import Predictor
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.pipeline import predict_rows
from lithoscope.serving.server.decoding import frame

from helpers.exports import exported, saved
from helpers.golden_pictures import SIDE, golden
from helpers.made_up_settings import plain_architecture
from helpers.odd_photographs import bordered, scene

Square = npt.NDArray[np.uint8]
GOLDEN = golden()


def packed_for_training(path: Path, folder: Path) -> Square:
    del folder
    square: Square = Framing(DEFAULTS, SIDE, crop=True)(Wanted(str(path))).square
    return square


def predicted_with_torch(path: Path, folder: Path) -> Square:
    model = saved(folder, plain_architecture("cnn", SIDE, 2), ["a", "b"], crop_border=True)
    return Predictor.load(model).read_square(path)


def served(path: Path, folder: Path) -> Square:
    square = frame(path.read_bytes(), SIDE, True, DEFAULTS, 1)[0].square
    assert square is not None
    return square


CONSUMERS: dict[str, Callable[[Path, Path], Square]] = {
    "reference": lambda path, _: to_square(read_photograph(path), SIDE, crop_border=True),
    "packed": packed_for_training,
    "torch": predicted_with_torch,
    "predict": lambda path, _: read_framed(path, DEFAULTS, SIDE, True).square,
    "server": served,
}


def test_the_golden_pictures_are_there() -> None:
    assert len(GOLDEN) == 8
    assert all(square.shape == (SIDE, SIDE, 3) for _, square in GOLDEN.values())


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_picture_gets_its_square(tmp_path: Path, name: str, consumer: str) -> None:
    path, square = GOLDEN[name]
    np.testing.assert_array_equal(CONSUMERS[consumer](path, tmp_path), square)


def test_what_the_network_is_shown_are_the_golden_squares(tmp_path: Path) -> None:
    model = OnnxModel.load(exported(tmp_path, ["a", "b"], size=SIDE, crop=True))
    found = predict_rows(model, [FoundPhotograph(str(path), name) for name, (path, _) in GOLDEN.items()])
    for row, square in zip(found, (square for _, square in GOLDEN.values()), strict=True):
        assert row.square is not None
        np.testing.assert_array_equal(row.square, square)


def differences(path: Path, gap: float | None) -> Square:
    """How far a square decoded at a reduced scale is from that at full scale."""
    reduced = read_framed(path, DEFAULTS, SIDE, True, gap).square
    whole = read_framed(path, DEFAULTS, SIDE, True, None).square
    apart: Square = np.abs(reduced.astype(int) - whole).astype(np.uint8)
    return apart


@pytest.fixture
def large_from_one_pixel_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode small JPEGs as large ones are, so that tests need not draw those."""
    monkeypatch.setattr(decode, "QUICK_PIXELS", 1)


def test_a_jpeg_that_is_quickly_decoded_comes_as_the_training_had_it(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jpg", tmp_path / "large.jpg"
    scene(2304, 1730).save(small, quality=92)
    scene(2320, 1740).save(large, quality=92)
    assert not differences(small, GAP).any()
    assert differences(large, GAP).any()


@pytest.mark.usefixtures("large_from_one_pixel_on")
def test_a_large_jpeg_is_decoded_at_a_reduced_scale_and_hardly_differs(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    scene(1601, 1203).save(path, quality=92)  # no multiples of the scale
    apart = differences(path, GAP)
    assert apart.any(), "it was decoded at full scale"
    assert apart.mean() < 1
    assert apart.max() < 15


@pytest.mark.kind(
    about="photographs",
    kind="a JPEG twice as large as it has to be, from 4 megapixels on in predictions, above 32 in the stages",
    done="decoded at a half, a quarter or an eighth; no probability moves by more than .15, and a label changes only "
    "where the first two classes lie within .30",
    reported="–",
)
@pytest.mark.usefixtures("large_from_one_pixel_on")
@pytest.mark.parametrize("stages", [False, True])
def test_an_answer_does_not_change_beyond_the_tolerance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages: bool
) -> None:
    assert TOLERANCE == 0.15, "as the row says"
    model = OnnxModel.load(exported(tmp_path, ["a", "b"], crop=True))
    side, large = model.description.image_size, bordered(1600, 1200, (90, 60, 70, 101), (255, 255, 255))
    for number, picture in enumerate([large, scene(1601, 1203), scene(1203, 1601, 7), scene(900, 700, 3)]):
        picture.save(tmp_path / f"{number}.jpg", quality=92)
    files = sorted(tmp_path.glob("*.jpg"))
    whole = np.stack([to_square(read(file, side=10_000).picture, side, crop_border=True) for file in files])
    if stages:
        monkeypatch.setattr(decode, "LARGE_PIXELS", 500_000)  # the same, at an eighth of the size
        monkeypatch.setattr(decode, "REDUCED_SIDE", 4 * side)
    reduced = np.stack([read_framed(file, DEFAULTS, side, True, None if stages else GAP).square for file in files])
    assert (reduced != whole).any(axis=(1, 2, 3)).all(), "they were decoded at full scale"
    before, after = (model.run(squares).probabilities for squares in (whole, reduced))
    assert 0 < np.abs(before - after).max() <= TOLERANCE
    lead = np.abs(before[:, 0] - before[:, 1])
    assert ((before.argmax(axis=1) == after.argmax(axis=1)) | (lead <= 2 * TOLERANCE)).all()


@pytest.mark.usefixtures("large_from_one_pixel_on")
def test_a_border_does_not_take_the_pixels_that_a_small_rock_needs(tmp_path: Path) -> None:
    path = tmp_path / "small rock.jpg"
    bordered(1600, 1200, (700, 500, 720, 530), (255, 255, 255)).save(path, quality=95)
    assert not differences(path, GAP).any(), "full scale, since at a half the rock would have too few pixels"


@pytest.mark.usefixtures("large_from_one_pixel_on")
def test_a_strip_is_reduced_without_vanishing(tmp_path: Path) -> None:
    path = tmp_path / "strip.jpg"
    Image.fromarray(np.full((32, 6000, 3), 90, np.uint8)).save(path)
    assert read_framed(path, DEFAULTS, SIDE, True).square.shape == (SIDE, SIDE, 3)
