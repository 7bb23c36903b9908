"""What the guard refuses, judged by a request's head; no photograph is decoded here."""

import pytest
from fastapi.testclient import TestClient

from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.settings import ServerSettings

from helpers.served_model import RedOrBlue

SETTINGS = ServerSettings(hosts=("testserver",))


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Without its processes for decoding: nothing here may get as far."""
    return TestClient(create_app(RedOrBlue(), SETTINGS), raise_server_exceptions=False)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "https://example.org", "null", ""])
def test_an_origin_that_is_not_the_servers_is_refused_even_if_garbled(client: TestClient, origin: str) -> None:
    answer = client.post("/predict", headers={"origin": origin})
    assert (answer.status_code, answer.json()["error"]) == (403, "requests from other web sites' pages are refused")
