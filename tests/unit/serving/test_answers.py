import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lithoscope.evaluation.answers.limits import Limits
from lithoscope.serving.answers import COLUMNS, FieldTests, decide, load_limits
from lithoscope.serving.field_tests import Allowed

from helpers.answered_photographs import COARSE, WIDTH, fitted, middles, others, photographs, probabilities


def limits(spread: float = 1.0) -> Limits:
    made = fitted(coarse=COARSE, spread=spread)
    assert made is not None
    return made


def test_known_photographs_are_named_and_others_are_not() -> None:
    features, labels = photographs(100, 3, spread=0.3)
    answers = decide(probabilities(features), features, limits())
    assert np.mean([one.kind == "name" for one in answers]) > 0.9
    named = [one.shown for one in answers]
    assert named[0] == limits().classes[labels[0]]
    elsewhere = others(50, 4)
    found = decide(probabilities(elsewhere), elsewhere, limits())
    assert np.mean([one.shown == "none of these" for one in found]) > 0.9
    assert all(one.sure is None for one in found if one.kind == "none")


def test_a_set_without_coarse_classes_is_answered_too() -> None:
    made = fitted(spread=3.0)
    assert made is not None
    features, _ = photographs(40, 3, spread=3.0)
    assert {one.kind for one in decide(probabilities(features), features, made)} <= {"name", "set", "none"}


def test_columns_are_the_same_for_every_answer_and_plain() -> None:
    features = np.concatenate([photographs(20, 5, spread=3.0)[0], others(5, 6)])
    for one in decide(probabilities(features), features, limits(3.0)):
        columns = one.columns()
        assert tuple(columns) == COLUMNS
        assert all(value is None or type(value) in (str, float) for value in columns.values())
        assert columns["why"]


def test_a_set_is_listed_with_or() -> None:
    made = replace(limits(), needed=0.1, familiar=0.0, coarse_needed=None)
    row = np.array([[0.4, 0.3, 0.2, 0.05, 0.03, 0.02]])
    features, _ = photographs(1, 0)
    (answer,) = decide(row, features, made)
    assert answer.shown == "Basalt, Gabbro or Granite"
    assert answer.sure == 0.9


def test_field_tests_change_the_answer_and_the_next_one_is_advised() -> None:
    made = replace(limits(), needed=0.3, familiar=0.0)
    row = np.array([[0.5, 0.02, 0.02, 0.02, 0.42, 0.02]])  # Basalt or Marble
    features, _ = photographs(1, 0)
    table = {"Basalt": Allowed((5, 6.5), {"acid": ("none",)}), "Marble": Allowed((3, 4), {"acid": ("fizzes",)})}
    (before,) = decide(row, features, made, FieldTests(table, {}))
    assert before.shown == "Basalt or Marble"
    assert before.next_test == "acid"
    assert before.next_test_bits is not None
    assert before.next_test_bits > 0.3
    (after,) = decide(row, features, made, FieldTests(table, {"acid": "fizzes"}))
    assert after.shown == "Marble"
    assert after.next_test == ""
    assert after.familiarity == before.familiarity


def test_photographs_of_one_specimen_get_one_answer_that_is_right_more_often() -> None:
    made = limits(3.0)
    single, averaged = [], []
    for seed in range(60):
        label = seed % 6
        drawn = np.random.default_rng(seed)
        features = middles()[[label] * 4] + 3.0 * drawn.normal(size=(4, WIDTH))
        said = probabilities(features)
        averaged.append(said.mean(axis=0).argmax() == label)
        single.append((said.argmax(axis=1) == label).mean())
        (answer,) = decide(said.mean(axis=0, keepdims=True), features.mean(axis=0, keepdims=True), made)
        if answer.kind == "name":
            assert answer.shown == made.classes[said.mean(axis=0).argmax()]
    assert np.mean(averaged) > np.mean(single) + 0.05


def test_a_folder_without_limits_has_none(tmp_path: Path) -> None:
    assert load_limits(tmp_path) is None
    limits().save(tmp_path)
    loaded = load_limits(tmp_path)
    assert loaded is not None
    assert loaded.familiar == limits().familiar


def test_answers_need_no_torch() -> None:
    heavy = "{'torch', 'pandas', 'scipy', 'sklearn', 'mlflow', 'dvc', 'pydantic'}"
    code = f"import sys, lithoscope.serving.answers; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "[]"
