"""The first screen of the report."""

from pathlib import Path

from lithoscope.reporting.hero_section import contenders, hero, span, unbeaten
from lithoscope.reporting.page import render_page

from helpers.made_up_findings import add, read_json
from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, render


def overview(source: str) -> str:
    return source[source.index('<header id="overview"') : source.index("</header>")] + "</header>"


def test_it_says_what_data_how_many_and_how_well_with_the_interval(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    figures = read_json(tmp_path / "metrics/evaluation.json")["test"]
    figures |= {"n": 120, "accuracy": 33 / 120}
    figures["interval"]["accuracy"] = {"low": 0.203, "high": 0.361}
    add(tmp_path / "metrics/evaluation.json", test=figures)
    text = Page(overview(render_page(inputs_of(tmp_path, parameters)))).text
    assert "Minerals made up for a test" in text
    assert "60 photographs of 3 classes" in text
    assert "27.5 % of 120 test photographs classified correctly" in text
    assert "interval 20.3 – 36.1 % Wilson; 33 of 120" in text
    assert "Macro F1" in text
    assert "ended early after 6 of at most 12 epochs" in text


def test_a_closed_form_beside_trained_networks_has_no_epochs_to_speak_of(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    training = read_json(tmp_path / "metrics/train.json")
    one = {"epochs": 12, "best_epoch": 12, "tuned": True}
    add(tmp_path / "metrics/train.json", members=[{"epochs": 1, "best_epoch": 1, "tuned": False}, one, one])
    found = hero(inputs_of(tmp_path, parameters))
    assert training["best_epoch"] != 12
    assert (found["early"], found["best"], found["spread"], found["networks"]) == (False, "12", False, 2)


def test_every_headline_figure_has_its_interval(tmp_path: Path) -> None:
    about = hero(inputs_of(tmp_path, make_run(tmp_path, classes=["a", "b", "c", "d"])))
    figures = read_json(tmp_path / "metrics/evaluation.json")["test"]
    shown = {one["name"]: (one["value"], one["low"], one["high"]) for one in about["stats"]}
    assert shown["Macro F1"] == (figures["macro"]["f1"], *figures["interval"]["macro_f1"].values())
    assert shown["Right within three guesses"] == (
        figures["top3_accuracy"],
        *figures["interval"]["top3_accuracy"].values(),
    )
    assert shown["Loss (cross-entropy)"] == (figures["loss"], *figures["interval"]["loss"].values())
    assert shown["Calibration error"] == (figures["ece"], *figures["interval"]["ece"].values())


def test_three_guesses_of_three_classes_are_left_out(tmp_path: Path) -> None:
    about = hero(inputs_of(tmp_path, make_run(tmp_path)))
    assert "Right within three guesses" not in [one["name"] for one in about["stats"]]


def test_a_network_that_beats_its_baselines_says_so_with_the_differences(tmp_path: Path) -> None:
    text = Page(overview(render(tmp_path))).text
    assert "Better than its baselines , both on the same photographs." in text
    assert "A linear model on colour histograms 25.0 % [20.0, 30.0] network better by .3 [.2, .4], p = .001: shown" in (
        text.replace(".30", ".3").replace(".20", ".2").replace(".40", ".4")
    )
    assert "does not beat" not in text


def test_a_network_that_does_not_beat_them_is_said_not_to_before_anything_else(tmp_path: Path) -> None:
    page = overview(render(tmp_path, verdicts={"colour_histogram": "not shown"}))
    text = Page(page).text
    assert "This network does not beat its baselines. It is not shown to be better than a linear model" in text
    assert "Better than its baselines" not in text
    assert page.index("does not beat its baselines") < page.index("classified correctly")
    assert page.index("does not beat its baselines") < page.index('class="lead"')


def test_a_network_that_is_worse_is_called_worse(tmp_path: Path) -> None:
    text = Page(overview(render(tmp_path, verdicts={"majority_class": "worse"}))).text
    assert "It is worse than always naming the most frequent class." in text


def test_pictures_that_were_drawn_are_called_synthetic_at_once(tmp_path: Path) -> None:
    page = overview(render(tmp_path, synthetic=True))
    assert page.index("Synthetic pictures") < page.index("<h1>")
    assert "60 synthetic pictures of 3 classes" in Page(page).text
    assert "ynthetic" not in overview(render(tmp_path / "real"))


def test_contenders_come_the_network_first_then_the_best_baseline() -> None:
    one = {"low": 0.1, "high": 0.9, "difference": 0.1, "difference_low": 0.0, "difference_high": 0.2, "p": 0.2}
    compared = {
        "network": {"accuracy": 0.4, "low": 0.1, "high": 0.9},
        "majority_class": {"accuracy": 0.2, "verdict": "better", **one},
        "colour_histogram": {"accuracy": 0.5, "verdict": "not shown", **one},
    }
    assert [row["accuracy"] for row in contenders(compared)] == [0.4, 0.5, 0.2]
    assert [row["own"] for row in contenders(compared)] == [True, False, False]
    assert unbeaten(compared) == [{"name": "a linear model on colour histograms", "verdict": "not shown"}]


def test_several_epochs_are_a_span() -> None:
    assert span([4, 4]) == "4"
    assert span([9, 4, 7]) == "4 to 9"
