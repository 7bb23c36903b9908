import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lithoscope.cli import main as cli
from lithoscope.config.params import FolderParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.nested import flatten
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.data.set_source import set_source
from lithoscope.experiments.dvc_runs import RecipeRequest, free_name, plan
from lithoscope.experiments.recipes import (
    PLACES,
    committed_parameters,
    grid_member,
    load_recipe,
    override,
    parameters_with,
    recipe_and_seed,
    recipe_names,
    setting,
)
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.device import make_repeatable
from lithoscope.training.fit import train
from lithoscope.training.module import TrainingSettings

from helpers.git_checkout import git, small_checkout
from helpers.photographs_on_disk import class_folders
from helpers.tiny_parameters import with_values

ROOT = Path(__file__).resolve().parents[3]
ABOUT = "about:\n  description: a test\n"


@pytest.fixture
def root(tmp_path: Path, checkout: Path) -> Path:
    return small_checkout(tmp_path / "checkout", checkout)


def write(root: Path, name: str, text: str) -> None:
    (root / "recipes" / f"{name}.yaml").write_text(text, encoding="utf-8")


def planned(root: Path, name: str, **request: Any) -> Any:
    (experiment,) = plan(root, load_recipe(root, name), RecipeRequest(**{"settings": {}, **request}))
    return experiment


@pytest.mark.parametrize("name", recipe_names(ROOT))
def test_a_recipe_is_valid_and_states_only_what_differs(checkout: Path, name: str) -> None:
    recipe = load_recipe(checkout, name)
    committed = committed_parameters(checkout)
    for combination in recipe.combinations():
        parameters_with(committed, {**recipe.differences, **combination}, name)
    before = flatten(committed)
    assert not [key for key, value in recipe.differences.items() if before[key] == value], "as committed anyway"
    assert not set(recipe.differences) & set(recipe.grid)
    assert set(recipe.about.compare_with) <= set(recipe_names(checkout)) - {name}


ADDED = {
    "evaluate.crop": 0.0,
    "folder.columns": None,
    "folder.depth": 1,
    "folder.labels": None,
    "folder.specimens": "none",
    "max_megapixels": 179,
    "pages": "first",
    "train.adapt": "tune",
    "train.cached_views": 0,
    "train.head_passes": 0,
    "train.head_refit": False,
    "train.keep": "loss",
    "train.temperature": None,
}
"""Parameters that some results were recorded without, at what the code did before there was a choice."""
RENAMED = {("osf-late-blocks", "train.head_epochs"): "train.head_passes"}
"""What the passes of this recipe's discriminant were called when its results were recorded."""


@pytest.mark.parametrize("result", sorted((ROOT / "results").glob("*.json")), ids=lambda path: path.stem)
def test_a_recipe_is_still_the_experiment_whose_results_are_recorded(checkout: Path, result: Path) -> None:
    recorded = json.loads(result.read_text("utf-8"))
    experiment, seed = recipe_and_seed(result.stem)
    recipes = {name: load_recipe(checkout, name) for name in recipe_names(checkout)}
    recipe, tried = grid_member(recipes, experiment) or (recipes[experiment], {})
    seeds = {} if seed is None else {"seed": seed, "split.seed": seed}
    words = shlex.split(recorded["command"])
    assert words[:3] == ["lithoscope", "recipe", recipe.name], "a command that does not lean on today's defaults"
    own = dict(setting(words[place + 1]) for place, word in enumerate(words) if word == "-S")
    values = committed_parameters(checkout)
    planned = flatten({key: value for key, value in values.items() if key != "gate"})
    planned |= {**recipe.differences, **tried, **seeds, **own}
    expected = ADDED | flatten(recorded["parameters"])
    for (name, before), now in RENAMED.items():
        if name == recipe.name:
            expected |= {now: expected[before], before: planned[before]}
    assert {key: value for key, value in planned.items() if key not in PLACES} == expected


@pytest.mark.parametrize(
    "name", [name for name in recipe_names(ROOT) if load_recipe(ROOT, name).differences.get("model.name") == "cnn"]
)
def test_a_recipe_that_means_from_scratch_says_so(checkout: Path, name: str) -> None:
    assert load_recipe(checkout, name).differences["model.weights"] is None
    assert "  weights: null  # from scratch\n" in (checkout / "recipes" / f"{name}.yaml").read_text("utf-8")


def test_the_recipes_of_earlier_work_are_there_with_its_figures(checkout: Path) -> None:
    def figures(name: str) -> dict[str, float]:
        source = load_recipe(checkout, name).about.source
        assert source is not None
        return {figure.metric: figure.value for figure in source.figures}

    assert figures("mineral-cnn") == {"validation loss": 0.4891}
    assert figures("minerals-mobilenetv3")["test accuracy"] == 0.929
    assert figures("osf-resnet50")["validation accuracy"] == 0.2946
    assert load_recipe(checkout, "cnn-sweep").grid
    assert "toy-80-20" in recipe_names(checkout)


@pytest.mark.parametrize("name", ["minerals-mobilenetv3", "osf-resnet50"])
def test_the_exact_backbone_of_a_recipe_trains_from_scratch(checkout: Path, tmp_path: Path, name: str) -> None:
    changes = {**load_recipe(checkout, name).differences, "model.weights": None, "precision": "fp32", "device": "cpu"}
    params = parameters_with(committed_parameters(checkout), changes, name)
    rng = np.random.default_rng(0)
    pictures = ArraySplit(
        images=rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8),
        ids=list("abcd"),
        labels=np.array([0, 1, 0, 1], np.int64),
        copies=np.zeros(4, np.int64),
        classes=["basalt", "quartz"],
    )
    make_repeatable(params.seed, threads=1)
    network = build_classifier(Architecture(params.model, 32, 2))
    weights = sum(weight.numel() for weight in network.parameters())
    backbone = {"mobilenet_v3_large": 2_971_952, "resnet50": 23_508_032}[params.model.name]  # without the head
    assert backbone < weights < backbone + 1.3e6
    settings = TrainingSettings.from_parameters(params, "cpu", "fp32")
    settings = settings.changed(epochs=1, batch_size=4, head_epochs=min(settings.head_epochs, 1))
    result = train(
        network, settings, pictures, pictures, None, checkpoints=tmp_path, on_epoch=lambda *_: None, progress_bar=False
    )
    assert np.isfinite(result.history[-1].train_loss)


def test_parameters_are_the_committed_ones_then_the_recipes_then_the_users(root: Path) -> None:
    write(root, "try", ABOUT + "lr: 1e-4\nepochs: 3\ntrain:\n  patience: 2\n")
    experiment = planned(root, "try", settings={"epochs": 5})
    params = experiment.parameters
    assert (params.lr, params.epochs, params.train.patience) == (1e-4, 5, 2)
    assert params.batch_size == committed_parameters(root)["batch_size"]
    assert experiment.line == "dvc exp run --temp --name try -S lr=0.0001 -S epochs=5 -S train.patience=2"


def test_what_stands_in_the_workspace_never_counts_and_is_set_back_on_the_line(root: Path) -> None:
    write(root, "try", ABOUT + "epochs: 3\n")
    clean = planned(root, "try")
    text = (root / "params.yaml").read_text(encoding="utf-8")
    leaked = with_values(text, {"lr": 0.5, "epochs": 9, "model.weights": "x"})
    (root / "params.yaml").write_text(leaked, encoding="utf-8")
    dirty = planned(root, "try")
    assert dirty.parameters == clean.parameters
    assert dirty.reset == ["lr", "model.weights"]
    assert dirty.line == clean.line + " -S lr=0.002 -S model.weights=null"
    (root / "params.yaml").write_text(text + "another: 1\n", encoding="utf-8")
    with pytest.raises(LithoscopeError, match="another is not in the last commit: commit the change, or go back with"):
        planned(root, "try")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        1.0,
        1e-5,
        "osf-rocks",
        "/My Rocks (1) [new]",
        "it's",
        'say "x"',
        "end\\",
        "a\\'b",
        "null",
        "12",
        "1e-4",
        "/x,y",
        "/a:b=c",
        "x$y",
        "ünï/ö",
        " pad ",
        [1, "two words"],
    ],
)
def test_a_value_comes_through_the_shell_and_dvcs_grammar_as_it_is(value: Any) -> None:
    (through_shell,) = shlex.split(shlex.quote(override("model.weights", value)))
    read = OverridesParser.create().parse_override(through_shell).value()
    assert (read, type(read)) == (value, type(value))


def test_what_dvcs_grammar_refuses_is_taken_as_it_was_typed() -> None:
    assert setting("mirror=/My Rocks (1) [new]") == ("mirror", "/My Rocks (1) [new]")
    assert setting("lr=1e-4") == ("lr", 1e-4)
    assert setting("model.weights=null") == ("model.weights", None)


@pytest.mark.parametrize("text", ["lr", "=3", "lr=1e-3,1e-4", "a b=1"])
def test_a_setting_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(LithoscopeError, match="-S "):
        setting(text)


def test_a_seed_moves_weights_and_split_and_names_the_experiment(root: Path) -> None:
    write(root, "try", ABOUT + "epochs: 3\n")
    experiment = planned(root, "try", seed=2)
    assert experiment.name == "try-seed2"
    assert (experiment.parameters.seed, experiment.parameters.split.seed) == (2, 2)


def test_a_grid_is_every_combination_numbered(root: Path) -> None:
    write(root, "try", ABOUT + "epochs: 3\ngrid:\n  lr: [1e-3, 1e-4]\n  train:\n    clip: [0.0, 1.0]\n")
    experiments = plan(root, load_recipe(root, "try"), RecipeRequest({}, queue=True))
    assert [experiment.name for experiment in experiments] == ["try-1", "try-2", "try-3", "try-4"]
    tried = {(experiment.parameters.lr, experiment.parameters.train.clip) for experiment in experiments}
    assert tried == {(1e-3, 0.0), (1e-3, 1.0), (1e-4, 0.0), (1e-4, 1.0)}
    assert all("--queue" in experiment.command for experiment in experiments)


def test_photographs_of_ones_own_must_be_the_recipes_set(root: Path, tmp_path: Path) -> None:
    write(root, "minerals", ABOUT + "dataset: minerals\n")
    write(root, "any", ABOUT + "epochs: 3\n")
    folder = tmp_path / "My Rocks (1) [new]"
    class_folders(folder, "basalt", "gneiss")
    with pytest.raises(LithoscopeError, match="holds dataset folder, but minerals is for minerals"):
        planned(root, "minerals", data=folder)
    for experiment in (
        planned(root, "minerals", data=folder, settings={"dataset": "folder"}),
        planned(root, "any", data=folder),
    ):
        assert (experiment.parameters.dataset, experiment.parameters.mirror) == ("folder", str(folder))


def test_the_layout_of_ones_own_photographs_goes_along(root: Path, tmp_path: Path) -> None:
    write(root, "any", ABOUT + "epochs: 3\n")
    class_folders(tmp_path / "rocks" / "Igneous", "basalt", "granite")
    class_folders(tmp_path / "rocks" / "Sedimentary", "chalk")
    deep = planned(root, "any", data=tmp_path / "rocks", settings={"folder.depth": 2})
    assert deep.parameters.folder.depth == 2
    assert "folder.depth=2" in deep.command
    (tmp_path / "rocks" / "labels.csv").write_text("file,label\nbasalt/0.png,a\nchalk/0.png,b\n", encoding="utf-8")
    tabled = planned(root, "any", data=tmp_path / "rocks")
    assert tabled.parameters.folder.labels == "labels.csv"
    assert "folder.labels=labels.csv" in tabled.command


def test_the_layout_that_use_wrote_goes_along_before_it_is_committed(root: Path, tmp_path: Path) -> None:
    write(root, "any", ABOUT + "epochs: 3\n")
    class_folders(tmp_path / "rocks" / "Igneous", "basalt", "granite")
    class_folders(tmp_path / "rocks" / "Sedimentary", "chalk")
    class_folders(tmp_path / "others", "basalt", "granite")
    set_source(root / "params.yaml", "folder", tmp_path / "rocks", FolderParameters(depth=2))
    assert planned(root, "any", data=tmp_path / "rocks").parameters.folder.depth == 2
    assert planned(root, "any", data=tmp_path / "rocks", settings={"folder.depth": 1}).parameters.folder.depth == 1
    assert planned(root, "any", data=tmp_path / "others").parameters.folder.depth == 1
    assert planned(root, "any").parameters.folder.depth == 1, "what is not asked for is not taken from the workspace"


def test_photographs_that_the_repository_keeps_are_named_from_its_root(root: Path) -> None:
    write(root, "any", ABOUT + "epochs: 3\n")
    class_folders(root / "photos" / "2024_05", "basalt", "gneiss")
    (root / ".gitignore").write_text("/photos\n", encoding="utf-8")
    place = root / "photos" / "2024_05"
    assert planned(root, "any", data=place).parameters.mirror == str(place)
    (root / "photos.dvc").write_text("outs: []\n", encoding="utf-8")
    git(root, "add", "photos.dvc")
    assert planned(root, "any", data=place).parameters.mirror == "photos/2024_05"
    assert planned(root, "any", settings={"mirror": "photos/2024_05"}).parameters.mirror == "photos/2024_05"


def test_a_committed_copy_of_one_set_is_not_taken_for_another(root: Path, tmp_path: Path) -> None:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    mine = text.replace("dataset: specimens", "dataset: minerals").replace("mirror: data", f"mirror: {tmp_path}")
    (root / "params.yaml").write_text(mine, encoding="utf-8")
    git(root, "commit", "--quiet", "--all", "--message", "Use my copy")
    write(root, "same", ABOUT + "dataset: minerals\n")
    write(root, "other", ABOUT + "dataset: osf-rocks\n")
    assert planned(root, "same").parameters.mirror == str(tmp_path)
    assert planned(root, "other").parameters.mirror == "data"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr: 1e-4\n", "about:"),
        ("about: {}\n", "about.description"),
        ("about:\n  description: x\n  colour: y\n", "about.colour"),
        (ABOUT + "learning_rate: 1\n", "recipes/try.yaml: unknown key learning_rate = 1"),
        (ABOUT + "train:\n  patiense: 1\n", "did you mean patience?"),
        (ABOUT + "lr: fast\n", 'recipes/try.yaml: lr = "fast": allowed: a number > 0 and ≤ 100'),
        (ABOUT + "grid:\n  lr: 3\n", "grid: each parameter needs a list"),
        (ABOUT + "grid:\n  lr: [1e-3, fast]\n", 'recipes/try.yaml: lr = "fast"'),
        (ABOUT + "mirror: /my/photographs\n", "--data PATH"),
        (ABOUT + "lr: 1\nlr: 2\n", "duplicate key"),
    ],
)
def test_a_mistake_in_a_recipe_is_a_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    monkeypatch.chdir(root)
    write(root, "try", text)
    assert cli.main(["recipe", "try", "--dry"]) == 1
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tri"], "no recipe tri: did you mean try?"),
        (["try", "-S", "lrr=1"], "unknown key lrr = 1: did you mean lr?"),
        (["try", "-S", "mirror=photographs"], "mirror = photographs: allowed: a full path"),
        (["try", "-S", "mirror=2024_05"], "mirror = 202405: DVC takes such a name for a number: quote it, -S"),
        (["try", "-S", "mirror=ftp://host/rocks"], "mirror ftp://host/rocks: allowed: s3://BUCKET/PREFIX"),
        (["try", "-S", "mirror=https://me:secret@host/rocks.zip"], "the address on host holds a user name"),
        (["try", "--name", "a b"], "--name a b: allowed: letters"),
        (["try", "--data", "/nowhere/at all"], "no such folder or file"),
    ],
)
def test_a_mistake_of_the_user_is_a_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    monkeypatch.chdir(root)
    write(root, "try", ABOUT + "epochs: 3\n")
    assert cli.main(["recipe", *arguments]) == 1
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1


def test_the_list_describes_each_recipe(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    write(root, "try", ABOUT + "epochs: 3\n")
    assert cli.main(["recipe", "--list"]) == 0
    assert capsys.readouterr().out == "try  a test\n"
    (root / "recipes" / "try.yaml").unlink()
    assert cli.main(["recipe", "--list"]) == 1
    assert "no recipes there" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["refs/exps/ab/" + "c" * 38 + "/try", "queued"])
def test_an_experiment_is_never_overwritten(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    monkeypatch.chdir(root)
    write(root, "try", ABOUT + "epochs: 3\n")
    if where == "queued":
        git(
            root, "update-ref", "--create-reflog", "-m", "commit: dvc-exp:abc:abc:try", "refs/exps/celery/stash", "HEAD"
        )
    else:
        git(root, "update-ref", where, "HEAD")
    assert cli.main(["recipe", "try"]) == 1
    error = capsys.readouterr().err
    assert "the experiment try exists and is never overwritten: choose another name with --name try-2" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(("answer", "name"), [("y", "try-2"), ("Yes ", "try-2"), ("", None), ("n", None)])
def test_whoever_sits_at_a_terminal_is_asked_about_a_name_that_exists(
    root: Path, answer: str, name: str | None
) -> None:
    write(root, "try", ABOUT + "epochs: 3\n")
    git(root, "update-ref", "refs/exps/ab/" + "c" * 38 + "/try", "HEAD")
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    if name is None:
        with pytest.raises(LithoscopeError, match="never overwritten"):
            free_name(root, load_recipe(root, "try"), RecipeRequest({}), ask)
    else:
        assert free_name(root, load_recipe(root, "try"), RecipeRequest({}), ask).name == name
    assert asked == ["the experiment try exists; run as try-2 instead? [y/N] "]


def test_an_answer_that_ends_before_it_began_is_no_and_the_error_has_its_own_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    write(root, "try", ABOUT + "epochs: 3\n")
    git(root, "update-ref", "refs/exps/ab/" + "c" * 38 + "/try", "HEAD")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(""))  # what Ctrl-D leaves
    assert cli.main(["recipe", "try"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "the experiment try exists; run as try-2 instead? [y/N] \n"
    assert printed.err.startswith("error: the experiment try exists and is never overwritten")


TABLE: dict[str, dict[str, Any]] = {
    "mineral-cnn": {"dataset": "minerals", "model.name": "cnn", "epochs": 25},
    "minerals-mobilenetv3": {
        "dataset": "minerals",
        "model.name": "mobilenet_v3_large",
        "model.weights": "imagenet",
        "model.head": "batchnorm",
        "split.validation": 0.1,
        "batch_size": 16,
        "epochs": 50,
        "lr": 1e-4,
        "train.optimizer": "adam",
        "train.weight_decay": 0,
        "train.label_smoothing": 0,
        "train.keep": "loss",
        "augment.brightness": 0,
        "augment.contrast": 0,
        "augment.colour": 0,
    },
    "osf-resnet50": {
        "dataset": "osf-rocks",
        "model.name": "resnet50",
        "model.weights": "imagenet",
        "model.head": "mlp",
        "model.pooling": "average",
        "train.schedule": "plateau",
    },
    "cnn-sweep": {"dataset": "minerals", "model.name": "cnn", "evaluate.on": "validation"},
    "toy-80-20": {"dataset": "minerals", "model.name": "cnn", "split.test": 0.2, "split.validation": 0.3},
}


@pytest.mark.parametrize("name", TABLE)
def test_the_recipe_of_an_earlier_system_does_what_that_system_did(checkout: Path, name: str) -> None:
    committed = committed_parameters(checkout)
    params = parameters_with(committed, load_recipe(checkout, name).differences, name).flat()
    assert {key: params[key] for key in TABLE[name]} == TABLE[name]
    if name == "osf-resnet50":
        assert params["train.head_epochs"] > 0
    if name not in {"cnn-sweep", "toy-80-20"}:
        assert params["train.patience"] > 0
