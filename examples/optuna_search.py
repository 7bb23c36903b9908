"""Search parameters with Optuna: every trial is a DVC experiment and an MLflow run.

    pip install -e '.[search]'
    python examples/optuna_search.py mineral-cnn --trials 20

Run it at the root of the repository. A trial is the recipe with what :func:`suggest` proposes, scored on validation
photographs; the test photographs are never read. The search is kept in ``.partial/optuna.db``: after a kill the same
line goes on, and tries again what the killed trial was trying.
"""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import dvc.api
import optuna
from filelock import FileLock, Timeout
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.dvc_runs import RecipeRequest, execute, plan, taken_names
from lithoscope.experiments.recipes import Recipe, load_recipe, overrides, setting

ROOT = Path.cwd()
STORE = ROOT / ".partial" / "optuna.db"
DIRECTIONS = {"loss": StudyDirection.MINIMIZE, "accuracy": StudyDirection.MAXIMIZE}


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Return a trial's parameters under dotted keys: the space that is searched. Edit it for a search of yours."""
    return {
        "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
        "train.weight_decay": trial.suggest_float("train.weight_decay", 1e-4, 0.3, log=True),
        "model.dropout": trial.suggest_float("model.dropout", 0.0, 0.6, step=0.1),
        "augment.online": trial.suggest_float("augment.online", 0.0, 1.0, step=0.25),
    }


def score(recipe: Recipe, request: RecipeRequest, metric: str) -> float | None:
    """Run an experiment and return its figure on validation photographs; None where the experiment failed.

    Raises:
        LithoscopeError: The parameters are not allowed.
    """
    (experiment,) = plan(ROOT, recipe, request)
    print(experiment.line, flush=True)
    if execute(ROOT, experiment) != 0:
        return None
    # From the experiment's commit, not from MLflow: a training that DVC had in its cache opened no run.
    figures = dvc.api.metrics_show("metrics/evaluation.json", repo=str(ROOT), rev=experiment.name)
    return float(figures["validation"][metric])


def search(study: optuna.Study, recipe: Recipe, asked: RecipeRequest, metric: str, trials: int) -> None:
    """Run trials until the study has so many that ended, well or not."""
    for killed in study.get_trials(states=[TrialState.RUNNING]):
        study.set_user_attr("killed", [*study.user_attrs.get("killed", []), killed.number])
        # Its checkpoints are still there: with the same parameters the training goes on from its last epoch.
        study.enqueue_trial(killed.params)
        study.tell(killed.number, state=TrialState.FAIL)
    taken = taken_names(ROOT)
    while len(ended(study)) < trials:
        trial = study.ask()
        name = f"{study.study_name}-{trial.number}"
        if name in taken:
            study.tell(trial, state=TrialState.FAIL)
            raise LithoscopeError(f"the experiment {name} exists: choose another name for this search with --name")
        settings = {**asked.settings, **suggest(trial), "evaluate.on": "validation"}
        try:
            value = score(recipe, dataclasses.replace(asked, settings=settings, name=name), metric)
        except LithoscopeError:
            study.tell(trial, state=TrialState.FAIL)
            raise
        if value is None:
            print(f"{name} failed; the search goes on", flush=True)
            study.tell(trial, state=TrialState.FAIL)
        else:
            print(f"{name}: validation {metric} {value:.4f}", flush=True)
            study.tell(trial, value)


def ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that came to an end by themselves, well or not."""
    states = [TrialState.COMPLETE, TrialState.FAIL]
    return [
        trial for trial in study.get_trials(states=states) if trial.number not in study.user_attrs.get("killed", [])
    ]


def report(study: optuna.Study, recipe: str, fixed: dict[str, Any], data: Path | None, metric: str) -> None:
    """Print the best trial, and the line that reads the test photographs with it, once."""
    if not study.get_trials(states=[TrialState.COMPLETE]):
        raise LithoscopeError("no trial finished; the lines above say why")
    best = study.best_trial
    name = study.study_name
    print(f"best: {name}-{best.number}, validation {metric} {best.value:.4f}; side by side: lithoscope compare")
    changes = {**fixed, **best.params, "evaluate.on": "test"}
    where = [] if data is None else ["--data", str(data)]
    line = ["lithoscope", "recipe", recipe, *where, *overrides(changes), "--name", f"{name}-best"]
    print(f"score it on the test photographs, once, at the end: {shlex.join(line)}")


def at_least_one(text: str) -> int:
    """Read a number of trials."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: allowed: a whole number ≥ 1")
    return int(text)


def main() -> None:
    """Search."""
    parser = argparse.ArgumentParser(description="Search parameters; each trial is a DVC experiment.")
    add = parser.add_argument
    add("recipe", help="what the trials start from: a file in recipes/, without .yaml")
    add("--trials", type=at_least_one, default=20, help="how many in all, those of earlier calls too (20)")
    add("--metric", choices=DIRECTIONS, default="loss", help="of the validation photographs (loss)")
    add("--name", help="of the search; its experiments add their number (RECIPE-search)")
    add("--data", type=Path, metavar="PATH", help="a local copy of the recipe's photographs")
    add("-S", dest="set", action="append", default=[], metavar="KEY=VALUE", help="the same in all trials")
    arguments = parser.parse_args()
    recipe = load_recipe(ROOT, arguments.recipe)
    if recipe.grid:
        raise LithoscopeError(f"recipe {recipe.name}: a recipe with a grid is a sweep already; name one without")
    fixed = dict(setting(text) for text in arguments.set)
    if "evaluate.on" in fixed:
        raise LithoscopeError("-S evaluate.on: a search chooses on validation photographs; leave it out")
    STORE.parent.mkdir(exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with FileLock(STORE.with_suffix(".lock"), timeout=0):
            study = optuna.create_study(
                storage=f"sqlite:///{STORE}",
                study_name=arguments.name or f"{recipe.name}-search",
                direction=DIRECTIONS[arguments.metric],
                load_if_exists=True,
            )
            data = arguments.data and str(arguments.data.resolve())
            asked = [recipe.name, arguments.metric, fixed, data]
            if study.user_attrs.get("asked", asked) != asked:
                raise LithoscopeError(
                    f"the search {study.study_name} was begun with another recipe, metric, -S or --data: "
                    f"{study.user_attrs['asked']}; repeat those, or choose another name with --name"
                )
            study.set_user_attr("asked", asked)
            # A sampler that starts from the same seed in every call would propose the same trials again.
            study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
            search(study, recipe, RecipeRequest(fixed, arguments.data), arguments.metric, arguments.trials)
            report(study, recipe.name, fixed, arguments.data, arguments.metric)
    except Timeout:
        raise LithoscopeError(f"{STORE}: another search is running; wait for its end") from None


if __name__ == "__main__":
    try:
        main()
    except LithoscopeError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
