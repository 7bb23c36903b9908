"""A server on a socket, from its first request to the last one it finishes."""

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable

import uvicorn

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.page_address import page_address
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.asked_model import AnsweringModel
from lithoscope.serving.server.settings import ServerSettings
from lithoscope.serving.server.training_photographs import TrainingPhotographs

GRACE = 30
"""Seconds that requests under way may still take after the server was asked to stop."""


def bind(host: str, port: int) -> socket.socket:
    """Take a port.

    Args:
        host: A name or address of this machine.
        port: 0 takes a free one.

    Raises:
        LithoscopeError: It is taken, or may not be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)  # so that whoever reads the address can ask at once, and waits
    except socket.gaierror:
        raise LithoscopeError(f"--host {host}: no address of that name; 127.0.0.1 is this machine alone") from None
    except OSError as error:
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else (error.strerror or "failed").lower()
        raise LithoscopeError(f"--port {port} on {host} {why}; name another one, or 0 for any that is free") from None
    return listening


def is_loopback(host: str) -> bool:
    """Return whether only programs of this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_names(host: str) -> tuple[str, ...]:
    """Return the names under which a server on ``host`` may be addressed, besides addresses and `localhost`."""
    names = {host} if host not in ("0.0.0.0", "::") else set()  # noqa: S104 (compared, not bound)
    if not is_loopback(host):
        machine = socket.gethostname()
        names |= {machine, machine.lower(), f"{machine}.local"}
    return tuple(sorted(f"[{name}]" if ":" in name else name for name in names))


def serve(
    model: AnsweringModel,
    settings: ServerSettings,
    listening: socket.socket,
    started: Callable[[str], None],
    training: TrainingPhotographs | None = None,
) -> None:
    """Answer requests until the process is asked to stop (SIGTERM, Ctrl-C); those under way are finished.

    Args:
        model: Answers.
        settings: Limits.
        listening: From :func:`bind`.
        started: Called with the page's address before the first request.
        training: Photographs that the model learnt from, which may be shown.
    """
    config = uvicorn.Config(
        create_app(model, settings, training),
        log_level="warning",
        access_log=False,  # names of photographs and who sent them are nobody's business
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        lifespan="on",
    )
    host, port = listening.getsockname()[:2]
    started(page_address(host, port))
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them anew once it has finished
        signal.signal(asked_to_stop, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listening])
