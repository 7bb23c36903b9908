"""Two experiments' accuracies: in pairs on the same photographs, as samples on others, and never a stranger's table."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from scipy.stats import binomtest

from lithoscope.cli import main as cli
from lithoscope.config.params import load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.accuracy_difference import describe_difference
from lithoscope.experiments.comparison import compare_runs, comparison_table, same_data_set
from lithoscope.experiments.run_results import RunResults, read_results
from lithoscope.gate.predictions import Predictions
from lithoscope.tracking import PastRun, Store

from helpers.git_checkout import git, small_checkout

pytestmark = pytest.mark.slow


def predictions(
    right: list[bool], *, split: str = "test", ids: str = "", groups: list[str] | None = None
) -> Predictions:
    """Twenty photographs of one class, or as many as there are answers."""
    n = len(right)
    names = [f"{ids}{k:02d}" for k in range(n)]
    labels = np.zeros(n, np.int64)
    predicted = np.where(right, 0, 1).astype(np.int64)
    return Predictions(split, names, ["a", "b"], labels, predicted, np.full(n, 0.5), groups or names)


def first(count: int, of: int = 40) -> list[bool]:
    return [k < count for k in range(of)]


def results(made: Predictions, **parameters: str) -> RunResults:
    return RunResults(PastRun("1", "", "", "FINISHED", parameters, {}, {}), {}, None, made)


def test_two_folders_are_one_data_set_where_they_lie_or_what_they_hold_is_the_same() -> None:
    answers, others = predictions(first(20)), predictions(first(20), ids="other ")
    one = results(answers, dataset="folder", mirror="/a")
    assert same_data_set(one, results(others, dataset="folder", mirror="/a"))
    assert same_data_set(one, results(answers, dataset="folder", mirror="/b"))
    assert not same_data_set(one, results(others, dataset="folder", mirror="/b"))
    specimens = results(answers, dataset="specimens", mirror="data")
    assert not same_data_set(one, specimens)
    assert same_data_set(specimens, results(others, dataset="specimens", mirror="/b"))


def test_on_other_photographs_specimens_count_for_less_than_their_photographs() -> None:
    pieces = [f"piece {k // 5}" for k in range(40)]
    alone = describe_difference(predictions(first(20)), predictions(first(30), ids="x"), same_set=True)
    grouped = describe_difference(
        predictions(first(20), groups=pieces), predictions(first(30), ids="x", groups=pieces), same_set=True
    )
    assert alone.endswith(": shown")
    assert grouped.startswith("other photographs, unpaired: better by .25 [−")
    assert grouped.endswith("not shown")


def test_on_the_same_photographs_it_is_mcnemars_test_of_those_that_only_one_named_right() -> None:
    assert binomtest(10, 10).pvalue == pytest.approx(0.00195, abs=1e-5)
    words = describe_difference(predictions(first(20)), predictions(first(30)), same_set=True)
    assert words.startswith("better by .25 [.1")
    assert words.endswith("p = .002: shown")
    worse = describe_difference(predictions(first(30)), predictions(first(20)), same_set=True)
    assert worse.startswith("worse by .25 [.1")


def test_few_disagreements_show_nothing() -> None:
    words = describe_difference(predictions(first(20)), predictions(first(23)), same_set=True)
    assert words.startswith("better by .07")
    assert words.endswith("p = .25: not shown")


def test_the_order_of_the_rows_makes_no_difference() -> None:
    one, other = predictions(first(20)), predictions(first(30))
    turned = Predictions(
        other.split,
        other.ids[::-1],
        other.classes,
        other.labels,
        other.predicted[::-1],
        other.p_true,
        other.groups[::-1],
    )
    assert describe_difference(one, turned, same_set=True) == describe_difference(one, other, same_set=True)


def test_near_duplicates_are_no_news_whoever_knows_of_them() -> None:
    """All ten gains are copies of one photograph: what is shown without that knowledge no longer is."""
    groups = [f"{k:02d}" if not 20 <= k < 30 else "copies" for k in range(40)]
    plain, knowing = predictions(first(20)), predictions(first(20), groups=groups)
    assert describe_difference(plain, predictions(first(30)), same_set=True).endswith(": shown")
    assert describe_difference(knowing, predictions(first(30)), same_set=True).endswith(": not shown")
    assert describe_difference(plain, predictions(first(30), groups=groups), same_set=True).endswith(": not shown")


def test_other_photographs_are_compared_as_samples_and_it_is_said() -> None:
    words = describe_difference(predictions(first(20)), predictions(first(30), ids="other "), same_set=True)
    # Wilson: [.598, .858] and [.352, .648]; below √(.152² + .148²) = .212, above √(.108² + .148²) = .183
    assert words.startswith("other photographs, unpaired: better by .25 [.04, .43], p = .0")


def test_one_photograph_with_another_label_makes_it_another_sample() -> None:
    other = predictions(first(30))
    other.labels[3] = 1
    assert describe_difference(predictions(first(20)), other, same_set=True).startswith("other photographs, unpaired: ")


def test_between_two_data_sets_nothing_is_said() -> None:
    words = describe_difference(predictions(first(20)), predictions(first(30)), same_set=False)
    assert words == "not comparable: another data set"


def test_another_split_is_another_question() -> None:
    words = describe_difference(predictions(first(20)), predictions(first(30), split="validation"), same_set=True)
    assert words == "not comparable: validation against test"


@pytest.fixture
def root(tmp_path: Path, checkout: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = small_checkout(tmp_path / "checkout", checkout)
    shutil.copy(blank_database, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    return folder


def table(right: int, of: int = 40) -> str:
    head = "id,split,label,predicted,confidence,p_a,p_b\n"
    answers = [("a", 0.9, 0.1) if k < right else ("b", 0.1, 0.9) for k in range(of)]
    return head + "".join(f"{k:02d},test,a,{said},0.9,{a},{b}\n" for k, (said, a, b) in enumerate(answers))


def experiment(root: Path, name: str, right: int, *, mlflow: str | None = None, commit: str | None = None) -> None:
    """Log a run, with its predictions as MLflow and as the experiment's Git commit keep them."""
    store = Store(f"sqlite:///{root / 'mlflow.db'}", root)
    with store.run(name, load_parameters(root / "params.yaml"), {"dvc.experiment": name}) as run:
        run.log_metrics({"train_loss": 1.0, "test.accuracy": right / 40, "test.n": 40})
        if mlflow is not None:
            with TemporaryDirectory() as folder:
                (Path(folder) / "predictions.csv").write_text(mlflow, encoding="utf-8")
                run.log_files(Path(folder) / "predictions.csv")
    if commit is not None:
        (root / "plots").mkdir(exist_ok=True)
        (root / "plots/predictions.csv").write_text(commit, encoding="utf-8")
        packed = "".join(f"{k:02d},test,a,{'copies' if 20 <= k < 30 else k},x,y\n" for k in range(40))
        (root / "plots/splits.csv").write_text("id,split,label,group,file,pixels\n" + packed, encoding="utf-8")
        git(root, "add", "-A", "plots")
        git(root, "commit", "-q", "-m", name)
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        git(root, "update-ref", f"refs/exps/ab/{'c' * 38}/{name}", done.stdout.strip())
        git(root, "reset", "-q", "--hard", "HEAD~1")


def found(root: Path, name: str) -> Predictions | None:
    store = Store(f"sqlite:///{root / 'mlflow.db'}", root)
    (run,) = [each for each in store.past_runs() if each.experiment == name]
    return read_results(root, store, [run])[0].predictions


def test_predictions_come_from_mlflow_and_near_duplicates_from_the_experiments_commit(root: Path) -> None:
    experiment(root, "tracked", 20, mlflow=table(20))
    experiment(root, "committed", 30, commit=table(30))
    tracked, committed = found(root, "tracked"), found(root, "committed")
    assert tracked is not None
    assert committed is not None
    assert (int(tracked.correct.sum()), int(committed.correct.sum())) == (20, 30)
    assert tracked.groups == tracked.ids
    assert committed.groups[20:30] == ["copies"] * 10


def test_a_table_of_another_evaluation_is_not_taken_for_this_runs(root: Path) -> None:
    experiment(root, "stopped", 25, mlflow="no table", commit=table(30))
    assert found(root, "stopped") is None


def test_the_table_and_the_page_say_it_against_the_first_or_a_named_one(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment(root, "one", 20, mlflow=table(20))
    experiment(root, "two", 30, mlflow=table(30))
    experiment(root, "three", 10)
    head, lines = comparison_table(compare_runs(root))
    assert head[-2] == "accuracy against 1"
    assert [line[-2] for line in lines] == ["–", lines[1][-2], "–"], "three kept no predictions"
    assert lines[1][-2].endswith("p = .002: shown")
    assert cli.main(["compare", "one", "two", "--against", "two"]) == 0
    printed = capsys.readouterr().out
    assert "worse by .25" in printed
    assert "McNemar" in printed
    page = (root / "compare/index.html").read_text("utf-8")
    assert "worse by .25" in page
    assert "McNemar" in page
    with pytest.raises(LithoscopeError, match="no run of nobody"):
        compare_runs(root, reference="nobody")
