"""Zip and tar archives, unpacked so that nothing in them can leave the folder or fill the disk.

The whole archive is checked before the first file is written, and one bad member refuses all of it: an archive that
tries to escape is not to be trusted with the rest. Links are never made on disk; what they point to is copied.
"""

import lzma
import posixpath
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.limits import KEEP_FREE
from lithoscope.data.sources.listing import is_ignored, printable
from lithoscope.data.sources.zip_names import member_name, name_encoding

MAX_MEMBERS = 1_000_000
MAX_RATIO = 100
"""Most unpacked bytes for one packed byte; photographs hardly shrink, zeros shrink by a thousand."""
RATIO_FROM = 64 * 2**20
"""The ratio is not looked at below this many unpacked bytes."""

# What the libraries raise on archives that are cut, damaged or made to confuse them.
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError)

# gzip, bzip2, xz and zip: how a file starts that is at least meant to be an archive.
_SIGNATURES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04")


class DamagedArchive(LithoscopeError):  # noqa: N818 (a kind of LithoscopeError, named for what is damaged)
    """An archive that was cut or altered on its way: fetching it again may help."""


@dataclass(frozen=True)
class _Member:
    name: str
    kind: Literal["file", "folder", "link"]
    size: int
    open: Callable[[], IO[bytes]]
    target: str = ""


def is_archive(path: Path) -> bool:
    """Say whether a file is a zip or a tar archive (plain, gz, bz2 or xz), by its content."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        meant_to_be = stream.read(6).startswith(_SIGNATURES)
    return meant_to_be or tarfile.is_tarfile(path) or zipfile.is_zipfile(path)


def extract(archive: Path, destination: Path) -> None:
    """Unpack an archive into a folder that is not there yet.

    Hidden files and those of operating systems are left out; permissions and times are not taken over.

    Args:
        archive: A zip or tar file, as :func:`is_archive` knows them.
        destination: The folder to make. If this function raises, it may hold a part and must not be used.

    Raises:
        DamagedArchive: The archive is cut or altered.
        LithoscopeError: It is encrypted, would unpack to too much, or holds a member that would leave the folder.
    """
    try:
        with _members(archive) as members:
            checked = _checked(archive, members, _free_bytes(destination))
            destination.mkdir(parents=True)
            _write(archive, checked, destination)
    except NotImplementedError as error:
        raise LithoscopeError(f"{archive}: cannot be unpacked ({error}); unpack it and give the folder") from None
    except _BROKEN as error:
        raise DamagedArchive(f"{archive}: damaged or not whole ({_first_line(error)}); fetch it again") from None
    except OSError as error:
        reason = error.strerror or _first_line(error)
        raise LithoscopeError(f"{archive}: cannot be unpacked ({reason})") from None


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    if not _is_tar(archive):
        with zipfile.ZipFile(archive) as opened_zip:
            yield _zip_members(opened_zip)
    else:
        with tarfile.open(archive) as opened_tar:
            yield _tar_members(opened_tar)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    encoding = name_encoding(archive)
    for info in archive.infolist():
        name = member_name(info, encoding)
        if info.flag_bits & 0x1:
            raise NotImplementedError("it is encrypted")

        def opened(info: zipfile.ZipInfo = info) -> IO[bytes]:
            return archive.open(info)

        mode = info.external_attr >> 16
        if stat.S_ISLNK(mode):
            with archive.open(info) as content:
                target = content.read(4096).decode("utf-8", "surrogateescape")
            yield _Member(name, "link", 0, opened, target)
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise LithoscopeError(f"{archive.filename}: {printable(name)} is neither a file nor a folder; refused")
        else:
            yield _Member(name, "folder" if name.endswith("/") else "file", info.file_size, opened)


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:

        def opened(info: tarfile.TarInfo = info) -> IO[bytes]:
            stream = archive.extractfile(info)
            if stream is None:
                raise tarfile.ReadError(f"{printable(info.name)} cannot be read")
            return stream

        if info.isreg():
            yield _Member(info.name, "file", info.size, opened)
        elif info.isdir():
            yield _Member(info.name, "folder", 0, opened)
        elif info.issym():
            yield _Member(info.name, "link", 0, opened, info.linkname)
        elif info.islnk():  # names its target from the archive's root, not from where it lies
            upwards = "" if info.linkname.startswith("/") else "../" * posixpath.normpath(info.name).count("/")
            yield _Member(info.name, "link", 0, opened, upwards + info.linkname)
        else:
            raise LithoscopeError(f"{archive.name!s}: {printable(info.name)} is neither a file nor a folder; refused")
    _require_end(archive)


def _require_end(archive: tarfile.TarFile) -> None:
    """Require that a tar, all of whose members were listed, ends as it should; read what follows.

    A tar ends with a block of zeros; one that was cut between two members has none. The checksum of a compressed one
    lies at the very end, which tarfile does not read.
    """
    stream = archive.fileobj
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("unexpected end of data")
    for _ in range(RATIO_FROM // 2**20):
        if not stream.read(2**20):
            return
    raise tarfile.ReadError("too much data behind the end")


def _checked(archive: Path, members: Iterator[_Member], free: int) -> dict[str, _Member]:
    """Check every member; return those to write by their clean relative paths, links resolved to files."""
    packed = archive.stat().st_size
    total = 0
    found: dict[str, _Member] = {}
    for count, member in enumerate(members, start=1):
        total += member.size
        if count > MAX_MEMBERS:
            raise LithoscopeError(f"{archive}: holds more than {MAX_MEMBERS:,} files; refused")
        _require_room(archive, total, packed, free)
        path = posixpath.normpath(member.name)
        places = [member.name]
        if member.kind == "link":
            places.append(posixpath.join(posixpath.dirname(path), member.target))
        if ".." in member.name.split("/") or any(map(_leaves, places)):
            raise LithoscopeError(f"{archive}: {printable(member.name)} points outside the archive's folder; refused")
        if member.kind == "folder" or any(map(is_ignored, path.split("/"))):
            continue
        if path in found:
            raise LithoscopeError(f"{archive}: holds {printable(path)} twice; refused")
        found[path] = member
    resolved = {path: _resolved(archive, path, found) for path in found}
    # Again, since a link had no size of its own until now, and is written as a whole copy.
    _require_room(archive, sum(member.size for member in resolved.values()), packed, free)
    return resolved


def _require_room(archive: Path, total: int, packed: int, free: int) -> None:
    """Require that so many unpacked bytes are no bomb for so many packed ones, and fit on the disk."""
    if total > max(RATIO_FROM, MAX_RATIO * packed):
        bomb = f"would unpack to more than {MAX_RATIO} times its size, perhaps a decompression bomb"
        raise LithoscopeError(f"{archive}: {bomb}; refused")
    if total > free - KEEP_FREE:
        raise LithoscopeError(f"{archive}: would unpack to more than the {free // 2**20:,} MiB free on the disk")


def _leaves(path: str) -> bool:
    """Say whether a path, taken from the archive's folder, lies outside of it."""
    clean = posixpath.normpath(path)
    return clean.startswith(("/", "../")) or clean == ".." or re.match("[A-Za-z]:/", path) is not None


def _resolved(archive: Path, path: str, found: dict[str, _Member]) -> _Member:
    place, member = path, found[path]
    for _ in range(10):
        if member.kind == "file":
            return member
        place = posixpath.normpath(posixpath.join(posixpath.dirname(place), member.target))
        if place not in found:
            break
        member = found[place]
    raise LithoscopeError(
        f"{archive}: {printable(path)} is a link to something that is no file of the archive; refused"
    )


def _write(archive: Path, members: dict[str, _Member], destination: Path) -> None:
    for path, member in members.items():
        target = destination / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as source, target.open("xb") as copy:  # x: names may collide where case does not count
                shutil.copyfileobj(source, copy, 2**20)
                written = copy.tell()
        except (FileExistsError, NotADirectoryError):
            raise LithoscopeError(f"{archive}: {printable(path)} collides with another name in it; refused") from None
        if written != member.size:
            raise EOFError(f"{printable(path)} has {written:,} of {member.size:,} bytes")


def _free_bytes(destination: Path) -> int:
    place = destination.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _is_tar(archive: Path) -> bool:
    # Asked before zipfile, which also finds a zip that is the last member of a tar.
    with archive.open("rb") as stream:
        packed = stream.read(6).startswith(_SIGNATURES[:3])
    return packed or tarfile.is_tarfile(archive)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
