"""The report: one page that opens by itself, from disk, on any machine.

Each section is a function of the inputs (in ``sections``) and a template of the same name (in ``templates/sections``).
A new section is one of each and a line in :data:`SECTIONS`.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lithoscope.reporting import data_sections, sections, wording
from lithoscope.reporting.inputs import ReportInputs


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        key: Its anchor, and the name of its template.
        title: Its heading; ``short`` stands in the navigation.
        short: One or two words.
        build: Computes what the template shows, from the inputs alone; None leaves the section out.
        from_pictures: Whether it shows or measures pictures, and so must say so where they are synthetic.
    """

    key: str
    title: str
    short: str
    build: Callable[[ReportInputs], Mapping[str, Any] | None]
    from_pictures: bool = True


SECTIONS = (
    Section("curves", "How it learned", "Learning", sections.curves),
    Section("confusion", "What it takes for what", "Confusion", sections.confusion),
    Section("classes", "Class by class", "Classes", sections.classes),
    Section("confidence", "How far to trust its confidence", "Confidence", sections.confidence),
    Section("mistakes", "Its most confident mistakes", "Mistakes", sections.mistakes),
    Section("examples", "What it got right", "Right", sections.examples),
    Section("data", "The photographs", "Data", data_sections.data),
    Section("augmented", "What it trained on", "Augmented", data_sections.augmented),
    Section("card", "Model card", "Model card", data_sections.card),
    Section("repeat", "Parameters, and how to repeat this", "Repeat", data_sections.repeat, from_pictures=False),
)


def render_page(inputs: ReportInputs, chosen: Sequence[Section] = SECTIONS) -> str:
    """Render the report.

    Args:
        inputs: What the stages before made. The same inputs give the same page, byte for byte.
        chosen: The sections, in their order. Those that have nothing to say are left out.

    Returns:
        An HTML document that asks no host for anything: styles, script and pictures are inside, and its content
        security policy forbids the rest.
    """
    environment = _environment()
    style = environment.get_template("style.css.j2").render()
    script = environment.get_template("script.js.j2").render()
    contents = [(section, section.build(inputs)) for section in chosen]
    return environment.get_template("report.html.j2").render(
        hero=sections.hero(inputs),
        sections=[{"about": section, "content": content} for section, content in contents if content is not None],
        style=Markup(style),  # noqa: S704 (ours, without anything from the inputs)
        script=Markup(script),  # noqa: S704 (ours, without anything from the inputs)
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lithoscope.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": wording.percent, "number": wording.number, "count": wording.count}
    return environment
