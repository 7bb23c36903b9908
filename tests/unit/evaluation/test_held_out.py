from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from lithoscope.config.network import ModelParameters
from lithoscope.evaluation.answers.limits import HeldOut, fit_limits
from lithoscope.evaluation.held_out import (
    JudgedPhotographs,
    fold_logits,
    held_out,
    is_untouched,
    plain_features,
    stands_for_the_model,
)
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.ensemble import Ensemble
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription
from lithoscope.models.temperature import tempered
from lithoscope.models.weights_file import PretrainedWeights
from lithoscope.training.discriminant_head import standardised_discriminant

REFIT = partial(standardised_discriminant, classes=3, shrinkage=0.5)


def photographs(n: int, seed: int, groups: list[str] | None = None) -> JudgedPhotographs:
    drawn = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    features = (2 * np.eye(3, 8)[labels] + drawn.normal(size=(n, 8))).astype(np.float32)
    middle = photographs_head()
    names = groups or [f"{seed}-{row}" for row in range(n)]
    return JudgedPhotographs(features, labels, names, (features @ middle[0].T + middle[1]).astype(np.float32))


def photographs_head() -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(99)
    labels = np.arange(300) % 3
    return REFIT(2 * np.eye(3, 8)[labels] + drawn.normal(size=(300, 8)), labels)


def predictor(members: int = 1) -> tuple[Predictor, PretrainedWeights]:
    torch.manual_seed(0)
    model = ModelParameters(
        name="cnn",
        weights=None,
        pooling="average",
        head="linear",
        dropout=0,
        stochastic_depth=0,
        members=members,
        views=2,
    )
    architecture = Architecture(model, 32, 3)
    networks = [build_classifier(architecture).eval() for _ in range(members)]
    description = ModelDescription(architecture, ["a", "b", "c"], True, "folder", False, None)
    state = {name: value.clone() for name, value in networks[0].state_dict().items()}
    return Predictor(networks[0] if members == 1 else Ensemble(networks), description), PretrainedWeights(
        state, "x", "y"
    )


def test_validation_photographs_alone_where_the_backbone_has_learnt_the_labels() -> None:
    validation = photographs(30, 1)
    found = held_out(photographs(60, 0), validation, 1.0, None, 3)
    assert found.source == "validation photographs"
    assert sorted(map(tuple, found.features)) == sorted(map(tuple, validation.features))


def test_folds_of_training_photographs_too_where_it_has_not() -> None:
    found = held_out(photographs(60, 0), photographs(30, 1), 1.0, REFIT, 3)
    assert found.source == "training photographs in 5 folds and validation photographs"
    assert len(found.labels) == 90
    alone = held_out(photographs(60, 0), photographs(0, 1), 1.0, REFIT, 3)
    assert alone.source == "training photographs in 5 folds"
    assert len(alone.labels) == 60


def test_duplicates_are_one_photograph() -> None:
    twice = [f"pair {row % 15}" for row in range(30)]  # 15 groups of two of a class
    validation = photographs(30, 1, twice)
    assert len(held_out(photographs(60, 0), validation, 1.0, None, 3).labels) == 15


def test_a_training_photograph_is_not_held_against_itself_and_its_duplicates() -> None:
    bursts = [f"specimen {row // 6}" for row in range(360)]  # six shots of each of 60 specimens
    specimens = photographs(60, 0)
    features = np.repeat(specimens.features, 6, axis=0)
    features += 0.05 * np.random.default_rng(1).normal(size=features.shape).astype(np.float32)
    labels, logits = np.repeat(specimens.labels, 6), np.repeat(specimens.logits, 6, axis=0)
    training, none = JudgedPhotographs(features, labels, bursts, logits), photographs(0, 1)
    apart = held_out(training, none, 1.0, REFIT, 3)
    assert rejected_of_new(apart, training) < 0.1
    assert rejected_of_new(replace(apart, own=None), training) > 0.5  # each finds its burst, as nothing new does


def rejected_of_new(known: HeldOut, training: JudgedPhotographs) -> float:
    limits = fit_limits(known, training.features, ["a", "b", "c"], {})
    new = photographs(900, 2)
    assert limits is not None
    return float((limits.familiarity(tempered(new.logits, 1.0), new.features) <= limits.familiar).mean())


def test_fold_answers_come_from_heads_that_saw_neither_the_photograph_nor_its_duplicates() -> None:
    training = photographs(60, 0)
    wrong = training.labels.copy()
    wrong[:6] = (wrong[:6] + 1) % 3  # the same picture twice under one wrong label: each would vouch for the other
    features = training.features.copy()
    features[3:6] = features[:3]
    pairs = [f"pair {row % 3}" if row < 6 else str(row) for row in range(60)]
    mixed = replace(training, labels=wrong, features=features, groups=pairs)
    apart = fold_logits(mixed, REFIT, 3)[:6].argmax(axis=1)
    assert (apart == wrong[:6]).mean() < 0.5
    assert (apart[:3] == apart[3:]).all()


def test_a_class_with_one_group_has_no_fold_answer() -> None:
    training = photographs(60, 0)
    groups = ["one" if label == 2 else str(row) for row, label in enumerate(training.labels)]
    found = fold_logits(replace(training, groups=groups), REFIT, 3)
    assert np.isnan(found[training.labels == 2]).all()
    assert np.isfinite(found[training.labels != 2]).all()


def test_a_head_of_another_kind_is_not_spoken_for_by_folds() -> None:
    training = photographs(60, 0)
    assert stands_for_the_model(training, REFIT)
    other = replace(training, logits=np.roll(training.logits, 1, axis=1))
    assert not stands_for_the_model(other, REFIT)
    assert held_out(other, photographs(30, 1), 1.0, REFIT, 3).source == "validation photographs"


def test_an_untouched_backbone_is_known_by_its_weights() -> None:
    model, weights = predictor()
    assert is_untouched(model, weights)
    assert not is_untouched(model, None)
    with torch.no_grad():
        next(model.network.parameters()).add_(1e-3)
    assert not is_untouched(model, weights)
    several, weights = predictor(members=2)
    assert not is_untouched(several, weights)


@pytest.mark.parametrize("members", [1, 2])
def test_features_are_what_the_head_sees_of_the_plain_view(members: int) -> None:
    model, _ = predictor(members)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model.network.embed(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(plain_features(model, images), expected, atol=1e-5)
    assert plain_features(model, images).shape[1] % members == 0
