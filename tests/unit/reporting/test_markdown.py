"""The summary for a pull request."""

from pathlib import Path

from lithoscope.reporting.markdown import markdown_summary

from helpers.made_up_findings import write_people
from helpers.made_up_run import make_run
from helpers.read_pages import inputs_of


def summary(root: Path, **options: object) -> str:
    return markdown_summary(inputs_of(root, make_run(root, **options)))  # type: ignore[arg-type]


def test_the_headline_comes_first_with_data_and_interval(tmp_path: Path) -> None:
    lines = summary(tmp_path, skill=1.0).splitlines()
    assert lines[0].replace("\N{NARROW NO-BREAK SPACE}", " ") == "## Minerals made up for a test: 100.0 % right"
    assert lines[2] == "The network is shown to be better than each of its baselines.  "
    assert lines[3].startswith("60 photographs of 3 classes, told apart by a small convolutional network")
    assert "| Accuracy | 100.0 % [75.8, 100.0] |" in [line.replace("\N{NARROW NO-BREAK SPACE}", " ") for line in lines]


def test_not_beating_the_baselines_is_in_the_first_lines(tmp_path: Path) -> None:
    lines = summary(tmp_path, verdicts={"majority_class": "not shown"}).splitlines()
    assert lines[2].startswith("**The network does not beat its baselines**: not shown to be better than always naming")


def test_synthetic_pictures_are_said_before_anything_else(tmp_path: Path) -> None:
    assert summary(tmp_path, synthetic=True).splitlines()[2].startswith("**Synthetic**: every picture was drawn")


def test_every_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    text = summary(tmp_path, classes=["a|b", "c*d", "<e>"], coarse={"a|b": "x", "c*d": "y", "<e>": "y"})
    for block in text.split("\n\n"):
        rows = [line.replace("\\|", "") for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
    assert "Accuracy among coarse classes" in text


def test_names_never_become_markup(tmp_path: Path) -> None:
    text = summary(tmp_path, classes=["<script>", "a|b", "x_y"], skill=0.3, title="# *T* <img src=x>")
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "\\<img src=x\\>" in text
    assert "a\\|b" in text
    assert "x\\_y" in text


def test_it_ends_with_the_command_that_finds_the_run(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, make_run(tmp_path))
    end = markdown_summary(inputs).splitlines()[-6:]
    assert end[0] == "```sh"
    assert end[1:-1] == [
        "lithoscope runs \\",
        f"  --weights {inputs.hashes.weights} \\",
        f"  --parameters {'d' * 64} \\",
        f"  --data {inputs.hashes.data}",
    ]


def test_people_stand_in_a_line_or_why_they_don_t(tmp_path: Path) -> None:
    assert "People: folder has no human data: nothing to compare with." in summary(tmp_path / "a")
    parameters = make_run(tmp_path / "b")
    write_people(tmp_path / "b")
    text = markdown_summary(inputs_of(tmp_path / "b", parameters))
    assert (
        "People: mean r 0.767 [0.738, 0.794], disparity 0.371, 12 test photographs; the authors' network 0.740" in text
    )


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    assert summary(tmp_path / "a") == summary(tmp_path / "b")
    assert summary(tmp_path / "c", skill=0.1) != summary(tmp_path / "d", skill=0.9)
