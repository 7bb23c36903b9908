from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import Ensemble, Views, join_states, mean_log_probabilities, symmetry
from lithoscope.models.saved_model import ModelDescription, load_model, save_model

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture

PICTURES = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def network(seed: int) -> Classifier:
    return lively(plain_architecture("cnn", 32, 3, 0.5, members=2), seed)


def probabilities(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1)


def test_the_mean_is_that_of_probabilities_not_of_logits() -> None:
    sure, unsure = torch.tensor([[8.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    mean = mean_log_probabilities([sure, unsure])
    assert torch.allclose(mean.exp(), (probabilities(sure) + probabilities(unsure)) / 2)
    assert torch.allclose(mean.exp().sum(), torch.tensor(1.0))


def test_certainty_of_one_member_gives_no_infinity() -> None:
    mean = mean_log_probabilities([torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 0.0]])])
    assert torch.allclose(mean.exp(), torch.tensor([[0.75, 0.25]]))


@torch.no_grad()
def test_an_ensemble_saved_and_loaded_gives_the_mean_of_its_members(tmp_path: Path) -> None:
    members = [network(seed) for seed in (1, 2)]
    description = ModelDescription(
        plain_architecture("cnn", 32, 3, 0.5, members=2), ["a", "b", "c"], True, "folder", False, None
    )
    save_model(tmp_path, description, join_states([member.state_dict() for member in members]))
    loaded, again = load_model(tmp_path)
    assert again == description
    assert isinstance(loaded, Ensemble)
    separate = [probabilities(member(PICTURES)) for member in members]
    assert not torch.allclose(separate[0], separate[1], atol=0.01)
    assert torch.allclose(probabilities(loaded(PICTURES)), sum(separate, torch.zeros(3, 3)) / 2, atol=1e-6)
    side_by_side = torch.cat([member.embed(PICTURES) for member in members], dim=1)
    assert torch.allclose(loaded.embed(PICTURES), side_by_side, rtol=1e-3, atol=1e-4)


def test_one_network_is_saved_as_itself() -> None:
    state = network(1).state_dict()
    assert join_states([state]).keys() == state.keys()


def test_the_eight_symmetries_are_all_different_and_the_first_four_mirror_or_turn_upside_down() -> None:
    picture = torch.arange(9).view(1, 1, 3, 3)
    square = picture[0, 0].numpy()
    seen = [symmetry(picture, number)[0, 0].numpy() for number in range(8)]
    expected = [
        square,
        np.fliplr(square),
        np.rot90(square, 2),
        np.flipud(square),
        np.rot90(square, 1),
        np.rot90(square, 3),
        square.T,
        np.rot90(square.T, 2),
    ]
    for one, other in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({one.tobytes() for one in seen}) == 8


@torch.no_grad()
@pytest.mark.parametrize("views", [2, 8])
def test_views_are_averaged(views: int) -> None:
    one = network(1)
    separate = [probabilities(one(symmetry(PICTURES, number))) for number in range(views)]
    assert not torch.allclose(separate[0], separate[1], atol=1e-3)
    expected = torch.stack(separate).mean(dim=0)
    assert torch.allclose(probabilities(Views(one, views)(PICTURES)), expected, atol=1e-6)


@torch.no_grad()
def test_all_eight_views_make_it_the_same_how_a_photograph_was_held() -> None:
    model = Views(network(1), 8)
    assert torch.allclose(model(PICTURES), model(PICTURES.rot90(1, (2, 3))), atol=1e-4)
