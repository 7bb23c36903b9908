"""The report as one HTML page that opens by itself, from disk, on any machine.

Each section is a function of the inputs and a template of the same name (in ``templates/sections``). A new section is
one of each and a line in :data:`SECTIONS`.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lithoscope.core import text
from lithoscope.reporting import answers_section, assets, examples_section
from lithoscope.reporting import confidence_section as confidence
from lithoscope.reporting import data_section as data_sections
from lithoscope.reporting import hero_section as overview
from lithoscope.reporting import human_section as people
from lithoscope.reporting import learning_sections as sections
from lithoscope.reporting import map_section as embedding_map
from lithoscope.reporting import provenance_section as provenance
from lithoscope.reporting.inputs import ReportInputs

FIGURES, PHOTOGRAPHS, MODEL, RUN = "Figures", "Photographs", "The model", "This run"


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        key: Its anchor, and the name of its template.
        title: Its heading; ``short`` stands in the navigation.
        short: One or two words.
        group: The part of the navigation it stands in.
        build: Computes what the template shows, from the inputs alone; None leaves the section out.
        from_pictures: Whether it shows or measures pictures, and so must say so where they are synthetic.
    """

    key: str
    title: str
    short: str
    group: str
    build: Callable[[ReportInputs], Mapping[str, Any] | None]
    from_pictures: bool = True


SECTIONS = (
    Section("curves", "How it learned", "Learning", FIGURES, sections.curves),
    Section("confusion", "What it takes for what", "Confusion", FIGURES, sections.confusion),
    Section("classes", "Class by class", "Classes", FIGURES, sections.classes),
    Section("calibration", "How far to trust its confidence", "Calibration", FIGURES, confidence.calibration),
    Section("selective", "Naming only what it is sure of", "Selective", FIGURES, confidence.selective),
    Section("answers", "Answers that know their limits", "Answers", FIGURES, answers_section.answers),
    Section("coarse", "The right kind, at least", "Coarse classes", FIGURES, sections.coarse),
    Section("people", "Beside people", "People", FIGURES, people.people),
    Section("looked", "What it looked at", "Attribution", PHOTOGRAPHS, examples_section.attribution_maps),
    Section("map", "What it takes for alike", "Map", PHOTOGRAPHS, embedding_map.embedding_map),
    Section("mistakes", "Its most confident mistakes", "Mistakes", PHOTOGRAPHS, examples_section.mistakes),
    Section("suspects", "Labels worth a second look", "Suspects", PHOTOGRAPHS, examples_section.suspects),
    Section("examples", "What it got right", "Right", PHOTOGRAPHS, examples_section.examples),
    Section("data", "The photographs", "Data quality", PHOTOGRAPHS, data_sections.data),
    Section("augmented", "What it trained on", "Augmented", PHOTOGRAPHS, data_sections.augmented),
    Section("card", "Model card", "Model card", MODEL, data_sections.card),
    Section("find", "Find this run", "Find this run", MODEL, provenance.find, from_pictures=False),
    Section("repeat", "Parameters, and how to repeat this", "Repeat", MODEL, provenance.repeat, from_pictures=False),
)


def render_page(inputs: ReportInputs, chosen: Sequence[Section] = SECTIONS, *, full: bool = False) -> str:
    """Render the report.

    Args:
        inputs: What the stages before made. The same inputs give the same page, byte for byte.
        chosen: The sections, in their order. Those that have nothing to say are left out.
        full: Whether some of them say what changes from run to run; the page then says so at its top.

    Returns:
        An HTML document that asks no host for anything: styles, script and pictures are inside, and its content
        security policy forbids the rest.
    """
    environment = templates()
    script = assets.script()
    contents = [(section, section.build(inputs)) for section in chosen]
    shown = [{"about": section, "content": content} for section, content in contents if content is not None]
    return environment.get_template("report.html.j2").render(
        hero=overview.hero(inputs),
        full=full,
        sections=shown,
        groups=_grouped([section for section, content in contents if content is not None]),
        style=Markup(assets.style_sheet()),  # noqa: S704 (ours, without anything from the inputs)
        script=Markup(script),  # noqa: S704 (ours, without anything from the inputs)
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def _grouped(shown: Sequence[Section]) -> list[tuple[str, list[Section]]]:
    groups = list(dict.fromkeys(section.group for section in shown))
    return [(group, [section for section in shown if section.group == group]) for group in groups]


@cache
def templates() -> Environment:
    """Return the house's Jinja environment: values are escaped, a missing one is an error."""
    environment = Environment(
        loader=PackageLoader("lithoscope.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": text.percent, "number": text.number, "count": text.count}
    environment.filters |= {"interval": text.interval, "percents": text.percents, "sentence": text.sentence}
    return environment
