"""Processes that decode, without the server around them."""

import asyncio
import io
import threading
from concurrent.futures import Future
from typing import Any
from unittest.mock import Mock

import pytest
from PIL import Image

from lithoscope.data.images.reading import ReadingSettings
from lithoscope.serving.server import decoding

from helpers.served_model import picture

pytestmark = pytest.mark.slow  # decoding processes
RED, BLUE = picture((255, 0, 0)), picture((0, 0, 255))


def test_pages_that_are_photographs_of_their_own_come_one_by_one_up_to_a_limit() -> None:
    packed = io.BytesIO()
    pages = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    pages[0].save(packed, "TIFF", save_all=True, append_images=pages[1:])
    each = ReadingSettings(pages="each")
    (refused,) = decoding.frame(packed.getvalue(), 48, False, each, 1)
    assert refused.problem == "2 pages, each a photograph to this model; allowed: 1 in a request"
    for content, reading, wanted in (
        (RED, each, [[255, 0, 0]]),
        (packed.getvalue(), ReadingSettings(), [[255, 0, 0]]),
        (packed.getvalue(), each, [[255, 0, 0], [0, 0, 255]]),
    ):
        found = [one.square for one in decoding.frame(content, 48, False, reading, 2)]
        assert [square[24, 24].tolist() for square in found if square is not None] == wanted


def test_a_pool_that_ends_nothing_for_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    over = threading.Event()

    class Dead:
        active = True

        def __init__(self) -> None:
            self.asked: list[Future[list[decoding.Framed]]] = []
            self.worker = Mock()
            self._pool_manager = Mock(worker_manager=Mock(workers={1: self.worker}))
            opened.append(self)

        def schedule(self, *_arguments: object, **_options: object) -> "Future[list[decoding.Framed]]":
            self.asked.append(Future())
            return self.asked[-1]

        def stop(self) -> None:
            pass

        def join(self) -> None:
            if self is not opened[-1]:
                over.wait()  # as pebble does for its own threads

    monkeypatch.setattr(decoding, "_START_SECONDS", 0.0)
    monkeypatch.setattr(decoding, "ProcessPool", lambda *_arguments, **_options: Dead())
    with decoding.DecodingPool(48, False, ReadingSettings(), processes=1, seconds=0.05, memory=1 << 32) as pool:

        async def both() -> list[list[decoding.Framed]]:
            return list(await asyncio.gather(pool.framed(RED), pool.framed(BLUE)))

        found = asyncio.run(both())
    assert [one.problem for (one,) in found] == ["no decoder could be started: try again"] * 2
    assert len(opened) == 4  # the first and, of each try, one in its place
    assert all(asked.cancelled() for pool in opened for asked in pool.asked)
    assert [pool.worker.kill.called for pool in opened] == [True, True, True, False]
    over.set()


def test_the_processes_of_a_pool_whose_own_thread_hangs_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    with decoding.DecodingPool(48, False, ReadingSettings(), processes=1, seconds=20.0, memory=1 << 32) as pool:
        assert asyncio.run(pool.framed(RED))[0].square is not None
        broken, over, hangs = pool._pool, threading.Event(), threading.Event()
        manager = broken._pool_manager
        (process,) = manager.worker_manager.workers.values()

        def hang() -> None:
            hangs.set()
            over.wait()

        monkeypatch.setattr(manager, "update_status", hang)
        assert hangs.wait(20)
        pool._replace(broken)
        process.join(20)
        gone = not process.is_alive()
        over.set()
        assert gone
