"""The API's description of itself: examples that are what is answered, refusals, the token."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.schemas import ANSWERS
from lithoscope.serving.server.settings import ServerSettings

from helpers.served_model import RedOrBlue

SETTINGS = ServerSettings(hosts=("testserver",))
REFUSED = {"400", "401", "403", "408", "413", "421", "422", "429", "500"}


def described(settings: ServerSettings = SETTINGS, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = TestClient(create_app(RedOrBlue(), settings)).get("/openapi.json", headers=headers).json()
    return found


def test_every_answer_that_is_described_has_an_example() -> None:
    schemas = described()["components"]["schemas"]
    assert set(schemas) == {answer.__name__ for answer in ANSWERS}
    assert all(schema["examples"] for schema in schemas.values())


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_example_is_what_is_answered(answer: type[BaseModel]) -> None:
    (example,) = answer.model_json_schema()["examples"]
    assert json.loads(answer.model_validate(example).model_dump_json()) == example


def test_bodies_have_examples_of_known_fields() -> None:
    for path in ("/predict", "/evidence"):
        body = described()["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]
        assert len(body["examples"]) == 2
        assert all(set(one["value"]) <= set(body["schema"]["properties"]) for one in body["examples"].values())
        assert all("photographs" in one["value"] for one in body["examples"].values())


def test_refusals_are_described_as_they_are_answered() -> None:
    for path, methods in described()["paths"].items():
        for operation in methods.values():
            refused = {status for status in operation["responses"] if status >= "400"}
            assert refused == (REFUSED if path in ("/predict", "/evidence") else {"401", "421", "500"})


def test_a_token_is_described_where_one_is_needed() -> None:
    assert "security" not in described()
    found = described(replace(SETTINGS, token="a secret"), authorization="Bearer a secret")
    scheme = found["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert found["security"] == [{"token": []}]
    assert found["paths"]["/healthz"]["get"]["security"] == []
    assert "security" not in found["paths"]["/predict"]["post"]
    assert "a secret" not in json.dumps(found)
