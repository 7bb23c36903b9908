import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax

from lithoscope.models.temperature import FEWEST, Temperature, fit_temperature, tempered


def drawn(n: int, classes: int = 6, seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Logits and labels drawn with their very probabilities: the right temperature is 1."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, classes))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return logits, np.minimum(labels, classes - 1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_logits_that_are_so_many_times_too_large_need_that_temperature(factor: float) -> None:
    logits, labels = drawn(20_000)
    assert fit_temperature(factor * logits, labels).value == pytest.approx(factor, rel=0.03)


def test_no_temperature_nearby_has_a_lower_loss() -> None:
    logits, labels = drawn(200, seed=3)
    found = fit_temperature(2 * logits, labels)

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(2 * logits / temperature, axis=1)[np.arange(200), labels]).mean())

    assert found.loss_before == pytest.approx(loss(1.0), abs=1e-6)
    assert found.loss_after == pytest.approx(loss(found.value), abs=1e-6)
    assert loss(found.value) < min(loss(found.value * 1.01), loss(found.value / 1.01))
    assert found.photographs == 200


def test_two_classes_have_the_temperature_of_a_calculation_by_hand() -> None:
    # Logit differences of 4 and three quarters right: right at log(3) = 4 / T.
    logits = np.tile([[4.0, 0.0]], (40, 1))
    found = fit_temperature(logits, np.array([0] * 30 + [1] * 10))
    assert found.value == pytest.approx(4 / np.log(3), abs=1e-3)


def test_too_few_photographs_leave_the_confidences_as_they_are() -> None:
    logits, labels = drawn(FEWEST - 1)
    found = fit_temperature(5 * logits, labels)
    assert (found.value, found.photographs) == (1.0, 0)
    assert found.reason == "29 validation photographs are too few, 30 are needed"
    assert found.line() == f"confidences are not calibrated: {found.reason}"
    assert found.summary() == {"temperature": 1.0, "photographs": 0, "reason": found.reason}
    assert fit_temperature(np.empty((0, 3)), np.empty(0, np.int64)).reason == "no validation photographs"


def test_photographs_that_are_all_named_right_set_no_temperature() -> None:
    found = fit_temperature(3 * np.eye(4)[np.arange(40) % 4], np.arange(40) % 4)
    assert (found.value, found.photographs) == (1.0, 0)
    assert "classified correctly" in found.reason


def test_answers_worse_than_guessing_end_at_the_hottest() -> None:
    assert fit_temperature(np.tile([[4.0, 0.0]], (40, 1)), np.ones(40, np.int64)).value == pytest.approx(20, abs=0.01)


def test_a_temperature_changes_confidences_and_no_answer() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    cold, plain, hot = (tempered(logits, temperature) for temperature in (0.5, 1.0, 2.0))
    np.testing.assert_allclose(plain, softmax(logits, axis=1), atol=1e-6)
    np.testing.assert_allclose(hot, softmax(logits / 2, axis=1), atol=1e-6)
    assert hot.dtype == np.float32
    assert (cold.argmax(axis=1) == hot.argmax(axis=1)).all()
    assert (cold.max(axis=1) > plain.max(axis=1)).all()
    assert (plain.max(axis=1) > hot.max(axis=1)).all()


def test_a_line_says_what_was_fitted() -> None:
    fitted = Temperature(1.25, 70, "", 0.6, 0.5)
    assert fitted.line() == "temperature 1.25, fitted on 70 validation photographs"
    assert fitted.summary() == {"temperature": 1.25, "photographs": 70, "loss_before": 0.6, "loss_after": 0.5}
