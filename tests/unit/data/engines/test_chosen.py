"""The environment says who prepares photographs; a mistake is a line."""

from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.engines import ray_cluster
from lithoscope.data.engines.chosen import chosen_engine
from lithoscope.data.engines.tasks import on_threads


def test_without_a_word_threads_of_this_machine_prepare(tmp_path: Path) -> None:
    for said in ({}, {"LITHOSCOPE_ENGINE": ""}, {"LITHOSCOPE_ENGINE": "local", "RAY_ADDRESS": "10.0.0.1:6379"}):
        with chosen_engine(said, tmp_path) as engine:
            assert engine is on_threads
    assert list(tmp_path.iterdir()) == []


def _not_there(name: str) -> object:
    raise ModuleNotFoundError(f"No module named '{name}'", name=name)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"LITHOSCOPE_ENGINE": "rya"}, "LITHOSCOPE_ENGINE=rya: allowed: local | ray"),
        (
            {"LITHOSCOPE_ENGINE": "ray"},
            "LITHOSCOPE_ENGINE=ray takes the package pyarrow: pip install 'lithoscope[ray]'; "
            "or unset LITHOSCOPE_ENGINE",
        ),
    ],
)
def test_an_engine_that_is_not_there_is_a_line(
    said: dict[str, str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "package", _not_there)
    with pytest.raises(LithoscopeError) as caught, chosen_engine(said, tmp_path):
        pytest.fail("there is no such engine")
    assert str(caught.value) == line


def test_an_address_that_is_none_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "package", lambda _name: None)
    said = {"LITHOSCOPE_ENGINE": "ray", "RAY_ADDRESS": "ray://10.0.0.1:10001"}
    with pytest.raises(LithoscopeError, match=r"^RAY_ADDRESS=ray://10\.0\.0\.1:10001: allowed: HOST:PORT"):
        chosen_engine(said, tmp_path).__enter__()
