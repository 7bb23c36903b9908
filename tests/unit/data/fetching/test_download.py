"""Downloads are verified and retried, against a real server that breaks them."""

import hashlib
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.download import RemoteFile, fetch, fetch_all, is_done
from lithoscope.data.fetching.http_client import Client, Policy, StoppedError

from helpers.osf_server import OsfServer, Served

CONTENT = bytes(range(256)) * 1024  # 256 KiB


class FakeTime:
    """Sleeps that take no time."""

    def __init__(self) -> None:
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)


@pytest.fixture
def server() -> Iterator[OsfServer]:
    with OsfServer() as running:
        yield running


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(server: OsfServer, fake_time: FakeTime) -> Iterator[Client]:
    running = Client(server.api, "do this", sleep=fake_time.sleep)
    yield running
    running.close()


def remote(server: OsfServer, served: Served, **changes: Any) -> RemoteFile:
    facts: dict[str, Any] = {
        "size": len(CONTENT),
        "md5": hashlib.md5(CONTENT).hexdigest(),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    url = f"{server.origin}/download/{served.id}"
    return RemoteFile(served.id, served.path, url, **(facts | changes))


def test_a_broken_connection_is_tried_again(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "drop", "drop")
    counted: list[int] = []
    assert fetch(client, remote(server, served), tmp_path, counted.append).read_bytes() == CONTENT
    assert len(server.sent(served)) == 3
    assert sum(counted) == len(CONTENT), "the bytes thrown away were taken back"


def test_a_connection_that_always_breaks_is_given_up_in_one_line(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT, *["drop"] * 99)
    with pytest.raises(LithoscopeError, match=r"^rock\.jpg: 127\.0\.0\.1: connection broken \(6 times\); do this$"):
        fetch(client, remote(server, served), tmp_path)
    assert len(server.sent(served)) == 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", ["error", "busy 1"])
def test_server_faults_are_retried(server: OsfServer, client: Client, tmp_path: Path, status: str) -> None:
    served = server.add("rock.jpg", CONTENT, status, status, status)
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert len(server.sent(served)) == 4


def test_waits_double_with_jitter(server: OsfServer, client: Client, fake_time: FakeTime, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, *["error"] * 99)
    with pytest.raises(LithoscopeError, match=r"rock\.jpg: .*answered 500.*\(6 times\); do this"):
        fetch(client, remote(server, served), tmp_path)
    first, *later = fake_time.sleeps
    assert first == 0
    jitter = [wait - 2**n for n, wait in enumerate(later)]
    assert all(0 <= seconds <= 0.5 for seconds in jitter)
    assert len(set(jitter)) == 4


def test_waits_have_a_limit(server: OsfServer, fake_time: FakeTime, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, *["error"] * 99)
    client = Client(server.api, "", sleep=fake_time.sleep, policy=Policy(attempts=9, longest_wait=3))
    with pytest.raises(LithoscopeError, match=r"\(9 times\)"):
        fetch(client, remote(server, served), tmp_path)
    assert fake_time.sleeps[-5:] == [3] * 5


def test_retry_after_in_seconds_and_as_a_date_is_honoured_and_capped(
    server: OsfServer, client: Client, fake_time: FakeTime, tmp_path: Path
) -> None:
    date = formatdate(time.time() + 90, usegmt=True)
    served = server.add("rock.jpg", CONTENT, "busy 42", f"busy {date}", "busy 999999")
    fetch(client, remote(server, served), tmp_path)
    seconds, until, capped = fake_time.sleeps
    assert seconds == pytest.approx(42)
    assert until == pytest.approx(90, abs=3)
    assert capped == pytest.approx(300)


def test_a_retry_after_that_is_no_time_is_passed_over(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "busy soon")
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT


def test_a_long_wait_is_said_and_ends_when_another_file_fails(server: OsfServer, tmp_path: Path) -> None:
    lines: list[str] = []

    def log_and_stop(line: str) -> None:
        lines.append(line)
        waiting.stop.set()

    waiting = Client(server.api, "", log=log_and_stop)
    served = server.add("rock.jpg", CONTENT, "busy 50")
    start = time.monotonic()
    with pytest.raises(StoppedError):
        fetch(waiting, remote(server, served), tmp_path)
    assert time.monotonic() - start < 10
    assert lines == ["127.0.0.1 answered 429: waiting 50 s as it asks"]


def test_a_client_error_is_not_retried(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "missing")
    with pytest.raises(LithoscopeError, match="404"):
        fetch(client, remote(server, served), tmp_path)
    assert len(server.sent(served)) == 1


@pytest.mark.parametrize("fault", ["garbage", "truncate", "long"])
def test_wrong_content_is_fetched_anew(server: OsfServer, client: Client, tmp_path: Path, fault: str) -> None:
    served = server.add("rock.jpg", CONTENT, fault)
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert len(server.sent(served)) == 2


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"sha256": "0" * 64}, "its sha256 is .* instead of the stated 0000"),
        ({"md5": "0" * 32}, "its md5 is"),
        ({"sha256": None, "md5": None, "size": 7}, f"{len(CONTENT)} bytes instead of the stated 7"),
        ({"sha256": None, "md5": None, "size": len(CONTENT) + 1}, f"{len(CONTENT)} bytes instead of the stated"),
    ],
)
def test_a_lie_ends_in_one_line_and_leaves_nothing_that_counts(
    server: OsfServer, client: Client, tmp_path: Path, lie: dict[str, Any], words: str
) -> None:
    served = server.add("rock.jpg", CONTENT)
    with pytest.raises(LithoscopeError, match=rf"^rock\.jpg: {words}.*4 times") as caught:
        fetch(client, remote(server, served, **lie), tmp_path)
    assert "\n" not in str(caught.value)
    assert len(server.sent(served)) == 4
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_end_is_cut_off(server: OsfServer, fake_time: FakeTime, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, *["long"] * 99)
    client = Client(server.api, "", sleep=fake_time.sleep, policy=Policy(largest_file=len(CONTENT) + 50_000))
    seen: list[int] = []
    with pytest.raises(LithoscopeError, match="cut off"):
        fetch(client, remote(server, served, size=None), tmp_path, seen.append)
    assert sum(seen) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_finished_file_counts_only_while_it_can_be_proved(tmp_path: Path) -> None:
    size = len(CONTENT)
    proved = RemoteFile("a", "a.jpg", "http://x", size, sha256=hashlib.sha256(CONTENT).hexdigest())
    versioned = RemoteFile("b", "b.jpg", "http://x", size, version="1")
    nothing = RemoteFile("c", "c.jpg", "http://x", size)
    for file in (proved, versioned, nothing):
        (tmp_path / f"{file.stem}.done").write_bytes(CONTENT)
    assert is_done(proved, tmp_path)
    assert is_done(versioned, tmp_path)
    assert not is_done(RemoteFile("b", "b.jpg", "http://x", size, version="2"), tmp_path)
    assert not is_done(nothing, tmp_path)
    (tmp_path / "a.done").write_bytes(CONTENT[:-1] + b"?")
    assert not is_done(proved, tmp_path)
    assert not (tmp_path / "a.done").exists()


def test_a_file_stated_to_be_larger_than_any_photograph_is_not_asked_for(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT)
    with pytest.raises(LithoscopeError, match="more than a photograph has: refused"):
        fetch(client, remote(server, served, size=10**12), tmp_path)
    assert server.sent(served) == []


def test_an_empty_file_needs_no_request(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("empty.txt", b"")
    file = remote(server, served, size=0, md5=hashlib.md5(b"").hexdigest(), sha256=None)
    assert fetch(client, file, tmp_path).read_bytes() == b""


def test_several_files_are_fetched_at_a_time(server: OsfServer, client: Client, tmp_path: Path) -> None:
    files = [remote(server, server.add(f"{n}.jpg", CONTENT)) for n in range(8)]
    server.gate = threading.Barrier(4)  # nothing is sent until four ask at once
    done: list[str] = []
    fetch_all(client, files, tmp_path, workers=4, on_file=lambda file: done.append(file.path))
    assert server.most_at_once == 4
    assert sorted(done) == sorted(file.path for file in files)
    assert all(is_done(file, tmp_path) for file in files)


def test_one_failure_ends_the_others_and_keeps_what_is_there(server: OsfServer, client: Client, tmp_path: Path) -> None:
    files = [remote(server, server.add(f"{n}.jpg", CONTENT, *(["missing"] if n == 1 else []))) for n in range(40)]
    with pytest.raises(LithoscopeError, match="404"):
        fetch_all(client, files, tmp_path, workers=1)
    assert is_done(files[0], tmp_path)
    assert len(server.hits) < 10


def test_redirects_lead_to_https_or_stay_where_the_user_sent_us(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    store = server.add("store.jpg", CONTENT)
    with OsfServer() as elsewhere:
        other = elsewhere.add("store.jpg", CONTENT)
        good = server.add("good.jpg", CONTENT, f"redirect /download/{store.id}")
        far = server.add("far.jpg", CONTENT, f"redirect {elsewhere.origin}/download/{other.id}")
        assert fetch(client, remote(server, good), tmp_path).read_bytes() == CONTENT
        assert fetch(client, remote(server, far), tmp_path).read_bytes() == CONTENT
    for target, words in [
        ("http://example.org/rock.jpg", "unencrypted address on example.org: refused"),
        ("file:///etc/passwd", "not an http or https address"),
        ("https://me:secret@example.org/", "holds a user name or password"),
    ]:
        bad = server.add(f"bad{len(server.files)}.jpg", CONTENT, f"redirect {target}")
        with pytest.raises(LithoscopeError, match=words) as caught:
            fetch(client, remote(server, bad), tmp_path)
        assert "secret" not in str(caught.value)
    circle = server.add("circle.jpg", CONTENT)
    circle.faults.extend([f"redirect /download/{circle.id}"] * 99)
    with pytest.raises(LithoscopeError, match="more than ten redirects"):
        fetch(client, remote(server, circle), tmp_path)


def test_credentials_are_never_sent(
    server: OsfServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client._session.trust_env = True
    served = server.add("rock.jpg", CONTENT, "redirect /download/nothing")
    with pytest.raises(LithoscopeError, match="404"):
        fetch(client, remote(server, served), tmp_path)
    assert len(server.hits) == 2
    assert all("Authorization" not in hit.headers and "Cookie" not in hit.headers for hit in server.hits)
    with pytest.raises(LithoscopeError, match="user name or password"):
        Client("https://me:secret@osf.example/v2", "")


def test_a_site_that_cannot_be_reached_is_one_line(fake_time: FakeTime, tmp_path: Path) -> None:
    with OsfServer() as server:
        address = server.origin
    client = Client(address, "check the network", sleep=fake_time.sleep)
    with pytest.raises(
        LithoscopeError, match=r"cannot be reached: 127\.0\.0\.1: connection refused; check the network$"
    ) as caught:
        fetch(client, RemoteFile("a", "a.jpg", f"{address}/a"), tmp_path)
    assert "\n" not in str(caught.value)
    assert len(fake_time.sleeps) == 3


def test_a_silent_server_times_out_and_is_asked_again(server: OsfServer, fake_time: FakeTime, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "stall")
    client = Client(server.api, "", sleep=fake_time.sleep, policy=Policy(read_timeout=0.2))
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert len(server.sent(served)) == 2
