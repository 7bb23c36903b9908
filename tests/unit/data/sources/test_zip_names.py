"""Names in zips that do not say how they are encoded."""

import zipfile
from pathlib import Path

import pytest

from lithoscope.data.sources.archives import extract
from lithoscope.data.sources.zip_names import guess_encoding

NAMES = {
    "cp866": ["Гранит/фото 1.jpg", "Базальт/IMG_0001.jpg", "сланец/ёж.jpg"],
    "gbk": ["花岗岩/照片1.jpg", "玄武岩/IMG_0001.jpg", "片麻岩（一）/2.jpg"],
    "big5": ["花崗岩/照片1.jpg", "玄武岩/IMG_0001.jpg", "片麻岩（一）/2.jpg", "石英/礦物.jpg"],
    "cp932": [
        "花崗岩/写真1.jpg",
        "玄武岩/IMG_0001.jpg",
        "カコウガン/さざれ石.jpg",
        "片麻岩（一）/2.jpg",
        "ー/佐々木.jpg",
    ],
    "cp437": ["Grün/Säule.jpg", "Grès rouge/été.jpg", "Pérou/Año.jpg", "Grâce/Bâle.jpg"],
}


def unmarked_zip(path: Path, names: list[str], encoding: str) -> Path:
    """Write a zip as programs do that say nothing of the names' encoding."""
    aliases = {f"{number:>{len(name.encode(encoding))}}".replace(" ", "x"): name for number, name in enumerate(names)}
    with zipfile.ZipFile(path, "w") as archive:
        for alias, name in aliases.items():
            archive.writestr(alias, name)
    content = path.read_bytes()
    for alias, name in aliases.items():
        content = content.replace(alias.encode(), name.encode(encoding))
    path.write_bytes(content)
    return path


@pytest.mark.kind(
    about="encodings",
    kind="zips whose names are in Shift-JIS, GBK, Big5, cp866 or cp437 without saying so",
    done="decoded; a line says as which",
    reported="kuba--/zip#233, microsoft/markitdown#1535",
)
@pytest.mark.parametrize("encoding", NAMES)
def test_names_are_decoded_and_that_is_said(tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]) -> None:
    extract(unmarked_zip(tmp_path / "a.zip", NAMES[encoding], encoding), tmp_path / "out")
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")}
    assert written == set(NAMES[encoding])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"note: {tmp_path / 'a.zip'}: {len(NAMES[encoding])} names do not say how they are encoded; read as {encoding}"
    )
    assert NAMES[encoding][0] in line


def test_utf_8_without_a_mark_and_plain_names_need_no_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extract(unmarked_zip(tmp_path / "a.zip", ["Grün/1.jpg", "花岗岩/2.jpg", "a/3.jpg"], "utf-8"), tmp_path / "out")
    assert (tmp_path / "out" / "花岗岩" / "2.jpg").is_file()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("encoding", NAMES)
def test_each_name_alone_is_enough(encoding: str) -> None:
    assert {guess_encoding([name.encode(encoding)]) for name in NAMES[encoding]} == {encoding}
