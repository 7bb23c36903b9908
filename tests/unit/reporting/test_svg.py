"""Figures that stand by themselves."""

import re
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lithoscope.reporting.assets import colours
from lithoscope.reporting.confusion_figure import NUMBERED, confusion_figure
from lithoscope.reporting.picture_files import figure_files
from lithoscope.reporting.svg import VARIABLES, standalone

from helpers.made_up_run import make_run
from helpers.read_pages import inputs_of

NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("run")
    return figure_files(inputs_of(root, make_run(root, each=8)))


def test_the_figures_of_the_report_are_there(drawn: dict[str, str]) -> None:
    names = {"loss", "accuracy", "confusion", "reliability", "selective"}
    assert set(drawn) == {f"figures/{name}.svg" for name in names}


def test_each_is_a_picture_that_needs_nothing_else(drawn: dict[str, str]) -> None:
    for text in drawn.values():
        root = ET.fromstring(text.encode())
        assert root.tag == f"{NAMESPACE}svg"
        assert next(iter(root)).tag == f"{NAMESPACE}style"
        assert not re.findall(r"https?://(?!www\.w3\.org/)", text)
        used = set(re.findall(r"var\((--[\w-]+)\)", text))
        assert used <= set(re.findall(r"(--[\w-]+):", text))


def test_the_style_gives_every_variable_a_light_and_a_dark_value() -> None:
    light, dark = colours().split("@media (prefers-color-scheme: dark)")
    for variable in VARIABLES.values():
        values = [re.search(rf"{variable}: (#[0-9a-f]+);", part) for part in (light, dark)]
        assert all(values)
        assert values[0] != values[1]


def test_names_never_become_markup() -> None:
    label = "<script>a & b</script>"
    root = ET.fromstring(standalone(confusion_figure([label, "b"], [[1, 2], [0, 3]]), colours()).encode())
    assert [text.text for text in root.iter(f"{NAMESPACE}text")].count(label) == 2


def test_the_matrix_writes_its_counts_where_they_can_be_read() -> None:
    few = ET.fromstring(confusion_figure(["a", "b"], [[17, 0], [23, 31]]))
    assert {"17", "23", "31"} <= {text.text for text in few.iter("text")}
    many = NUMBERED + 1
    counts = [[77 if row == column else 0 for column in range(many)] for row in range(many)]
    assert "77" not in [text.text for text in ET.fromstring(confusion_figure(["x"] * many, counts)).iter("text")]


def test_too_many_classes_have_no_matrix(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, classes=[f"class {n:02d}" for n in range(61)], each=1)
    assert "figures/confusion.svg" not in figure_files(inputs_of(tmp_path, parameters))


@pytest.mark.kind(
    about="encodings",
    kind="class names in any script, in figures of the report",
    done="text of the page, drawn in the browser's fonts; no warning for each glyph",
    reported="matplotlib/matplotlib#15062",
)
def test_class_names_in_any_script_are_text_of_the_page_without_a_warning_for_each_glyph() -> None:
    names = ["花崗岩", "玄武岩"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = confusion_figure(names, [[1, 2], [0, 3]])
    assert all(name in text for name in names)
