"""The page for the field: the server's page as a static folder that answers in the browser, without a network."""

from importlib.resources import files

PAGE_FOLDER = files(__package__) / "page"
"""Where the page's own files lie."""
