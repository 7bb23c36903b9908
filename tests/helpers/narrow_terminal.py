"""Standard output and errors with few characters, as terminals of Windows and POSIX locales have them."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

ENCODINGS = ("ascii", "latin-1", "cp1252")


@contextmanager
def writing_in(encoding: str) -> Iterator[Callable[[], str]]:
    """Give both streams an encoding for a while; what is yielded returns what was written to them so far."""
    with pytest.MonkeyPatch.context() as patched:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        patched.setattr(sys, "stdout", streams[0])
        patched.setattr(sys, "stderr", streams[1])

        def written() -> str:
            for stream in streams:
                stream.flush()
            return "".join(stream.buffer.getvalue().decode(encoding) for stream in streams)

        yield written
