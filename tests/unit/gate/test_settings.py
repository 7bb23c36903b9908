from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.params import load_parameters, validate_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.gate.settings import gate_settings


@pytest.fixture
def values(checkout: Path) -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(checkout / "params.yaml")
    return read


def test_the_committed_block_is_valid_and_explained(values: dict[str, Any], checkout: Path) -> None:
    rules = gate_settings(values).rules()
    assert {name: rule.better for name, rule in rules.items()} == {
        "accuracy": "higher",
        "macro_f1": "higher",
        "loss": "lower",
    }
    text = (checkout / "params.yaml").read_text(encoding="utf-8").partition("\ngate:")[2]
    for word in ("drop:", "level", "floor:", "above_baselines: true #", "model_size", "prediction_time"):
        assert word in text


def test_the_block_is_no_business_of_the_stages(values: dict[str, Any]) -> None:
    params = validate_parameters(values, "params.yaml")
    looser = {**values, "gate": {**values["gate"], "model_size": 9.0}}
    assert validate_parameters(looser, "params.yaml") == params
    assert validate_parameters(looser, "params.yaml").digest() == params.digest()
    assert not [key for key in params.flat() if key.startswith("gate")]


def test_no_stage_depends_on_the_gate(checkout: Path) -> None:
    for stage in read_yaml(checkout / "dvc.yaml")["stages"].values():
        assert not [dep for dep in stage["deps"] if "lithoscope/gate" in dep]
        assert "gate" not in stage.get("params", [])


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("accuracy", "drop"), -0.1, "params.yaml: gate.accuracy.drop = -0.1: allowed: a number ≥ 0 and ≤ 100"),
        (("accuracy", "floor"), "high", 'params.yaml: gate.accuracy.floor = "high": allowed: null or a number'),
        (("loss", "better"), "higher", "params.yaml: gate.loss.better = higher: allowed: lower"),
        (("model_size",), 0, "params.yaml: gate.model_size = 0: allowed: a number > 0 and ≤ 1000"),
        (("speed",), 1, "params.yaml: unknown key gate.speed = 1: allowed:"),
    ],
)
def test_a_mistake_is_one_line_with_what_is_allowed(
    values: dict[str, Any], path: tuple[str, ...], value: Any, expected: str
) -> None:
    block = values["gate"]
    for name in path[:-1]:
        block = block[name]
    block[path[-1]] = value
    with pytest.raises(LithoscopeError) as caught:
        gate_settings(values)
    assert str(caught.value).startswith(expected)


def test_a_file_without_the_block_says_so(values: dict[str, Any], checkout: Path) -> None:
    del values["gate"]
    with pytest.raises(LithoscopeError, match="the block gate is missing"):
        gate_settings(values)
    assert load_parameters(checkout / "params.yaml") == validate_parameters(values, "params.yaml")
    with pytest.raises(LithoscopeError, match=r"gate = 3: allowed: see params.yaml"):
        gate_settings({"gate": 3})
