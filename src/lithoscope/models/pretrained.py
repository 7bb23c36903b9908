"""Pretrained weights: fetched, or read from a file, without running code."""

import hashlib
import http.client
import pickle  # only for the name of the error that torch raises
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor
from torchvision.models import get_model_weights  # type: ignore[attr-defined]

from lithoscope.core.errors import LithoscopeError

TIMEOUT = 30.0
"""Seconds of silence after which a server counts as gone; torch.hub itself would wait for ever."""


@dataclass(frozen=True)
class PretrainedWeights:
    """A state dict and where it came from."""

    state: dict[str, Tensor]
    source: str
    sha256: str


def load_pretrained(name: str, weights: str | None) -> PretrainedWeights | None:
    """Fetch what ``model.weights`` asks for.

    Args:
        name: ``model.name``.
        weights: ``None`` for fresh weights, ``imagenet`` for torchvision's own (downloaded once, checked by its
            hash), else a file: safetensors, a trained model's own ``model.safetensors`` among them, or a state dict
            that ``torch.save`` wrote.

    Raises:
        LithoscopeError: There are none for this model, the file cannot be read, or the network cannot be reached.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        return _imagenet(name)
    path = Path(weights).expanduser()
    if not path.is_file():
        raise LithoscopeError(
            f"model.weights = {weights}: no such file; allowed: null, imagenet, or a file's full path"
        )
    try:
        state = safetensors.torch.load_file(path) if path.suffix == ".safetensors" else _load_safely(path)
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise LithoscopeError(f"model.weights = {weights}: not readable: {error}") from None
    return PretrainedWeights(state, path.name, _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_safely(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # a file that is no torch file at all can raise anything
        raise LithoscopeError(
            f"model.weights = {path}: holds more than plain tensors, or is no torch file, and is not loaded since it "
            "could run code; save a state dict: torch.save(model.state_dict(), file)"
        ) from None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise LithoscopeError(f"model.weights = {path}: must hold a state dict, tensors by name")
    return state


@contextmanager
def _impatience() -> Iterator[None]:
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
    if cached.is_file() and not _digest(cached).startswith(cached.stem.rpartition("-")[2]):
        raise LithoscopeError(f"model.weights = imagenet: {cached} is damaged: remove it, and it is downloaded anew")
    otherwise = "download the file elsewhere and give its full path as model.weights"
    try:
        with _impatience():
            state = choice.get_state_dict(progress=sys.stderr.isatty(), check_hash=True, weights_only=True)
    except pickle.UnpicklingError:
        raise LithoscopeError(f"model.weights = imagenet: {cached} holds more than plain tensors: remove it") from None
    except (OSError, http.client.HTTPException) as error:  # URLError and a timeout are OSErrors
        raise LithoscopeError(
            f"model.weights = imagenet: {choice.url} could not be fetched ({error}); check the network, or {otherwise}"
        ) from None
    except RuntimeError as error:  # a download that broke off, or was changed on its way
        raise LithoscopeError(
            f"model.weights = imagenet: what {choice.url} gave is not whole or not the original ({error}); try again, "
            f"or {otherwise}"
        ) from None
    return PretrainedWeights(dict(state), f"torchvision {choice}", _digest(cached))
