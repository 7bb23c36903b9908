"""The report's page: what it says, and that it stands alone."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.reporting.page import SECTIONS, render_page

from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, render


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(tmp_path_factory.mktemp("run"))


def test_every_section_is_there_and_in_the_navigation(source: str) -> None:
    page = Page(source)
    there = [one.key for one in SECTIONS if one.key != "coarse"]  # a set without coarse classes
    assert [one["id"] for one in page.all("section")] == there
    assert {"#" + key for key in there} <= {link["href"] for link in page.all("a")}
    identifiers = re.findall(r'\bid="([^"]+)"', source)
    assert len(identifiers) == len(set(identifiers))


def test_synthetic_pictures_are_called_so_wherever_they_are_shown(tmp_path: Path, source: str) -> None:
    page = Page(render(tmp_path, synthetic=True))
    assert "Synthetic pictures" in page.text
    shown = {one["id"] for one in page.all("section")}
    assert len(page.all("span", **{"class": "tag"})) == sum(one.from_pictures for one in SECTIONS if one.key in shown)
    assert ">synthetic<" not in source


def test_asks_no_host_for_anything(source: str) -> None:
    page = Page(source)
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for _, attributes in page.elements:
        assert attributes.get("src", "data:").startswith("data:") or attributes["src"] == ""
        assert attributes.get("href", "#").startswith(("#", "data:"))
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_policy_lets_only_the_pages_own_script_run(source: str) -> None:
    (script,) = Page(source).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in source or f"script-src 'sha256-{digest}'" in source


@pytest.mark.parametrize("on", ["test", "validation"])
def test_labels_never_become_markup(tmp_path: Path, on: str) -> None:
    labels = ["<script>alert(1)</script>", "R&D \"x\" onerror='y'", "$a_b$ {{ 7 * 7 }} </style>", "NA", "007"]
    hostile = {"title": "<img src=x onerror=alert(1)>", "coarse": dict.fromkeys(labels, "<b>group</b>")}
    text = render(tmp_path, classes=labels, on=on, skill=0.4, **hostile)
    page = Page(text)
    assert len(page.scripts) == 1
    assert not page.all("b", onerror="alert(1)")
    assert all("onerror" not in attributes for _, attributes in page.elements)
    for label in [*labels, "<b>group</b>", "<img src=x onerror=alert(1)>"]:
        assert label in page.text
    assert "<script>alert" not in text


def test_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    assert render(tmp_path / "here") == render(tmp_path / "elsewhere")


def test_another_prediction_gives_another_page(tmp_path: Path) -> None:
    assert render(tmp_path / "a", skill=0.5) != render(tmp_path / "b", skill=0.9)


def test_no_path_of_this_machine_is_shown(tmp_path: Path) -> None:
    parameters = make_run(tmp_path) | {
        "mirror": str(tmp_path / "photographs"),
        "model.weights": str(tmp_path / "w.pth"),
    }
    text = render_page(inputs_of(tmp_path, parameters))
    assert str(tmp_path) not in text
    assert "…/photographs" in text
    assert "starting from the weights in w.pth" in text


def test_validation_figures_are_called_validation(tmp_path: Path) -> None:
    page = Page(render(tmp_path, on="validation"))
    assert "These are validation figures" in page.text
    assert "There are no test figures here" in page.text
    assert "Read on the validation photographs" in page.text


def test_a_run_without_validation_claims_none(tmp_path: Path) -> None:
    text = Page(render(tmp_path, validation=False)).text
    assert "There were no validation photographs: every photograph that is not for the test trained" in text
    assert "all 6 epochs ran, and the weights of the last one were kept" in text
    assert "epoch 6 the last one; no validation photographs" in text
    assert "6 epochs all that were allowed" in text
    assert "36 photographs of “Minerals made up for a test”, 12 a class; none were kept back for validation." in text
    assert "None were kept back for validation." in text
    for claim in ("lowest validation loss", "best epoch", "more epochs", "by heart", "nan"):
        assert claim not in text, claim


def test_several_networks_are_told_as_a_mean(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, members=3, epochs=20)
    members = json.loads((tmp_path / "metrics/train.json").read_text())["members"]
    best = [one["best_epoch"] for one in members]
    text = Page(render_page(inputs_of(tmp_path, parameters))).text
    assert "told apart by the mean of 3 networks, each a small convolutional network, trained from scratch" in text
    assert f"epochs {min(best)} to {max(best)} lowest validation loss of each of 3 networks" in text
    assert "The curves are the mean of 3 networks" in text
    assert f"At the epochs whose weights were kept ({', '.join(map(str, best))}) the loss was on average" in text
    assert "best epoch, mean" in text


def test_networks_that_stopped_at_different_epochs_are_all_told(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, members=2, epochs=12)
    training = json.loads((tmp_path / "metrics/train.json").read_text())
    training["members"][0] |= {"epochs": 9, "best_epoch": 7}
    (tmp_path / "metrics/train.json").write_text(json.dumps(training))
    text = Page(render_page(inputs_of(tmp_path, parameters))).text
    assert "ended early after 9 to 12 of at most 12 epochs" in text


def test_a_phase_for_the_head_alone_is_told_and_marked(tmp_path: Path, source: str) -> None:
    text = Page(render(tmp_path, head_epochs=2)).text
    assert "after 6 of at most 14 epochs, the first 2 for the head alone" in text
    assert "For the first 2 epochs the head alone was trained" in text
    assert text.count("head alone") > source.count("head alone") == 0


def test_a_head_in_closed_form_takes_no_epochs(tmp_path: Path) -> None:
    parameters = make_run(tmp_path) | {"train.head_fit": "discriminant", "train.head_passes": 9}
    text = Page(render_page(inputs_of(tmp_path, parameters))).text
    assert "ended early after 6 of at most 12 epochs" in text
    assert "head alone" not in text


def test_a_head_alone_is_told_as_such_and_why(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, epochs=1) | {"train.head_passes": 4, "train.label_smoothing": 0.1}
    path = tmp_path / "metrics/train.json"
    reason = "11 training photographs a class are fewer than 20"
    training = json.loads(path.read_text()) | {"adapt": {"way": "head", "photographs_a_class": 11.0, "reason": reason}}
    path.write_text(json.dumps(training))
    text = Page(render_page(inputs_of(tmp_path, parameters))).text
    assert "Training in closed form a head alone, no epochs" in text
    assert "The head a discriminant of shrinkage 0.5, without epochs; fitted to the photographs and 4 varied" in text
    assert f"Only a head was fitted because {reason}." in text
    assert "there were no epochs and there is no curve to read" in text
    for absent in ("AdamW", "of at most 12 epochs", "Weights kept from", "label smoothing"):
        assert absent not in text
    path.write_text(json.dumps(training | {"adapt": {"way": "tune", "reason": "90 are 20 or more"}}))
    tuned = Page(render_page(inputs_of(tmp_path, parameters))).text
    assert "It was tuned because 90 are 20 or more." in tuned
    assert "AdamW" in tuned


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": 3, "model__views": 4}, "Its answer Mean of 3 networks, 4 views of each photograph."),
        ({"model__views": 2}, "trained from scratch, asked for 2 views of each photograph"),
        ({"model__pooling": "both"}, "How Average and maximum pooling side by side; AdamW, cosine learning rate"),
        ({"model__head": "mlp"}, "How A head of three layers"),
        ({"model__stochastic_depth": 0.2}, "Residual blocks skipped at random, up to 20 % of the time"),
        ({"train__frozen": 1.0}, "the whole backbone left as it was"),
        ({"train__frozen": 0.35}, "the first 35 % of the backbone's blocks left as they were"),
        ({"train__layer_decay": 0.9}, "each block at 0.9 times the learning rate of the next"),
        ({"train__norms": "kept"}, "the statistics of batch norms kept as they came"),
        ({"train__head_fit": "discriminant"}, "the head started from a discriminant of shrinkage 0.5"),
        ({"train__head_fit": "mixed"}, "the first network a discriminant of shrinkage 0.5, the others tuned"),
        ({"train__head_refit": True}, "after the epochs, whose head saw averages, the head a discriminant"),
        ({"train__ema": 0.98}, "weights averaged over the steps"),
        ({"train__mixup": 0.2, "train__cutmix": 1.0}, "pairs of photographs mixed by MixUp or CutMix"),
        ({"train__cutmix": 1.0}, "The training loss counts mixed photographs, so it does not compare"),
        ({"train__label_smoothing": 0.1}, "The training loss counts label smoothing, so it does not compare"),
        ({"train__class_balance": "weights"}, "rare classes weigh more in the loss"),
        ({"train__class_balance": "sampling"}, "rare classes are drawn more often"),
        ({"augment__policy": "randaugment"}, "varied again in every epoch, and then by RandAugment."),
        ({"augment__policy": "trivialaugment", "augment__online": 0.0}, "again in every epoch, by TrivialAugment."),
    ],
)
def test_what_was_done_is_said_in_words(tmp_path: Path, source: str, options: dict[str, Any], words: str) -> None:
    assert words in Page(render(tmp_path, **options)).text
    assert words not in Page(source).text


def test_one_epoch_is_enough(tmp_path: Path) -> None:
    assert "One epoch only" in Page(render(tmp_path, epochs=1)).text


def test_all_right_and_all_wrong_are_said(tmp_path: Path) -> None:
    assert "No mistakes: every answer was right." in Page(render(tmp_path / "a", skill=1.0)).text
    assert "No answer was right." in Page(render(tmp_path / "b", classes=["a", "b", "c", "d", "e"], skill=-1.0)).text


def test_classes_are_listed_hardest_first(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, each=10)
    figures = json.loads((tmp_path / "metrics/per_class.json").read_text())
    for label, f1 in [("biotite", 0.9), ("bornite", 0.1), ("malachite", 0.5)]:
        figures["test"][label]["f1"] = f1
    (tmp_path / "metrics/per_class.json").write_text(json.dumps(figures))
    text = render_page(inputs_of(tmp_path, parameters))
    table = text[text.index('<table class="sortable classes">') :]
    assert table.index(">bornite<") < table.index(">malachite<") < table.index(">biotite<")
    assert 'aria-sort="ascending" class="number" title="harmonic' in table


def test_confusion_table_keeps_coarse_classes_together(tmp_path: Path) -> None:
    coarse = {"andesite": "igneous", "chert": "sedimentary", "granite": "igneous", "gneiss": "metamorphic"}
    text = render(tmp_path, classes=list(coarse), coarse=coarse)
    table = text[text.index('<table class="matrix') : text.index("</table>", text.index('<table class="matrix'))]
    assert re.findall(r'<th scope="row">(\w+)', table) == ["andesite", "granite", "gneiss", "chert"]
    assert re.findall(r'colspan="(\d)"', table) == ["2", "1", "1"]


def test_too_many_classes_for_a_table_leave_the_list_of_confusions(tmp_path: Path) -> None:
    text = render(tmp_path, classes=[f"class {n:02d}" for n in range(61)], each=1, skill=0.3)
    assert '<table class="matrix' not in text
    assert "Most frequent confusions" in text


def test_without_an_augmented_picture_its_section_is_left_out(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    (tmp_path / "plots/augmented.png").unlink()
    assert 'id="augmented"' not in render_page(inputs_of(tmp_path, parameters))


def test_data_section_tells_duplicates_and_files_set_aside(source: str) -> None:
    text = Page(source).text
    assert "Exact duplicates 1 the same bytes under another name" in text
    assert "2 photographs that look the same never stand on two sides" in text
    assert "00/broken.jpg" in text
    assert "biotite 12 4 4 1 bornite 12 4 4 0 malachite 12 4 4 0 All 36 12 12 1" in text
    assert "truncated: 30 of 400 rows" in text


@pytest.mark.parametrize("name", ["plots/history.csv", "metrics/train.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    parameters = make_run(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(LithoscopeError, match=rf"{name} is missing: `dvc repro` makes it"):
        inputs_of(tmp_path, parameters)


@pytest.mark.parametrize("content", [b'{"test": {', b"\xff\xfe", b"[1, 2]"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    parameters = make_run(tmp_path)
    (tmp_path / "metrics/train.json").write_bytes(content)
    with pytest.raises(LithoscopeError, match=r"metrics/train.json: damaged \(.+\); `dvc repro` makes it anew"):
        inputs_of(tmp_path, parameters)


def test_figures_of_the_other_split_are_not_taken_for_these(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, on="test") | {"evaluate.on": "validation"}
    with pytest.raises(LithoscopeError, match=r"no figures for evaluate\.on = validation"):
        inputs_of(tmp_path, parameters)


def test_predictions_of_another_run_are_found_out(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    rows = tmp_path / "build/arrays/test.csv"
    rows.write_text(rows.read_text().replace("/test_", "/other_"))
    with pytest.raises(LithoscopeError, match="the two come from different runs"):
        render_page(inputs_of(tmp_path, parameters))


def test_a_copy_with_fewer_photographs_than_were_published_says_so(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    about = json.loads((tmp_path / "build/dataset.json").read_text("utf-8")) | {"published": 5000}
    (tmp_path / "build/dataset.json").write_text(json.dumps(about), encoding="utf-8")
    assert "of the 5 000 published" in Page(render_page(inputs_of(tmp_path, parameters))).text.replace("\u202f", " ")
