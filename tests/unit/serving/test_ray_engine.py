"""What predictions on Ray say without a cluster: nodes that differ, and files that they do not see."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.engines.ray_map import versions_here
from lithoscope.serving import ray_engine
from lithoscope.serving.pages import NO_FILE
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.ray_worker import DIGITS_FROM, Asker


def _row(place: int, problem: str | None = None, page: str = "") -> dict[str, Any]:
    numbers = None if problem else np.full(2, place, np.float32).tobytes()
    said = {"problem": problem, "content": "c", "probabilities": numbers, "features": numbers}
    return {"place": place, "page": page, "node": "far", **said}


def test_a_file_that_the_command_sees_and_a_node_does_not_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    photographs = [FoundPhotograph(str(tmp_path / name), name) for name in "ab"]
    (pages,) = list(ray_engine._told(photographs, [_row(1, NO_FILE)]))[1:]
    assert pages[0].problem == NO_FILE, "nobody sees it: a row, as ever"
    with pytest.raises(LithoscopeError, match="a: node far of the cluster does not see this file"):
        list(ray_engine._told(photographs, [_row(0, NO_FILE)]))


def test_each_photograph_has_its_pages_and_one_that_is_known_none() -> None:
    photographs = [FoundPhotograph(name, name) for name in "abcd"]
    told = list(ray_engine._told(photographs, [_row(1), _row(1, page="#page=2"), _row(2, "damaged")]))
    assert [[page.name for page in pages] for pages in told] == [[], ["b", "b#page=2"], ["c"], []]
    assert told[1][0].outputs is not None
    assert told[1][0].outputs.features.tolist() == [[1.0, 1.0]]
    assert told[2][0].outputs is None


def test_a_node_with_other_versions_ends_the_run() -> None:
    with pytest.raises(LithoscopeError, match="where the command runs it is 0: install the same"):
        Asker({}, {**versions_here(DIGITS_FROM), "numpy": "0"})
