import pytest
import torch
from torch import Tensor, nn

from lithoscope.config.network import WELL_KNOWN_MODELS
from lithoscope.models.backbones import backbone_blocks, torchvision_network
from lithoscope.models.classifier import build_classifier, decay_groups

from helpers.lively_networks import settle
from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow

PICTURES = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
OTHER_FAMILIES = (
    "alexnet",
    "densenet121",
    "googlenet",
    "mnasnet0_5",
    "regnet_x_400mf",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_v2_t",
    "vgg11_bn",
)


@pytest.mark.parametrize("name", [*WELL_KNOWN_MODELS, *OTHER_FAMILIES])
def test_every_network_takes_a_training_step_from_scratch(name: str) -> None:
    torch.manual_seed(0)
    network = build_classifier(plain_architecture(name, 64, 3, 0.2))
    ends = [next(p for p in part.parameters() if p.ndim > 1) for part in (network.blocks()[0], network.head)]
    before = [weights.detach().clone() for weights in ends]
    optimiser = torch.optim.SGD(decay_groups([network], 0.1), lr=0.1)
    logits = network(PICTURES)
    assert logits.shape == (2, 3)
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([0, 2])))
    optimiser.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, ends, strict=True))
    assert network.eval()(PICTURES).isfinite().all()


def trunk(network: nn.Module, images: Tensor) -> Tensor:
    """What torchvision's own forward hands to its last layer."""
    for name in ("fc", "classifier", "head", "heads"):
        if hasattr(network, name):
            setattr(network, name, nn.Identity())
    features: Tensor = network(images)
    return features


@pytest.mark.parametrize(
    "name",
    [
        "densenet121",
        "efficientnet_b0",
        "googlenet",
        "mnasnet0_5",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "regnet_x_400mf",
        "resnet18",
        "shufflenet_v2_x0_5",
        "swin_t",
        "vit_b_16",
    ],
)
def test_the_blocks_and_average_pooling_give_what_torchvision_gives_its_last_layer(name: str) -> None:
    torch.manual_seed(0)
    network = torchvision_network(name, 64, 0.0)
    settle(network, 64)
    classifier = build_classifier(plain_architecture(name, 64, 3, 0.0), network.state_dict()).eval()
    with torch.no_grad():
        ours = classifier.embed(PICTURES)
        assert ours.std(dim=0).max() > 1e-3
        assert torch.allclose(ours, trunk(network, classifier.normalised(PICTURES)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kind", "count", "more"),
    [
        ("mobilenet_v2", "InvertedResidual", 17, 2),
        ("resnet18", "BasicBlock", 8, 1),
        ("resnet50", "Bottleneck", 16, 1),
        ("efficientnet_b0", "MBConv", 16, 2),
        ("convnext_tiny", "CNBlock", 18, 5),
        ("vit_b_16", "EncoderBlock", 12, 2),
        ("swin_t", "SwinTransformerBlock", 12, 5),
        ("densenet121", "_DenseBlock", 3, 5),
    ],
)
def test_a_block_is_a_residual_block_and_the_stem_is_one(name: str, kind: str, count: int, more: int) -> None:
    with torch.device("meta"):
        blocks = backbone_blocks(torchvision_network(name, 64, 0.0))
    assert [type(block).__name__ for block in blocks].count(kind) == count
    assert len(blocks) == count + more
    assert all(any(True for _ in block.parameters()) for block in blocks)
