"""Files of weights, read without running code."""

from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest


@dataclass(frozen=True)
class PretrainedWeights:
    """A state dict and where it came from."""

    state: dict[str, Tensor]
    source: str
    sha256: str


def read_weights(path: Path) -> PretrainedWeights:
    """Read safetensors, or a state dict that ``torch.save`` wrote.

    Raises:
        LithoscopeError: There is no such file, it is not readable, or it could run code.
    """
    if not path.is_file():
        raise LithoscopeError(f"model.weights = {path}: no such file; allowed: null, imagenet, or a file's full path")
    try:
        state = safetensors.torch.load_file(path) if path.suffix == ".safetensors" else load_safely(path)
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise LithoscopeError(f"model.weights = {path}: not readable: {error}") from None
    return PretrainedWeights(state, path.name, file_digest(path))


def load_safely(path: Path) -> dict[str, Tensor]:
    """Read a state dict that ``torch.save`` wrote, and nothing that could run code.

    Raises:
        LithoscopeError: It is no state dict.
        OSError: It cannot be read.
    """
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
