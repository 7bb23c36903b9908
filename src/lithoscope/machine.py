"""What the machine offers, and how it is made to repeat itself."""

import os
import platform
from pathlib import Path

import torch

from lithoscope.errors import LithoscopeError
from lithoscope.randomness import integer_seed


def bf16_instructions() -> bool:
    """Say whether the processor multiplies bfloat16 in hardware (AVX512-BF16, AMX or Arm's BF16)."""
    if platform.system() != "Linux":
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def resolve_device(device: str) -> str:
    """Return ``cpu``, ``cuda`` or ``mps`` for the parameter ``device``.

    Raises:
        LithoscopeError: The device asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[device]:
        allowed = " | ".join([name for name, present in there.items() if present] + ["auto"])
        raise LithoscopeError(f"device = {device}: torch {torch.__version__} finds none here; allowed here: {allowed}")
    return device


def resolve_precision(precision: str, device: str) -> str:
    """Return ``fp32`` or ``bf16`` for the parameter ``precision`` on a resolved device."""
    if precision != "auto":
        return precision
    fast = torch.cuda.is_bf16_supported() if device == "cuda" else device == "cpu" and bf16_instructions()
    return "bf16" if fast else "fp32"


def make_repeatable(seed: int, threads: int) -> None:
    """Fix every source of chance torch has: its random state, its thread count, its choice of kernels."""
    # cuBLAS repeats itself only with a fixed workspace, and reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # By default this mode also fills every new tensor with NaN, to expose reads of memory nobody wrote. That takes
    # time at every step and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.manual_seed(integer_seed(seed, "weights"))
