"""Seven minerals, as photographs gathered from the web: a set on Kaggle."""

import contextlib
import io
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.archives import DamagedArchive, extract
from lithoscope.data.sources.base import Photograph, PhotographSet, Request
from lithoscope.data.sources.layout import split_of_name
from lithoscope.data.sources.listing import visible_files

if TYPE_CHECKING:
    import requests

MINERALS = ("biotite", "bornite", "chrysocolla", "malachite", "muscovite", "pyrite", "quartz")

_SLUG = "asiedubrempong/minerals-identification-dataset"
_INSTEAD = f"or set `mirror` to a copy of kaggle.com/datasets/{_SLUG}"
_CREDENTIALS = (
    "minerals: Kaggle has no valid credentials of yours: set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or "
    f"save ~/.kaggle/kaggle.json, {_INSTEAD}"
)


class Minerals(PhotographSet):
    """The Kaggle set ``asiedubrempong/minerals-identification-dataset``."""

    name: ClassVar[str] = "minerals"
    title: ClassVar[str] = "Minerals identification dataset (MiNet)"
    citation: ClassVar[str] = "Agangiba, Brempong Asiedu & Aikins, MiNet, arXiv:2111.11260"
    published: ClassVar[int | None] = 956
    rights: ClassVar[str] = "gathered from the web by the set's authors; the rights of single photographs are unclear"

    def obtain(self, destination: Path, request: Request) -> None:
        """Download the set with Kaggle's own client and unpack it.

        The client keeps what it fetched in ``request.partial`` beside a mark of its own that says which version of the
        set the bytes belong to, and goes on from there.
        """
        folder = request.partial / "kaggle"
        folder.mkdir(exist_ok=True)
        _download(folder)
        archives = sorted(folder.glob("*.zip"))
        if not archives:
            raise LithoscopeError(f"minerals: Kaggle's client brought no archive; try again, {_INSTEAD}")
        destination.rmdir()
        try:
            extract(archives[0], destination)
        except DamagedArchive:
            archives[0].unlink()  # else the client would take it for whole the next time
            raise

    def photographs(self, root: Path) -> list[Photograph]:
        """List every file; those inside a folder named after one of the minerals, at any depth, have its label.

        Raises:
            LithoscopeError: Not all seven minerals are there.
        """
        files = [_placed(identity) for identity in visible_files(root)]
        missing = sorted(set(MINERALS) - {file.label for file in files})
        if missing:
            raise LithoscopeError(
                f"{root}: no photographs of {', '.join(missing)}; minerals has one folder each of {', '.join(MINERALS)}"
            )
        return files


def _placed(identity: str) -> Photograph:
    folders = [part.casefold() for part in PurePosixPath(identity).parts[:-1]]
    depth = next((depth for depth, folder in enumerate(folders) if folder in MINERALS), None)
    if depth is None:
        return Photograph(identity, "")
    splits = [split for folder in folders[:depth] if (split := split_of_name(folder))]
    return Photograph(identity, folders[depth], splits[-1] if splits else "")


def _download(folder: Path) -> None:
    """Let Kaggle's client download the set's archive into ``folder``.

    Written against kaggle 2.2.5. Its messages and exceptions can hold signed addresses, so none of them is shown.
    """
    import requests  # a tenth of a second, for downloads alone

    try:
        # The client prints several lines of advice and ends the process when it finds no credentials, some versions
        # as soon as it is imported.
        with contextlib.redirect_stdout(io.StringIO()):
            from kaggle.api.kaggle_api_extended import KaggleApi

            client = KaggleApi()
            client.authenticate()
    except ImportError:
        raise LithoscopeError(
            "minerals: Kaggle's client is not installed: run `pip install 'lithoscope[kaggle]'` and set your Kaggle "
            f"credentials (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY), {_INSTEAD}"
        ) from None
    except requests.RequestException as error:
        raise _unreachable(error) from None
    except (SystemExit, OSError, ValueError, KeyError):
        raise LithoscopeError(_CREDENTIALS) from None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            client.dataset_download_files(_SLUG, path=str(folder), force=False, quiet=not sys.stderr.isatty())
    except requests.RequestException as error:
        raise _unreachable(error) from None
    except Exception as error:  # the client's own errors differ from version to version
        raise LithoscopeError(
            f"minerals: Kaggle's client failed with {type(error).__name__}; try again, {_INSTEAD}"
        ) from None


def _unreachable(error: "requests.RequestException") -> LithoscopeError:
    status = error.response.status_code if error.response is not None else None
    if status in (401, 403):
        return LithoscopeError(f"{_CREDENTIALS} (Kaggle answered {status})")
    answer = f"answered {status}" if status else "cannot be reached"
    return LithoscopeError(f"minerals: Kaggle {answer}: check the network and try again, {_INSTEAD}")
