"""Photographs that stay where they are, and the manifest that lists them."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching import addresses
from lithoscope.data.fetching.manifest import full_addresses, is_manifest
from lithoscope.data.images.decode import read_downloaded
from lithoscope.data.images.reading import DEFAULTS, page_digest
from lithoscope.data.inspect import inspect_source
from lithoscope.data.sources.base import Photograph
from lithoscope.data.sources.catalogue import catalogue
from lithoscope.data.sources.in_place import ListedSet, list_in_place, write_manifest
from lithoscope.data.sources.registry import photograph_set

from helpers.photographs_on_disk import class_folders, photograph


@pytest.fixture
def rocks(tmp_path: Path) -> Path:
    """Three photographs each of two classes, and a file that is none."""
    root = class_folders(tmp_path / "My Rocks [x]", "quartz", "Rock Salt", each=3)
    (root / "quartz" / "notes.txt").write_text("no photograph", encoding="utf-8")
    return root


@pytest.fixture
def manifest(rocks: Path, tmp_path: Path) -> Path:
    """A manifest of them."""
    file = tmp_path / "photographs.parquet"
    write_manifest(file, list_in_place(rocks, listed(rocks), {}), {"quartz": "silicates"})
    return file


def listed(root: Path) -> list[Photograph]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [Photograph(file.relative_to(root).as_posix(), file.parent.name, specimen=file.stem) for file in files]


def by_hand(folder: Path, **changed: Any) -> Path:
    """Write a manifest as a user would, with paths from its own folder."""
    rows = []
    for label in ("quartz", "salt"):
        file = photograph(folder / label / "1.png")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        rows.append({"id": digest, "path": f"{label}/1.png", "label": label})
    rows[1] |= changed
    pd.DataFrame(rows).to_parquet(folder / "mine.parquet")
    return folder / "mine.parquet"


def test_the_photographs_of_a_manifest_are_those_of_the_folder(rocks: Path, manifest: Path) -> None:
    usual = catalogue(rocks, listed(rocks), prefix="build/raw/")
    kind = ListedSet(manifest)
    found = catalogue(Path("elsewhere"), kind.photographs(Path()), prefix="build/raw/")
    assert [entry.path for entry in found.entries] == [str(rocks / entry.id) for entry in found.entries]
    aside = found.set_aside
    assert [(one.id, one.label, one.reason) for one in aside] == [("quartz/notes.txt", "quartz", "not an image")]
    for one, other in zip(found.entries, usual.entries, strict=True):
        assert vars(one) | {"path": ""} == vars(other) | {"path": ""}
    assert kind.coarse_classes(found.labels()) == {"quartz": "silicates"}
    table = pd.read_parquet(manifest)
    assert list(table.columns[:5]) == ["id", "path", "label", "specimen", "split"]
    content = (rocks / "quartz" / "0.png").read_bytes()
    assert table.set_index("name")["id"]["quartz/0.png"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("how", ["changed", "gone", "made shorter"])
def test_a_photograph_that_is_not_what_was_listed_ends_the_run(rocks: Path, manifest: Path, how: str) -> None:
    file = rocks / "quartz" / "1.png"
    if how == "gone":
        file.unlink()
    elif how == "changed":
        photograph(file, seed=9)
    else:
        file.write_bytes(file.read_bytes()[:200])
    said = "cannot be read any more" if how == "gone" else "has changed since it was listed"
    with pytest.raises(LithoscopeError, match=rf"1\.png: {said}.*; list the photographs anew with `lithoscope use`"):
        catalogue(Path(), ListedSet(manifest).photographs(Path()))


def test_a_page_is_held_against_the_content_of_its_file(tmp_path: Path) -> None:
    file = photograph(tmp_path / "stack.tif")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert read_downloaded(str(file), DEFAULTS, page_digest(digest, 1)).size == (40, 36)
    assert page_digest(digest, 2) == hashlib.sha256(f"{digest}#page=2".encode()).hexdigest()
    with pytest.raises(LithoscopeError, match="has changed"):
        read_downloaded(f"{file}#page=2", DEFAULTS, page_digest("0" * 64, 2))


def test_a_manifest_may_be_written_by_hand(tmp_path: Path) -> None:
    found = inspect_source(by_hand(tmp_path, specimen="A7", split="train", weight=2.0))
    assert (found.dataset, found.photographs, found.root) == ("folder", 2, None)
    assert {(one.id, one.specimen, one.official_split, one.weight) for one in found.entries} == {
        ("quartz/1.png", "", "", 1.0),
        ("salt/1.png", "A7", "train", 2.0),
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "12"}, "row 2 .salt/1.png.: its id '12' is no SHA-256"),
        ({"split": "tset"}, "its split is 'tset'; allowed: train, val, test or nothing"),
        ({"weight": 0.0}, "its weight is 0.0; allowed: above 0"),
        ({"name": "quartz/1.png"}, "its name stands there twice"),
        ({"path": ""}, "it has no path"),
        ({"path": "s3://rocks"}, r"row 2 .s3://rocks.: its address is none of an object: s3://BUCKET/KEY"),
        ({"path": "ftp://host/1.png"}, r"allowed: https://…, s3://BUCKET/KEY, gs://BUCKET/KEY, or a path"),
        ({"path": "https://host:x/1.png?key=hidden"}, r"row 2 .https://host:x/1.png.: its address is no usable one"),
        ({"path": "https://me:hidden@host/1.png"}, r"row 2 .https://host/1.png.: its address holds a user name"),
        ({"path": "https://host/1.tif#page=2"}, "its address holds a fragment"),
        ({"label": "quartz"}, "lists 1 classes; at least two are needed"),
    ],
)
def test_what_is_wrong_in_a_manifest_is_said(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(LithoscopeError, match=said) as caught:
        inspect_source(by_hand(tmp_path, **changed))
    assert "hidden" not in str(caught.value)


def test_a_look_fetches_nothing_and_shows_no_query(tmp_path: Path) -> None:
    address = "https://rocks.invalid/salt.png?key=hidden"
    found = inspect_source(by_hand(tmp_path, path=address, name=address))
    assert found.counts == {"quartz": {"": 1}, "salt": {"": 1}}
    assert "1 of them lie at addresses and were not looked at" in found.describe()
    assert "https://rocks.invalid/salt.png" in {one.id for one in found.entries}
    assert "hidden" not in found.describe() + repr(found)


def test_a_look_says_which_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "find_spec", lambda _: None)
    with pytest.raises(LithoscopeError, match=r"^gs:// needs gcsfs, which is not installed: pip install -e '.\[gs\]'$"):
        inspect_source(by_hand(tmp_path, path="gs://rocks/salt.png"))


def test_addresses_that_differ_in_their_query_alone_need_names(tmp_path: Path) -> None:
    file = by_hand(tmp_path)
    table = pd.read_parquet(file)
    table["path"] = [f"https://rocks.invalid/get?photograph={number}" for number in range(len(table))]
    table.to_parquet(file)
    with pytest.raises(LithoscopeError, match=r"row 2 .*get.: its name stands there twice; .*: give each a `name`$"):
        ListedSet(file).photographs(tmp_path)
    table["name"] = ["a", "b"]
    table.to_parquet(file)
    assert [one.id for one in ListedSet(file).photographs(tmp_path)] == ["a", "b"]
    assert list(full_addresses(file).values()) == table["path"].tolist()


def test_another_table_is_no_manifest(tmp_path: Path) -> None:
    pd.DataFrame({"file": ["a.png"], "label": ["quartz"]}).to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(LithoscopeError, match=r"it has no column id, path .it has file, label.*--labels"):
        inspect_source(tmp_path / "labels.parquet")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(LithoscopeError, match=r"cut.parquet: cannot be read \("):
        inspect_source(tmp_path / "cut.parquet")
    assert not is_manifest(tmp_path)
    with pytest.raises(LithoscopeError, match="its dataset is folder, and not minerals"):
        photograph_set("minerals", mirror=tmp_path / "labels.parquet")
