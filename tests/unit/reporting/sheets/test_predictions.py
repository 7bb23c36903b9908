import numpy as np
import pytest
from PIL import Image

from lithoscope.reporting.sheets import predictions as scored
from lithoscope.reporting.sheets.contact_sheet import Tile


@pytest.mark.parametrize("synthetic", [True, False])
def test_right_and_wrong_photographs_are_shown_under_a_title_that_counts_them(
    monkeypatch: pytest.MonkeyPatch, synthetic: bool
) -> None:
    shown: list[Tile] = []
    titles: list[str] = []

    def sheet(tiles: list[Tile], title: str) -> Image.Image:
        shown.extend(tiles)
        titles.append(title)
        return Image.new("RGB", (1, 1))

    monkeypatch.setattr(scored, "contact_sheet", sheet)
    labels = np.arange(40) % 2
    probabilities = np.tile([0.9, 0.1], (40, 1))
    images = np.zeros((40, 8, 8, 3), np.uint8)
    scored.scored_sheet(images, labels, probabilities, ["a", "b"], "test", synthetic=synthetic)
    assert [tile.right for tile in shown] == [True] * 12 + [False] * 12
    assert "20 right, 20 wrong" in titles[0]
    assert ("ynthetic" in titles[0]) == synthetic
