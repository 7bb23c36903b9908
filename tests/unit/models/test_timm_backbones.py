import pytest
import torch
from torch import Tensor, nn

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.classifier import Classifier, build_classifier, parameter_count
from lithoscope.models.timm_backbones import SelfPooling, configuration, is_row, timm_network
from lithoscope.training.optim import parameter_groups

from helpers.made_up_settings import plain_architecture

# isort: split
from timm.layers.drop import DropPath  # after what lets torchvision be imported

LITE, ATTO, TINY, SMALL = (
    f"timm/{name}" for name in ("tf_efficientnet_lite0", "test_convnext", "test_vit", "mobilenetv3_small_050")
)
ROWS = (LITE, "timm/test_resnet", "timm/test_byobnet")
SELF_POOLING = (ATTO, TINY, SMALL)
SIDE = 64
PICTURES = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def built(name: str, pooling: str = "average", state: dict[str, Tensor] | None = None, **more: float) -> Classifier:
    torch.manual_seed(0)
    return build_classifier(plain_architecture(name, SIDE, 3, pooling=pooling, **more), state)


def noise(name: str) -> dict[str, Tensor]:
    """A state dict under timm's names in which no value is the one that layers begin with."""
    torch.manual_seed(1)
    network = timm_network(name, SIDE, 0.0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(torch.randn(8, 3, SIDE, SIDE))
    return network.state_dict()


@pytest.mark.parametrize("name", [*ROWS, *SELF_POOLING])
def test_features_are_what_timm_itself_gives_its_classifier(name: str) -> None:
    state = noise(name)
    network = built(name, state=state).eval()
    whole = timm_network(name, SIDE, 0.0, state).eval()
    assert isinstance(network.backbone, SelfPooling) == (name in SELF_POOLING)
    with torch.no_grad():
        seen = network.normalised(PICTURES)
        expected = whole.forward_head(whole.forward_features(seen), pre_logits=True)  # type: ignore[operator]
        ours = network.embed(PICTURES)
    assert expected.std(dim=0).max() > 1e-4
    assert torch.allclose(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*ROWS, *SELF_POOLING])
def test_every_parameter_is_in_one_block_or_in_the_head_and_blocks_can_be_frozen(name: str) -> None:
    network = built(name)
    assert parameter_count(network) == sum(map(parameter_count, [*network.blocks(), network.head]))
    blocks = network.blocks()
    for block in blocks[:-1]:
        block.requires_grad_(False)
    network(torch.cat([PICTURES, PICTURES])).sum().backward()
    first, last = (list(blocks[place].parameters()) for place in (0, -1))
    assert all(parameter.grad is None for parameter in first)
    assert any(parameter.grad is not None for parameter in last)


def test_a_block_of_lite0_is_what_timm_counts_as_a_layer() -> None:
    network = built(LITE)
    kinds = [type(block).__name__ for block in network.blocks()]
    assert kinds.count("InvertedResidual") == 14
    assert len(kinds) == 18
    assert network.widths[-3:] == [192, 320, 1280]
    texture = built(LITE, "texture")
    assert [texture.widths[place] for place in texture.gathered] == [112, 192, 320, 1280]


@pytest.mark.parametrize("name", [LITE, TINY])
def test_deeper_layers_learn_faster_where_layer_decay_says_so(name: str) -> None:
    network = built(name)
    groups = parameter_groups(network, 1.0, 0.0, 0.5)
    rate = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    depth = len(network.blocks())
    for place, block in enumerate(network.blocks()):
        assert {rate[id(parameter)] for parameter in block.parameters()} == {0.5 ** (depth - place)}


@pytest.mark.parametrize("name", [LITE, ATTO])
def test_stochastic_depth_is_timms_own_and_changes_no_name(name: str) -> None:
    plain, dropping = built(name), built(name, stochastic_depth=0.3)
    assert plain.state_dict().keys() == dropping.state_dict().keys()
    rates = [module.drop_prob for module in dropping.modules() if isinstance(module, DropPath)]
    assert all(rate <= 0.3 + 1e-6 for rate in rates)
    assert rates


def test_a_network_without_branches_takes_no_stochastic_depth() -> None:
    with pytest.raises(LithoscopeError, match=r"model.stochastic_depth = 0.3: not possible .*ghostnet_050.*allowed: 0"):
        built("timm/ghostnet_050", stochastic_depth=0.3)


@pytest.mark.parametrize(("pooling"), ["both", "texture"])
def test_a_network_that_pools_by_itself_takes_no_other_pooling(pooling: str) -> None:
    with pytest.raises(LithoscopeError, match=rf"model.pooling = {pooling}: .*test_convnext pools by itself"):
        built(ATTO, pooling)


@pytest.mark.parametrize("name", ["timm/no_such_network", "timm/resnet18.no_such_tag"])
def test_an_unknown_name_is_one_line(name: str) -> None:
    with pytest.raises(LithoscopeError, match=r"model.name = timm/.*`lithoscope models` lists names") as caught:
        configuration(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["missing", "another shape", "another network"])
def test_weights_that_do_not_fit_are_one_line(change: str) -> None:
    state = noise(LITE)
    if change == "missing":
        del state["conv_stem.weight"]
    elif change == "another shape":
        state["conv_stem.weight"] = torch.zeros(1)
    else:
        state = noise("timm/test_resnet")
    with pytest.raises(LithoscopeError, match=r"weights do not fit model.name = timm/tf_efficientnet_lite0") as caught:
        built(LITE, state=state)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 320


def test_whether_a_network_is_a_row_does_not_depend_on_its_weights_or_change_the_random_state() -> None:
    is_row.cache_clear()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    assert is_row("timm/test_resnet")
    assert torch.equal(torch.rand(1), expected)


def test_places_of_a_vision_transformer_are_resampled_for_another_image_size() -> None:
    torch.manual_seed(1)
    state = timm_network(TINY, 224, 0.0).state_dict()
    network = built(TINY, state=state).eval()
    assert network(PICTURES).isfinite().all()
    assert network.backbone.network.pos_embed.shape[1] == (SIDE // 16) ** 2 + 1  # type: ignore[union-attr, index]


def test_a_batch_norm_in_a_frozen_group_can_be_kept_in_evaluation() -> None:
    network = built(SMALL)
    for block in network.train().blocks():
        block.eval()
    norms = [module for module in network.backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert not any(module.training for module in norms)
