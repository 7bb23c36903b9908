"""The OSF rocks come through the API into the layout of the published set, or from a local copy of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.http_client import Client, Policy
from lithoscope.data.sources.base import Photograph, Request
from lithoscope.data.sources.osf import OsfRocks, category
from lithoscope.data.sources.osf_api import list_files

from helpers.osf_server import OsfServer

PHOTOGRAPH = b"\xff\xd8" + bytes(range(256)) * 300
NODE = {
    "360 Rocks/I_Andesite_01.jpg": PHOTOGRAPH + b"1",
    "360 Rocks/S_Bituminous Coal_03.jpg": PHOTOGRAPH + b"2",
    "120 Rocks/I_Andesite_1_120.jpg": PHOTOGRAPH + b"3",
    "120 Rocks/M_Marble_3_1201.jpg": PHOTOGRAPH + b"4",
    "mds_360.txt": b"1 2 3\n",
    "analysis/human_categorization_120.csv": b"Condition\n1\n",
}
OTHER = {"analysis/model.pt": b"big", "paper.pdf": b"%PDF", "figures/rocks.jpg": b"jpg", "360 Rocks/.DS_Store": b"x"}


@pytest.fixture
def server() -> Iterator[OsfServer]:
    with OsfServer(page_size=2) as running:
        for path, content in {**NODE, **OTHER}.items():
            running.add(path, content)
        yield running


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    folder = tmp_path / "partial"
    folder.mkdir()
    return folder


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


def rocks(**options: Policy) -> OsfRocks:
    return OsfRocks(sleep=lambda _: None, **options)  # type: ignore[arg-type]


def request(server: OsfServer, partial: Path) -> Request:
    return Request(mirror=None, osf_api=server.api, partial=partial)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_photographs_and_the_tables_come_and_nothing_else(
    server: OsfServer, partial: Path, destination: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rocks().obtain(destination, request(server, partial))
    assert tree(destination) == NODE
    downloads = [hit for hit in server.hits if hit.path.startswith("/download/")]
    assert len(downloads) == len(NODE)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "osf-rocks: 6 files, 0.3 MB"
    assert lines[-1] == "osf-rocks: 6 of 6 files"
    assert not any("warning" in line for line in lines)


def test_what_was_downloaded_is_checked_again_and_not_fetched_again(
    server: OsfServer, partial: Path, destination: Path, tmp_path: Path
) -> None:
    rocks().obtain(destination, request(server, partial))
    server.hits.clear()
    damaged = next(path for path in partial.rglob("*.done") if path.read_bytes().endswith(b"3"))
    damaged.unlink()
    damaged.write_bytes(PHOTOGRAPH + b"?")
    again = tmp_path / "again"
    again.mkdir()
    rocks().obtain(again, request(server, partial))
    assert tree(again) == NODE
    assert [hit.path for hit in server.hits if "/download/" in hit.path] == [f"/download/{damaged.stem}"]


def test_a_killed_download_skips_the_files_that_were_whole(server: OsfServer, partial: Path, destination: Path) -> None:
    stalled = next(file for file in server.files if file.name == "S_Bituminous Coal_03.jpg")
    stalled.faults.append("stall")
    script = (
        "import sys; from pathlib import Path\n"
        "from lithoscope.data.sources.base import Request\n"
        "from lithoscope.data.sources.osf import OsfRocks\n"
        "OsfRocks().obtain(Path(sys.argv[1]), Request(None, sys.argv[2], Path(sys.argv[3])))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(destination), server.api, str(partial)])
    deadline = time.monotonic() + 20
    while len(list(partial.rglob("*.done"))) < 5 or not any(path.stat().st_size for path in partial.rglob("*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert tree(destination) == {}, "a half-done set never counts as there"
    server.hits.clear()
    rocks().obtain(destination, request(server, partial))
    assert tree(destination) == NODE
    assert [hit.path for hit in server.hits if "/download/" in hit.path] == [f"/download/{stalled.id}"]


def test_half_done_work_of_one_address_is_not_taken_for_anothers(
    server: OsfServer, partial: Path, destination: Path, tmp_path: Path
) -> None:
    rocks().obtain(destination, request(server, partial))
    with OsfServer() as other:
        for path in NODE:
            other.add(path, b"another")
        again = tmp_path / "again"
        again.mkdir()
        rocks().obtain(again, request(other, partial))
    assert set(tree(again).values()) == {b"another"}


def test_every_fault_on_the_way_is_survived(server: OsfServer, partial: Path, destination: Path) -> None:
    faults = ["drop", "busy 1", "error", "garbage", "truncate", "break"]
    for file in server.files:
        file.faults.extend(faults[:3] if "360" in file.path else faults[3:])
    server.api_faults.extend(["error", "break", "", "busy 1"])
    rocks().obtain(destination, request(server, partial))
    assert tree(destination) == NODE


def test_what_cannot_be_checked_is_said(
    server: OsfServer, partial: Path, destination: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in server.files:
        if file.name.startswith("I_"):
            file.stated.update(size=None, md5=None, sha256=None)
        else:
            file.stated.update(sha256=None)
    rocks().obtain(destination, request(server, partial))
    assert tree(destination) == NODE
    (warning,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert warning == (
        "warning: no hash is stated for 120 Rocks/I_Andesite_1_120.jpg, 360 Rocks/I_Andesite_01.jpg: "
        "only sizes, where stated, were checked"
    )


def test_a_lie_about_a_hash_names_the_file_and_places_nothing(
    server: OsfServer, partial: Path, destination: Path
) -> None:
    server.files[1].stated["sha256"] = "f" * 64
    with pytest.raises(LithoscopeError, match=r"^360 Rocks/S_Bituminous Coal_03\.jpg: its sha256 is .*\(4 times\)"):
        rocks().obtain(destination, request(server, partial))
    assert tree(destination) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("..", "points outside"),
        ("../evil.jpg", "points outside"),
        ("/etc/evil.jpg", "points outside"),
        ("..\\evil.jpg", "points outside"),
        ("C:evil.jpg", "points outside"),
        ("evil\0.jpg", "points outside"),
        ("NUL.jpg", "device's name"),
        ("evil\x1b[2J.jpg", "no usable file name"),
        ("x" * 300, "no usable file name"),
        ("\ud800.jpg", "not valid Unicode"),
    ],
)
def test_a_listed_name_that_points_outside_is_refused(
    server: OsfServer, partial: Path, destination: Path, name: str, words: str
) -> None:
    served = server.add("360 Rocks/x.jpg", b"evil")
    served.name = name
    with pytest.raises(LithoscopeError, match=words) as caught:
        rocks().obtain(destination, request(server, partial))
    assert str(caught.value).isprintable(), "one line, no control characters"
    assert tree(destination) == {}
    assert not any("/download/" in hit.path for hit in server.hits)


def test_a_listing_that_leads_elsewhere_is_refused(server: OsfServer, partial: Path, destination: Path) -> None:
    with OsfServer() as elsewhere:
        server.next_link = f"{elsewhere.api}/nodes/d6b9y/files/osfstorage/?page=2"
        with pytest.raises(LithoscopeError, match="refused, it must stay on its own site"):
            rocks().obtain(destination, request(server, partial))
        server.next_link, server.folder_link = None, f"{elsewhere.api}/nodes/d6b9y/files/osfstorage/"
        with pytest.raises(LithoscopeError, match="refused, it must stay on its own site"):
            rocks().obtain(destination, request(server, partial))
        server.folder_link = None
        server.api_faults.append(f"redirect {elsewhere.api}/nodes/d6b9y/files/osfstorage/")
        with pytest.raises(LithoscopeError, match="refused, it must stay on its own site"):
            rocks().obtain(destination, request(server, partial))
        assert elsewhere.hits == []


def test_a_listing_in_a_circle_is_refused(server: OsfServer, partial: Path, destination: Path) -> None:
    start = "/v2/nodes/d6b9y/files/osfstorage/"
    server.next_link = f"{server.origin}{start}?page%5Bsize%5D=100"
    with pytest.raises(LithoscopeError, match="circle"):
        rocks().obtain(destination, request(server, partial))
    server.next_link, server.folder_link = None, f"{server.origin}{start}"
    with pytest.raises(LithoscopeError, match="circle"):
        rocks().obtain(destination, request(server, partial))


def test_a_listing_without_end_is_refused(
    server: OsfServer, partial: Path, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, words in [("MAX_PAGES", "more than 3 pages"), ("MAX_ENTRIES", "more than 3 entries")]:
        with monkeypatch.context() as context:
            context.setattr(f"lithoscope.data.sources.osf_api.{limit}", 3)
            with pytest.raises(LithoscopeError, match=words):
                rocks().obtain(destination, request(server, partial))
    monkeypatch.setattr("lithoscope.data.sources.osf_api.MAX_PAGE_BYTES", 100)
    with pytest.raises(LithoscopeError, match="longer than 100 bytes"):
        rocks().obtain(destination, request(server, partial))


def test_a_listing_that_ends_early_is_refused(server: OsfServer, partial: Path, destination: Path) -> None:
    server.total = 99
    with pytest.raises(LithoscopeError, match=r"said to hold 99 entries, 6 were listed"):
        rocks().obtain(destination, request(server, partial))


@pytest.mark.parametrize("fault", ["html", "missing"])
def test_an_answer_that_is_no_listing_is_one_line(
    server: OsfServer, partial: Path, destination: Path, fault: str
) -> None:
    server.api_faults.append(fault)
    with pytest.raises(LithoscopeError, match=r"not JSON|404") as caught:
        rocks().obtain(destination, request(server, partial))
    assert str(caught.value).endswith("check the network, or point `mirror` at a local copy (`lithoscope use PATH`)")


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"data": {}},
        {"data": [1]},
        {"data": [{"attributes": {"kind": "file"}}]},
        {"data": [], "links": {"next": 1}},
    ],
)
def test_a_malformed_listing_is_one_line(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("http://127.0.0.1:9/v2", "do this")
    monkeypatch.setattr(client, "get_json", lambda url, limit: json.loads(json.dumps(answer)))
    with pytest.raises(LithoscopeError, match="was refused"):
        list_files(client, "d6b9y", lambda path: True)


def test_an_osf_that_cannot_be_reached_says_what_to_do(partial: Path, destination: Path) -> None:
    with OsfServer() as server:
        gone = request(server, partial)
    with pytest.raises(LithoscopeError, match=r"cannot be reached.*connection refused") as caught:
        rocks().obtain(destination, gone)
    assert str(caught.value).endswith("check the network, or point `mirror` at a local copy (`lithoscope use PATH`)")
    assert "\n" not in str(caught.value)


def test_two_processes_do_not_share_half_done_work(server: OsfServer, partial: Path, destination: Path) -> None:
    rocks().obtain(destination, request(server, partial))
    (lock,) = partial.glob("*.lock")
    with filelock.FileLock(lock), pytest.raises(LithoscopeError, match="another download is at work"):
        rocks().obtain(destination, request(server, partial))


def test_a_node_without_the_photographs_is_one_line(server: OsfServer, partial: Path, destination: Path) -> None:
    server.files = [file for file in server.files if "Rocks" not in file.folder]
    with pytest.raises(LithoscopeError, match="lists no photographs in `360 Rocks`"):
        rocks().obtain(destination, request(server, partial))
    assert not any("/download/" in hit.path for hit in server.hits)


def test_names_that_are_one_on_some_systems_are_refused(server: OsfServer, partial: Path, destination: Path) -> None:
    server.add("360 Rocks/I_ANDESITE_01.jpg", b"other")
    with pytest.raises(LithoscopeError, match="one name on some systems"):
        rocks().obtain(destination, request(server, partial))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("I_Andesite_01.jpg", ("Andesite", "igneous")),
        ("S_Bituminous Coal_03.jpg", ("Bituminous Coal", "sedimentary")),
        ("S_Rock_Salt_2_120.jpg", ("Rock Salt", "sedimentary")),
        ("M_Marble_3_1201.jpg", ("Marble", "metamorphic")),
        ("M_Marble_03", ("Marble", "metamorphic")),
        ("M_Marble_03.PNG", ("Marble", "metamorphic")),
        ("X_Marble_03.jpg", None),
        ("Marble.jpg", None),
        ("M__03.jpg", None),
        ("M_Marble.jpg", None),
    ],
)
def test_the_class_is_the_category_of_the_file_name(name: str, expected: tuple[str, str] | None) -> None:
    assert category(name) == expected


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


@pytest.mark.parametrize("nested", ["", "osf-rocks/"])
def test_a_local_copy_is_read_as_it_is_laid_out(tmp_path: Path, nested: str) -> None:
    write(tmp_path, *(nested + path for path in [*NODE, "paper.pdf", "figures/rocks.jpg"]))
    photographs = rocks().photographs(tmp_path)
    assert photographs == [
        Photograph(f"{nested}120 Rocks/I_Andesite_1_120.jpg", "Andesite", "test"),
        Photograph(f"{nested}120 Rocks/M_Marble_3_1201.jpg", "Marble", "test"),
        Photograph(f"{nested}360 Rocks/I_Andesite_01.jpg", "Andesite", "train"),
        Photograph(f"{nested}360 Rocks/S_Bituminous Coal_03.jpg", "Bituminous Coal", "train"),
    ]
    assert rocks().companions(tmp_path) == {
        "human_categorization_120.csv": tmp_path / f"{nested}analysis/human_categorization_120.csv",
        "mds_360.txt": tmp_path / f"{nested}mds_360.txt",
    }


def test_a_name_of_another_form_is_set_aside_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "360 Rocks/I_Andesite_01.jpg", "360 Rocks/holiday.jpg", "360 Rocks/readme.txt")
    assert [photograph.label for photograph in rocks().photographs(tmp_path)] == ["Andesite", "", ""]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("warning: 360 Rocks/holiday.jpg, 360 Rocks/readme.txt not named like")
    assert lines[1].startswith("warning: train: 1 categories, 1 photographs; the published set has 30 categories of 12")
    assert "Andesite 1" in lines[1]


def test_a_complete_set_gives_no_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        write(tmp_path, *(f"360 Rocks/I_Rock {number:02}_{token:02}.jpg" for token in range(1, 13)))
        write(tmp_path, *(f"120 Rocks/I_Rock {number:02}_{token}_120.jpg" for token in range(1, 5)))
    assert len(rocks().photographs(tmp_path)) == 480
    assert capsys.readouterr().err == ""


def test_a_folder_that_is_another_set_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, "quartz/1.jpg")
    with pytest.raises(LithoscopeError, match="no photographs in a folder `360 Rocks`"):
        rocks().photographs(tmp_path)


def test_coarse_classes_are_known_for_the_published_and_for_new_categories(tmp_path: Path) -> None:
    assert rocks().coarse_classes(["Shale", "Andesite", "Rock Gypsum", "Marble"]) == {
        "Andesite": "igneous",
        "Marble": "metamorphic",
        "Rock Gypsum": "sedimentary",
        "Shale": "sedimentary",
    }
    write(tmp_path, "360 Rocks/M_Soapstone_01.jpg")
    photograph_set = rocks()
    photograph_set.photographs(tmp_path)
    assert photograph_set.coarse_classes(["Soapstone", "Cheese"]) == {"Soapstone": "metamorphic"}


def test_a_table_that_is_there_twice_is_taken_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "a/mds_120.txt", "mds_120.txt")
    assert rocks().companions(tmp_path) == {"mds_120.txt": tmp_path / "mds_120.txt"}
    assert "mds_120.txt is there twice" in capsys.readouterr().err
