import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from lithoscope.models.device import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
def make_and_free(times):
    for _ in range(times):
        torch.empty(10_000_000).fill_(1)


make_and_free(20)  # until the heap has grown to what is needed
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
make_and_free(20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_was_freed_is_used_again_without_asking_the_system() -> None:
    def faults(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True).stdout)

    kept, handed_back = faults("keep"), faults("as it is")
    assert kept < 0.1 * handed_back
