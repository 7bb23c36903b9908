"""timm's classifiers as backbones: blocks in a row where they are that, else a network that pools by itself.

Source: Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861. Which layers make a block, how deep each lies, how
branches are dropped and what a network's features are, all follow from timm's own interface.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from lithoscope.core.errors import LithoscopeError

PREFIX = "timm/"
"""What stands before timm's name in ``model.name``."""
_TOLERANCE = 1e-6  # relative, in double precision: two ways of computing the same
_SIDE = 96  # pixels of what is tried; the smallest that every family without a size of its own takes


def is_timm(name: str) -> bool:
    """Return whether ``model.name`` is that of a network of timm."""
    return name.startswith(PREFIX)


@cache
def configuration(name: str) -> Any:
    """Return timm's own ``PretrainedCfg`` of ``timm/NAME``: normalisation, input size, where its weights are.

    Raises:
        LithoscopeError: timm does not know the network, or these weights of it.
    """
    from timm.models import get_pretrained_cfg

    try:
        found = get_pretrained_cfg(name.removeprefix(PREFIX), allow_unregistered=False)
    except RuntimeError as error:
        raise LithoscopeError(f"model.name = {name}: {error}; `lithoscope models` lists names") from None
    if found is None:
        raise LithoscopeError(f"model.name = {name}: unknown to timm; `lithoscope models` lists names")
    return found


def timm_normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of red, green and blue (0 … 1) that a network's weights expect."""
    known = configuration(name)
    return tuple(known.mean), tuple(known.std)


def timm_network(
    name: str, image_size: int, stochastic_depth: float, state: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """Build a whole classifier, with fresh weights from torch's global random state or with those of a state dict.

    Args:
        name: ``timm/NAME``.
        image_size: Side of the square input, pixels; places that were learnt at another one are resampled by timm.
        stochastic_depth: timm's ``drop_path_rate``.
        state: Of the same network with its ImageNet classifier, under timm's names; all of it must fit.

    Raises:
        LithoscopeError: The image size, the stochastic depth or the state dict does not fit.
    """
    import timm

    known = configuration(name)
    options: dict[str, Any] = {"img_size": image_size} if known.fixed_input_size else {}
    if stochastic_depth:
        options["drop_path_rate"] = stochastic_depth
    if state is not None:
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": dict(state)}}
    try:
        network: nn.Module = timm.create_model(name.removeprefix(PREFIX), **options)
    except TypeError:
        raise LithoscopeError(
            f"model.stochastic_depth = {stochastic_depth}: not possible for model.name = {name}; allowed: 0"
        ) from None
    except (ValueError, AssertionError) as error:
        raise LithoscopeError(
            f"image_size = {image_size}: not accepted by model.name = {name} ({_line(error)}); "
            f"{known.input_size[-1]} is"
        ) from None
    except (RuntimeError, KeyError) as error:
        raise LithoscopeError(f"model.weights: these weights do not fit model.name = {name}: {_line(error)}") from None
    vars(network).get("pretrained_cfg", {}).pop("state_dict", None)  # its copies would be copied with the network
    return network


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[1:2] or lines)
    return text if len(text) <= 200 else text[:199] + "…"


class SelfPooling(nn.Module):
    """A network whose features are not the plain mean of maps that blocks hand on in a row.

    Among them ViT and SigLIP, whose tokens are pooled, ConvNeXt, which normalises the mean, and MobileNetV3, which
    widens it. From normalised photographs (n, 3, side, side) to vectors (n, features).
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        network.reset_classifier(0)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return what the network's own classifier would take."""
        features: Tensor = self.network.forward_head(self.network.forward_features(images), pre_logits=True)
        return features

    def outputs(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the maps (n, channels, h, w) that timm calls intermediate, input to output, then the vectors."""
        last, maps = self.network.forward_intermediates(images)
        yield from maps
        yield self.network.forward_head(last, pre_logits=True)

    def blocks(self) -> list[nn.Module]:
        """Return its layers as timm groups them by depth, to be frozen and tuned, not to be run."""
        groups: dict[float, nn.Module] = {}
        for depth, name, part in _parts(self.network):
            group = groups.setdefault(depth, nn.Module())
            label = name.replace(".", "_")
            if isinstance(part, nn.Parameter):
                group.register_parameter(label, part)
            else:
                group.add_module(label, part)
        return [groups[depth] for depth in sorted(groups)]


def timm_backbone(network: nn.Module, name: str) -> nn.Sequential | SelfPooling:
    """Cut a classifier into blocks, or leave it whole where it is no row of blocks whose last maps are averaged.

    Args:
        network: Of :func:`timm_network`; its classifier is left away.
        name: ``timm/NAME``.
    """
    return _row(network) if is_row(name) else SelfPooling(network)


@cache
def is_row(name: str) -> bool:
    """Return whether the features of ``timm/NAME`` are the mean of the maps that its blocks, run in turn, end with.

    It is tried on a network whose values are all noise: the answer must not depend on what a network has learnt.
    """
    known = configuration(name)
    side = known.input_size[-1] if known.fixed_input_size else _SIDE
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: Any = timm_network(name, side, 0.0).eval().double()
        images = torch.randn(2, 3, side, side, dtype=torch.float64)
        with torch.no_grad():
            for parameter in network.parameters():  # some begin as 0 and would hide the branch that they scale
                parameter += 0.02 * torch.randn_like(parameter)
            for module in network.modules():  # by the batch, or the signal would fade or saturate on its way
                module.train(isinstance(module, nn.modules.batchnorm._BatchNorm))
            expected = network.forward_head(network.forward_features(images), pre_logits=True)
            try:
                for block in _row(network):
                    images = block(images)
                    if images.ndim != 4:
                        return False
                distance = (images.mean(dim=(2, 3)) - expected).norm()
            except (RuntimeError, TypeError, NotImplementedError, ValueError):  # no row: blocks don't fit one another
                return False
    return bool(distance <= _TOLERANCE * expected.norm())


def _row(network: nn.Module) -> nn.Sequential:
    blocks: list[list[nn.Module]] = []
    before = None
    for depth, name, part in _parts(network, loose=True):
        if isinstance(part, nn.Parameter):
            raise ValueError("a parameter of no layer")
        place = depth, name.count(".")  # what timm counts to the last layer, such as a wider convolution, stands alone
        if depth is not None and place != before:
            blocks.append([])
            before = place
        if not blocks:
            blocks.append([])
        blocks[-1].append(part)
    return nn.Sequential(*(nn.Sequential(*block) if len(block) > 1 else block[0] for block in blocks))


def _parts(network: Any, *, loose: bool = False) -> Iterator[tuple[Any, str, Any]]:
    """Yield depth, name, and each largest layer or single parameter that lies at one depth, up to the pooling.

    Args:
        network: A whole classifier of timm.
        loose: With layers that have no parameters, at depth None.
    """
    from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
    from timm.models import group_parameters

    depths = group_parameters(network, network.group_matcher(coarse=False), reverse=True)

    def visit(module: nn.Module, prefix: str) -> Iterator[tuple[Any, str, Any]]:
        for name, parameter in module.named_parameters(recurse=False):
            yield depths[prefix + name], prefix + name, parameter
        for name, child in module.named_children():
            path, pools = prefix + name, any(isinstance(part, SelectAdaptivePool2d) for part in child.modules())
            if loose and not prefix and pools:
                return
            found = {depths[f"{path}.{each}"] for each, _ in child.named_parameters()}
            if len(found) == 1:
                yield found.pop(), path, child
            elif found:
                yield from visit(child, path + ".")
            elif loose:
                yield None, path, child

    return visit(network, "")
