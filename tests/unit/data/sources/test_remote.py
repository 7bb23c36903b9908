"""Photographs come from an object store and from the web, verified, once, and into their folder alone."""

import hashlib
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching import limits, object_store
from lithoscope.data.fetching.addresses import is_remote
from lithoscope.data.fetching.by_address import ByAddress
from lithoscope.data.fetching.http_client import Policy
from lithoscope.data.sources.acquisition import acquire, finish
from lithoscope.data.sources.base import Photograph, Request
from lithoscope.data.sources.catalogue import catalogue
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.in_place import ListedSet, write_manifest
from lithoscope.data.sources.remote import check_address, remote_mirror

from helpers.object_store import CREDENTIALS, ObjectStore
from helpers.photographs_on_disk import class_folders, tree
from helpers.static_server import served

PREFIX = "s3://rocks/my photos/2024 (1)"


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    store = ObjectStore("rocks", allowed=10**9)
    yield store
    store.close()


@pytest.fixture
def store(running: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": running.address, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    # A refused connection stays refused: no library needs to try again.
    monkeypatch.setitem(object_store._OPTIONS["s3"]["config_kwargs"], "retries", {"total_max_attempts": 1})
    monkeypatch.setattr(object_store, "Policy", partial(Policy, first_wait=0))
    running.clear()
    return running


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, bytes]:
    return tree(class_folders(tmp_path / "photos", "quartz", "Rock Salt"))


def upload(store: ObjectStore, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        store.put(f"{PREFIX.removeprefix('s3://rocks/')}/{name}", content)


def fetched(address: str, folder: Path) -> dict[str, bytes]:
    with remote_mirror(address, folder) as local:
        return tree(local) if local.is_dir() else {"": local.read_bytes()}


def refusal(address: str, folder: Path) -> str:
    with pytest.raises(LithoscopeError) as caught, remote_mirror(address, folder):
        pass
    message = str(caught.value)
    assert message.isprintable(), "one line"
    assert f"for {CREDENTIALS['AWS_ACCESS_KEY_ID']}" not in message, (
        "nothing of what the store says, which names the key"
    )
    return message


def test_what_lies_below_a_prefix_becomes_a_folder(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path
) -> None:
    upload(store, photos | {".DS_Store": b"x", "quartz/": b"", "../2024 (1) old/quartz/0.png": b"sibling"})
    store.put("my photos/2024 (1)b/quartz/0.png", b"another prefix that begins alike")
    store.remove("my photos/2024 (1)/../2024 (1) old/quartz/0.png")
    assert fetched(PREFIX, tmp_path) == photos


@pytest.mark.fault(
    tried="A download from an object store breaks off, or a photograph of it changes before the next one",
    outcome="Files that are whole are not fetched again, by the store's own name for their version; the changed one is",
)
def test_whole_files_are_skipped_and_changed_ones_fetched(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(store, photos)
    assert fetched(PREFIX, tmp_path) == photos
    assert len(store.fetched) == len(photos)
    changed = photos | {"quartz/0.png": photos["quartz/1.png"]}
    store.fetched.clear()
    upload(store, changed)
    assert fetched(f"{PREFIX}/", tmp_path) == changed
    assert [name.rpartition("/")[2] for name in store.fetched] == ["0.png"]
    shown = capsys.readouterr().err
    assert f"{PREFIX}/: 4 files, " in shown
    assert "3 of them already there" in shown


def test_the_stage_takes_a_remote_mirror_like_a_local_one(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path
) -> None:
    upload(store, photos)
    request = Request(PREFIX, "", tmp_path / "download" / "folder")
    acquired = acquire(FolderSet(), request, tmp_path / "raw")
    assert {photo.label for photo in acquired.photographs} == {"quartz", "Rock Salt"}
    assert tree(tmp_path / "raw") == photos
    finish(request)
    assert not [name for name in tree(tmp_path / "download") if not name.endswith(".lock")], "nothing is kept twice"


def test_an_object_may_be_an_archive(store: ObjectStore, photos: dict[str, bytes], tmp_path: Path) -> None:
    archive = tmp_path / "photographs.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for name, content in photos.items():
            written.writestr(name, content)
    store.put("photographs.zip", archive.read_bytes())
    request = Request("s3://rocks/photographs.zip", "", tmp_path / "download" / "folder")
    acquire(FolderSet(), request, tmp_path / "raw")
    assert tree(tmp_path / "raw") == photos
    store.put("photographs.zip", archive.read_bytes()[:-30])
    with pytest.raises(LithoscopeError, match=r"^s3://rocks/photographs\.zip: damaged or not whole"):
        acquire(FolderSet(), request, tmp_path / "raw")


@pytest.mark.fault(
    tried="An object store has no such bucket or prefix, denies access, expires the session, does not answer",
    outcome="One line that says which, without the credentials",
)
@pytest.mark.parametrize(
    ("address", "answered", "expected"),
    [
        ("s3://no-such-bucket/photos", "", "s3://no-such-bucket/photos: no such bucket"),
        ("s3://rocks/nothing", "", "s3://rocks/nothing: nothing is there; is the prefix right?"),
        (PREFIX, "AccessDenied", f"{PREFIX}: access denied"),
        (PREFIX, "ExpiredToken", f"{PREFIX}: the session has expired: log in again"),
        (PREFIX, "InvalidAccessKeyId", f"{PREFIX}: the credentials are not accepted"),
    ],
)
def test_what_a_store_refuses_is_one_line(
    store: ObjectStore, tmp_path: Path, address: str, answered: str, expected: str
) -> None:
    store.refusal = answered
    assert refusal(address, tmp_path) == expected


def test_a_store_that_is_gone_and_credentials_that_lack_are_one_line(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    assert refusal(PREFIX, tmp_path).startswith(f"{PREFIX}: it cannot be reached: check the network")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert refusal(PREFIX, tmp_path) == f"{PREFIX}: no credentials were found"


@pytest.mark.parametrize("about", [{}, {"ChecksumAlgorithm": "CRC32"}], ids=["ETag", "checksum"])
def test_content_other_than_its_hash_is_never_kept(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path, about: dict[str, str]
) -> None:
    upload(store, photos)
    key = "my photos/2024 (1)/quartz/1.png"
    store.put(key, photos["quartz/1.png"], **about)
    store.damaged.add(key)
    assert "quartz/1.png: its " in (said := refusal(PREFIX, tmp_path))
    assert "(4 times); the source may be changing or damaged" in said
    store.damaged.clear()
    assert fetched(PREFIX, tmp_path) == photos


def test_the_tag_of_an_object_that_is_encrypted_by_a_key_is_no_hash_of_it(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path
) -> None:
    upload(store, photos)
    key = "my photos/2024 (1)/quartz/1.png"
    store.put(key, photos["quartz/1.png"], ServerSideEncryption="aws:kms")
    store.damaged.add(key)  # stands for a tag that is not the content's MD5
    assert set(fetched(PREFIX, tmp_path)) == set(photos)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quartz/../../evil.png", "it points outside the folder"),
        ("quartz//evil.png", "it points outside the folder"),
        ("quartz\\evil.png", "it points outside the folder"),
        ("C:/evil.png", "it points outside the folder"),
        ("quartz/con.png", "a device's name"),
        ("quartz/evil\x1b[2J.png", "no usable file name"),
        ("QUARTZ/0.png", "one name on some systems"),
        ("quartz/0.png/evil.png", "as a file and as a folder"),
    ],
)
def test_names_that_could_leave_the_folder_or_clash_refuse_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, words: str
) -> None:
    class Listing:
        def find(self, root: str, detail: bool) -> dict[str, dict[str, Any]]:
            return {f"{root}/{each}": {"type": "file", "size": 1, "ETag": "x"} for each in ("quartz/0.png", name)}

    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: Listing())
    assert words in refusal("s3://rocks/photos", tmp_path)
    assert not [file for file in tree(tmp_path) if not file.endswith(".lock")], "nothing was fetched"


def test_more_than_the_disk_holds_is_not_begun(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(store, photos)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=limits.KEEP_FREE))
    assert "0 MiB are free on the disk" in refusal(PREFIX, tmp_path)
    assert not store.fetched


def test_googles_store_states_an_md5_and_a_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"type": "file", "size": 3, "md5Hash": "kAFQmDzST7DWlj99KOF/cg==", "generation": "17", "etag": "CJ"}
    listing = SimpleNamespace(find=lambda *_, **__: {"rocks/quartz/1.png": about})
    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: listing)
    (file,) = object_store.ObjectStore("gs://rocks").files()
    assert (file.path, file.md5, file.version) == ("quartz/1.png", hashlib.md5(b"abc").hexdigest(), "17")


def test_what_a_store_says_is_never_repeated() -> None:
    said = "https://storage.googleapis.com/o?access_token=secret"
    assert object_store.explained(OSError(f"Forbidden: {said}")) == "access denied"
    assert object_store.explained(RuntimeError(said)) == "it cannot be read (RuntimeError)"


def test_a_store_whose_package_is_not_there_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    said = refusal("gs://rocks/photos", tmp_path)
    assert said == "mirror gs://rocks/photos: needs gcsfs, which is not installed: pip install -e '.[gs]'"


@pytest.mark.parametrize(
    "address",
    ["s3://key:secret@rocks/x", "https://me:secret@host/x.zip", "https://host/x.zip?X-Amz-Signature=secret", "s3:///x"],
)
def test_what_must_not_be_recorded_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(LithoscopeError) as caught:
        check_address(address)
    assert "secret" not in str(caught.value)


def test_an_unknown_kind_of_address_is_refused_and_a_path_is_none() -> None:
    with pytest.raises(LithoscopeError, match=r"^mirror ftp://host/x: allowed: s3://BUCKET/PREFIX, "):
        check_address("ftp://host/x")
    assert [is_remote(place) for place in ("s3://a", "/a/b", "C:/a", "a b", "photos")] == [True] + 4 * [False]


def test_a_manifest_may_list_objects(store: ObjectStore, photos: dict[str, bytes], tmp_path: Path) -> None:
    upload(store, photos)
    root, places = tmp_path / "photos", [*photos]
    for how in ("here", "there"):
        rows = [
            Photograph(
                id=name,
                label=name.partition("/")[0],
                place=f"{PREFIX}/{name}" if how == "there" and name != places[0] else str(root / name),
                content=hashlib.sha256(photos[name]).hexdigest(),
            )
            for name in places
        ]
        write_manifest(tmp_path / f"{how}.parquet", rows, {})
    here, there = (ListedSet(tmp_path / f"{how}.parquet").photographs(tmp_path) for how in ("here", "there"))
    by_address = ByAddress(tmp_path / "fetched", max_megapixels=179)
    found = catalogue(tmp_path, there, by_address=by_address)
    assert [replace(one, path="") for one in found.entries] == [
        replace(one, path="") for one in catalogue(tmp_path, here).entries
    ]
    assert len(store.fetched) == len(photos) - 1
    store.refusal = "AccessDenied"
    by_address.keep_only(())
    with pytest.raises(LithoscopeError, match=rf"^{re.escape(PREFIX)}/.*\.png: access denied; check the address"):
        catalogue(tmp_path, there, by_address=by_address)


def test_dvc_sees_what_is_added_changed_and_removed_below_a_prefix(
    store: ObjectStore, photos: dict[str, bytes], tmp_path: Path
) -> None:
    """The rule that docs/remote-photographs.md states, which is DVC's own."""
    from dvc.dependency import loads_from
    from dvc.repo import Repo
    from dvc.stage import Stage

    (tmp_path / "repository").mkdir()
    repository = Repo.init(str(tmp_path / "repository"), no_scm=True)
    (dependency,) = loads_from(Stage(repository), [PREFIX])  # type: ignore[no-untyped-call]
    upload(store, photos)
    changes: list[Callable[[], None]] = [
        partial(store.put, "my photos/2024 (1)/quartz/2.png", b"new"),
        partial(store.put, "my photos/2024 (1)/quartz/2.png", b"old"),
        partial(store.remove, "my photos/2024 (1)/quartz/2.png"),
    ]
    for change in changes:
        dependency.fs.fs.invalidate_cache()  # each `dvc repro` is a process of its own
        dependency.save()
        assert dependency.status() == {}
        change()
        dependency.fs.fs.invalidate_cache()
        assert dependency.status() == {PREFIX: "modified"}
    assert not store.fetched, "no photograph is fetched to find out"


@pytest.fixture
def site(tmp_path: Path, photos: dict[str, bytes]) -> Iterator[str]:
    folder = tmp_path / "site"
    shutil.copytree(tmp_path / "photos", folder / "my rocks")
    sums = [f"{hashlib.sha256(content).hexdigest()}  ./{name}" for name, content in photos.items()]
    (folder / "my rocks" / "SHA256SUMS").write_text("\n".join([*sums, f"{'0' * 64}  ./SHA256SUMS", ""]), "utf-8")
    shutil.make_archive(str(folder / "rocks"), "zip", tmp_path / "photos")
    with served(folder) as address:
        yield address


def test_an_archive_on_the_web_is_fetched_once(site: str, photos: dict[str, bytes], tmp_path: Path) -> None:
    request = Request(f"{site}rocks.zip", "", tmp_path / "download" / "folder")
    acquire(FolderSet(), request, tmp_path / "raw")
    assert tree(tmp_path / "raw") == photos
    finish(request)


def test_a_list_of_checksums_on_the_web_is_fetched_and_held_against_them(
    site: str, photos: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"{site}my%20rocks/SHA256SUMS"
    assert fetched(address, tmp_path / "download") == photos
    assert "no ETag is stated: DVC does not see what changes there" in capsys.readouterr().err
    assert fetched(address, tmp_path / "download") == photos
    assert "4 files, 0.0 MB, 4 of them already there" in capsys.readouterr().err


def test_a_page_of_links_is_no_mirror(site: str, tmp_path: Path) -> None:
    assert "neither a zip or tar archive nor a list of checksums" in refusal(f"{site}my%20rocks/", tmp_path)


def test_an_address_that_is_not_there_is_one_line(site: str, tmp_path: Path) -> None:
    said = refusal(f"{site}none.zip", tmp_path)
    assert said == "127.0.0.1 answered 404 for /none.zip: it is not there; check the address and the network"
