"""Contact sheets: photographs with the model's answers."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from lithoscope.reporting.sheets.contact_sheet import (
    LINE,
    MUTED,
    NEUTRAL,
    PICTURE,
    RIGHT,
    WRONG,
    Tile,
    _font,
    _heading,
    _signs,
    contact_sheet,
    shorten,
    wrap,
)


def picture(height: int = 40, width: int = 40) -> NDArray[np.uint8]:
    return np.full((height, width, 3), (10, 20, 200), np.uint8)


def share_of(colour: str, sheet: Image.Image) -> float:
    return float((np.asarray(sheet) == ImageColor.getrgb(colour)).all(axis=2).mean())


def test_frame_says_right_wrong_or_unknown() -> None:
    right = contact_sheet([Tile(picture(), "quartz", 0.9, label="quartz")])
    wrong = contact_sheet([Tile(picture(), "quartz", 0.9, label="pyrite")])
    unknown = contact_sheet([Tile(picture(), "quartz", 0.9)])
    assert share_of(RIGHT, right) > 0.05 > share_of(WRONG, right)
    assert share_of(WRONG, wrong) > 0.05 > share_of(RIGHT, wrong)
    assert share_of(NEUTRAL, unknown) > 0.05
    assert share_of(RIGHT, unknown) == share_of(WRONG, unknown) == 0


def test_right_and_wrong_differ_without_colour_too() -> None:
    signs = []
    for label in ("quartz", "pyrite"):
        pixels = np.asarray(contact_sheet([Tile(picture(), "quartz", 0.9, label=label)]))
        # The badge in the corner of the frame: white strokes on it, whatever its colour.
        badge = pixels[24:54, 24 + PICTURE - 20 : 24 + PICTURE + 10]
        signs.append((badge > 250).all(axis=2))
    assert signs[0].any()
    assert signs[1].any()
    assert (signs[0] != signs[1]).any()


def test_an_answer_without_a_probability_states_none_and_a_long_set_has_a_second_line() -> None:
    assert (Tile(picture(), "none of these", None).confidence_words, Tile(picture(), "a", 0.41).confidence_words) == (
        "",
        "41%",
    )
    assert Tile(picture(), "talc or mica", 0.9).answer_lines() == ["talc or mica"]
    assert Tile(picture(), "muscovite or chrysocolla", 0.9).answer_lines() == ["muscovite", "or chrysocolla"]
    assert Tile(picture(), "biotite, bornite or quartz", 0.9).answer_lines() == ["biotite,", "bornite or quartz"]
    plain, noted = Tile(picture(), "quartz", 0.9), Tile(picture(), "quartz", 0.9, note="hand piece 7.jpg")
    lower = np.asarray(contact_sheet([noted]))
    assert len(lower) > len(np.asarray(contact_sheet([plain]))), "a line for the note"
    assert share_of(MUTED, contact_sheet([noted])) > share_of(MUTED, contact_sheet([plain]))


def test_photograph_keeps_its_proportions() -> None:
    sheet = np.asarray(contact_sheet([Tile(picture(height=20, width=40), "quartz", 0.9)]))
    blue = (sheet == (10, 20, 200)).all(axis=2)
    rows, columns = np.flatnonzero(blue.any(axis=1)), np.flatnonzero(blue.any(axis=0))
    assert (len(columns), len(rows)) == (PICTURE, PICTURE // 2)


def test_tiles_fill_rows_from_the_left() -> None:
    tiles = [Tile(picture(), "quartz", 0.9) for _ in range(5)]
    one, two, three = (contact_sheet(tiles, columns=n) for n in (1, 3, 5))
    assert one.width < two.width < three.width
    assert one.height > two.height > three.height


def test_same_tiles_give_the_same_pixels() -> None:
    tiles = [Tile(picture(), "quartz", 0.5, label="pyrite"), Tile(Image.fromarray(picture()), "quartz", 0.25)]
    assert contact_sheet(tiles, title="Once").tobytes() == contact_sheet(tiles, title="Once").tobytes()


def test_array_and_image_are_drawn_alike() -> None:
    sheets = [contact_sheet([Tile(p, "quartz", 0.5)]).tobytes() for p in (picture(), Image.fromarray(picture()))]
    assert sheets[0] == sheets[1]


def test_long_labels_are_shortened_to_fit() -> None:
    font = _font(14)
    text = shorten("a class name that goes on and on and on", font, 100)
    assert text.endswith("…")
    assert font.getlength(text) <= 100
    assert shorten("tuff", font, 100) == "tuff"


def test_a_title_and_remarks_take_the_lines_that_they_need_and_lose_no_word() -> None:
    title = "1 photograph; the model was trained on synthetic drawings"
    lines, font = _heading(title, PICTURE)
    assert " ".join(lines) == title
    assert max(map(font.getlength, lines)) <= PICTURE
    assert _heading(title, 6 * PICTURE)[0] == [title]
    why = "Less familiar than 95 % of photographs of the known classes."
    plain, explained = Tile(picture(), "quartz", 0.9), Tile(picture(), "quartz", 0.9, remarks=(why, ""))
    assert len(explained.remark_lines()) > 1
    assert " ".join(explained.remark_lines()) == why
    short, tall = (contact_sheet([tile]) for tile in (plain, explained))
    assert tall.height - short.height == LINE * len(explained.remark_lines())
    assert share_of(MUTED, tall) > share_of(MUTED, short)
    assert contact_sheet([plain], title=title).height > contact_sheet([plain] * 6, title=title).height
    assert wrap("a " + "b" * 99, font, PICTURE)[1].endswith("…")


def test_no_tiles_give_a_sheet_with_its_title() -> None:
    sheet = contact_sheet([], title="Nothing could be read")
    assert share_of("#20262b", sheet) > 0


def test_impossible_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="columns = 0"):
        contact_sheet([], columns=0)


MATHEMATICAL = "𝐆𝐧𝐞𝐢𝐬𝐬"  # letters that DejaVu lacks and STIX, which comes with matplotlib too, has


@pytest.mark.kind(
    about="encodings",
    kind="class names in any script, on sheets (PNG)",
    done="written in a font of this machine that has them, where one is installed",
    reported="matplotlib/matplotlib#14269",
)
def test_a_name_in_another_script_is_written_in_a_font_that_has_it() -> None:
    assert frozenset(MATHEMATICAL) <= _signs(str(_font(14, MATHEMATICAL).path))
    assert Path(str(_font(14, "Gneiß, гнейс").path)).name == "DejaVuSans.ttf"
    other = contact_sheet([Tile(picture(), "𝐐𝐮𝐚𝐫𝐭𝐳", 0.9)])
    shown = contact_sheet([Tile(picture(), MATHEMATICAL, 0.9)])
    boxes = contact_sheet([Tile(picture(), "\U000f0000" * 6, 0.9)])
    assert (np.asarray(shown) != np.asarray(other)).any(), "not the same boxes"
    assert (np.asarray(shown) != np.asarray(boxes)).any()


def test_a_name_that_no_font_has_is_drawn_all_the_same() -> None:
    assert Path(str(_font(14, "\U000f0000").path)).name == "DejaVuSans.ttf"
    assert contact_sheet([Tile(picture(), "\U000f0000", 0.9)]).size == contact_sheet([Tile(picture(), "a", 0.9)]).size
