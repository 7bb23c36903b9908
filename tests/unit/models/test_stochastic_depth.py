import pytest
import torch
from torchvision.ops import StochasticDepth

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.classifier import build_classifier
from lithoscope.models.stochastic_depth import SkippingNorm

from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow

PICTURES = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def rates(name: str, rate: float) -> list[float]:
    network = build_classifier(plain_architecture(name, 64, 3, 0.0, stochastic_depth=rate))
    places = {id(m): m for m in network.backbone.modules() if isinstance(m, StochasticDepth | SkippingNorm)}
    return [float(m.p) if isinstance(m, StochasticDepth) else m.rate for m in places.values()]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("resnet18", 8),
        ("resnet50", 16),
        ("mobilenet_v2", 10),
        ("mobilenet_v3_small", 6),
        ("mnasnet0_5", 10),
        ("regnet_x_400mf", 22),
        ("efficientnet_b0", 16),
        ("convnext_tiny", 18),
        ("swin_t", 12),
        ("vit_b_16", 12),
    ],
)
def test_the_rate_grows_by_equal_steps_up_to_the_deepest_block(name: str, blocks: int) -> None:
    assert rates(name, 0.4) == pytest.approx([0.4 * place / blocks for place in range(1, blocks + 1)])


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "convnext_tiny", "swin_t"])
def test_without_it_nothing_is_skipped_not_even_where_torchvision_does_so_by_default(name: str) -> None:
    assert not any(rates(name, 0.0))


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "regnet_x_400mf", "vit_b_16"]
)
def test_it_changes_training_alone_and_no_name_in_the_weights(name: str) -> None:
    torch.manual_seed(0)
    plain = build_classifier(plain_architecture(name, 64, 3, 0.0)).eval()
    network = build_classifier(plain_architecture(name, 64, 3, 0.0, stochastic_depth=0.9))
    network.load_state_dict(plain.state_dict())
    with torch.no_grad():
        assert torch.equal(network.eval()(PICTURES), plain(PICTURES))
        assert not torch.allclose(network.train()(PICTURES), plain.train()(PICTURES))


def test_a_skipped_branch_leaves_its_picture_as_it_came() -> None:
    norm = SkippingNorm(2, 0.5)
    torch.manual_seed(0)
    dropped = norm(torch.randn(64, 2, 3, 3)).flatten(1).eq(0).all(dim=1)
    assert 16 < int(dropped.sum()) < 48


@pytest.mark.parametrize("name", ["cnn", "squeezenet1_1", "vgg11", "densenet121"])
def test_a_family_without_residual_blocks_says_so(name: str) -> None:
    with pytest.raises(LithoscopeError, match=r"model.stochastic_depth = 0.1: .*no residual blocks.*allowed: 0"):
        build_classifier(plain_architecture(name, 64, 3, 0.0, stochastic_depth=0.1))
