import base64
import io
import shutil
from contextlib import suppress
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image

from lithoscope.cli import main as cli
from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.experiments.comparison import compare_runs, comparison_table
from lithoscope.experiments.comparison_page import COLOURS, comparison_page, draw_accuracies, spread
from lithoscope.experiments.recipes import committed_parameters, parameters_with
from lithoscope.tracking import Store

from helpers.narrow_terminal import ENCODINGS, writing_in

pytestmark = pytest.mark.slow

RUNS = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, checkout: Path, blank_database: Path) -> Path:
    """A workspace with twelve finished runs, one that failed and one that is still only a beginning."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copy(blank_database, folder / "mlflow.db")
    store = Store(f"sqlite:///{folder / 'mlflow.db'}", folder)
    committed = committed_parameters(checkout)
    for number in range(1, RUNS + 1):
        params = parameters_with(committed, {"lr": 0.001 * number, "model.name": "resnet18"}, "test")
        add(store, params, number, experiment="" if number == 3 else f"a-rather-long-experiment-name-{number}")
    with suppress(RuntimeError), store.run("broken", params, {"dvc.experiment": "broken"}) as run:
        run.log_metrics({"train_loss": 3.0, "val_loss": 3.0, "val_accuracy": 0.1, "train_accuracy": 0.1}, 1)
        raise RuntimeError
    return folder


def add(store: Store, params: Parameters, number: int, experiment: str) -> None:
    with store.run(experiment or "specimens resnet18", params, {"dvc.experiment": experiment}) as run:
        for epoch in range(1, 6):
            figures = {"loss": 2.0 / epoch + 0.02 * number, "accuracy": 0.15 * epoch + 0.01 * number}
            run.log_metrics({f"{part}_{name}": v for part in ("train", "val") for name, v in figures.items()}, epoch)
        run.log_metrics({"best_epoch": 4, "seconds": 61.2})
        if number != 5:
            with TemporaryDirectory() as folder:
                picture = Path(folder) / "photographs.png"
                Image.new("RGB", (1400, 700), (20 * number, 0, 0)).save(picture)
                run.log_files(picture)
        if number % 2:
            run.log_metrics({"test.accuracy": 0.9, "test.n": 10})
        if number % 3 == 0:
            run.log_metrics({"validation.accuracy": 0.5, "validation.n": 20})


@pytest.fixture(autouse=True)
def there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(root)


def test_all_finished_runs_stand_side_by_side_with_what_differs(root: Path) -> None:
    compared = compare_runs(root)
    assert [run.number for run in compared] == list(range(1, RUNS + 1))
    assert [run.differences for run in compared] == [{"lr": str(0.001 * number)} for number in range(1, RUNS + 1)]
    assert "broken" not in {run.name for run in compared}
    head, lines = comparison_table(compared)
    first = dict(zip(head, lines[0], strict=True))
    assert first == {
        "": "1",
        "experiment": "a-rather-long-experiment-name-1",
        "lr": "0.001",
        "best epoch": "4 of 5",
        "validation loss": "0.520",
        "validation": ".610",
        "test [95 %]": ".900 [.596, .982]",
        "n": "10",
        "seconds": "61",
    }


def test_a_test_accuracy_is_shown_for_those_alone_that_read_the_test(root: Path) -> None:
    second, third = compare_runs(root)[1:3]
    assert second.accuracy("test") is None
    assert comparison_table([second])[1][0][6] == "–"
    found = third.accuracy("validation")
    assert found is not None
    assert (found.low, found.high) == wilson(10, 20)


def test_a_run_without_an_experiment_says_so(root: Path) -> None:
    third = compare_runs(root)[2]
    assert comparison_table([third])[1][0][1] == f"(no DVC experiment) specimens resnet18 {third.run.run_id[:8]}"
    page = page_of(root)
    assert "No DVC experiment: run 3 came from plain" in page


def test_runs_are_chosen_by_experiment_by_id_or_as_the_newest(root: Path) -> None:
    newest = compare_runs(root, last=2)
    assert [run.name for run in newest] == ["a-rather-long-experiment-name-11", "a-rather-long-experiment-name-12"]
    by_name = compare_runs(root, ["a-rather-long-experiment-name-5", newest[0].run.run_id[:10], "broken"])
    assert [run.name for run in by_name] == [
        "a-rather-long-experiment-name-5",
        "a-rather-long-experiment-name-11",
        "broken",
    ]
    assert comparison_table(by_name)[1][2][1] == "broken, failed"
    with pytest.raises(LithoscopeError, match="no run of brokn: did you mean broken"):
        compare_runs(root, ["brokn"])


def test_the_table_is_printed_in_any_encoding(root: Path, tmp_path: Path) -> None:
    for encoding in ENCODINGS:
        with writing_in(encoding) as written:
            assert cli.main(["compare", "--last", "2", "--output", str(tmp_path / "岩石.html")]) == 0, written()
            assert "a-rather-long-experiment-name-12" in written()
            assert "\\u5ca9\\u77f3.html" in written()


def page_of(root: Path) -> str:
    compared = compare_runs(root)
    return comparison_page(compared, *comparison_table(compared))


class References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


def test_the_page_asks_no_host_for_anything_and_escapes_names(root: Path) -> None:
    page = page_of(root)
    parser = References()
    parser.feed(page)
    assert all(value.startswith(("#", "data:")) for value in parser.found)
    assert "url(http" not in page
    compared = compare_runs(root, ["broken"])
    head, lines = comparison_table(compared)
    assert "<script" not in comparison_page(compared, head, [["<script>", *line[1:]] for line in lines])


def test_each_runs_sample_predictions_stand_on_the_page_scaled_down(root: Path) -> None:
    page = page_of(root)
    parser = References()
    parser.feed(page)
    pictures = [value.partition("base64,")[2] for value in parser.found if value.startswith("data:image/")]
    shown = [Image.open(io.BytesIO(base64.b64decode(picture))) for picture in pictures]
    assert {picture.size for picture in shown} == {(960, 480)}
    reds = [picture.convert("RGB").getpixel((480, 240)) for picture in shown]
    expected = [20 * number for number in range(1, RUNS + 1) if number != 5]
    assert [red[0] for red in reds if isinstance(red, tuple)] == pytest.approx(expected, abs=6)
    assert "None kept by run 5;" in page


def test_each_of_twelve_runs_has_a_colour_and_labels_that_do_not_cover_each_other(root: Path) -> None:
    page = page_of(root)
    assert len(set(COLOURS)) >= RUNS
    assert all(colour in page for colour in COLOURS[:RUNS])
    labels = [text.get_text() for text in draw_accuracies(compare_runs(root)).axes[0].texts]
    assert labels[11] == "a-rather-long-experiment-name-12  12"
    assert len(labels) == RUNS


def test_labels_are_moved_apart_in_their_order_within_the_axes() -> None:
    heights = [0.5, 0.5, 0.51, 0.99, 1.0, 0.0]
    placed = spread(heights, 0.0, 1.0, 0.1)
    in_order = [placed[index] for index in sorted(range(6), key=lambda index: heights[index])]
    assert all(after - before >= 0.1 - 1e-9 for before, after in pairwise(in_order))
    assert min(placed) >= 0
    assert max(placed) <= 1


def test_the_command_prints_the_table_and_writes_the_page(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare"]) == 0
    printed = capsys.readouterr().out
    assert ".900 [.596, .982]" in printed
    assert "compare/index.html" in printed
    assert "a-rather-long-experiment-name-12" in (root / "compare" / "index.html").read_text(encoding="utf-8")
    assert cli.main(["compare", "--last", "1"]) == 0  # its own page is written anew


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "nothing-like-it"], "MLflow holds no run of nothing-like-it"),
        (["compare", "--last", "0"], "--last 0: allowed: 1 or more"),
        (["compare", "a-rather-long-experiment-name-12", "--last", "2"], "--last 2: chooses among all runs"),
        (["compare", "--output", "page.pdf"], "must end in .html"),
        (["compare", "--output", "mine.html"], "not written over"),
    ],
)
def test_a_mistake_is_a_line(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    (root / "mine.html").write_text("<p>mine</p>", encoding="utf-8")
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1


def test_an_empty_store_is_a_line(tmp_path: Path, blank_database: Path) -> None:
    shutil.copy(blank_database, tmp_path / "mlflow.db")
    with pytest.raises(LithoscopeError, match="no finished run to compare"):
        compare_runs(tmp_path)
