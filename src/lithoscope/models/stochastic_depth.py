"""Stochastic depth: in training, each residual block is skipped for some of the pictures, the deepest most often.

Source: Huang et al., Deep Networks with Stochastic Depth, ECCV 2016, with the linear rule of its equation 4: block l of
L is skipped with probability ``rate · l / L``. A branch that is kept is scaled up by 1 / (1 - p), so nothing changes in
evaluation.
"""

from torch import Tensor, nn
from torchvision.models.mnasnet import _InvertedResidual as MnasBlock
from torchvision.models.mobilenetv2 import InvertedResidual as MobileBlockV2
from torchvision.models.mobilenetv3 import InvertedResidual as MobileBlockV3
from torchvision.models.regnet import ResBottleneckBlock
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.vision_transformer import EncoderBlock
from torchvision.ops import StochasticDepth, stochastic_depth

from lithoscope.core.errors import LithoscopeError


class SkippingNorm(nn.BatchNorm2d):
    """The last batch norm of a residual branch, which drops the branch for some pictures; same state as the plain one.

    A ResNet block adds its shortcut in its own ``forward``, so that the branch can only be dropped at its last layer.
    """

    def __init__(self, channels: int, rate: float) -> None:
        super().__init__(channels)
        self.rate = rate

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """Normalise (n, channels, h, w), then zero the pictures that are drawn."""
        normed = super().forward(input)
        dropped: Tensor = stochastic_depth(normed, self.rate, "row", self.training)
        return dropped


def set_stochastic_depth(network: nn.Module, rate: float, name: str) -> None:
    """Give a torchvision classifier with fresh weights stochastic depth, or take away what it has where rate is 0.

    Args:
        network: Changed in place; the names in its state dict stay the same.
        rate: Probability with which the deepest residual block is skipped, 0 … 1.
        name: The model's, for the error.

    Raises:
        LithoscopeError: The family has no residual blocks.
    """
    own = [module for module in network.modules() if isinstance(module, StochasticDepth)]
    for place, module in enumerate(own, 1):
        module.p = rate * place / len(own)
    if own or rate == 0:
        return
    blocks = [module for module in network.modules() if _is_residual(module)]
    if not blocks:
        raise LithoscopeError(
            f"model.stochastic_depth = {rate}: model.name = {name} has no residual blocks to skip; allowed: 0, or a "
            "family that has them, such as ResNet, MobileNet, EfficientNet, ConvNeXt, Swin, ViT"
        )
    for place, block in enumerate(blocks, 1):
        _skip(block, rate * place / len(blocks))


def _is_residual(module: nn.Module) -> bool:
    if isinstance(module, MobileBlockV2 | MobileBlockV3):
        return bool(module.use_res_connect)
    if isinstance(module, MnasBlock):
        return bool(module.apply_residual)
    return isinstance(module, BasicBlock | Bottleneck | ResBottleneckBlock | EncoderBlock)


def _skip(block: nn.Module, rate: float) -> None:
    drop = StochasticDepth(rate, "row")
    if isinstance(block, BasicBlock):
        block.add_module("bn2", SkippingNorm(block.conv2.out_channels, rate))
    elif isinstance(block, Bottleneck):
        block.add_module("bn3", SkippingNorm(block.conv3.out_channels, rate))
    elif isinstance(block, EncoderBlock):  # two residual branches
        block.add_module("dropout", nn.Sequential(block.dropout, drop))
        block.mlp.append(drop)
    elif isinstance(block, MobileBlockV2):
        block.conv.append(drop)
    elif isinstance(block, MobileBlockV3):
        block.block.append(drop)
    elif isinstance(block, MnasBlock):
        block.layers.append(drop)
    elif isinstance(block, ResBottleneckBlock):
        block.f.append(drop)
