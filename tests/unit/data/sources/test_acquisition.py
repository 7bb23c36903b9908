"""The ladder from a mirror or a set's own source to a folder of photographs, and what a kill leaves on it."""

import os
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources import acquisition
from lithoscope.data.sources.acquisition import acquire, finish, open_mirror, unwrapped
from lithoscope.data.sources.base import Photograph, PhotographSet, Request
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.minerals import MINERALS, Minerals

from helpers.photographs_on_disk import class_folders, photograph, tree


class Drawn(PhotographSet):
    """A set whose own source is a folder of the test's, with a table of human judgements."""

    name = "drawn"
    title = citation = rights = ""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.obtained = 0

    def obtain(self, destination: Path, request: Request) -> None:
        self.obtained += 1
        assert not list(destination.iterdir())
        for name, content in tree(self.source).items():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            (destination / name).write_bytes(content)

    def photographs(self, root: Path) -> list[Photograph]:
        return [file for file in FolderSet().photographs(root) if file.label]

    def companions(self, root: Path) -> dict[str, Path]:
        return {path.name: path for path in root.glob("*.txt")}


def zipped(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in tree(folder).items():
            archive.writestr(top + name, content)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "My Rocks (1) [x]", "quartz", "Rock Salt")


def request_for(tmp_path: Path, mirror: Path | None) -> Request:
    return Request(mirror, "", tmp_path / "partial")


def test_a_file_too_large_for_the_pixels_is_not_copied(tmp_path: Path, photos: Path) -> None:
    (photos / "quartz" / "scan.tif").touch()
    os.truncate(photos / "quartz" / "scan.tif", 512 * 2**20 + 1)  # sparse: takes no room
    request = replace(request_for(tmp_path, photos), max_megapixels=60)
    refused = acquire(FolderSet(), request, tmp_path / "raw").refused
    assert list(refused) == ["quartz/scan.tif"]
    assert "max_megapixels = 60" in refused["quartz/scan.tif"]


def test_a_folder_is_copied_verbatim(tmp_path: Path, photos: Path) -> None:
    (photos / "quartz" / "notes.txt").write_text("kept, and judged later", encoding="utf-8")
    expected = tree(photos)
    acquired = acquire(FolderSet(), request_for(tmp_path, photos), tmp_path / "raw")
    assert tree(tmp_path / "raw") == expected == tree(photos)
    assert acquired.refused == {}
    first = next(tmp_path.glob("raw/*/*.png"))
    first.write_bytes(b"altered")
    assert tree(photos) == expected  # no file of the user's is shared with ours


def test_an_archive_with_one_folder_on_top_gives_the_same_as_the_folder(tmp_path: Path, photos: Path) -> None:
    for top in ("", "download/", "download/set v2/"):
        mirror = zipped(photos, tmp_path / "set.bin", top)
        acquire(FolderSet(), request_for(tmp_path, mirror), tmp_path / "raw")
        assert tree(tmp_path / "raw") == tree(photos)


def test_a_lone_split_or_class_folder_is_not_unwrapped(tmp_path: Path) -> None:
    class_folders(tmp_path / "one", "a", "b", below="train")
    assert unwrapped(tmp_path / "one") == tmp_path / "one"
    class_folders(tmp_path / "two", "quartz")
    assert unwrapped(tmp_path / "two") == tmp_path / "two"


@pytest.mark.kind(
    about="layouts",
    kind="photographs that are links pointing out of their folder",
    done="`download` copies what they point to; a file that belongs to no class stays behind",
    reported="–",
)
def test_links_are_copied_wherever_they_lead_and_loose_files_are_not(tmp_path: Path, photos: Path) -> None:
    photograph(tmp_path / "elsewhere.png")
    (photos / "quartz" / "out.png").symlink_to(tmp_path / "elsewhere.png")
    (photos / "quartz" / "in.png").symlink_to("0.png")
    photograph(photos / "loose.png")
    acquired = acquire(FolderSet(), request_for(tmp_path, photos), tmp_path / "raw")
    assert acquired.refused == {"loose.png": "in no class folder"}
    copied = tmp_path / "raw" / "quartz"
    assert sorted(path.name for path in copied.iterdir()) == ["0.png", "1.png", "in.png", "out.png"]
    assert not any((copied / name).is_symlink() for name in ("in.png", "out.png"))
    assert (copied / "out.png").read_bytes() == (tmp_path / "elsewhere.png").read_bytes()


def test_what_lay_in_the_destination_is_gone(tmp_path: Path, photos: Path) -> None:
    photograph(tmp_path / "raw" / "old" / "old.png")
    acquire(FolderSet(), request_for(tmp_path, photos), tmp_path / "raw")
    assert not (tmp_path / "raw" / "old").exists()


def test_a_sets_own_source_brings_its_companions_along(tmp_path: Path, photos: Path) -> None:
    (photos / "mds_360.txt").write_text("1 2 3\n", encoding="utf-8")
    request = request_for(tmp_path, None)
    acquired = acquire(Drawn(photos), request, tmp_path / "raw")
    assert acquired.companions == ["mds_360.txt"]
    assert (tmp_path / "raw" / "human" / "mds_360.txt").read_text(encoding="utf-8") == "1 2 3\n"
    assert len(tree(tmp_path / "raw")) == 5
    finish(request)
    assert [path.name for path in request.partial.iterdir()] == [".lock"]
    assert len(tree(tmp_path / "raw")) == 5


def test_a_companion_that_leads_outside_is_refused(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (photos / "mds_1.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(LithoscopeError, match="a link that leaves the folder"):
        acquire(Drawn(photos), request_for(tmp_path, photos), tmp_path / "raw")


def test_an_archive_that_was_half_unpacked_when_killed_does_not_count_as_there(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = zipped(photos, tmp_path / "set.zip")

    def killed(archive: Path, destination: Path) -> None:
        photograph(destination / "quartz" / "0.png", seed=99)
        photograph(destination / "stale" / "0.png")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(acquisition, "extract", killed)
        with pytest.raises(KeyboardInterrupt):
            acquire(FolderSet(), request_for(tmp_path, mirror), tmp_path / "raw")
    assert (tmp_path / "partial" / "unpacking" / "stale").is_dir()
    acquire(FolderSet(), request_for(tmp_path, mirror), tmp_path / "raw")
    assert tree(tmp_path / "raw") == tree(photos)


def test_an_unpacked_archive_is_used_again_for_the_same_content_only(tmp_path: Path, photos: Path) -> None:
    mirror = zipped(photos, tmp_path / "set.zip")
    first = open_mirror(mirror, tmp_path)
    photograph(photos / "quartz" / "new.png")
    zipped(photos, mirror)
    assert open_mirror(mirror, tmp_path) != first
    assert tree(open_mirror(mirror, tmp_path)) == tree(photos)


def test_a_set_that_was_half_obtained_when_killed_starts_with_an_empty_folder(tmp_path: Path, photos: Path) -> None:
    photograph(tmp_path / "partial" / "obtained" / "stale" / "0.png")
    drawn = Drawn(photos)
    acquire(drawn, request_for(tmp_path, None), tmp_path / "raw")
    assert drawn.obtained == 1
    assert not (tmp_path / "raw" / "stale").exists()


def test_two_downloads_take_turns(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = request_for(tmp_path, photos)
    request.partial.mkdir()
    with FileLock(request.partial / ".lock"):
        other = threading.Thread(target=acquire, args=(FolderSet(), request, tmp_path / "raw"))
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert not (tmp_path / "raw").exists()
    other.join(20)
    assert tree(tmp_path / "raw") == tree(photos)
    assert "waiting for another download" in capsys.readouterr().err


def failure(tmp_path: Path, mirror: Path, photographs: PhotographSet | None = None) -> str:
    with pytest.raises(LithoscopeError) as caught:
        acquire(photographs or FolderSet(), request_for(tmp_path, mirror), tmp_path / "raw")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "raw").exists()
    return str(caught.value)


def test_a_mirror_that_is_not_there_or_no_archive_is_one_line(tmp_path: Path) -> None:
    assert "no such folder or file; run `lithoscope use PATH`" in failure(tmp_path, tmp_path / "nowhere")
    (tmp_path / "a.zip").write_text("no archive", encoding="utf-8")
    assert "neither a folder nor a zip or tar archive" in failure(tmp_path, tmp_path / "a.zip")


def test_an_error_about_an_archive_names_the_archive_and_not_where_it_was_unpacked(tmp_path: Path) -> None:
    mirror = zipped(class_folders(tmp_path / "set", *MINERALS[:2]), tmp_path / "set.zip")
    assert failure(tmp_path, mirror, Minerals()).startswith(f"{mirror}: no photographs of chrysocolla")


def test_a_hostile_archive_leaves_nothing_behind_that_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("quartz/a", b"good")
        archive.writestr("../../evil", b"evil")
    assert "points outside" in failure(tmp_path, tmp_path / "a.zip")
    assert not list((tmp_path / "partial").glob("unpacked-*"))
