"""A Ray cluster: one that runs and can be reached, or one of this machine's own; and what its errors come down to."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from lithoscope.core.errors import LithoscopeError

STORE = 200 * 2**20
"""Memory of a cluster that is started on this machine for manifests and answers under way, bytes."""
_REACHABLE = 5.0  # seconds after which a cluster is taken to be away
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)  # begins gRPC; Ray would wait for minutes
_SETTINGS = b"\x04"
_HOW = "pip install 'lithoscope[ray]'"


class AskedBy(NamedTuple):
    """How a user asked for a cluster, in the words of error lines.

    Attributes:
        engine: For Ray.
        address: For the cluster at an address; the address follows.
        otherwise: What goes without Ray.
    """

    engine: str = "--engine ray"
    address: str = "--ray-address "
    otherwise: str = "leave --engine out"


def package(name: str) -> Any:
    """Import a package that is not there without the extra ``ray``."""
    return import_module(name)


def require_cluster(address: str | None, asked: AskedBy) -> None:
    """Require that Ray is installed and, if it has to be, reachable.

    Args:
        address: ``HOST:PORT``; ``auto`` and None are looked for later.
        asked: By which words.

    Raises:
        LithoscopeError: It is not.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import: Ray would report each cluster to its makers
    try:
        package("pyarrow"), package("ray"), package("ray.data")
    except ModuleNotFoundError as error:
        raise LithoscopeError(f"{asked.engine} takes the package {error.name}: {_HOW}; or {asked.otherwise}") from None
    if address not in (None, "auto"):
        require_reachable(str(address), asked.address)


def require_reachable(address: str, said: str = AskedBy().address) -> None:
    """Ask who answers at an address.

    Raises:
        LithoscopeError: It is no ``HOST:PORT``, or no cluster answers there.
    """
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal()) or "/" in host:
        raise LithoscopeError(
            f"{said}{address}: allowed: HOST:PORT, as `ray start` prints it, or auto; this machine must be one "
            "of the cluster's nodes"
        )
    host = host.strip("[]")
    if host in ("127.0.0.1", "::1", "localhost"):  # what Ray makes of it
        host = package("ray.util").get_node_ip_address()
    try:
        with socket.create_connection((host, int(port)), _REACHABLE) as connection:
            connection.settimeout(_REACHABLE)
            connection.sendall(_HTTP2)
            if connection.recv(9)[3:4] != _SETTINGS:
                raise ConnectionError("something else answers there")
    except (OSError, OverflowError) as error:
        raise LithoscopeError(
            f"{said}{address}: no cluster answers at {host} ({error}); `ray start --head` starts one"
        ) from None


@contextmanager
def connected(address: str | None, asked: AskedBy, code: Path | None = None) -> Iterator[None]:
    """Be connected to the cluster at an address, or to one that is started here, on the loopback, and stopped then.

    Args:
        address: See :func:`require_cluster`.
        asked: By which words.
        code: Folder of a package that nodes are sent, and use instead of one that they have.

    Raises:
        LithoscopeError: There is none.
    """
    ray = package("ray")
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if code is not None:
        quiet["runtime_env"] = {"py_modules": [os.fspath(code)], "excludes": ["__pycache__"]}
    # Ray puts sockets some 60 characters below, and a socket's path may have 103 on macOS, 107 on Linux: too few for
    # macOS's own temporary folder. On Windows there are no such sockets.
    short = "/tmp" if os.name == "posix" else None  # noqa: S108
    place = tempfile.mkdtemp(prefix="lithoscope-ray-", dir=short) if address is None else None
    own: dict[str, Any] = {"num_cpus": os.cpu_count(), "include_dashboard": False, "object_store_memory": STORE}
    try:
        try:
            if place is None:
                ray.init(address, **quiet)
            else:
                ray.init("local", _node_ip_address="127.0.0.1", _temp_dir=place, **own, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise LithoscopeError(f"{asked.engine}: no cluster ({first_line(error)})") from None
        yield
    finally:
        ray.shutdown()
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def cause(error: Exception) -> str:
    """Return the line that says most: a user's error of ours, wherever Ray wrapped it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, LithoscopeError):
            return first_line(inner)
        inner = getattr(inner, "cause", None) or inner.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()]
    ours = next((line for line in reversed(lines) if "LithoscopeError: " in line), None)
    return ours.partition("LithoscopeError: ")[2] if ours else f"{type(error).__name__}: {lines[-1].strip()}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its name where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
