"""Single photographs on the page: attribution, mistakes with their neighbours, suspects."""

import re
from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.reporting.page import render_page

from helpers.made_up_findings import add, write_explained
from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, render, section


def explained(root: Path, **options: object) -> str:
    parameters = make_run(root, each=6, skill=0.5)
    write_explained(root, **options)  # type: ignore[arg-type]
    return render_page(inputs_of(root, parameters))


def test_right_and_wrong_photographs_stand_beside_their_maps(tmp_path: Path) -> None:
    part = section(explained(tmp_path), "looked")
    page = Page(part)
    assert "by Grad-CAM (Selvaraju et al., ICCV 2017), features.7. A map says where" in page.text
    assert page.text.index("Named right") < page.text.index("Named wrong")
    assert part.count("data:image/png") == 2 * part.count("data-enlarge") > 0
    wrong = part[part.index("Named wrong") :]
    assert "is-right" not in wrong
    assert "is-wrong" in wrong


def test_a_network_without_maps_says_why(tmp_path: Path) -> None:
    part = section(explained(tmp_path, maps=False), "looked")
    assert "The network has no convolution to look at." in Page(part).text
    assert part.count("data:image/png") == part.count("data-enlarge")


def test_what_the_evaluation_did_not_leave_is_said_plainly(tmp_path: Path) -> None:
    source = render(tmp_path)
    for key, what in (("looked", "No attribution maps"), ("map", "No map"), ("suspects", "No suspects")):
        text = Page(section(source, key)).text
        assert what in text
        assert "build/explained is missing" in text
    assert "No nearest training photographs: build/explained is missing" in Page(section(source, "mistakes")).text


def test_a_mistake_shows_its_nearest_training_photographs(tmp_path: Path) -> None:
    page = Page(section(explained(tmp_path), "mistakes"))
    assert "Nearest training photographs" in page.text
    assert "a training photograph Similarity 0.90 to the" in page.text
    assert re.search(r"biotite 0\.90 .* biotite 0\.80 .* biotite 0\.70", page.text)


@pytest.mark.parametrize("with_maps", [True, False])
def test_mistakes_come_the_surest_first(tmp_path: Path, with_maps: bool) -> None:
    source = explained(tmp_path) if with_maps else render(tmp_path, skill=0.5, each=6)
    part = section(source, "mistakes")
    shown = re.findall(r'class="answer"><b>[^<]+</b><span class="num">(\d+)\N{NARROW NO-BREAK SPACE}%', part)
    assert len(shown) > 2
    assert [int(value) for value in shown] == sorted(map(int, shown), reverse=True)
    assert "is-right" not in part


def test_a_suspect_states_its_label_its_split_and_the_reason(tmp_path: Path) -> None:
    text = Page(section(explained(tmp_path, suspects=["its neighbours are all pyrite"]), "suspects")).text
    assert re.search(r"labelled \w+ \(test\)", text)
    assert "its neighbours are all pyrite" in text


def test_no_suspects_is_an_answer_too(tmp_path: Path) -> None:
    assert "No label stands out as a suspect." in Page(section(explained(tmp_path, suspects=[]), "suspects")).text


def test_right_answers_are_shown_once(tmp_path: Path) -> None:
    assert 'id="examples"' not in explained(tmp_path / "a")
    assert "One a class, the one of median confidence" in Page(section(render(tmp_path / "b"), "examples")).text


def test_the_enlarged_view_holds_the_most_probable_classes(tmp_path: Path) -> None:
    part = section(explained(tmp_path), "looked")
    first = part[part.index('class="top"') : part.index("</ul>", part.index('class="top"'))]
    assert first.count("<li") == 3
    assert "(label)" in first


@pytest.mark.parametrize("name", ["examples/gone.png", "../../../metrics/train.json", "explained.json"])
def test_a_picture_that_is_not_there_or_none_is_refused(tmp_path: Path, name: str) -> None:
    parameters = make_run(tmp_path)
    about = write_explained(tmp_path)
    about["examples"][0]["photo"] = name
    add(tmp_path / "build/explained/explained.json", examples=about["examples"])
    with pytest.raises(LithoscopeError, match=r"names the picture .+, which is not there: `dvc repro evaluate`"):
        render_page(inputs_of(tmp_path, parameters))


def test_what_explains_another_split_is_refused(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    write_explained(tmp_path)
    add(tmp_path / "build/explained/explained.json", split="validation")
    with pytest.raises(LithoscopeError, match=r"explains validation photographs, but evaluate\.on = test"):
        inputs_of(tmp_path, parameters)
