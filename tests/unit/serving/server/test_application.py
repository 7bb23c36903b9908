"""The server's application: what it answers, what it refuses, and what it never does."""

import asyncio
import base64
import io
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pillow_heif
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from lithoscope.serving.server import decoding
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.settings import ServerSettings

from helpers.mutated_uploads import mutated_body
from helpers.served_model import EachPage, RedOrBlue, paged, picture

pytestmark = pytest.mark.slow  # decoding processes
SETTINGS = ServerSettings(hosts=("testserver",), decoders=1, max_files=4, max_bytes=500_000, max_megapixels=2)
RED, BLUE, MIXED = picture((255, 0, 0)), picture((0, 0, 255)), picture((128, 0, 128))


@pytest.fixture(scope="module")
def model() -> RedOrBlue:
    return RedOrBlue()


@pytest.fixture(scope="module")
def client(model: RedOrBlue) -> Iterator[TestClient]:
    with TestClient(create_app(model, SETTINGS)) as opened:
        yield opened


def ask(client: TestClient, *contents: bytes, **fields: str) -> Any:
    uploads = [("photographs", (f"{number}.png", content)) for number, content in enumerate(contents)]
    return client.post("/predict", files=uploads, data=fields)


def test_photographs_are_answered_in_their_order(client: TestClient) -> None:
    rows = ask(client, RED, BLUE, picture((255, 0, 0), "JPEG")).json()["predictions"]
    assert [row["label"] for row in rows] == ["red", "blue", "red"]
    assert [row["photograph"] for row in rows] == ["0.png", "1.png", "2.png"]
    assert rows[0]["probabilities"] == {"red": 1.0, "blue": 0.0}


def test_a_broken_file_costs_its_row(client: TestClient) -> None:
    answer = ask(client, RED, b"no picture", RED[:60], b"")
    rows = answer.json()["predictions"]
    assert answer.status_code == 200
    assert [row["label"] for row in rows] == ["red", None, None, None]
    assert rows[1]["problem"] == "not an image"
    assert rows[3]["problem"] == "an empty file"


def test_files_that_are_all_broken_are_refused_with_their_reasons(client: TestClient) -> None:
    answer = ask(client, b"no picture")
    assert answer.status_code == 422
    assert answer.json()["error"] == "0.png: not an image"


def test_photographs_of_one_specimen_get_one_answer(client: TestClient) -> None:
    content = ask(client, RED, BLUE, specimen="true").json()
    assert content["specimen"]["named"] == "red or blue"
    assert content["specimen"]["photographs"] == 2
    assert ask(client, RED, BLUE).json()["specimen"] is None


def test_a_field_test_changes_the_answer(client: TestClient) -> None:
    assert ask(client, MIXED).json()["predictions"][0]["next_test"] == "streak"
    assert ask(client, MIXED, streak="red").json()["predictions"][0]["named"] == "red"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"hardness": "6"}, "no test is called 'hardness'; allowed: streak"),
        ({"specimen": "perhaps"}, "specimen = 'perhaps'; allowed: true, false"),
    ],
)
def test_a_field_that_is_not_known_is_one_line(client: TestClient, fields: dict[str, str], reason: str) -> None:
    answer = ask(client, RED, **fields)
    assert (answer.status_code, answer.json()) == (400, {"error": reason})


def halves() -> bytes:
    picture = np.zeros((48, 48, 3), np.uint8)
    picture[:, :24, 0], picture[:, 24:, 2] = 255, 255
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "PNG")
    return packed.getvalue()


def look(client: TestClient, *contents: bytes, **fields: str) -> Any:
    files = [("photographs", ("stone.png", content)) for content in contents]
    return client.post("/evidence", files=files, data=fields)


@pytest.mark.parametrize(
    ("label", "there", "elsewhere"), [("red", [0, 1, 2], [5, 6, 7]), ("blue", [5, 6, 7], [0, 1, 2])]
)
def test_what_it_looked_at_is_found_where_it_is(
    client: TestClient, label: str, there: list[int], elsewhere: list[int]
) -> None:
    answer = look(client, halves(), label=label).json()
    found = np.array(answer["evidence"])
    assert (answer["photograph"], answer["label"], answer["confidence"]) == ("stone.png", label, 0.5)
    assert (found[:, there] > 0.05).all()
    assert (found[:, elsewhere] < -0.05).all()
    assert answer["lowest"] < 0.5
    with Image.open(io.BytesIO(base64.b64decode(answer["square"].partition(",")[2]))) as square:
        assert (square.format, square.size) == ("JPEG", (48, 48))


def test_without_a_class_it_is_the_most_probable_one_that_is_looked_for(client: TestClient) -> None:
    assert look(client, BLUE).json()["label"] == "blue"


@pytest.mark.parametrize(
    ("contents", "fields", "status", "reason"),
    [
        ([RED], {"label": "green"}, 400, "label = 'green'; allowed: red, blue"),
        ([RED], {"specimen": "true"}, 400, "a field called 'specimen'; allowed: label, page"),
        ([RED, BLUE], {}, 400, "Too many files. Maximum number of files is 1; allowed: 1 files and 20 short fields"),
        ([b"no picture"], {}, 422, "stone.png: not an image"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(
    client: TestClient, contents: list[bytes], fields: dict[str, str], status: int, reason: str
) -> None:
    answer = look(client, *contents, **fields)
    assert (answer.status_code, answer.json()) == (status, {"error": reason})


def test_too_many_files_are_refused(client: TestClient) -> None:
    answer = ask(client, *[RED] * 5)
    assert answer.status_code == 400
    assert "4 files" in answer.json()["error"]


def test_pages_that_are_photographs_count_against_the_limit_and_can_be_looked_at() -> None:
    two = paged((255, 0, 0), (0, 0, 255))
    with TestClient(create_app(EachPage(), SETTINGS)) as client:
        together = ask(client, two, RED, specimen="true").json()
        assert [row["label"] for row in together["predictions"]] == ["red", "blue", "red"]
        assert (together["specimen"]["photographs"], together["specimen"]["label"]) == (3, "red")
        assert ask(client, two, two).status_code == 200
        answer = ask(client, two, two, RED)
        assert answer.status_code == 400
        assert answer.json()["error"] == "5 pages, each a photograph to this model; allowed: 4"
        alone, red = ask(client, paged(*[(255, 0, 0)] * 5), RED).json()["predictions"]
        assert alone["problem"] == "5 pages, each a photograph to this model; allowed: 4 in a request"
        assert red["label"] == "red"
        for page, label in (("1", "red"), ("2", "blue")):
            seen = client.post("/evidence", files={"photographs": ("two.tif", two)}, data={"page": page}).json()
            assert (seen["label"], "#page=2" in seen["photograph"]) == (label, page == "2")
        refused = client.post("/evidence", files={"photographs": two}, data={"page": "3"})
        assert (refused.status_code, refused.json()["error"]) == (400, "page = '3'; allowed: 1 to 2")


def test_a_file_of_another_field_is_refused(client: TestClient) -> None:
    answer = client.post("/predict", files=[("rocks", ("a.png", RED))])
    assert (answer.status_code, answer.json()["error"]) == (400, "a file called 'rocks'; allowed: photographs")


@pytest.mark.parametrize("headers", [{}, {"content-type": "multipart/form-data"}, {"content-type": "image/png"}])
def test_a_body_that_is_no_multipart_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/predict", content=RED, headers=headers)
    assert answer.status_code == 400
    assert "photographs" in answer.json()["error"] or "boundary" in answer.json()["error"]


def test_a_garbled_body_is_refused_and_fills_no_log(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.post("/predict", content=RED, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400
    assert [record for record in caplog.records if "multipart" in record.name] == []


def test_a_body_above_the_limit_is_refused_whether_it_says_so_or_not(client: TestClient) -> None:
    assert ask(client, bytes(600_000)).status_code == 413
    sent = (bytes(100_000) for _ in range(6))
    headers = {"content-type": "multipart/form-data; boundary=x", "transfer-encoding": "chunked"}
    assert client.post("/predict", content=sent, headers=headers).status_code == 413


def test_a_picture_that_claims_too_many_pixels_is_never_decoded(client: TestClient) -> None:
    began = time.monotonic()
    row = ask(client, picture((255, 0, 0), size=(2000, 1001))).json()["predictions"][0]
    assert "2 megapixels" in row["problem"]
    assert time.monotonic() - began < 5


def test_what_a_name_says_stays_a_text(client: TestClient) -> None:
    name = "../../etc/\x1b[31m<script>" + "x" * 400
    answer = client.post("/predict", files=[("photographs", (name, RED))])
    (row,) = answer.json()["predictions"]
    assert "\x1b" not in row["photograph"]
    assert len(row["photograph"]) < 300
    assert row["label"] == "red"


def test_another_sites_page_may_not_ask(client: TestClient) -> None:
    headers = {"origin": "https://example.org"}
    assert client.post("/predict", files=[("photographs", ("a.png", RED))], headers=headers).status_code == 403


def test_a_name_that_is_not_the_servers_is_refused(client: TestClient) -> None:
    assert client.get("/model", headers={"host": "rebound.example.org"}).status_code == 421


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for answer in (client.get("/"), client.get("/nothing"), client.get("/model"), client.post("/predict")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_asks_no_other_host(client: TestClient) -> None:
    for path in ("/", "/page.js", "/answerer.js", "/looked.js", "/texts.js", "/page.css", "/colours.css", "/icon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace("// ", "")


def test_the_figures_count_what_was_answered(client: TestClient) -> None:
    def counted() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("lithoscope_photographs_total"))

    before = counted()
    ask(client, RED, b"no picture")
    assert counted() == before + 2


def test_with_a_token_only_who_has_it_is_answered(model: RedOrBlue) -> None:
    settings = replace(SETTINGS, token="a long secret")
    assert "a long secret" not in repr(settings)
    with TestClient(create_app(model, settings)) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/").status_code == 200
        for headers in ({}, {"authorization": "Bearer another"}, {"authorization": "a long secret"}):
            answer = client.get("/model", headers=headers)
            assert answer.status_code == 401
            assert "a long secret" not in answer.text
        assert client.get("/model", headers={"authorization": "Bearer a long secret"}).status_code == 200


def test_a_phones_heic_is_read_whatever_it_is_called(client: TestClient) -> None:
    packed = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (255, 0, 0))).save(packed, quality=90)
    files = [("photographs", (name, packed.getvalue())) for name in ("IMG_0412.HEIC", "renamed.jpg")]
    answer = client.post("/predict", files=files)
    assert [row["label"] for row in answer.json()["predictions"]] == ["red", "red"]


def _kill_this_process(*_arguments: object) -> decoding.Framed:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _never_end(*_arguments: object) -> decoding.Framed:
    while True:
        time.sleep(1)


@pytest.mark.parametrize(
    ("does", "reason"), [(_kill_this_process, "brings its decoder down"), (_never_end, "takes longer than 1 s")]
)
def test_a_decoder_that_dies_or_hangs_is_replaced(
    does: Any, reason: str, model: RedOrBlue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "frame", does)
    with TestClient(create_app(model, replace(SETTINGS, seconds=1.0))) as client:
        answer = ask(client, RED)
        assert answer.status_code == 422
        assert reason in answer.json()["error"]
        monkeypatch.undo()
        assert ask(client, RED).json()["predictions"][0]["label"] == "red"


def test_decoders_that_were_killed_while_idle_are_replaced(model: RedOrBlue) -> None:
    with TestClient(create_app(model, replace(SETTINGS, decoders=2))) as client:
        for _ in range(2):
            assert ask(client, RED, BLUE).status_code == 200
            workers = client.app.state.pool._pool._pool_manager.worker_manager.workers  # type: ignore[attr-defined]
            for process in list(workers.values()):
                process.kill()
                process.join()
        assert [row["label"] for row in ask(client, RED, BLUE).json()["predictions"]] == ["red", "blue"]


def test_above_its_queue_the_server_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(RedOrBlue):
        def run(self, squares: Any) -> Any:
            time.sleep(0.5)
            return super().run(squares)

    model = Slow()
    with TestClient(create_app(model, replace(SETTINGS, waiting=3, batch=2))) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client, RED), range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(200) >= 3
    assert set(statuses) == {200, 429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)
    assert max(model.batches) == 2


def test_a_network_that_fails_says_so_to_all_who_wait() -> None:
    from lithoscope.serving.server.batching import Batcher

    def fails(squares: Any) -> list[int]:
        raise RuntimeError("no memory")

    async def both() -> list[Any]:
        batcher = Batcher(fails, 4)
        await batcher.start()
        square = np.zeros((2, 2, 3), np.uint8)
        asked = (batcher.result(square) for _ in range(2))
        found: list[Any] = list(await asyncio.gather(*asked, return_exceptions=True))
        await batcher.stop()
        return found

    assert [str(one) for one in asyncio.run(both())] == ["no memory", "no memory"]


@pytest.fixture(scope="module")
def busy(model: RedOrBlue) -> Iterator[TestClient]:
    with TestClient(create_app(model, replace(SETTINGS, decoders=2)), raise_server_exceptions=False) as opened:
        yield opened


@pytest.mark.parametrize("start", range(0, 240, 60))
def test_whatever_is_sent_is_answered_or_refused(busy: TestClient, start: int) -> None:
    for seed in range(start, start + 60):
        body, kind = mutated_body(seed)
        answer = busy.post("/predict", content=body, headers={"content-type": kind})
        assert answer.status_code in (200, 400, 413, 422), (seed, answer.text)
        assert answer.json(), seed
    assert ask(busy, RED).json()["predictions"][0]["label"] == "red"
