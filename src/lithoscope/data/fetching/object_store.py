"""Photographs in an object store, through fsspec: S3 and what speaks its protocol (s3fs), Google Cloud Storage (gcsfs).

Where and with which credentials is the store's own business, as in DVC: ``AWS_PROFILE``, ``AWS_ENDPOINT_URL``,
``GOOGLE_APPLICATION_CREDENTIALS`` and files in the home folder. Nothing of them is read here, kept or shown: errors are
worded anew, by their kind.
"""

import base64
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.addresses import PACKAGES, how_to_install
from lithoscope.data.fetching.download import Body, RemoteFile
from lithoscope.data.fetching.http_client import MismatchError, Policy, StoppedError

T = TypeVar("T")
BLOCK = 8 * 2**20
"""Bytes that are asked for at a time."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 3}}},
    "gs": {"requests_timeout": 30},
}
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_REASONS = {
    "no such bucket": ("NoSuchBucket",),
    "no credentials were found": ("NoCredentials", "PartialCredentials", "DefaultCredentials", "ProfileNotFound"),
    "the session has expired: log in again": (
        "ExpiredToken",
        "RequestExpired",
        "TokenRefresh",
        "SSOToken",
        "TokenRetrieval",
        "RefreshError",
        "CredentialRetrieval",
        "InvalidToken",
    ),
    "the credentials are not accepted": ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "401"),
    "this machine's clock is wrong": ("RequestTimeTooSkewed",),
    "access denied": ("AccessDenied", "Forbidden", "AllAccessDisabled", "PermissionError", "403"),
    "it changed while it was read: try again": ("PreconditionFailed", "FileExpired", "412"),
    "the store is busy or out of order: try again later": ("SlowDown", "ServiceUnavailable", "InternalError", "503"),
    "nothing is there": ("NoSuchKey", "FileNotFoundError", "404"),
    "it cannot be reached: check the network and the address of the store": (
        "EndpointConnection",
        "Timeout",
        "ClientConnector",
        "ConnectionError",
        "ConnectionClosed",
        "TransportError",
        "HTTPClientError",
        "gaierror",
        "NetworkError",
    ),
}
"""What users are told, by a part of an error's code or of the name of its type."""


class ObjectStore:
    """Lists and fetches what lies below a prefix, or one object. May be used by several threads.

    Args:
        address: ``s3://bucket/prefix`` or ``gs://bucket/prefix``.
        policy: How often to try where the content is not what was stated; the store's own library tries again where a
            connection breaks or a server is busy.

    Raises:
        LithoscopeError: The package that speaks to the store is not installed; the line says how to get it.
    """

    def __init__(self, address: str, *, policy: Policy | None = None) -> None:
        import fsspec

        self.address = address.rstrip("/")
        self.policy = policy or Policy()
        self.stop = threading.Event()
        self._kind = address.partition("://")[0]
        self._md5: dict[str, str] = {}
        package = PACKAGES[self._kind]
        logging.getLogger(package).addHandler(logging.NullHandler())  # what went wrong is said here, in one line
        try:
            self._files = fsspec.filesystem(self._kind, skip_instance_cache=True, **_OPTIONS[self._kind])
        except ImportError:
            raise LithoscopeError(
                f"mirror {self.address}: needs {package}, which is not installed: {how_to_install(self._kind)}"
            ) from None
        except Exception as error:  # each store's library has errors of its own
            raise self._refusal(error) from error

    def files(self) -> list[RemoteFile]:
        """List what is there, sorted by path; one file without a path where the address is that of an object.

        The version of a file is what the store calls its state (``ETag``, generation); its MD5 stands there where the
        store states one. An ``ETag`` of S3 that looks like an MD5 is held against the content too.

        Raises:
            LithoscopeError: Nothing is there, access is denied, or the store cannot be reached.
        """
        root = self.address.partition("://")[2]
        try:
            found = self._files.find(root, detail=True)
        except Exception as error:
            raise self._refusal(error) from error
        files = []
        for name, about in sorted(found.items()):
            # Programs that show folders keep an empty object for each, whose name ends with a slash.
            if about.get("type") == "directory" or (name.endswith("/") and not about.get("size")):
                continue
            version, md5 = _version(about), _md5(about)
            tag = _MD5.fullmatch(str(about.get("ETag", "")))
            if tag:
                self._md5[name] = tag[1]
            key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
            files.append(RemoteFile(key, name[len(root) :].removeprefix("/"), name, about["size"], md5, None, version))
        if not files:
            raise LithoscopeError(f"{self.address}: nothing is there; is the prefix right?")
        return files

    def receive(self, url: str, read: Callable[[Body], T]) -> T:
        """Hand an object to ``read``, anew where it calls what came a :class:`MismatchError`.

        Raises:
            LithoscopeError: It cannot be had, or was wrong each time.
            StoppedError: :attr:`stop` was set.
        """
        for attempt in range(self.policy.mismatches):
            self.check_stop()
            if attempt:
                self.stop.wait(self.policy.first_wait * 2 ** (attempt - 1))
            try:
                return read(_Content(self._pieces(url)))
            except MismatchError as error:
                failure = error
        raise LithoscopeError(
            f"{failure} ({self.policy.mismatches} times); the source may be changing or damaged: try again later"
        ) from failure

    def check_stop(self) -> None:
        """Raise :class:`StoppedError` if :attr:`stop` is set."""
        if self.stop.is_set():
            raise StoppedError

    def _pieces(self, name: str) -> Iterator[bytes]:
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with self._files.open(name, "rb", block_size=BLOCK) as stream:
                while piece := stream.read(BLOCK // 8):
                    digest.update(piece)
                    yield piece
        except Exception as error:
            if "Checksum" in type(error).__name__:  # which botocore compares by itself, where one was uploaded
                raise MismatchError("its checksum is not the one that is stated") from error
            raise self._refusal(error) from error
        stated = self._md5.get(name, digest.hexdigest())
        if digest.hexdigest() != stated and not self._encrypted_by_key(name):
            raise MismatchError(f"its md5 is {digest.hexdigest()[:12]}… instead of the stated {stated[:12]}…")

    def _encrypted_by_key(self, name: str) -> bool:
        """Say whether an object is encrypted by its owner's key: its ``ETag`` looks like an MD5 and is none."""
        bucket, _, key = name.partition("/")
        try:
            head = self._files.call_s3("head_object", Bucket=bucket, Key=key)
        except Exception as error:
            raise self._refusal(error) from error
        return "kms" in head.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in head

    def _refusal(self, error: BaseException) -> LithoscopeError:
        return LithoscopeError(f"{self.address}: {explained(error)}")


@dataclass(frozen=True)
class _Content:
    """What arrives of an object."""

    pieces: Iterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)

    def iter_content(self, chunk_size: int, /) -> Iterator[bytes]:
        """Yield it in pieces of the store's size."""
        return self.pieces


def explained(error: BaseException) -> str:
    """Say what an error of a store's library means, in words of ours: its own may hold what is secret."""
    signs: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(signs) < 30:
        response = getattr(cause, "response", None)
        if isinstance(response, Mapping):
            signs.append(str(response.get("Error", {}).get("Code", "")))
        signs += [str(getattr(cause, "code", "")), type(cause).__name__]
        if str(cause).startswith("Forbidden"):  # all that gcsfs says of it
            signs.append("Forbidden")
        cause = cause.__cause__ or cause.__context__
    for reason, known in _REASONS.items():
        if any(each in sign for each in known for sign in signs):
            return reason
    return f"it cannot be read ({', '.join(dict.fromkeys(sign for sign in signs if sign))})"


def _version(about: Mapping[str, Any]) -> str | None:
    """Return what the store calls an object's state."""
    stated = about.get("ETag") or about.get("generation") or about.get("etag")
    return None if stated is None else str(stated)


def _md5(about: Mapping[str, Any]) -> str | None:
    """Return the MD5 that Google's store states, as hexadecimal digits."""
    stated = about.get("md5Hash")
    return base64.b64decode(stated).hex() if isinstance(stated, str) else None
