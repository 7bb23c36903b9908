"""Sphinx roles in docstrings (``:func:`name```), which editors know, as links of the site where it has such a name."""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|mod|meth|attr|data|exc):`~?(?P<name>[^`]+)`")


class Roles(griffe.Extension):
    """Rewrites the docstrings of all that is loaded."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one object's docstring."""
        if obj.docstring:
            obj.docstring.value = ROLE.sub(_link, obj.docstring.value)


def _link(role: re.Match[str]) -> str:
    name = role["name"]
    if not name.startswith("lithoscope."):
        return f"`{name}`"
    return f'<autoref optional identifier="{name}">`{name.removeprefix("lithoscope.")}`</autoref>'
