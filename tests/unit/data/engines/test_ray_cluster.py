"""A cluster without Ray: what one of our own is started with, and what errors that Ray wrapped come down to."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.engines import ray_cluster
from lithoscope.data.engines.ray_cluster import AskedBy, connected, require_cluster


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
    monkeypatch.setattr(ray_cluster, "package", lambda _name: ray)
    monkeypatch.setattr(ray_cluster, "os", SimpleNamespace(**{**vars(os), "name": system}))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    require_cluster(None, AskedBy())
    with connected(None, AskedBy(), code=tmp_path):
        (given,) = began
        place = Path(given["_temp_dir"])
        assert list(place.iterdir()) == []
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not place.exists()
    assert place.parent == (tmp_path if system == "nt" else Path("/tmp")), "sockets' paths must be short"
    assert (given["_node_ip_address"], given["include_dashboard"]) == ("127.0.0.1", False)
    assert given["runtime_env"]["py_modules"] == [str(tmp_path)], "nodes use this very code"
