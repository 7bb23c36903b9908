"""The model beside people who named the same photographs: worked out by hand on made-up trials."""

import numpy as np
import pytest

from lithoscope.evaluation.human_judgements.confusions import (
    ModelNamings,
    agreement,
    condition_figures,
    naming_figures,
    noise_ceiling,
    people_confusion,
)
from lithoscope.evaluation.human_judgements.human_data import HumanSpace
from lithoscope.evaluation.human_judgements.trials import Namings

from helpers.made_up_people import CATEGORIES

TOKENS = (3, 4)
CLASSES = [*CATEGORIES, "Marble"]


def namings(answers: np.ndarray) -> Namings:
    """From the answers of each person to each category and new token, (people, 10, 2)."""
    people, category, token = np.indices(answers.shape).reshape(3, -1)
    return Namings(np.ones(answers.size, np.int64), people, category, token + 3, answers.reshape(-1).astype(np.int64))


def confused(people: int, rate: float, seed: int, step: int = 1) -> np.ndarray:
    """Answers that are the category, or with a rate the one ``step`` further on."""
    category = np.arange(10)[None, :, None]
    wrong = np.random.default_rng(seed).random((people, 10, 2)) < rate * (1 + np.arange(10))[None, :, None] / 10
    return np.where(wrong, (category + step) % 10, category)


def space() -> HumanSpace:
    rows = [(name, token) for name in CATEGORIES for token in (1, 2, 3, 4)]
    return HumanSpace(
        [f"{name} {token}" for name, token in rows],
        [name for name, _ in rows],
        np.array([token for _, token in rows]),
        np.zeros((40, 8)),
        None,
    )


def probabilities(right: float, step: int = 1) -> dict[str, np.ndarray]:
    """Certain of the eleventh class, which nobody was asked about; of the ten, the right one gets its share."""
    found = {}
    for place, name in enumerate(CATEGORIES):
        for token in (1, 2, 3, 4):
            row = np.zeros(11)
            row[10] = 0.9
            row[place] += 0.1 * right
            row[(place + step) % 10] += 0.1 * (1 - right)
            found[f"{name} {token}"] = row
    return found


COARSE = dict.fromkeys(CATEGORIES, "igneous") | {"Marble": "metamorphic"}


def test_the_model_names_the_same_photographs_among_the_same_ten() -> None:
    figures = naming_figures(namings(confused(8, 0.5, 0)), space(), probabilities(0.6), CLASSES, COARSE)
    igneous = figures["igneous"]
    assert igneous["model"]["accuracy"] == 1, "the eleventh class is no answer"
    assert igneous["model"]["photographs"] == 20, "new tokens only"
    assert igneous["model"]["low"] < 0.9
    assert igneous["people"]["people"] == 8
    assert igneous["people"]["trials"] == 160
    assert igneous["categories"].startswith("Andesite, Basalt")
    for other in ("metamorphic", "mixed"):
        assert figures[other] == {"note": "left out: the set does not have this condition's 10 categories"}


def test_a_photograph_that_is_missing_leaves_the_condition_out() -> None:
    known = probabilities(0.6)
    del known["Basalt 4"]
    figures = naming_figures(namings(confused(3, 0.5, 0)), space(), known, CLASSES, COARSE)
    assert figures["igneous"] == {"note": "left out: 19 of the 20 photographs that people named are there"}


def test_accuracies_and_whom_the_model_outdoes_by_hand() -> None:
    answers = np.broadcast_to(np.arange(10)[None, :, None], (4, 10, 2)).copy()
    answers[0, :10] = (answers[0, :10] + 1) % 10  # 0 of 20 right
    answers[1, :5] = (answers[1, :5] + 1) % 10  # 10 of 20
    answers[2, :2] = (answers[2, :2] + 1) % 10  # 16 of 20
    model = ModelNamings(np.repeat(np.arange(10), 2), np.tile(TOKENS, 10), np.eye(10)[np.repeat(np.arange(10), 2)])
    model.probabilities[:4] = np.eye(10)[9]  # 16 of 20
    figures = condition_figures(namings(answers), model)
    assert figures["people"]["accuracy"] == pytest.approx((0 + 10 + 16 + 20) / 80)
    assert figures["people"]["low"] < figures["people"]["accuracy"] < figures["people"]["high"]
    assert figures["model"]["accuracy"] == pytest.approx(0.8)
    assert figures["model"]["outdoes"] == pytest.approx((2 + 0.5) / 4)
    assert figures["chance"] == pytest.approx(0.1)


def test_a_confusion_matrix_holds_shares_of_its_rows() -> None:
    shares = people_confusion(namings(confused(50, 0.5, 1)))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[9, 0] > shares[0, 1], "the last categories are confused most"
    assert shares[0, 5] == 0


def test_the_same_mistakes_agree_and_others_do_not() -> None:
    trials = namings(confused(60, 0.6, 2))
    like = ModelNamings(
        np.repeat(np.arange(10), 2), np.tile(TOKENS, 10), np.repeat(people_confusion(trials), 2, axis=0)
    )
    found = agreement(trials, like)
    assert found["all"] == pytest.approx(1)
    assert found["off_diagonal"] == pytest.approx(1)
    assert found["off_diagonal_p"] < 0.01
    assert found["photographs"] > 0.8
    others = ModelNamings(like.category, like.token, np.roll(like.probabilities, 3, axis=1))
    assert agreement(trials, others)["off_diagonal"] < 0.1
    assert agreement(trials, others)["off_diagonal_p"] > 0.2
    sure = ModelNamings(like.category, like.token, np.eye(10)[like.category])
    assert agreement(trials, sure)["off_diagonal"] == 0, "no mistake agrees with none"
    assert agreement(trials, sure)["all"] > 0.5


def test_the_ceiling_rises_with_the_number_of_people_and_falls_to_0_for_guessing() -> None:
    few, many = (noise_ceiling(namings(confused(people, 0.5, 3))) for people in (4, 60))
    assert few < many < 1
    assert many > 0.95
    guessing = np.random.default_rng(4).integers(0, 10, (40, 10, 2))
    assert noise_ceiling(namings(guessing)) < 0.5
