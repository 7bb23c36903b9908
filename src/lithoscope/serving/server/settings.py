"""Limits of the server. Every one of them is an option of ``lithoscope serve``."""

from dataclasses import dataclass, field

from lithoscope.core.errors import LithoscopeError


@dataclass(frozen=True)
class ServerSettings:
    """What the server allows.

    Attributes:
        token: What a request must bring as ``Authorization: Bearer …``; None lets everyone in who reaches the port.
        hosts: Names under which the server may be addressed, so that a web site which points a name of its own at
            this machine (DNS rebinding) is refused; ``*`` allows all. Addresses are always
            allowed: no one can point them elsewhere.
        max_files: Photographs in one request.
        max_bytes: Bytes of one request.
        max_megapixels: Largest photograph, millions of pixels, judged by its header before anything is decoded.
        seconds: How long one photograph may take to decode, and how long a request may take to arrive.
        waiting: Requests that may be under way at once; those above get 429 with Retry-After.
        batch: Most photographs that the network sees at once.
        decoders: Processes that decode photographs.
        decoder_bytes: Address space of each of them; none where the system cannot limit it.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    max_files: int = 32
    max_bytes: int = 64_000_000
    max_megapixels: int = 100
    seconds: float = 20.0
    waiting: int = 16
    batch: int = 16
    decoders: int = 2
    decoder_bytes: int = 4_000_000_000

    def __post_init__(self) -> None:
        """Refuse a token that no header can bring.

        Raises:
            LithoscopeError: It has characters that a header does not carry as they are, or blanks at its ends.
        """
        token = self.token or ""
        if not (token.isascii() and token.isprintable()) or token != token.strip():
            raise LithoscopeError("the token: only ASCII letters, digits, signs, and blanks between them can be sent")
