"""Identification of the processor, as it names itself."""

import platform
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")  # of Linux; elsewhere only what Python knows
_KIND = ("vendor_id", "cpu family", "model", "stepping", "cache size")


def processor_name_and_family() -> tuple[str, str]:
    """Return the processor's name, and what tells apart those of one name, or "" where the system does not say."""
    text = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.is_file() else ""
    values = dict(re.findall(rf"^({'|'.join((*_KIND, 'model name'))})\s*: (.*)$", text, re.MULTILINE))
    name = values.get("model name") or platform.processor() or platform.machine()
    return name, " ".join(values[key] for key in _KIND if key in values)
