import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.params import load_parameters, validate_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError


@pytest.fixture
def values(checkout: Path) -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(checkout / "params.yaml")
    return read


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(LithoscopeError) as caught:
        validate_parameters(values, "params.yaml")
    return str(caught.value)


def test_the_committed_file_is_valid_and_explains_every_key_in_a_line_of_its_own(checkout: Path) -> None:
    params = load_parameters(checkout / "params.yaml")
    lines = (checkout / "params.yaml").read_text(encoding="utf-8").splitlines()
    assert all(re.match(r" *\w+:", line) for line in lines[1:]), "no line but the first that is no key's"
    for key in params.flat():
        name = key.rpartition(".")[2]
        assert any(line.strip().startswith(f"{name}:") and "#" in line for line in lines), f"{key} has no comment"


@pytest.mark.parametrize("text", ["1e-3", "1e-05", "1E-4", "+1.e-3", "0.001"])
def test_a_number_with_an_exponent_is_a_float(tmp_path: Path, checkout: Path, text: str) -> None:
    source = (checkout / "params.yaml").read_text(encoding="utf-8")
    lines = [f"lr: {text}" if line.startswith("lr:") else line for line in source.splitlines()]
    (tmp_path / "params.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert load_parameters(tmp_path / "params.yaml").lr == float(text)


def test_the_key_on_is_no_boolean(values: dict[str, Any]) -> None:
    assert set(values["evaluate"]) == {"on", "crop"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("lr", "fast", 'params.yaml: lr = "fast": allowed: a number > 0 and ≤ 100'),
        ("lr", 0, "params.yaml: lr = 0: allowed: a number > 0 and ≤ 100"),
        ("lr", float("nan"), "params.yaml: lr = NaN: allowed: a number > 0 and ≤ 100"),
        ("epochs", 2.5, "params.yaml: epochs = 2.5: allowed: a whole number ≥ 1 and ≤ 100000"),
        ("epochs", True, "params.yaml: epochs = true: allowed: a whole number ≥ 1 and ≤ 100000"),
        ("dataset", "rocks", 'params.yaml: dataset = "rocks": allowed: specimens | osf-rocks | minerals | folder'),
        ("precision", "fp16", 'params.yaml: precision = "fp16": allowed: fp32 | bf16 | auto'),
        ("mirror", None, "params.yaml: mirror = null: allowed: a text that is not empty"),
        (
            "osf_api",
            "ftp://x",
            'params.yaml: osf_api = "ftp://x": allowed: a text that starts with http:// or https://',
        ),
        ("split", 3, "params.yaml: split = 3: allowed: a block with seed, test, validation, folds, fold"),
    ],
)
def test_a_wrong_value_is_one_line_with_key_value_and_what_is_allowed(
    values: dict[str, Any], key: str, value: Any, expected: str
) -> None:
    assert refusal({**values, key: value}) == expected


def test_an_unknown_key_is_named_with_the_nearest_one(values: dict[str, Any]) -> None:
    assert refusal({**values, "epoch": 3}).startswith(
        "params.yaml: unknown key epoch = 3: did you mean epochs? allowed:"
    )
    nested = {**values, "train": {**values["train"], "patiense": 3}}
    assert "unknown key train.patiense = 3: did you mean patience?" in refusal(nested)


def test_a_missing_key_is_named(values: dict[str, Any]) -> None:
    del values["lr"]
    assert refusal(values) == "params.yaml: lr is missing: allowed: a number > 0 and ≤ 100"


def test_every_mistake_gets_a_line_of_its_own(values: dict[str, Any]) -> None:
    assert len(refusal({**values, "lr": -1, "seed": -1}).splitlines()) == 2


def test_an_unknown_model_is_refused_with_what_is_near(values: dict[str, Any]) -> None:
    line = refusal({**values, "model": {**values["model"], "name": "resnet51"}})
    assert line.startswith('params.yaml: model.name = "resnet51": did you mean ')
    assert "resnet50" in line
    assert "allowed: cnn, timm/tf_efficientnet_lite0, " in line
    assert ", mobilenet_v2, " in line


def test_any_torchvision_classifier_is_a_model(values: dict[str, Any]) -> None:
    params = validate_parameters({**values, "model": {**values["model"], "name": "regnet_y_400mf"}}, "params.yaml")
    assert params.model.name == "regnet_y_400mf"


@pytest.mark.parametrize("weights", ["weights.pth", "/nowhere/weights.pth"])
def test_weights_that_are_not_there_are_refused_before_any_work(values: dict[str, Any], weights: str) -> None:
    line = refusal({**values, "model": {**values["model"], "weights": weights}})
    assert (
        line
        == f'params.yaml: model.weights = "{weights}": no such file; allowed: null, imagenet, or a file\'s full path'
    )


def test_the_parameters_of_a_past_training_are_read_though_its_weights_file_is_gone(
    values: dict[str, Any], tmp_path: Path
) -> None:
    changed = {**values, "model": {**values["model"], "weights": "/nowhere/weights.pth"}}
    (tmp_path / "params.yaml").write_text(json.dumps(changed), encoding="utf-8")
    assert load_parameters(tmp_path / "params.yaml", past=True).model.weights == "/nowhere/weights.pth"
    with pytest.raises(LithoscopeError, match="no such file"):
        load_parameters(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("folds", "fold", "expected"), [(1, 0, "split.folds = 1"), (5, 5, "split.fold = 5"), (0, 1, "split.fold = 1")]
)
def test_a_fold_that_does_not_exist_is_refused(values: dict[str, Any], folds: int, fold: int, expected: str) -> None:
    line = refusal({**values, "split": {**values["split"], "folds": folds, "fold": fold}})
    assert line.startswith(f"params.yaml: {expected}")


@pytest.mark.parametrize(
    ("block", "key", "value", "other"),
    [("train", "schedule", "plateau", "cosine"), ("evaluate", "on", "validation", "test")],
)
def test_what_needs_validation_photographs_is_refused_where_there_are_none(
    values: dict[str, Any], block: str, key: str, value: str, other: str
) -> None:
    changed = {**values, block: {**values[block], key: value}}
    without = {**changed, "split": {**values["split"], "validation": 0.0}}
    line = refusal(without)
    assert line.startswith(f"params.yaml: {block}.{key} = {value}: ")
    assert line.endswith(f"give split.validation a share such as 0.1, or choose {other}")
    folded = {**without, "split": {**values["split"], "validation": 0.0, "folds": 3}}
    assert validate_parameters(folded, "params.yaml").split.folds == 3, "a fold validates"
    assert validate_parameters(changed, "params.yaml")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model": {"name": "cnn"}}, "model.weights = imagenet: our CNN has none"),
        (
            {"model": {"name": "cnn", "weights": None, "stochastic_depth": 0.1}},
            "model.stochastic_depth = 0.1: our CNN has no residual blocks",
        ),
        (
            {"train": {"adapt": "tune", "head_fit": "discriminant"}, "model": {"head": "mlp"}},
            "train.head_fit = discriminant: a linear",
        ),
        (
            {"train": {"adapt": "tune", "head_refit": True, "head_fit": "gradient"}, "model": {"head": "mlp"}},
            "train.head_refit = true: a linear head only",
        ),
        ({"train": {"head_fit": "mixed"}, "model": {"head": "mlp", "members": 2}}, "train.head_fit = mixed: a linear"),
        ({"train": {"head_fit": "mixed"}}, "train.head_fit = mixed: a discriminant beside other networks"),
        ({"evaluate": {"crop": 0.3}}, "evaluate.crop = 0.3: test photographs are scored as they are; allowed: 0"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused_before_any_work(
    values: dict[str, Any], changes: dict[str, dict[str, Any]], expected: str
) -> None:
    changed = {**values, **{block: {**values[block], **keys} for block, keys in changes.items()}}
    line = refusal(changed)
    assert line.startswith(f"params.yaml: {expected}")
    assert "allowed" in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("lr: 1\nlr: 2\n", "duplicate key"), ("- 1\n", "must hold keys"), ("a: [", "not readable")]
)
def test_a_file_that_is_no_set_of_parameters_is_refused_in_a_line(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LithoscopeError, match=expected) as caught:
        load_parameters(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_the_digest_follows_what_trains_and_not_where_photographs_lie_or_what_is_scored(values: dict[str, Any]) -> None:
    def digest(**changes: Any) -> str:
        return validate_parameters({**values, **changes}, "params.yaml").digest()

    assert (
        digest() == digest(mirror="/elsewhere", dataset="folder") == digest(evaluate={"on": "validation", "crop": 0.2})
    )
    assert digest() != digest(lr=0.5)


def test_reading_parameters_imports_no_network_library() -> None:
    heavy = "{'torch', 'torchvision', 'lightning', 'mlflow', 'pandas', 'sklearn', 'scipy'}"
    code = f"import sys, lithoscope.config.params; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
