"""What the engine on Ray says without a cluster: nodes that differ, files they do not see, and errors Ray wrapped."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving import ray_cluster, ray_engine
from lithoscope.serving.pages import NO_FILE
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.ray_worker import Asker, versions_here


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
        Asker({}, {**versions_here(), "numpy": "0"})


def test_the_cause_of_what_ray_wrapped_is_our_own_line() -> None:
    ours = LithoscopeError("what to do\nmore")
    by_attribute, by_chain = ValueError("outer"), ValueError("outer")
    by_attribute.cause = ours  # type: ignore[attr-defined]
    by_chain.__cause__ = by_attribute
    assert ray_cluster.cause(by_attribute) == ray_cluster.cause(by_chain) == "what to do"
    trace = "Traceback\nlithoscope.core.errors.LithoscopeError: what to do\n\nThe worker died.\n"
    assert ray_cluster.cause(RuntimeError(trace)) == "what to do"
    assert ray_cluster.cause(RuntimeError("first\nlast\n\n")) == "RuntimeError: last"


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_a_cluster_of_its_own_listens_on_the_loopback_reports_nothing_and_leaves_nothing(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[dict[str, Any]] = []
    ray = SimpleNamespace(init=lambda _address, **given: began.append(given), shutdown=lambda: None)
    for module in (ray_engine, ray_cluster):
        monkeypatch.setattr(module, "package", lambda _name: ray)
    monkeypatch.setattr(ray_engine, "_pages", lambda *_arguments: iter([[*Path(began[0]["_temp_dir"]).iterdir()]]))
    monkeypatch.setattr(ray_cluster, "os", SimpleNamespace(**{**vars(os), "name": system}))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert list(ray_engine.on_ray()(None, [])) == [[]]  # type: ignore[arg-type]
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    (given,) = began
    place = Path(given["_temp_dir"])
    assert not place.exists()
    assert place.parent == (tmp_path if system == "nt" else Path("/tmp")), "sockets' paths must be short"
    assert (given["_node_ip_address"], given["include_dashboard"]) == ("127.0.0.1", False)
