"""Headless Chromium, as Debian packages it.

``.ci/run`` installs it and sets ``LITHOSCOPE_BROWSER=required``; elsewhere a machine that has none skips what needs it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open a headless Chromium, or skip the test where there is none."""
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("LITHOSCOPE_BROWSER") == "required":
            pytest.fail("chromium is not on the PATH: apt-get install -y --no-install-recommends chromium")
        pytest.skip("chromium is not on the PATH")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found)
        yield opened
        opened.close()
