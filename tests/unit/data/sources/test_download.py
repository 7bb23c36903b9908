"""Downloads are verified, resumed and retried, against a real server that breaks them."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.download import fetch, fetch_all
from lithoscope.data.sources.http_client import Client
from lithoscope.data.sources.http_retry import Policy
from lithoscope.data.sources.partial_download import RemoteFile, is_done

from helpers.osf_server import OsfServer, Served

CONTENT = bytes(range(256)) * 1024  # 256 KiB


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def server() -> Iterator[OsfServer]:
    with OsfServer() as running:
        yield running


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(server: OsfServer, fake_time: FakeTime) -> Iterator[Client]:
    running = Client(server.api, "do this", sleep=fake_time.sleep, clock=lambda: fake_time.now)
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


def leave_half(file: RemoteFile, folder: Path, content: bytes, validator: str | None = None) -> None:
    (folder / f"{file.stem}.part").write_bytes(content)
    if validator is not None:
        (folder / f"{file.stem}.validator").write_text(validator)


def test_a_broken_connection_is_resumed_where_it_broke(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "drop", "drop")
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert [hit.start for hit in server.sent(served)] == [0, half, half + half // 2]
    assert sum(hit.sent for hit in server.sent(served)) == len(CONTENT), "no byte was sent twice"


@pytest.mark.parametrize("status", ["error", "busy 1"])
def test_server_faults_are_retried(server: OsfServer, client: Client, tmp_path: Path, status: str) -> None:
    served = server.add("rock.jpg", CONTENT, status, status, status)
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert len(server.sent(served)) == 4


def test_waits_double_up_to_a_limit_with_repeatable_jitter(
    server: OsfServer, client: Client, fake_time: FakeTime, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT, *["error"] * 99)
    with pytest.raises(LithoscopeError, match=r"rock\.jpg: .*answered 500.*\(6 times\); do this"):
        fetch(client, remote(server, served), tmp_path)
    jitter = [wait / 0.5 / 2**n for n, wait in enumerate(fake_time.sleeps)]
    assert all(0.5 <= share <= 1 for share in jitter)
    assert len(set(jitter)) == 5
    again = FakeTime()
    with pytest.raises(LithoscopeError):
        fetch(Client(server.api, "", sleep=again.sleep), remote(server, served), tmp_path)
    assert again.sleeps == fake_time.sleeps


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


def test_a_busy_server_is_left_alone_by_all_threads(
    server: OsfServer, client: Client, fake_time: FakeTime, tmp_path: Path
) -> None:
    busy = server.add("a.jpg", CONTENT, "busy 50")
    other = server.add("b.jpg", CONTENT)
    client.hold(50)
    fetch(client, remote(server, other), tmp_path)
    assert fake_time.now == pytest.approx(50)
    fetch(client, remote(server, busy), tmp_path)
    assert fake_time.now == pytest.approx(100)


def test_a_client_error_is_not_retried(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "missing")
    with pytest.raises(LithoscopeError, match="404"):
        fetch(client, remote(server, served), tmp_path)
    assert len(server.sent(served)) == 1


@pytest.mark.parametrize("fault", ["garbage", "truncate", "long"])
def test_wrong_content_is_fetched_anew_from_the_first_byte(
    server: OsfServer, client: Client, tmp_path: Path, fault: str
) -> None:
    served = server.add("rock.jpg", CONTENT, fault)
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert [hit.start for hit in server.sent(served)] == [0, 0]


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


def test_a_server_without_ranges_starts_over(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "drop", "whole")
    seen: list[int] = []
    assert fetch(client, remote(server, served), tmp_path, seen.append).read_bytes() == CONTENT
    assert [(hit.status, hit.start) for hit in server.sent(served)] == [(200, 0), (200, 0)]
    assert sum(seen) == len(CONTENT), "the bytes thrown away were taken back"


@pytest.mark.parametrize("fault", ["elsewhere", "unsatisfiable"])
def test_a_continuation_elsewhere_starts_over(server: OsfServer, client: Client, tmp_path: Path, fault: str) -> None:
    served = server.add("rock.jpg", CONTENT, "drop", fault)
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert server.sent(served)[-1].status == 200


def test_a_server_that_gives_and_takes_does_not_go_on_forever(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT, *["drop", "elsewhere"] * 99)
    with pytest.raises(LithoscopeError, match="times"):
        fetch(client, remote(server, served), tmp_path)
    assert len(server.sent(served)) < 10


def test_a_changed_file_is_not_glued_to_the_beginning_of_the_old(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT)
    file = remote(server, served, md5=None, sha256=None)
    leave_half(file, tmp_path, b"old" * 1000, '"of the old content"')
    assert fetch(client, file, tmp_path).read_bytes() == CONTENT
    assert server.sent(served)[0].headers["If-Range"] == '"of the old content"'
    assert server.sent(served)[0].start == 0


def test_without_hash_and_validator_a_half_file_is_not_trusted(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT)
    file = remote(server, served, md5=None, sha256=None)
    leave_half(file, tmp_path, b"?" * 1000)
    assert fetch(client, file, tmp_path).read_bytes() == CONTENT
    assert "Range" not in server.sent(served)[0].headers


def test_a_half_file_with_wrong_bytes_is_found_out_by_the_hash(
    server: OsfServer, client: Client, tmp_path: Path
) -> None:
    served = server.add("rock.jpg", CONTENT)
    file = remote(server, served)
    leave_half(file, tmp_path, b"?" * 1000)
    assert fetch(client, file, tmp_path).read_bytes() == CONTENT
    assert [hit.start for hit in server.sent(served)] == [1000, 0]


def test_a_half_file_that_is_whole_or_too_long_is_dealt_with(server: OsfServer, client: Client, tmp_path: Path) -> None:
    whole = server.add("whole.jpg", CONTENT)
    leave_half(remote(server, whole), tmp_path, CONTENT)
    assert fetch(client, remote(server, whole), tmp_path).read_bytes() == CONTENT
    assert server.sent(whole) == []
    long = server.add("long.jpg", CONTENT)
    leave_half(remote(server, long), tmp_path, CONTENT + b"more")
    assert fetch(client, remote(server, long), tmp_path).read_bytes() == CONTENT


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


def test_an_empty_file_needs_no_request(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("empty.txt", b"")
    file = remote(server, served, size=0, md5=hashlib.md5(b"").hexdigest(), sha256=None)
    assert fetch(client, file, tmp_path).read_bytes() == b""


def test_several_files_are_fetched_at_a_time(server: OsfServer, client: Client, tmp_path: Path) -> None:
    files = [remote(server, server.add(f"{n}.jpg", CONTENT)) for n in range(8)]
    server.gate = threading.Barrier(4)  # nothing is sent until four ask at once
    done: list[str] = []
    fetch_all(client, files, tmp_path, workers=4, finished=lambda file: done.append(file.path))
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
    client._session().trust_env = True
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
        LithoscopeError, match=r"cannot be reached: 127\.0\.0\.1: connection refused \(4 times\); check the network$"
    ) as caught:
        fetch(client, RemoteFile("a", "a.jpg", f"{address}/a"), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_silent_server_times_out_and_is_resumed(server: OsfServer, fake_time: FakeTime, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "stall")
    client = Client(server.api, "", sleep=fake_time.sleep, policy=Policy(read_timeout=0.2))
    assert fetch(client, remote(server, served), tmp_path).read_bytes() == CONTENT
    assert [hit.start for hit in server.sent(served)] == [0, len(CONTENT) // 2]


def test_a_killed_process_goes_on_where_it_stopped(server: OsfServer, client: Client, tmp_path: Path) -> None:
    served = server.add("rock.jpg", CONTENT, "stall")
    file = remote(server, served)
    script = (
        "import sys; from pathlib import Path\n"
        "from lithoscope.data.sources.http_client import Client\n"
        "from lithoscope.data.sources.partial_download import RemoteFile\n"
        "from lithoscope.data.sources.download import fetch\n"
        f"fetch(Client({server.api!r}, ''), {file!r}, Path(sys.argv[1]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    part = tmp_path / f"{file.stem}.part"
    deadline = time.monotonic() + 20
    while not part.exists() or part.stat().st_size < len(CONTENT) // 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert fetch(client, file, tmp_path).read_bytes() == CONTENT
    first, second = server.sent(served)
    assert (first.start, second.start) == (0, len(CONTENT) // 2)
    assert second.headers["If-Range"] == served.etag
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".done"]
