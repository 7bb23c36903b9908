"""Addresses of photographs: which there may be, and what of one may be recorded."""

import re
from collections.abc import Iterable
from importlib.util import find_spec
from urllib.parse import urlsplit

from lithoscope.core.errors import LithoscopeError

PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
"""What speaks to each store."""
STORES = tuple(PACKAGES)
WEB = ("https", "http")


def require_packages(addresses: Iterable[str]) -> None:
    """Require what speaks to the stores that addresses name.

    Raises:
        LithoscopeError: A package is not installed; the line says how to get it.
    """
    for store in sorted({address.partition("://")[0] for address in addresses} & set(PACKAGES)):
        if find_spec(PACKAGES[store]) is None:
            raise LithoscopeError(
                f"{store}:// needs {PACKAGES[store]}, which is not installed: {how_to_install(store)}"
            )


def how_to_install(store: str) -> str:
    """Return the command that installs what speaks to a store."""
    return f"pip install -e '.[{store}]'"


def is_remote(place: str) -> bool:
    """Say whether a place is an address, not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) is not None


def bare(address: str) -> str:
    """Return what may be recorded, shown and logged of an address: no user name, password, query or fragment.

    A query may be a signature or a token. In an object's name, ``?`` and ``#`` are signs like any other.
    """
    scheme, mark, rest = address.partition("://")
    if scheme in STORES or not mark:
        return address
    host, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def why_unusable(address: str) -> str | None:
    """Say why a photograph cannot lie at an address, without repeating what may be secret; None if it can."""
    scheme, _, rest = address.partition("://")
    if not address.isprintable():
        return "its address holds signs that cannot be printed"
    if scheme in STORES:
        bucket, _, key = rest.partition("/")
        return (
            None
            if bucket and key and not key.endswith("/")
            else f"its address is none of an object: {scheme}://BUCKET/KEY"
        )
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        return "its address is no usable one"
    if scheme not in WEB or not host:
        return "its address is none of a photograph; allowed: https://…, s3://BUCKET/KEY, gs://BUCKET/KEY, or a path"
    if parts.username is not None:
        return "its address holds a user name or password: none is ever sent"
    return "its address holds a fragment (#…), which no server is asked for" if parts.fragment else None
