"""How a network is adapted follows from how many training photographs a class has."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lithoscope.config.network import ModelParameters
from lithoscope.config.params import Parameters, validate_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.training.adapt import FEWEST_TO_TUNE, choose_adaptation
from lithoscope.training.fit import train
from unit.training.test_discriminant_head import ONLINE
from unit.training.test_fit import TRAIN, VAL, network

from helpers.made_up_settings import plain_architecture, training_settings

PRETRAINED = plain_architecture("timm/tf_efficientnet_lite0", 64, 2, weights="imagenet").model


def photographs(*counts: int, copies: int = 0) -> ArraySplit:
    labels = np.repeat(np.arange(len(counts)), counts)
    labels, numbers = np.tile(labels, 1 + copies), np.repeat(np.arange(1 + copies), len(labels))
    images = np.zeros((len(labels), 8, 8, 3), np.uint8)
    return ArraySplit(images, [str(row) for row in range(len(labels))], labels, numbers, [*"abcdefgh"][: len(counts)])


@pytest.mark.parametrize(
    ("counts", "way"),
    [
        ((FEWEST_TO_TUNE - 1,) * 3, "head"),
        ((FEWEST_TO_TUNE,) * 3, "tune"),
        ((11,) * 8, "head"),  # the OSF rocks: 12 less the validation
        ((20, 60, 60, 80, 30, 40, 130), "tune"),
        ((8, 8, 500), "head"),  # the median, not the mean
    ],
)
def test_few_photographs_a_class_get_a_head_and_many_tune(counts: tuple[int, ...], way: str) -> None:
    found = choose_adaptation("auto", PRETRAINED, photographs(*counts))
    assert found.way == way
    assert found.photographs == np.median(counts)
    assert found.line().startswith(f"adapt: {way}, since {np.median(counts):g} training photographs a class are ")
    assert found.line().endswith("; train.adapt decides otherwise")
    assert choose_adaptation("auto", PRETRAINED, photographs(*counts, copies=3)) == found, "copies are no photographs"


@pytest.mark.parametrize("way", ["head", "tune"])
def test_the_parameter_overrides_the_rule(way: str) -> None:
    for counts in ((5, 5), (500, 500)):
        found = choose_adaptation(way, PRETRAINED, photographs(*counts))  # type: ignore[arg-type]
        assert found.way == way
        assert found.line() == f"adapt: {way}, since train.adapt = {way}"


@pytest.mark.parametrize(
    ("changes", "counts", "reason"),
    [
        ({"weights": None}, (5, 5), "the network starts from scratch, so all of it trains"),
        ({"head": "mlp"}, (5, 5), "model.head = mlp has no closed form"),
        ({}, (5, 0, 5), "a class has no training photograph"),
    ],
)
def test_what_has_no_closed_form_is_tuned(changes: dict[str, str], counts: tuple[int, ...], reason: str) -> None:
    model: ModelParameters = PRETRAINED.model_copy(update=changes)
    found = choose_adaptation("auto", model, photographs(*counts))
    assert (found.way, found.reason) == ("tune", reason)
    given = training_settings(head_fit="discriminant", head_refit=True, frozen=0.5, norms="kept", adapt="auto")
    settings = found.apply(given)
    assert (settings.head_fit, settings.head_refit) == ("gradient", False)
    scratch = "weights" in changes
    assert (settings.frozen, settings.norms) == ((0.0, "batch") if scratch else (0.5, "kept"))
    assert found.summary()["instead"].items() <= settings.model_dump().items()


def test_a_head_leaves_the_network_as_it_came_and_learns_all_it_can_without_an_epoch(tmp_path: Path) -> None:
    settings = training_settings(lr=3e-3, epochs=5, ema=0.9, frozen=0.0, mixup=0.2, head_passes=2, head_refit=True)
    decided = choose_adaptation("head", PRETRAINED, TRAIN).apply(settings)
    fresh = network()
    start = {key: value.clone() for key, value in fresh.state_dict().items()}
    result = train(
        fresh, decided, TRAIN, VAL, ONLINE, checkpoints=tmp_path, on_epoch=lambda *_: None, progress_bar=False
    )
    changed = {key for key, value in result.state.items() if not torch.equal(value, start[key])}
    assert changed == {"head.1.weight", "head.1.bias"}
    (epoch,) = result.history
    assert epoch.val_accuracy is not None
    assert epoch.val_accuracy > 0.7


def test_tuning_goes_as_the_other_parameters_say() -> None:
    settings = training_settings(lr=3e-3, epochs=5, frozen=0.5, adapt="auto")
    decided = choose_adaptation("auto", PRETRAINED, photographs(90, 90)).apply(settings)
    assert decided == settings.changed(adapt="tune")


def test_a_head_alone_needs_a_pretrained_network_and_a_linear_head(params: Parameters) -> None:
    values = params.model_dump()
    for model in ({"name": "cnn", "weights": None}, {"head": "mlp"}):
        asked = {**values, "train": {**values["train"], "adapt": "head"}, "model": {**values["model"], **model}}
        with pytest.raises(LithoscopeError, match=r"train\.adapt = head: a linear head on .* or adapt: tune"):
            validate_parameters(asked, "params.yaml")


def test_parameters_from_before_there_was_a_choice_tune_as_they_say(params: Parameters) -> None:
    values = params.model_dump()
    for key in ("adapt", "cached_views"):
        del values["train"][key]
    past = validate_parameters(values, "params.yaml").train
    assert (past.adapt, past.cached_views) == ("tune", 0)
