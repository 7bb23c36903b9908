"""The seven minerals, from Kaggle's client where it has credentials.

Kaggle itself cannot be reached from a test, so its client library is replaced at its own boundary: a module of the
same name, whose classes do what those of kaggle 2.2.5 do (print advice, end the process, save ``<slug>.zip``).
"""

import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Request
from lithoscope.data.sources.minerals import MINERALS, Minerals

from helpers.photographs_on_disk import class_folders, photograph

SECRET = "KGAT_0123456789"


def nothing(*_: object) -> None:
    return None


def install_client(
    monkeypatch: pytest.MonkeyPatch,
    authenticate: Callable[[], None] = nothing,
    download: Callable[[Path], None] = nothing,
) -> None:
    class KaggleApi:
        def authenticate(self) -> None:
            authenticate()

        def dataset_download_files(self, dataset: str, path: str, force: bool, quiet: bool) -> None:
            assert dataset == "asiedubrempong/minerals-identification-dataset"
            assert not force  # the client's own way to go on where it stopped
            print("Dataset URL: https://www.kaggle.com/datasets/...")
            download(Path(path))

    api = types.ModuleType("kaggle.api.kaggle_api_extended")
    api.KaggleApi = KaggleApi  # type: ignore[attr-defined]
    for name, module in {
        "kaggle": types.ModuleType("kaggle"),
        "kaggle.api": types.ModuleType("kaggle.api"),
        api.__name__: api,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)


def zipped_set(folder: Path, path: Path) -> None:
    class_folders(folder / "minet", *MINERALS)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))


def obtain(tmp_path: Path) -> Path:
    obtained, partial = tmp_path / "obtained", tmp_path / "partial"
    obtained.mkdir(exist_ok=True)
    partial.mkdir(exist_ok=True)
    Minerals().obtain(obtained, Request(None, "", partial))
    return obtained


def failure(tmp_path: Path) -> str:
    with pytest.raises(LithoscopeError) as caught:
        obtain(tmp_path)
    assert "\n" not in str(caught.value)
    assert "`mirror`" in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_the_archive_that_the_client_brings_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_client(monkeypatch, download=lambda path: zipped_set(tmp_path / "made", path / "minerals.zip"))
    files = Minerals().photographs(obtain(tmp_path))
    assert [(file.id, file.label) for file in files[:3]] == [
        ("minet/biotite/0.png", "biotite"),
        ("minet/biotite/1.png", "biotite"),
        ("minet/bornite/0.png", "bornite"),
    ]
    assert len(files) == 14
    assert capsys.readouterr().out == ""


def test_a_damaged_archive_is_thrown_away_so_that_the_next_run_fetches_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(path: Path) -> None:
        if not (path / "minerals.zip").exists():
            zipped_set(tmp_path / "made", path / "minerals.zip")
        if len(attempts) == 0:
            content = (path / "minerals.zip").read_bytes()
            (path / "minerals.zip").write_bytes(content[: len(content) // 2])
        attempts.append(path)

    attempts: list[Path] = []
    install_client(monkeypatch, download=download)
    with pytest.raises(LithoscopeError, match="damaged or not whole"):
        obtain(tmp_path)
    assert len(Minerals().photographs(obtain(tmp_path))) == 14


def test_an_archive_that_points_outside_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(path: Path) -> None:
        with zipfile.ZipFile(path / "minerals.zip", "w") as archive:
            archive.writestr("../../evil", b"x")

    install_client(monkeypatch, download=download)
    with pytest.raises(LithoscopeError, match="points outside"):
        obtain(tmp_path)


def test_without_the_client_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", None)  # Python's way to say "not installed"
    assert "pip install 'lithoscope[kaggle]'" in failure(tmp_path)


@pytest.mark.parametrize("error", [SystemExit(1), OSError("Could not find kaggle.json"), ValueError("username")])
def test_without_credentials_the_ways_to_set_them_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def authenticate() -> None:
        print("Authentication required to call the Kaggle API.\n\nFirst, you will need …")
        raise error

    install_client(monkeypatch, authenticate=authenticate)
    message = failure(tmp_path)
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "~/.kaggle/kaggle.json"):
        assert name in message
    assert capsys.readouterr() == ("", "")


def answer(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for url https://x/?signature={SECRET}", response=response)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answer(403), "answered 403"),
        (answer(401), "KAGGLE_API_TOKEN"),
        (answer(500), "answered 500"),
        (requests.ConnectionError(f"https://x/?signature={SECRET}"), "cannot be reached: check the network"),
        (RuntimeError(SECRET), "failed with RuntimeError"),
    ],
)
def test_a_failed_download_is_one_line_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def download(_: Path) -> None:
        raise error

    install_client(monkeypatch, download=download)
    assert words in failure(tmp_path)


def test_no_network_while_credentials_are_checked_is_not_called_bad_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def authenticate() -> None:
        raise requests.ConnectionError(SECRET)

    install_client(monkeypatch, authenticate=authenticate)
    assert "cannot be reached" in failure(tmp_path)


def test_a_client_that_brings_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_client(monkeypatch)
    assert "no archive" in failure(tmp_path)


def test_the_minerals_are_found_at_any_depth_in_any_case(tmp_path: Path) -> None:
    class_folders(tmp_path / "archive" / "train", *(name.upper() for name in MINERALS), each=1)
    photograph(tmp_path / "archive" / "test" / "Quartz" / "deep" / "x")
    photograph(tmp_path / "archive" / "calcite" / "y")
    files = Minerals().photographs(tmp_path)
    assert {file.label for file in files} == {*MINERALS, ""}
    placed = {file.id: (file.label, file.official_split) for file in files}
    assert placed["archive/test/Quartz/deep/x"] == ("quartz", "test")
    assert placed["archive/train/BIOTITE/0.png"] == ("biotite", "train")
    assert placed["archive/calcite/y"] == ("", "")


def test_a_missing_mineral_is_named(tmp_path: Path) -> None:
    class_folders(tmp_path, *MINERALS[:5])
    with pytest.raises(LithoscopeError, match="no photographs of pyrite, quartz"):
        Minerals().photographs(tmp_path)
