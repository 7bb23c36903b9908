"""Photographs that lie at addresses: fetched when they are read, verified, and without a word of what is secret."""

import hashlib
import logging
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching import by_address
from lithoscope.data.fetching.addresses import bare
from lithoscope.data.fetching.by_address import ByAddress, Reader
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.reading import DEFAULTS, page_digest, page_path
from lithoscope.data.sources.base import Photograph
from lithoscope.data.sources.catalogue import catalogue

from helpers.osf_server import OsfServer, Served
from helpers.photographs_on_disk import photograph

SECRET = "signature=hidden"


@pytest.fixture
def server() -> Iterator[OsfServer]:
    with OsfServer() as running:
        yield running


@pytest.fixture
def fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ByAddress:
    made = ByAddress(tmp_path / "fetched", max_megapixels=179)
    monkeypatch.setattr(made._stop, "wait", lambda seconds: None)
    return made


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return photograph(tmp_path / "rock.png").read_bytes()


def address(server: OsfServer, served: Served) -> str:
    return f"{server.origin}/download/{served.id}?{SECRET}"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_photograph_that_stayed_is_not_fetched_again(
    server: OsfServer, fetching: ByAddress, content: bytes, tmp_path: Path
) -> None:
    served = server.add("rock.png", content)
    for _ in range(2):
        with fetching.opened(address(server, served), digest(content)) as stream:
            assert stream.read() == content
    assert [hit.query for hit in server.sent(served)] == [SECRET], "once, and with what lets it in"
    (kept,) = (tmp_path / "fetched").iterdir()
    kept.write_bytes(b"damaged")
    with fetching.opened(address(server, served), digest(content)) as stream:
        assert stream.read() == content
    for name, age in {"killed.part": 4000, "another process.part": 0}.items():
        (tmp_path / "fetched" / name).write_bytes(b"half")
        os.utime(tmp_path / "fetched" / name, (time.time() - age,) * 2)
    after_a_kill = ByAddress(tmp_path / "fetched", max_megapixels=179)
    after_a_kill.keep_only({digest(content), digest(b"another")})
    with after_a_kill.opened(address(server, served), digest(content)) as stream:
        assert stream.read() == content
    assert len(server.sent(served)) == 2, "again where it was damaged alone"
    assert sorted(file.name for file in kept.parent.iterdir()) == sorted([kept.name, "another process.part"])
    (kept.parent / "another process.part").unlink()
    fetching.keep_only(())
    assert list((tmp_path / "fetched").iterdir()) == []


def test_what_stays_is_bounded(
    server: OsfServer, fetching: ByAddress, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_address, "KEPT_BYTES", 2 * len(content))
    for number in range(3):
        other = content + bytes([number])
        with fetching.opened(address(server, server.add(f"{number}.png", other)), digest(other)):
            pass
    with fetching.opened(address(server, server.files[-1]), digest(content + bytes([2]))):
        pass
    assert [len(server.sent(served)) for served in server.files] == [1, 1, 2]
    assert len(list((tmp_path / "fetched").iterdir())) == 1, "the second would leave no room for its last byte"


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (["missing"], r": 127\.0\.0\.1 answered 404 for /download/\w+: it is not there; check the address"),
        (["garbage"] * 9, r": has changed since it was listed: its sha256 is .*…; list the photographs anew$"),
        (["drop"] * 9, r": 127\.0\.0\.1: connection broken \(6 times\); check the address and the network"),
    ],
)
@pytest.mark.fault(
    tried="A photograph that a manifest lists by an address with a signature is gone, has changed, or breaks off",
    outcome="One line that names the address without the signature, which stands nowhere",
)
def test_what_cannot_be_had_is_one_line_without_the_secret(
    server: OsfServer,
    fetching: ByAddress,
    content: bytes,
    faults: list[str],
    said: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    served = server.add("rock.png", content, *faults)
    one = Photograph("rock", "quartz", place=bare(address(server, served)), content=digest(content))
    with pytest.raises(LithoscopeError, match=f"^{server.origin}/download/{served.id}{said}") as caught:
        catalogue(tmp_path, [Photograph(**{**vars(one), "address": address(server, served)})], by_address=fetching)
    assert caplog.records, "urllib3 says what it does"
    assert "hidden" not in caplog.text + str(caught.value) + repr(one)
    assert str(caught.value).isprintable()


def test_faults_that_pass_are_waited_for(server: OsfServer, fetching: ByAddress, content: bytes) -> None:
    served = server.add("rock.png", content, "drop", "error", "busy 1", "garbage")
    with fetching.opened(address(server, served), digest(content)) as stream:
        assert stream.read() == content


def test_what_is_no_photograph_or_too_large_is_set_aside(
    server: OsfServer, fetching: ByAddress, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"quartz": content, "salt": content + b"x", "large": bytes(2**20), "notes": b"no photograph"}
    rows = []
    for name, held in files.items():
        where = address(server, server.add(name, held))
        label = name if name in ("quartz", "salt") else "quartz"
        rows.append(Photograph(name, label, place=bare(where), content=digest(held), address=where))
    monkeypatch.setattr(by_address, "largest_file", lambda _: 2**19)
    found = catalogue(tmp_path, rows, by_address=fetching)
    assert [one.id for one in found.entries] == ["quartz", "salt"]
    assert [one.id for one in found.set_aside] == ["large", "notes"]
    assert found.set_aside[0].reason.startswith("larger than 1,365 MiB, the most that max_megapixels")


def test_a_reader_reads_pages_here_and_there_and_may_be_sent_elsewhere(
    server: OsfServer, fetching: ByAddress, content: bytes, tmp_path: Path
) -> None:
    from tifffile import imwrite

    here = photograph(tmp_path / "here.png")
    stack = tmp_path / "stack.tif"
    imwrite(stack, np.repeat(np.array([10, 200], "uint8"), 40 * 50 * 3).reshape(2, 40, 50, 3), photometric="rgb")
    served = server.add("stack.tif", stack)
    files = digest(stack.read_bytes())
    place, second = bare(address(server, served)), page_path("stack", 2)
    read = Reader(
        paths={"here": str(here), "stack": place, second: page_path(place, 2)},
        digests={"here": digest(here.read_bytes()), "stack": files, second: page_digest(files, 2)},
        settings=DEFAULTS,
        by_address=fetching,
        full_addresses={files: address(server, served)},
    )
    read = pickle.loads(pickle.dumps(read))
    assert read("here").tobytes() == read_photograph(here).tobytes()
    assert [read(name).getpixel((9, 9)) for name in ("stack", second)] == [(10, 10, 10), (200, 200, 200)]
    assert [hit.query for hit in server.sent(served)] == [SECRET]


def test_an_address_with_a_query_that_leads_astray_does_not_show_it(server: OsfServer, fetching: ByAddress) -> None:
    served = server.add("rock.png", b"x", f"redirect ftp://elsewhere/x?{SECRET}")
    with (
        pytest.raises(LithoscopeError, match="not an http or https address") as caught,
        fetching.opened(address(server, served), digest(b"x")),
    ):
        pass
    assert "hidden" not in str(caught.value)
