import subprocess
import sys

import pytest
import torch
from torch import nn

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.classifier import Architecture, build_classifier, decay_groups, parameter_count

from helpers.made_up_settings import plain_architecture

MODULES = [
    "lithoscope.core.torchvision_compat",
    "lithoscope.data.loading.dataloader",
    "lithoscope.models.backbones",
    "lithoscope.models.predictor",
    "lithoscope.training.checkpoints",
    "lithoscope.training.phase",
    "lithoscope.evaluation.explanations.attribution",
    "lithoscope.serving.mlflow_model",
]
PHOTOGRAPHS = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def small(name: str, size: int = 64, classes: int = 3) -> Architecture:
    return plain_architecture(name, size, classes, 0.2)


def layers(head: nn.Module) -> list[str]:
    return [
        f"Linear {layer.in_features}-{layer.out_features}" if isinstance(layer, nn.Linear) else type(layer).__name__
        for layer in head.children()
    ]


def test_photographs_in_bytes_and_in_floats_give_the_same_logits() -> None:
    network = build_classifier(small("cnn")).eval()
    assert network(PHOTOGRAPHS).shape == (4, 3)
    assert torch.equal(network(PHOTOGRAPHS), network(PHOTOGRAPHS.float()))


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("cnn", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("googlenet", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("timm/tf_efficientnet_lite0", (0.5,) * 3, (0.5,) * 3),
    ],
)
def test_normalisation_is_part_of_the_network_and_not_of_its_weights(
    name: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    network = build_classifier(small(name)).eval()
    assert not {"mean", "std"} & set(network.state_dict())
    seen = network.normalised(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    assert torch.allclose(seen[0, :, 0, 0], (1 - torch.tensor(mean)) / torch.tensor(std))


@pytest.mark.parametrize("name", ["cnn", "mobilenet_v2", "resnet18", "timm/tf_efficientnet_lite0"])
def test_the_blocks_in_turn_are_the_whole_network(name: str) -> None:
    network = build_classifier(small(name)).eval()
    count = len(network.blocks())
    halfway = network.run_blocks(network.normalised(PHOTOGRAPHS), 0, count // 2)
    assert network.divides(count // 2)
    features = network.features(halfway, count // 2)
    assert torch.equal(network.embed(PHOTOGRAPHS), features)
    assert torch.equal(network(PHOTOGRAPHS), network.head(features))


def test_every_parameter_is_in_a_block_or_in_the_head() -> None:
    network = build_classifier(small("shufflenet_v2_x0_5"))
    assert parameter_count(network) == sum(map(parameter_count, [*network.blocks(), network.head]))


@pytest.mark.parametrize("pooling", ["maximum", "both", "texture"])
def test_a_family_that_pools_itself_takes_no_other_pooling(pooling: str) -> None:
    with pytest.raises(LithoscopeError, match=rf"model.pooling = {pooling}: .*vit_b_16.*allowed: average") as caught:
        build_classifier(plain_architecture("vit_b_16", 32, 3, 0.0, pooling=pooling))
    assert "\n" not in str(caught.value)


def test_the_heads_are_those_that_the_parameters_promise() -> None:
    expected = {
        "linear": ["Dropout", "Linear 192-3"],
        "batchnorm": ["_HeadBatchNorm", "Dropout", "Linear 192-3"],
        "mlp": ["Linear 192-512", "ReLU", "Dropout", "Linear 512-128", "ReLU", "Dropout", "Linear 128-3"],
    }
    for head, names in expected.items():
        network = build_classifier(plain_architecture("cnn", 32, 3, 0.4, head=head))
        assert layers(network.head) == names
        assert {layer.p for layer in network.head if isinstance(layer, nn.Dropout)} == {0.4}
        network(PHOTOGRAPHS).sum().backward()


def test_a_batch_of_one_has_no_spread_for_the_batch_norm_of_the_head() -> None:
    network = build_classifier(plain_architecture("cnn", 32, 3, 0.4, head="batchnorm"))
    with pytest.raises(LithoscopeError, match="raise batch_size to 2"):
        network(PHOTOGRAPHS[:1])
    assert network.eval()(PHOTOGRAPHS[:1]).shape == (1, 3)


@pytest.mark.parametrize(("name", "size"), [("alexnet", 32), ("vit_b_16", 100)])
def test_a_picture_size_that_the_network_does_not_take_is_refused_in_a_line(name: str, size: int) -> None:
    with pytest.raises(LithoscopeError, match=f"image_size = {size}.*224") as caught:
        build_classifier(plain_architecture(name, size, 3, 0.0))
    assert "\n" not in str(caught.value)


def test_weight_decay_spares_norms_and_biases() -> None:
    decayed, spared = decay_groups([build_classifier(small("cnn"))], 0.1)
    assert decayed["weight_decay"] == 0.1
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert spared["weight_decay"] == 0.0
    assert all(parameter.ndim == 1 for parameter in spared["params"])
    assert len(spared["params"]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_each_module_can_be_the_first_that_is_imported(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}, torchvision"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_texture_gathers_late_maps_and_needs_the_blocks_up_to_the_first_of_them_alone() -> None:
    network = build_classifier(plain_architecture("mobilenet_v2", 64, 3, 0.0, pooling="texture")).eval()
    assert network.gathered == [13, 16, 17, 18]
    features = network.embed(PHOTOGRAPHS)
    assert features.shape == (4, 96 + 160 + 320 + 1280 + 96 * 97 // 2)
    for start in (1, 13, 14):
        assert network.divides(start)
        maps = network.run_blocks(network.normalised(PHOTOGRAPHS), 0, start)
        assert torch.equal(network.features(maps, start), features)
    assert not network.divides(15)
    last = network.run_blocks(network.normalised(PHOTOGRAPHS), 0, 19)
    torch.testing.assert_close(features[:, 576 : 576 + 1280], last.mean(dim=(2, 3)))


def test_texture_is_refused_where_blocks_keep_their_channels_last() -> None:
    with pytest.raises(LithoscopeError, match=r"model.pooling = texture: .*swin_t.*allowed: average, maximum, both"):
        build_classifier(plain_architecture("swin_t", 64, 3, 0.0, pooling="texture"))
