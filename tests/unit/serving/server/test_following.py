"""A model that is swapped under load: every request is answered, each by one model."""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server import following as module
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.following import FollowingModel, following, is_alias, watched
from lithoscope.serving.server.settings import ServerSettings

from helpers.exports import exported
from helpers.served_model import RedOrBlue, picture

SQUARES = np.full((3, 48, 48, 3), 255, np.uint8)


class Named(RedOrBlue):
    """A model whose answers name it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def about(self) -> Mapping[str, Any]:
        return {**super().about(), "dataset": self.name}

    def answers(self, outputs: Any, fields: Mapping[str, str], *, one_specimen: bool) -> list[dict[str, Any]]:
        rows = super().answers(outputs, fields, one_specimen=one_specimen)
        return [{**row, "why": f"{self.name} of {len(outputs)}"} for row in rows]


def whys(model: FollowingModel, outputs: Any, *, one_specimen: bool = False) -> list[str]:
    return [row["why"] for row in model.answers(outputs, {}, one_specimen=one_specimen)]


def test_what_a_model_computed_is_answered_by_that_model() -> None:
    first, second = Named("first"), Named("second")
    model = FollowingModel(first)
    before = model.run(SQUARES[:2])
    model.swap(second)
    after = model.run(SQUARES[:1])
    assert (first.batches, second.batches) == ([2], [1])
    assert whys(model, before) == ["first of 2"] * 2
    assert whys(model, after) == ["second of 1"]
    assert whys(model, [*before, *after]) == ["first of 1", "first of 1", "second of 1"]
    assert model.about()["dataset"] == "second"
    model.look(SQUARES[0])
    assert (first.batches, second.batches) == ([2], [1, 50])


def test_one_specimen_that_met_two_models_is_computed_anew_by_the_present_one() -> None:
    first, second = Named("first"), Named("second")
    model = FollowingModel(first)
    before = model.run(SQUARES[:2])
    assert whys(model, before, one_specimen=True) == ["first of 2"]
    model.swap(second)
    assert whys(model, before, one_specimen=True) == ["first of 2"]
    assert whys(model, [*before, *model.run(SQUARES[2:])], one_specimen=True) == ["second of 3"]
    assert second.batches == [1, 3]


def test_a_model_that_frames_otherwise_is_not_swapped_in() -> None:
    other = Named("second")
    other.framing = (64, *other.framing[1:])
    model = FollowingModel(Named("first"))
    with pytest.raises(LithoscopeError, match="start the server anew"):
        model.swap(other)
    assert model.about()["dataset"] == "first"


@pytest.mark.slow
def test_no_request_is_lost_while_models_are_swapped() -> None:
    made: Iterator[Named] = (Named(f"number {number}") for number in range(1, 10_000))
    said: list[str] = []
    settings = ServerSettings(hosts=("testserver",), decoders=1, waiting=64)
    with (
        watched(Named("number 0"), lambda: next(made), "models:/classifier@champion", said.append, 0.002) as model,
        TestClient(create_app(model, settings)) as client,
    ):

        def ask(number: int) -> tuple[int, int, set[str]]:
            content = picture((number % 256, 0, 0))
            uploads = [("photographs", (f"{place}.png", content)) for place in range(3)]
            answer = client.post("/predict", files=uploads, data={"specimen": "true"})
            body = answer.json()
            return answer.status_code, len(body["predictions"]), {body["specimen"]["why"].partition(" of")[0]}

        with ThreadPoolExecutor(8) as people:
            found = list(people.map(ask, range(120)))
    assert [(status, count) for status, count, _ in found] == [(200, 3)] * 120
    assert len(set.union(*(names for _, _, names in found))) > 5  # models did change meanwhile
    assert said[0] == "models:/classifier@champion is another model now, and answers from here on"


def test_what_cannot_be_had_is_said_once_and_the_present_model_stays() -> None:
    asked = threading.Semaphore(0)

    def newer() -> None:
        asked.release()
        raise LithoscopeError("MLflow: the store is away")

    said: list[str] = []
    with watched(Named("first"), newer, "models:/classifier@champion", said.append, 0.001) as model:
        for _ in range(5):
            assert asked.acquire(timeout=10)
        assert model.about()["dataset"] == "first"
    assert said == [
        "models:/classifier@champion is not followed for now, the present model stays: MLflow: the store is away"
    ]


def test_what_no_one_foresaw_is_logged_and_the_next_look_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    looks: Iterator[Any] = iter([ValueError("a registry of another kind"), Named("second")])

    def newer() -> Named | None:
        found = next(looks, None)
        if isinstance(found, ValueError):
            raise found
        return found

    said: list[str] = []
    with watched(Named("first"), newer, "models:/classifier@champion", said.append, 0.001) as model:
        deadline = time.monotonic() + 10
        while len(said) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert model.about()["dataset"] == "second"
    assert said[0].endswith("the present model stays: ValueError: a registry of another kind")
    assert caplog.records[0].exc_info is not None


def test_an_alias_is_followed_to_another_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = exported(tmp_path / "first", ["a", "b"]), exported(tmp_path / "second", ["a", "b", "c"])
    stands_for = [first]
    monkeypatch.setattr(module, "exported_model", lambda *_: stands_for[-1])
    said: list[str] = []
    with following("models:/classifier@champion", tmp_path, OnnxModel.load(first), said.append, 0.001) as model:
        square: npt.NDArray[np.uint8] = np.zeros((1, 32, 32, 3), np.uint8)
        (before,) = model.run(square)
        time.sleep(0.05)
        assert said == []  # the same export is no other model
        stands_for.append(second)
        deadline = time.monotonic() + 20
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert model.about()["classes"] == ["a", "b", "c"]
        assert len(model.run(square)[0][0]) == 3
        assert set(model.answers([before], {}, one_specimen=False)[0]["probabilities"]) == {"a", "b"}
    assert len(said) == 1


def test_only_an_alias_is_followed() -> None:
    assert is_alias("models:/classifier@champion")
    assert not any(map(is_alias, ("models:/classifier/3", "build/model", "dvc:main@{1}")))
