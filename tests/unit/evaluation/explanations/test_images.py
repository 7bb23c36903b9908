from pathlib import Path

import numpy as np
from PIL import Image

from lithoscope.evaluation.explanations.images import LARGEST, Album, overlay


def photograph(side: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (side, side, 3)).astype(np.uint8)


def test_the_photograph_is_grey_where_nothing_speaks_and_coloured_where_most_does() -> None:
    evidence = np.zeros((8, 8), np.float32)
    evidence[2, 3], evidence[5, 5] = 4.0, 1.0
    shown = overlay(photograph(), evidence).astype(int)
    spread = np.ptp(shown, axis=2)
    assert (np.argwhere(spread > 0) == [[2, 3], [5, 5]]).all()
    assert spread[2, 3] > spread[5, 5]
    grey = np.asarray(Image.fromarray(photograph()).convert("L"))
    assert (shown[0, :, 0] == grey[0]).all()


def test_a_single_bright_spot_does_not_darken_the_rest() -> None:
    evidence = np.ones((16, 16), np.float32)
    alone = overlay(photograph(16), evidence)
    evidence[0, 0] = 100
    assert (overlay(photograph(16), evidence) == alone).all()
    evidence[1:] = 0  # where little more than a spot is left, it is the measure
    shown = overlay(photograph(16), evidence)
    assert np.ptp(shown[0, 0].astype(int)) > 0


def test_no_evidence_at_all_leaves_it_grey() -> None:
    assert (np.ptp(overlay(photograph(), np.zeros((8, 8), np.float32)), axis=2) == 0).all()


def test_a_photograph_is_kept_once_small_and_always_with_the_same_bytes(tmp_path: Path) -> None:
    kept = []
    for name in ("one", "two"):
        album = Album(tmp_path / name)
        assert album.photo("a", photograph(400), "examples/0001-photo") == "examples/0001-photo.jpg"
        assert album.photo("a", photograph(400), "mistakes/0007-photo") == "examples/0001-photo.jpg"
        assert album.photo("b", photograph(64), "examples/0002-photo") == "examples/0002-photo.jpg"
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        kept.append([path.read_bytes() for path in files])
        assert [Image.open(path).size for path in files] == [(LARGEST, LARGEST), (64, 64)]
    assert kept[0] == kept[1]
