"""Archives cannot leave their folder, fill the disk, or pass for whole when they are not."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching import limits
from lithoscope.data.sources import archives
from lithoscope.data.sources.archives import DamagedArchive, extract, is_archive

CONTENT = {"set/quartz/a (1).jpg": b"one" * 999, "set/Grüner Schiefer [x]/b": b"two", "set/c/d/e/f.png": b""}


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def add_link(path: Path, name: str, target: str, kind: bytes) -> Path:
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(params=["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same three files in each kind of archive, under a name that tells nothing."""
    if request.param == "zip":
        return write_zip(tmp_path / "archive", CONTENT)
    return write_tar(tmp_path / "archive", CONTENT, "w:" + request.param.partition(".")[2])


def test_every_kind_of_archive_gives_its_files_back(packed: Path, tmp_path: Path) -> None:
    assert is_archive(packed)
    extract(packed, tmp_path / "new" / "out")
    assert contents(tmp_path / "new" / "out") == CONTENT


def test_a_cut_archive_is_called_damaged_wherever_it_is_cut(packed: Path, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    padding = 0.4 if tarfile.is_tarfile(packed) and whole.startswith(b"set") else 0.0  # zeros behind a plain tar's end
    for share in (0.2, 0.5, 0.9 - padding):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[: int(len(whole) * share)])
        assert is_archive(cut)
        with pytest.raises(DamagedArchive, match="damaged or not whole") as caught:
            extract(cut, tmp_path / f"out{share}")
        assert "\n" not in str(caught.value)


def test_a_tar_cut_between_two_members_is_not_taken_for_whole(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "a.tar", {"x/1": b"1" * 512, "x/2": b"2" * 512}).read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:1024])  # one header, one block of content
    with pytest.raises(DamagedArchive):
        extract(tmp_path / "a.tar", tmp_path / "out")


def test_a_changed_byte_in_a_zip_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("q/a", b"A" * 1000)
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"AABA", 1))
    with pytest.raises(DamagedArchive):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "a/../../evil", "a/../b", "..", "..\\evil", "C:\\evil", "a\\..\\..\\evil"]
)
def test_a_member_that_points_outside_refuses_the_whole_archive(tmp_path: Path, name: str) -> None:
    good = {"quartz/a": b"good"}
    paths = [write_zip(tmp_path / "a.zip", {**good, name: b"evil"})]
    if "\\" not in name:  # in a tar a backslash is part of the name
        paths.append(write_tar(tmp_path / "a.tar", {**good, name: b"evil"}))
    for path in paths:
        with pytest.raises(LithoscopeError, match="points outside the archive's folder; refused"):
            extract(path, tmp_path / "in" / "out")
        assert not (tmp_path / "in").exists()


@pytest.mark.kind(
    about="layouts",
    kind="an archive with a link or a path that leads out of it",
    done="the whole archive is refused",
    reported="–",
)
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "../.."])
def test_a_link_that_leaves_a_tar_refuses_it(tmp_path: Path, kind: bytes, target: str) -> None:
    path = add_link(write_tar(tmp_path / "a.tar", {"quartz/a": b"good"}), "quartz/link", target, kind)
    with pytest.raises(LithoscopeError, match="quartz/link points outside"):
        extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_that_leaves_a_zip_refuses_it(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("quartz/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "../../secret")
    with pytest.raises(LithoscopeError, match="quartz/link points outside"):
        extract(tmp_path / "a.zip", tmp_path / "out")


def test_files_written_through_a_link_to_a_folder_are_refused(tmp_path: Path) -> None:
    path = add_link(write_tar(tmp_path / "a.tar", {"real/a": b"1"}), "sub", "real", tarfile.SYMTYPE)
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("sub/b")
        archive.addfile(info, io.BytesIO())
    with pytest.raises(LithoscopeError, match="sub is a link to something that is no file"):
        extract(path, tmp_path / "out")


def test_links_between_files_of_the_archive_become_copies(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"set/quartz/a": b"one"})
    add_link(path, "set/pyrite/soft", "../quartz/a", tarfile.SYMTYPE)
    add_link(path, "set/pyrite/hard", "set/quartz/a", tarfile.LNKTYPE)
    add_link(path, "set/pyrite/chain", "soft", tarfile.SYMTYPE)
    extract(path, tmp_path / "out")
    assert contents(tmp_path / "out") == {
        "set/quartz/a": b"one",
        "set/pyrite/soft": b"one",
        "set/pyrite/hard": b"one",
        "set/pyrite/chain": b"one",
    }
    assert not any(file.is_symlink() for file in (tmp_path / "out").rglob("*"))


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = add_link(write_tar(tmp_path / "a.tar", {}), "q/a", "b", tarfile.SYMTYPE)
    add_link(path, "q/b", "a", tarfile.SYMTYPE)
    with pytest.raises(LithoscopeError, match="a link to something that is no file"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes_refuse_a_tar(tmp_path: Path, kind: bytes) -> None:
    path = add_link(write_tar(tmp_path / "a.tar", {}), "quartz/device", "", kind)
    with pytest.raises(LithoscopeError, match="quartz/device is neither a file nor a folder; refused"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_decompression_bomb_is_refused_before_anything_is_written(tmp_path: Path, kind: str) -> None:
    zeros = {"quartz/a": bytes(archives.RATIO_FROM + 1)}
    path = write_zip(tmp_path / "a", zeros) if kind == "zip" else write_tar(tmp_path / "a", zeros, "w:gz")
    with pytest.raises(LithoscopeError, match="decompression bomb; refused"):
        extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_on_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_free_bytes", lambda _: limits.KEEP_FREE + 1000)
    with pytest.raises(LithoscopeError, match="free on the disk"):
        extract(write_zip(tmp_path / "a.zip", {"quartz/a": bytes(1001)}), tmp_path / "out")
    extract(write_zip(tmp_path / "b.zip", {"quartz/a": bytes(1000)}), tmp_path / "out")


def linked(path: Path, kind: str, size: int, links: int) -> Path:
    """An archive of one file of zeros and links to it, ten of them links to links."""
    targets = [f"l{number - 1}" if number % 10 == 9 else "a" for number in range(links)]
    if kind == "zip":
        write_zip(path, {"q/a": bytes(size)})
        with zipfile.ZipFile(path, "a") as archive:
            for number, target in enumerate(targets):
                info = zipfile.ZipInfo(f"q/l{number}")
                info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, target)
        return path
    with tarfile.open(write_tar(path, {"q/a": bytes(size)}), "a") as opened:
        for number, target in enumerate(targets):
            member = tarfile.TarInfo(f"q/l{number}")
            member.type, member.linkname = (tarfile.SYMTYPE, target) if kind == "soft" else (tarfile.LNKTYPE, "q/a")
            opened.addfile(member)
    return path


@pytest.mark.parametrize("kind", ["zip", "soft", "hard"])
def test_the_copies_that_links_become_count_as_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = linked(tmp_path / "a", kind, 100_000, links=99)
    monkeypatch.setattr(archives, "RATIO_FROM", 10_000_000 - 1)
    monkeypatch.setattr(archives, "MAX_RATIO", 1)
    with pytest.raises(LithoscopeError, match="decompression bomb; refused"):
        extract(path, tmp_path / "out")
    monkeypatch.setattr(archives, "RATIO_FROM", 10_000_000)
    monkeypatch.setattr(archives, "_free_bytes", lambda _: limits.KEEP_FREE + 10_000_000 - 1)
    with pytest.raises(LithoscopeError, match="free on the disk"):
        extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(archives, "_free_bytes", lambda _: limits.KEEP_FREE + 10_000_000)
    extract(path, tmp_path / "out")
    assert sum(map(len, contents(tmp_path / "out").values())) == 10_000_000


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(LithoscopeError, match="more than 2 files"):
        extract(write_zip(tmp_path / "a.zip", CONTENT), tmp_path / "out")


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(write_tar(tmp_path / "a.tar", {"q/a": b"1"}), "a") as archive:
        archive.addfile(tarfile.TarInfo("./q/a"), io.BytesIO())
    with pytest.raises(LithoscopeError, match="holds q/a twice"):
        extract(tmp_path / "a.tar", tmp_path / "out")


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match="collides with another name"):
        extract(write_tar(tmp_path / "a.tar", {"q/a": b"1", "q/a/b": b"2"}), tmp_path / "out")


def test_an_encrypted_zip_is_refused_in_words(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"q/a": b"1"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(LithoscopeError, match="it is encrypted"):
        extract(path, tmp_path / "out")


def test_what_operating_systems_leave_behind_is_left_out(tmp_path: Path) -> None:
    junk = {"__MACOSX/q/._a.jpg": b"x", "q/.DS_Store": b"x", "q/Thumbs.db": b"x", ".git/config": b"x"}
    extract(write_zip(tmp_path / "a.zip", {"q/a.jpg": b"1", **junk}), tmp_path / "out")
    assert contents(tmp_path / "out") == {"q/a.jpg": b"1"}


def test_names_in_utf_8_are_read_where_the_zip_does_not_say_so(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"Gr\xfcn/a": b"1"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(signature) + offset] &= 0xF7  # the mark "names are UTF-8", which macOS leaves out
    path.write_bytes(bytes(content))
    extract(path, tmp_path / "out")
    assert contents(tmp_path / "out") == {"Gr\xfcn/a": b"1"}


def test_a_zip_inside_a_tar_does_not_hide_the_tar(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", {"x": b"1"}).read_bytes()
    extract(write_tar(tmp_path / "a.tar", {"q/a": b"1", "q/inner.zip": inner}), tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"q/a", "q/inner.zip"}


@pytest.mark.parametrize("content", [b"", b"just a text\n", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_no_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert not is_archive(tmp_path / "a.zip")
    assert not is_archive(tmp_path)
