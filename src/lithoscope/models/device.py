"""Device, precision and determinism."""

import ctypes
import os
import platform
from pathlib import Path
from typing import Literal

import torch

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import integer_seed

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16"]


def bf16_instructions() -> bool:
    """Say whether the processor multiplies bfloat16 in hardware (AVX512-BF16, AMX or Arm's BF16)."""
    if platform.system() != "Linux":
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def resolve_device(device: str) -> Device:
    """Return ``cpu``, ``cuda`` or ``mps`` for the parameter ``device``.

    Raises:
        LithoscopeError: The device asked for is not there.
    """
    devices: dict[str, Device] = {}
    if torch.cuda.is_available():
        devices["cuda"] = "cuda"
    if torch.backends.mps.is_available():
        devices["mps"] = "mps"
    devices["cpu"] = "cpu"
    if device == "auto":
        return next(iter(devices.values()))
    if device not in devices:
        allowed = " | ".join([*reversed(devices), "auto"])
        raise LithoscopeError(f"device = {device}: torch {torch.__version__} finds none here; allowed here: {allowed}")
    return devices[device]


def resolve_precision(precision: str, device: str) -> Precision:
    """Return ``fp32`` or ``bf16`` for the parameter ``precision`` on a resolved device."""
    if precision != "auto":
        return "bf16" if precision == "bf16" else "fp32"
    fast = torch.cuda.is_bf16_supported() if device == "cuda" else device == "cpu" and bf16_instructions()
    return "bf16" if fast else "fp32"


# mallopt(3) of the GNU C library.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_memory() -> bool:
    """Have the process keep freed memory for its next tensors instead of handing it back to the system.

    Feature maps of a hundred megabytes are made and freed at every step. The GNU C library maps and unmaps each of
    them, and clearing their pages anew takes up to a third of a training step (benchmarks/kept_memory.py). Results are
    the same; the process stays as large as it once was.

    Returns:
        Whether this C library can be told so; others, on macOS and Windows, keep memory by themselves or don't.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    wishes = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**28}
    return all(library.mallopt(option, value) for option, value in wishes.items())


def make_repeatable(seed: int, threads: int) -> None:
    """Fix every source of chance torch has: its random state, its thread count, its choice of kernels.

    Also calls :func:`keep_memory`, since every long computation starts here.
    """
    # cuBLAS repeats itself only with a fixed workspace, and reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    keep_memory()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # By default this mode also fills every new tensor with NaN, to expose reads of memory nobody wrote. That takes
    # time at every step and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.manual_seed(integer_seed(seed, "weights"))
