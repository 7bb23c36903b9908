"""The address of a page that this machine serves."""

import ipaddress
import socket


def page_address(host: str, port: int) -> str:
    """Return the address of a page that is served, as others in the same network can ask for it.

    Args:
        host: What is listened on; of all addresses the one that leads out of this machine is taken.
        port: The port.
    """
    if ipaddress.ip_address(host).is_unspecified:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing: the address is for documentation (RFC 5737)
                host = str(probe.getsockname()[0])
            except OSError:
                host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
