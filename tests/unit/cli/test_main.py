import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import lithoscope
from lithoscope.cli import main as cli
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.engines import ray_tasks
from lithoscope.data.engines.tasks import Made, Task, TaskEngine, Wanted, on_threads
from lithoscope.data.inspect import inspect_source

from helpers.narrow_terminal import ENCODINGS, writing_in
from helpers.photographs_on_disk import class_folders


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    monkeypatch.chdir(folder)
    return folder


def test_use_says_what_it_found_and_sets_both_parameters(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = tmp_path / "My Rocks (1) [new]"
    class_folders(photographs, "basalt", "gneiss", each=3)
    assert cli.main(["use", str(photographs)]) == 0
    printed = capsys.readouterr().out
    assert "basalt" in printed
    assert "gneiss" in printed
    values = read_yaml(workspace / "params.yaml")
    assert (values["dataset"], values["mirror"]) == ("folder", str(photographs))


def test_use_looks_into_photographs_by_the_engine_of_the_environment(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rocks = class_folders(tmp_path / "rocks", "basalt", "gneiss", each=3)
    asked: list[tuple[object, ...]] = []

    @contextmanager
    def on_ray(address: str, partial: Path, _asked: object) -> Iterator[TaskEngine]:
        def engine(task: Task[Made], photographs: Sequence[Wanted]) -> Iterator[Made]:
            asked.append((address, partial, len(photographs)))
            return on_threads(task, photographs)

        yield engine

    monkeypatch.setattr(ray_tasks, "TasksOnRay", on_ray)
    monkeypatch.setenv("LITHOSCOPE_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert cli.main(["use", str(rocks)]) == 0
    assert asked == [("10.0.0.1:6379", workspace / ".partial" / "prepared", 6)]
    monkeypatch.setenv("LITHOSCOPE_ENGINE", "rya")
    capsys.readouterr()
    assert cli.main(["use", str(rocks)]) == 1
    assert capsys.readouterr().err == "error: LITHOSCOPE_ENGINE=rya: allowed: local | ray\n"


def test_use_takes_the_depth_and_writes_nothing_that_split_would_refuse(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class_folders(tmp_path / "rocks" / "Igneous", "Basalt", "Granite", each=3)
    assert cli.main(["use", str(tmp_path / "rocks"), "--depth", "2"]) == 0
    assert read_yaml(workspace / "params.yaml")["folder"]["depth"] == 2
    before = (workspace / "params.yaml").read_bytes()
    class_folders(tmp_path / "rocks" / "Igneous", "Obsidian", each=1)
    assert cli.main(["use", str(tmp_path / "rocks"), "--depth", "2"]) == 1
    assert "these have fewer" in (printed := capsys.readouterr()).err
    assert "Obsidian (1 of 1)" in printed.err
    assert (workspace / "params.yaml").read_bytes() == before
    assert cli.main(["use", str(tmp_path / "rocks"), "--depth", "0"]) == 1
    assert "use: depth = 0: allowed: a whole number ≥ 1" in capsys.readouterr().err


def test_the_synthetic_specimens_are_never_taken_for_photographs(tmp_path: Path) -> None:
    photographs = tmp_path / "copy" / "train"
    class_folders(photographs, "biotite", "quartz")
    (tmp_path / "copy" / "catalogue.csv").write_text("path,label,split,seed,index\n", encoding="utf-8")
    for folder in (tmp_path / "copy", photographs):
        with pytest.raises(LithoscopeError, match="synthetic specimens; use: lithoscope use specimens"):
            inspect_source(folder)


def test_use_takes_a_set_by_its_name_and_goes_back_to_the_default(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_bytes()
    assert cli.main(["use", "specimens"]) == 0
    start = (workspace / "params.yaml").read_bytes()
    assert cli.main(["use", "osf-rocks"]) == 0
    assert read_yaml(workspace / "params.yaml")["dataset"] == "osf-rocks"
    assert cli.main(["use", "specimens"]) == 0
    assert (workspace / "params.yaml").read_bytes() == start
    assert len(before.splitlines()) == len(start.splitlines())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["use", "nowhere"], "nowhere"),
        (["predict", "nowhere.jpg"], "no such file or folder"),
        (["predict", "params.yaml"], "run `dvc repro` first"),
        (["predict", "params.yaml", "--output", "params.yaml"], "must name files of their own"),
        (["predict", "params.yaml", "--sheet", "."], "cannot be written"),
        (["use", ""], "name a folder, an archive, or a set"),
        (["predict", "params.yaml", "--output", "nowhere/labels.csv"], "its folder does not exist"),
        (["summary"], "dataset.json is missing: `dvc repro` makes it"),
        (["specimens", "."], "not empty"),
        (["results"], "no results there"),
    ],
)
def test_a_mistake_is_a_line_and_status_1(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert expected in error
    assert len(error.splitlines()) == 1


def test_a_name_in_an_error_cannot_steer_the_terminal(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", "nowhere\x1b[2J.jpg"]) == 1
    assert capsys.readouterr().err == "error: nowhere\\x1b[2J.jpg: no such file or folder\n"


SUMMARISED: dict[str, dict[str, object]] = {
    "build/dataset.json": {"title": "Specimens", "classes": ["a", "b"], "synthetic": True, "published": None},
    "metrics/evaluation.json": {
        "test": {"n": 10, "accuracy": 0.9, "loss": 0.3, "top3_accuracy": 1.0, "macro": {"f1": 0.89}}
    },
    "metrics/data.json": {"photographs": 40},
    "metrics/train.json": {"best_epoch": 3, "epochs": 5, "validation": {"loss": 0.25}},
}


def test_summary_says_synthetic_and_gives_the_interval(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, values in SUMMARISED.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(json.dumps(values), encoding="utf-8")
    assert cli.main(["summary"]) == 0
    printed = capsys.readouterr().out
    assert "40 photographs (synthetic" in printed
    assert ".900 [.596, .982], n = 10" in printed
    assert "report/index.html" in printed


@pytest.mark.kind(
    about="encodings",
    kind="tables that commands print, in ASCII, latin-1 or cp1252: `use`, `models`, `recipe --list`, `summary`",
    done="printed; what cannot be written is escaped",
    reported="–",
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_are_printed_in_any_encoding(
    workspace: Path, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    class_folders(tmp_path / "岩石", "Schörl", "花崗岩", each=3)
    for name, values in SUMMARISED.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(json.dumps(values | {"title": "岩石 …"}), encoding="utf-8")
    for folder, arguments, words in (
        (workspace, ["use", str(tmp_path / "岩石")], "\\u82b1\\u5d17\\u5ca9"),
        (workspace, ["summary"], "\\u5ca9\\u77f3"),
        (checkout, ["models"], "resnet18"),
        (checkout, ["recipe", "--list"], "minerals-best"),
    ):
        monkeypatch.chdir(folder)
        with writing_in(encoding) as written:
            assert cli.main(arguments) == 0, written()
            assert words in written()


def test_help_lists_every_command_in_a_section_and_loads_no_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-h"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ")} >= set(cli.COMMANDS.commands)
    assert [line for line in lines if line.endswith(":")][1:] == [
        "Photographs:",
        "Experiments:",
        "What a run found:",
        "Results that are kept:",
    ]
    code = "import sys, lithoscope.cli.main; print({'numpy', 'pydantic', 'mlflow', 'rich', 'dvc'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "lithoscope: error: Missing command"),
        (["sumary"], "lithoscope: error: No such command 'sumary'"),
        (["predict"], "lithoscope predict: error: Missing argument 'PATH"),
        (["recipe", "--seed", "one"], "lithoscope recipe: error: Invalid value for '--seed'"),
        (["report", "--nothing"], "lithoscope report: error: No such option"),
    ],
)
def test_what_cannot_be_asked_for_is_a_line_after_the_usage_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Usage: lithoscope")
    assert expected in printed.err.splitlines()[-1]


def test_an_option_may_be_abbreviated_as_long_as_it_is_no_other_ones(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["predict", "params.yaml", "--out=nowhere/labels.csv"]) == 1
    assert "its folder does not exist" in capsys.readouterr().err
    assert cli.main(["compare", "--las", "-1"]) == 1
    assert "--last -1: allowed: 1 or more" in capsys.readouterr().err
    assert cli.main(["recipe", "granite", "--d"]) == 2, "--data or --dry"
    assert cli.main(["use", "--", "--out"]) == 1
    assert "--out" in capsys.readouterr().err.splitlines()[-1]


def test_ctrl_c_and_a_pipe_that_closed_have_the_statuses_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("lithoscope.reporting.headline.headline", interrupted)
    assert cli.main(["summary"]) == 130
    script = "import sys; from lithoscope.cli.main import main; sys.exit(main(['recipe']))"
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    root = Path(lithoscope.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, stdout=write, stderr=subprocess.PIPE, env=environment
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_shell_completes_commands_options_and_recipes(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("_LITHOSCOPE_COMPLETE", "bash_complete")

    def completed(words: str) -> set[str]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        assert cli.main([]) == 0
        return {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()}

    assert completed("lithoscope rec") == {"recipe", "record"}
    assert completed("lithoscope gate --s") == {"--snapshot"}
    assert "minerals-best" in completed("lithoscope recipe minerals-")
