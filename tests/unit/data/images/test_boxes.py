"""Boxes that claim more than there is, and more boxes than a photograph has."""

from io import BytesIO

import pytest

from lithoscope.data.images import boxes as module
from lithoscope.data.images.boxes import boxes, fill_the_file

from helpers.files_by_hand import box


def test_a_box_ends_where_what_it_lies_in_does() -> None:
    stream = BytesIO(box(b"meta", (0x7FFFFF00).to_bytes(4, "big") + b"iinf" + bytes(8)) + box(b"mdat", bytes(8)))
    (meta, _) = boxes(stream)
    (table,) = boxes(stream, meta.start, meta.end)
    assert table == (b"iinf", meta.start + 8, meta.end)
    assert list(boxes(stream, meta.start + 16, 1 << 31)) == [(b"mdat", 32, 40)], "the file ends before that"


def test_a_file_is_whole_where_it_ends_with_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    content = 3 * box(b"free", b"")
    assert fill_the_file(BytesIO(content))
    assert not fill_the_file(BytesIO(content + box(b"mdat", bytes(8))[:-1]))
    assert not fill_the_file(BytesIO(b""))
    monkeypatch.setattr(module, "MOST", 2)
    assert not fill_the_file(BytesIO(content)), "nobody looks at millions of boxes"
    assert len(list(boxes(BytesIO(content)))) == 2
