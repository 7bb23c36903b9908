"""``lithoscope predict`` on files, folders, archives, stacks, lists and patterns, and on names hard to write down."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from lithoscope.cli import main as cli
from lithoscope.cli import predict as predict_command
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.sources import progress
from lithoscope.models.predictor import Predictor
from lithoscope.serving import pipeline, tables

from helpers.exports import exported
from helpers.narrow_terminal import ENCODINGS, writing_in
from helpers.photographs_on_disk import photograph

CLASSES = ["basalt", "gneiss"]


@pytest.fixture(scope="module")
def model(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    def make(folder: Path) -> None:
        exported(folder, CLASSES)

    return once("predicting", make) / "export"


def test_names_that_are_no_utf_8_or_steer_a_terminal_are_shown_as_escapes(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    for name in (b"gr\xfcn.png", b"a\x1b[2J.png"):
        photograph(folder / os.fsdecode(name))
    (folder / os.fsdecode(b"br\xf6ken\x1b[2J.png")).write_bytes(b"no photograph")
    table = tmp_path / os.fsdecode(b"t\xe4ble.csv")
    assert cli.main(["predict", str(folder), "--model", str(model), "--output", str(table)]) == 1
    rows = pd.read_csv(table, keep_default_na=False).set_index("path")["label"].to_dict()
    broken, plain, strange = f"{folder}/br\\xf6ken\x1b[2J.png", f"{folder}/gr\\xfcn.png", f"{folder}/a\x1b[2J.png"
    assert set(rows) == {broken, plain, strange}
    assert rows[broken] == ""
    assert {rows[plain], rows[strange]} <= {"basalt", "gneiss"}
    printed = capfd.readouterr()
    assert "gr\\xfcn.png" in printed.out
    assert "a\\x1b[2J.png" in printed.out
    assert f"wrote {tmp_path}/t\\xe4ble.csv\n" in printed.out
    (error,) = printed.err.splitlines()
    assert error.startswith(f"error: {folder}/br\\xf6ken\\x1b[2J.png: ")
    assert "\x1b" not in printed.out + printed.err


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_labels_are_printed_in_any_encoding(model: Path, tmp_path: Path, encoding: str) -> None:
    photograph(tmp_path / "岩石.png")
    with writing_in(encoding) as written:
        assert cli.main(["predict", str(tmp_path), "--model", str(model), "--top", "2"]) == 0, written()
        assert "\\u5ca9\\u77f3.png" in written()


@pytest.mark.kind(
    about="photographs",
    kind="an archive in the place of a folder: `lithoscope predict photos.zip`, or a tar",
    done="answered like the folder it holds, each photograph by its path in the archive; nothing unpacked is left",
    reported="–",
)
def test_an_archive_is_classified_like_the_folder_it_holds(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "new", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for number in range(3):
        photograph(folder / "basalt" / f"{number}.png", number)
    found = []
    for kind in ("zip", "gztar"):
        archive = Path(shutil.make_archive(str(tmp_path / "photos"), kind, folder))
        table, sheet = tmp_path / "table.csv", tmp_path / "sheet.png"
        arguments = ["predict", str(archive), "--model", str(model), "--output", str(table), "--sheet", str(sheet)]
        assert cli.main(arguments) == 0
        assert sheet.stat().st_size
        found.append(pd.read_csv(table))
        assert found[-1]["path"].tolist() == [f"{archive}/basalt/{number}.png" for number in range(3)]
    assert cli.main(["predict", str(folder), "--model", str(model), "--output", str(table)]) == 0
    plain = pd.read_csv(table).drop(columns="path")
    for unpacked in found:
        pd.testing.assert_frame_equal(unpacked.drop(columns="path"), plain)
    assert "photos.zip/basalt/0.png" in capfd.readouterr().out
    assert not list(temporary.iterdir()), "nothing unpacked is left"


def test_answers_are_those_of_torch(model: Path, tmp_path: Path) -> None:
    for number in range(20):
        photograph(tmp_path / "new" / f"{number:02}.png", number, size=(60 + number, 50))
    table = tmp_path / "table.csv"
    assert cli.main(["predict", str(tmp_path / "new"), "--model", str(model), "--output", str(table)]) == 0
    files = sorted((tmp_path / "new").iterdir())
    expected = list(Predictor.load(model.parent / "model").predict_files(files))
    rows = pd.read_csv(table)
    assert rows["label"].tolist() == [one.label for one in expected]
    assert rows["label"].nunique() == 2
    np.testing.assert_allclose(rows["confidence"], [one.confidence for one in expected], atol=1e-5)
    columns = [f"p_{name}" for name in CLASSES]
    np.testing.assert_allclose(rows[columns], [one.probabilities for one in expected], atol=1e-5)
    assert list(rows.columns) == ["path", "label", "confidence", "problem", *columns, "model"]


def test_each_page_of_a_stack_has_a_line_of_its_own(tmp_path: Path) -> None:
    photograph(tmp_path / "new" / "a.png")
    pages = [np.full((40, 40, 3), level, np.uint8) for level in (40, 200)]
    tifffile.imwrite(tmp_path / "new" / "stack.tif", np.stack(pages), photometric="rgb")
    model = exported(tmp_path, CLASSES, reading=ReadingSettings(pages="each"))
    archive, table = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "new"), tmp_path / "table.csv"
    assert cli.main(["predict", archive, "--model", str(model), "--output", str(table)]) == 0
    names = [f"{archive}/{name}" for name in ("a.png", "stack.tif", "stack.tif#page=2")]
    assert pd.read_csv(table)["path"].tolist() == names


def test_patterns_and_lists_on_standard_input_name_photographs_too(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [photograph(tmp_path / "deep" / f"{n}.png", n) for n in range(3)]
    photograph(tmp_path / "deep" / "left out.gif")

    def answered(*arguments: str, given: bytes = b"") -> list[str]:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given)))
        assert cli.main(["predict", *arguments, "--model", str(model)]) == 0
        return [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]

    expected = [str(name) for name in names]
    assert answered(f"{tmp_path}/**/*.png") == expected
    assert answered("-", given="\n".join(expected).encode() + b"\n") == expected
    strange = photograph(tmp_path / "a\nb.png")
    assert answered("-", given=b"".join(os.fsencode(name) + b"\0" for name in (strange, names[0])))[-1] == expected[0]
    assert cli.main(["predict", f"{tmp_path}/*.jpeg", "--model", str(model)]) == 1
    assert "no such file or folder" in capsys.readouterr().err


def test_the_most_probable_classes_are_shown_and_have_columns(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph(tmp_path / "new" / "a.png")
    (tmp_path / "new" / "b.png").write_bytes(b"")
    table = tmp_path / "table.jsonl"
    arguments = ["predict", str(tmp_path / "new"), "--model", str(model), "--top", "9", "--output", str(table)]
    assert cli.main(arguments) == 1
    assert "--top 9: the model knows 2 classes" in capsys.readouterr().err
    assert not table.exists()
    arguments[arguments.index("9")] = "2"
    assert cli.main(arguments) == 1
    first, broken = (json.loads(line) for line in table.read_text().splitlines())
    assert {first["label"], first["label_2"]} == set(CLASSES)
    assert first["confidence"] >= first["confidence_2"]
    assert broken["label_2"] is None
    assert f"({first['label_2']} {first['confidence_2']:.3f})" in capsys.readouterr().out


def test_csv_lines_and_parquet_hold_the_same(model: Path, tmp_path: Path) -> None:
    for number in range(3):
        photograph(tmp_path / "new" / f"{number}.png", number)
    (tmp_path / "new" / "z.png").write_bytes(b"")
    read: dict[str, Callable[[Path], pd.DataFrame]] = {
        "csv": pd.read_csv,
        "jsonl": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
    }
    found = {}
    for ending, reader in read.items():
        path = tmp_path / f"table.{ending}"
        assert cli.main(["predict", str(tmp_path / "new"), "--model", str(model), "--output", str(path)]) == 1
        found[ending] = reader(path).astype({"path": object, "label": object, "problem": object, "model": object})
    pd.testing.assert_frame_equal(found["csv"], found["jsonl"], check_dtype=False)
    pd.testing.assert_frame_equal(found["csv"], found["parquet"], check_dtype=False)
    assert cli.main(["predict", str(tmp_path / "new"), "--model", str(model), "--output", "table.txt"]) == 1


def test_a_run_that_was_stopped_is_gone_on_with(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        photograph(tmp_path / "new" / f"{number:02}.png", number)
    whole, table = tmp_path / "whole.csv", tmp_path / "table.csv"
    command = ["predict", str(tmp_path / "new"), "--model", str(model), "--output"]
    assert cli.main([*command, str(whole)]) == 0
    answer = pipeline._rows
    calls = []

    def stopped(*arguments: object) -> object:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return answer(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "_rows", stopped)
    assert cli.main([*command, str(table)]) == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert not table.exists()
    monkeypatch.setattr(pipeline, "_rows", answer)
    journal = tmp_path / "table.csv.journal"
    journal.write_bytes(journal.read_bytes() + b'{"path": "cut')
    assert cli.main([*command, str(table), "--resume", "--top", "2"]) == 1, "another --top makes other columns"
    capsys.readouterr()
    assert cli.main([*command, str(table), "--resume"]) == 0
    printed = capsys.readouterr()
    assert "31 photographs were done before" in printed.err, "two batches, but for the last file"
    assert len([line for line in printed.out.splitlines() if ".png" in line]) == 9
    assert table.read_bytes() == whole.read_bytes()
    assert not journal.exists()


def test_what_changed_since_a_run_was_stopped_is_asked_anew_and_has_one_row(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, table, whole = tmp_path / "new", tmp_path / "table.csv", tmp_path / "whole.csv"
    for number in range(4):
        photograph(folder / f"{number}.png", number)
    (folder / "2.png").write_bytes(b"no photograph")
    command = ["predict", str(folder), "--model", str(model), "--output"]
    finish = tables.Table.finish
    tracked: list[tuple[int, int]] = []

    def track(items: Iterable[object], total: int, _description: str) -> Iterator[object]:
        count = 0
        for item in items:
            count += 1
            yield item
        tracked.append((count, total))

    monkeypatch.setattr(progress, "track", track)
    for further, seed in ([], 7), (["--resume"], 8), (["--resume"], 9):  # stopped twice, changed after each time
        monkeypatch.setattr(tables.Table, "finish", _interrupted if seed < 9 else finish)
        assert cli.main([*command, str(table), *further]) == (130 if seed < 9 else 0)
        if seed < 9:
            photograph(folder / "1.png", seed)
    assert "3 photographs were done before" in capsys.readouterr().err, "0 and both versions of 1 and 2"
    assert cli.main([*command, str(whole)]) == 1
    assert sorted(table.read_text().splitlines()) == sorted(whole.read_text().splitlines())
    assert tracked == [(4, 4)] * 4, "each photograph counts, done before or not"


def test_a_photograph_that_is_back_as_it_was_has_one_row(tmp_path: Path) -> None:
    for contents in ("1", "", "1"), ("1", "2", "2"):
        table = tables.Table(tmp_path / "a.jsonl", {})
        for number, content in enumerate(contents):
            if number:
                table.close()
                table = tables.Table(tmp_path / "a.jsonl", {}, resume=True)
                assert table.done["a"] == contents[number - 1]
            if not number or content != contents[number - 1]:
                for page in ("a", "a#page=2"):
                    table.add({"path": page, "run": number}, content)
            table.add({"path": "z"}, "z")  # of the last file pages may lack
        table.finish()
        rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        now = len(set(contents[:2])) if contents[2] == "1" else 1
        assert rows == [{"path": "a", "run": now}, {"path": "a#page=2", "run": now}, {"path": "z"}]


def _interrupted(_table: tables.Table) -> None:
    raise KeyboardInterrupt


def test_ray_is_asked_for_where_it_is_not_installed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    arguments = ["predict", str(photograph(tmp_path / "a.png")), "--model", str(model), "--engine", "ray"]
    assert cli.main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'lithoscope[ray]'" in line


def test_a_sheet_is_a_picture_or_a_page_of_its_own(model: Path, tmp_path: Path) -> None:
    photograph(tmp_path / "new" / "a <b>.png")
    (tmp_path / "new" / "broken.png").write_bytes(b"")
    picture, page = tmp_path / "sheet.png", tmp_path / "sheet.html"
    for sheet in (picture, page):
        assert cli.main(["predict", str(tmp_path / "new"), "--model", str(model), "--sheet", str(sheet)]) == 1
    assert Image.open(picture).size[0] > 100
    text = page.read_text(encoding="utf-8")
    assert "a &lt;b&gt;.png" in text
    assert "a <b>" not in text
    assert text.count("<figure>") == 1
    assert "data:image/jpeg;base64," in text
    assert "http" not in text
    assert cli.main(["predict", str(tmp_path / "new"), "--model", str(model), "--sheet", str(tmp_path / "x.gif")]) == 1


ALONE = """
import sys
from lithoscope.cli.main import main
status = main(sys.argv[1:])
heavy = "torch torchvision mlflow dvc pandas scipy sklearn matplotlib lightning pydantic onnx requests jinja2"
print("loaded:", sorted(set(heavy.split()) & set(sys.modules)))
sys.exit(status)
"""


@pytest.mark.slow
def test_predicting_loads_none_of_the_pipelines_packages(model: Path, tmp_path: Path) -> None:
    photograph(tmp_path / "new" / "a.png")
    photograph(tmp_path / "new" / "b.jpg")
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "new")
    arguments = ["predict", archive, str(tmp_path / "new"), "--model", str(model)]
    targets = ["--output", str(tmp_path / "table.csv"), "--sheet", str(tmp_path / "sheet.png")]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *arguments, *targets], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert len(done.stdout.splitlines()) == 4 + 2 + 1


@pytest.mark.slow
def test_a_saved_model_is_exported_once_by_a_process_of_its_own(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph(tmp_path / "a.png")
    shutil.copytree(model.parent / "model", tmp_path / "build" / "model")
    shutil.copytree(model.parent / "arrays", tmp_path / "build" / "arrays")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cli.main(["predict", "a.png"]) == 0
    printed = capfd.readouterr()
    assert printed.err == "note: build/model is exported for prediction, once …\n"
    assert (
        json.loads((tmp_path / "build" / "export" / "model.json").read_text())["parity"]["kind"] == "test photographs"
    )
    assert cli.main(["predict", "a.png"]) == 0
    assert capfd.readouterr() == (printed.out, "")
    shutil.copytree("build/model", "elsewhere")
    for expected in ("note: elsewhere is exported for prediction, once …\n", ""):
        assert cli.main(["predict", "a.png", "--model", "elsewhere"]) == 0
        assert capfd.readouterr() == (printed.out, expected)
    description = tmp_path / "build" / "model" / "model.json"
    description.write_text(description.read_text().replace('"temperature": 1.7', '"temperature": 3.0'))
    assert cli.main(["predict", "a.png"]) == 0
    changed = capfd.readouterr()
    assert "is exported" in changed.err
    assert changed.out != printed.out
    (tmp_path / "build" / "model" / "model.safetensors").write_bytes(b"cut")
    assert cli.main(["predict", "a.png"]) == 1
    assert capfd.readouterr().err.splitlines()[-1].startswith("error: build/model: damaged model")


def test_without_the_pipelines_packages_a_saved_model_is_a_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph(tmp_path / "a.png")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["predict", str(tmp_path / "a.png"), "--model", str(model.parent / "model")]) == 1
    assert "pip install 'lithoscope[pipeline]'" in capsys.readouterr().err


def test_a_sheet_has_a_limit_and_says_so(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(predict_command.SHEET_LIMIT, ".html", 2)
    for number in range(3):
        photograph(tmp_path / "new" / f"{number}.png", number)
    page = tmp_path / "sheet.html"
    assert cli.main(["predict", str(tmp_path / "new"), "--model", str(model), "--sheet", str(page)]) == 0
    assert "3 photographs, the first 2" in page.read_text(encoding="utf-8")


def test_a_table_of_many_rows_is_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_CHUNK", 2)
    table = tables.Table(tmp_path / "t.parquet", {"model": "m"})
    for number in range(5):
        table.add({"path": f"{number}", "confidence": number / 10, "problem": None})
    table.finish()
    found = pd.read_parquet(tmp_path / "t.parquet")
    assert found["path"].tolist() == ["0", "1", "2", "3", "4"]
    assert found["confidence"].tolist() == [0, 0.1, 0.2, 0.3, 0.4]
