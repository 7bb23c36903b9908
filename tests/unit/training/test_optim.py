import itertools

import pytest
import torch
from torch import nn

from lithoscope.config.params import Optimizer, Schedule
from lithoscope.models.classifier import build_classifier
from lithoscope.models.frozen_features import freeze, frozen_blocks
from lithoscope.training.optim import (
    build_optimizer,
    build_plateau,
    build_schedule,
    learning_rate_factor,
    parameter_groups,
)

from helpers.made_up_settings import plain_architecture


def rates(schedule: Schedule, steps: int, warmup_steps: int = 0, optimizer: Optimizer = "sgd") -> list[float]:
    weights = nn.Parameter(torch.zeros(2, 2))
    built = build_optimizer(optimizer, [{"params": [weights], "lr": 1.0, "weight_decay": 0.0}])
    scheduler = build_schedule(schedule, built, steps=steps, warmup_steps=warmup_steps)
    found = []
    for _ in range(steps):
        found.append(built.param_groups[0]["lr"])
        built.step()
        scheduler.step()
    return found


def test_the_learning_rate_warms_up_and_falls_to_nothing() -> None:
    factors = [learning_rate_factor(step, steps=100, warmup_steps=10, schedule="cosine") for step in range(101)]
    assert factors[0] < factors[5] < factors[10] == 1.0
    assert all(before >= after for before, after in itertools.pairwise(factors[10:]))
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)
    assert learning_rate_factor(90, steps=100, warmup_steps=10, schedule="constant") == 1.0


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
def test_every_schedule_warms_up_in_equal_steps(schedule: Schedule) -> None:
    assert rates(schedule, 20, warmup_steps=4)[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates(schedule, 20)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_one_cycle_rises_in_three_tenths_and_falls_to_almost_nothing(optimizer: Optimizer) -> None:
    found = rates("one-cycle", 100, optimizer=optimizer)
    assert found[0] == pytest.approx(1 / 25)
    assert found.index(max(found)) in (29, 30)
    assert max(found) == pytest.approx(1.0, abs=1e-3)
    assert found[-1] < 1e-3


def test_a_plateau_lowers_every_rate_once_the_loss_has_stalled_for_more_than_three_epochs() -> None:
    weights = [nn.Parameter(torch.zeros(2, 2)) for _ in range(2)]
    groups = [{"params": [one], "lr": lr, "weight_decay": 0.0} for one, lr in zip(weights, (1.0, 0.5), strict=True)]
    optimizer = build_optimizer("adamw", groups)
    plateau = build_plateau(optimizer)
    for _ in range(4):
        plateau.step(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.5]
    plateau.step(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.05])


def test_deeper_blocks_learn_faster_and_the_head_fastest() -> None:
    network = build_classifier(plain_architecture("mobilenet_v2", 32, 3, 0.2))
    blocks = network.blocks()
    groups = parameter_groups(network, 0.1, 0.01, layer_decay=0.5)
    rate = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert len(rate) == sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    assert {rate[id(parameter)] for parameter in network.head.parameters()} == {0.1}
    for number, block in enumerate(blocks):
        for parameter in block.parameters():
            assert rate[id(parameter)] == pytest.approx(0.1 * 0.5 ** (len(blocks) - number))
    assert groups[0]["lr"] == 0.1, "the first group's rate is the one that the history shows"


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_weight_decay_spares_norms_and_biases(layer_decay: float) -> None:
    network = build_classifier(plain_architecture("cnn", 32, 3, 0.2))
    for group in parameter_groups(network, 0.1, 0.01, layer_decay):
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.01 if parameter.ndim > 1 else 0.0)


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_frozen_blocks_are_in_no_group(layer_decay: float) -> None:
    network = build_classifier(plain_architecture("cnn", 32, 3, 0.2))
    freeze(network, len(network.blocks()))
    groups = parameter_groups(network, 0.1, 0.01, layer_decay)
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in network.head.parameters()}


def test_a_share_of_blocks_is_the_nearest_number_and_at_least_one() -> None:
    assert [frozen_blocks(share, 9) for share in (0.0, 0.01, 0.5, 0.6, 1.0)] == [0, 1, 5, 5, 9]
