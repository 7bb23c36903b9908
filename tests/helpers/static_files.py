"""A browser's page that runs one of the scripts of the page for the field."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from lithoscope.serving.field import PAGE_FOLDER

from helpers.browser import chromium
from helpers.static_server import served


@contextmanager
def script_page(name: str) -> Iterator[Page]:
    """Open a script of the page for the field, whose functions an empty page can then import."""
    with chromium() as browser, served(Path(str(PAGE_FOLDER))) as address:
        page = browser.new_page()
        page.goto(f"{address}{name}")
        yield page
