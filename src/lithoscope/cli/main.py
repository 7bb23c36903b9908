"""``lithoscope …``: the commands a person types. Each imports what it needs when it runs, so that --help is quick."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lithoscope.core.errors import LithoscopeError, circumstance
from lithoscope.core.text import safe

OWN_SOURCES = ("specimens", "osf-rocks", "minerals")


def _use(arguments: argparse.Namespace) -> int:
    from lithoscope.data.inspect import inspect_source, set_source

    name = str(arguments.path)
    if name == ".":  # what an empty text becomes
        raise LithoscopeError("use: name a folder, an archive, or a set: " + ", ".join(OWN_SOURCES))
    if name in OWN_SOURCES and not arguments.path.exists():
        set_source(Path("params.yaml"), name, None)
        print(f"params.yaml: dataset {name}, from its own source")
    else:
        found = inspect_source(arguments.path)
        print(found.describe())
        set_source(Path("params.yaml"), found.dataset, arguments.path)
    print("params.yaml now says so; train on it with: dvc repro")
    return 0


def _specimens(arguments: argparse.Namespace) -> int:
    from lithoscope.data.synthetic import draw_specimens

    if arguments.path.exists() and any(arguments.path.iterdir()):
        raise LithoscopeError(f"{arguments.path}: not empty; name a new folder, nothing is overwritten")
    draw_specimens(arguments.path, progress=lambda line: print(line, file=sys.stderr))
    print(f"drew the synthetic specimens into {arguments.path}")
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from lithoscope.cli.predict import predict_command

    return predict_command(arguments.paths, arguments.model, arguments.output, arguments.sheet)


def _summary(_: argparse.Namespace) -> int:
    from lithoscope.reporting.headline import headline

    print(headline(Path.cwd()))
    return 0


def _recipe(arguments: argparse.Namespace) -> int:
    from lithoscope.experiments.dvc_runs import Request, run_recipe
    from lithoscope.experiments.recipes import load_recipe, recipe_names, setting

    root = Path.cwd()
    if arguments.list or arguments.name is None:
        names = recipe_names(root) or [load_recipe(root, "").name]
        for name in names:
            print(f"{name:<{max(map(len, names))}}  {load_recipe(root, name).about.description}")
        return 0
    settings = dict(setting(text) for text in arguments.set or [])
    request = Request(settings, arguments.data, arguments.seed, arguments.as_name, arguments.queue)
    ask = _answer if sys.stdin.isatty() else None
    return run_recipe(root, load_recipe(root, arguments.name), request, dry=arguments.dry, ask=ask)


def _answer(question: str) -> str:
    """Put a question to whoever sits at the terminal; Ctrl-D answers nothing."""
    try:
        return input(question)
    except EOFError:
        print()  # what follows begins on a line of its own
        return ""


def _folds(arguments: argparse.Namespace) -> int:
    from lithoscope.experiments.cross_validation import folds_command
    from lithoscope.experiments.dvc_runs import Request
    from lithoscope.experiments.recipes import load_recipe, setting

    settings = dict(setting(text) for text in arguments.set or [])
    request = Request(settings, arguments.data, arguments.seed, arguments.as_name)
    recipe = load_recipe(Path.cwd(), arguments.name)
    return folds_command(Path.cwd(), recipe, request, arguments.folds, dry=arguments.dry, output=arguments.output)


def _compare(arguments: argparse.Namespace) -> int:
    from lithoscope.experiments.comparison import compare_command

    if arguments.last is not None and arguments.last < 1:
        raise LithoscopeError(f"--last {arguments.last}: allowed: 1 or more")
    if arguments.last is not None and arguments.names:
        raise LithoscopeError(f"--last {arguments.last}: chooses among all runs; allowed without names only")
    return compare_command(Path.cwd(), arguments.names, arguments.last, arguments.output, arguments.against)


def _record(arguments: argparse.Namespace) -> int:
    from lithoscope.experiments.record import record

    written = record(Path.cwd(), arguments.name, arguments.experiment)
    print(f"wrote {written}; rebuild the table with: lithoscope results")
    return 0


def _results(_: argparse.Namespace) -> int:
    from lithoscope.experiments.results.page import write_table

    print(f"wrote {write_table(Path.cwd())}")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    if not arguments.full:
        raise LithoscopeError(
            "report: the page itself is made by `dvc repro report`; `lithoscope report --full` adds the run"
        )
    from lithoscope.experiments.full_report import report_command

    return report_command(Path.cwd(), arguments.output)


def _runs(arguments: argparse.Namespace) -> int:
    from lithoscope.experiments.find_run import runs_command

    return runs_command(Path.cwd(), arguments.weights, arguments.parameters, arguments.data)


def _deliver(arguments: argparse.Namespace) -> int:
    from lithoscope.cli.deliver import deliver_command

    return deliver_command(Path.cwd(), here=arguments.here)


def _gate(arguments: argparse.Namespace) -> int:
    from lithoscope.cli.gate import GateRequest, gate_command

    request = GateRequest(
        arguments.baseline, arguments.rev, arguments.markdown, arguments.json, arguments.snapshot, arguments.time
    )
    return gate_command(Path.cwd(), request)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("lithoscope", description="A reproducible classifier of rocks and minerals.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    use = commands.add_parser(
        "use", help="choose the photographs: your own, a local copy of a set, or a set by its name"
    )
    use.add_argument(
        "path", type=Path, help="a folder (one folder a class), zip or tar; or specimens, osf-rocks, minerals"
    )
    use.set_defaults(run=_use)

    predict = commands.add_parser("predict", help="classify photographs and folders of photographs")
    predict.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    predict.add_argument("--model", type=Path, default=Path("build/model"), help="a model folder (build/model)")
    predict.add_argument("--output", type=Path, metavar="CSV", help="write a table with all probabilities")
    predict.add_argument("--sheet", type=Path, metavar="PNG", help="draw a contact sheet")
    predict.set_defaults(run=_predict)

    summary = commands.add_parser("summary", help="print the headline figures of this workspace")
    summary.set_defaults(run=_summary)

    specimens = commands.add_parser("specimens", help="draw the built-in synthetic specimens anew")
    specimens.add_argument("path", type=Path, help="a new folder")
    specimens.set_defaults(run=_specimens)

    _add_recipe(commands)

    record = commands.add_parser("record", help="keep a finished run as results/NAME.json")
    record.add_argument("name", help="RECIPE-seedN stands with the recipe's other seeds in the table")
    record.add_argument("--experiment", metavar="EXP", help="a finished DVC experiment, instead of the workspace's run")
    record.set_defaults(run=_record)

    _add_report(commands)
    _add_gate(commands)

    deliver = commands.add_parser("deliver", help="send to MLflow what its server did not take while it was away")
    deliver.add_argument("--here", action="store_true", help="send also what was meant for another server")
    deliver.set_defaults(run=_deliver)

    results = commands.add_parser("results", help="rebuild docs/results.md from results/*.json")
    results.set_defaults(run=_results)
    return parser


def _add_recipe(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("-S", dest="set", action="append", metavar="KEY=VALUE", help="change one more parameter")
    asked.add_argument("--data", type=Path, metavar="PATH", help="a local copy of the recipe's photographs")
    asked.add_argument("--seed", type=int, metavar="N", help="seed of weights and split; the name gets -seedN")
    asked.add_argument("--name", dest="as_name", metavar="EXPERIMENT", help="another name for the experiment")
    asked.add_argument("--dry", action="store_true", help="print the plain DVC lines and run nothing")

    recipe = commands.add_parser("recipe", parents=[asked], help="run a named experiment, or list them all")
    recipe.add_argument("name", nargs="?", help="a file in recipes/, without .yaml")
    recipe.add_argument("--list", action="store_true", help="list the recipes with what they are")
    recipe.add_argument("--queue", action="store_true", help="queue it for `dvc queue start` instead of running it now")
    recipe.set_defaults(run=_recipe)

    folds = commands.add_parser("folds", parents=[asked], help="cross-validate a recipe, one experiment a fold")
    folds.add_argument("name", help="a file in recipes/, without .yaml")
    folds.add_argument("--folds", type=int, default=5, metavar="K", help="how many (5)")
    folds.add_argument("--output", type=Path, metavar="JSON", help="write the pooled figures for machines")
    folds.set_defaults(run=_folds)

    compare = commands.add_parser("compare", help="show runs side by side: parameters, curves, accuracies")
    compare.add_argument("names", nargs="*", metavar="EXPERIMENT|RUN", help="DVC experiments or MLflow runs; none: all")
    compare.add_argument("--last", type=int, metavar="N", help="only the N newest")
    compare.add_argument(
        "--against", metavar="EXPERIMENT|RUN", help="compare the others' accuracies with this one's (the first's)"
    )
    compare.add_argument("--output", type=Path, default=Path("compare/index.html"), metavar="HTML", help="the page")
    compare.set_defaults(run=_compare)


def _add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    report = commands.add_parser("report", help="write the report with what changes from run to run")
    report.add_argument("--full", action="store_true", help="add run id, revision, hashes, versions, other runs")
    report.add_argument("--output", type=Path, metavar="HTML", help="the page (report-full/index.html)")
    report.set_defaults(run=_report)

    runs = commands.add_parser("runs", help="find the MLflow run of a model by the hashes that its report states")
    for name, what in (
        ("weights", "of the weights"),
        ("parameters", "of the parameters"),
        ("data", "of the photographs"),
    ):
        runs.add_argument(f"--{name}", metavar="SHA256", help=f"hash {what}")
    runs.set_defaults(run=_runs)


def _add_gate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    gate = commands.add_parser("gate", help="compare results with a baseline: 0 passed, 1 failed, 2 cannot tell")
    gate.add_argument(
        "--baseline", default="main", metavar="REV|FILE", help="a revision, a snapshot or a predictions.csv (main)"
    )
    gate.add_argument("--rev", metavar="REV", help="judge a revision instead of the workspace")
    gate.add_argument("--markdown", type=Path, metavar="MD", help="write the report for a pull request")
    gate.add_argument("--json", type=Path, metavar="JSON", help="write the report for machines")
    gate.add_argument("--time", action="store_true", help="time predictions too, where both models are in DVC's cache")
    gate.add_argument("--snapshot", type=Path, metavar="JSON", help="judge nothing: keep these results as a baseline")
    gate.set_defaults(run=_gate)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, or 1 after a mistake, which is explained in a line."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LithoscopeError as error:
        for line in str(error).splitlines():
            print(f"error: {safe(line)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `lithoscope … | head` closes the pipe early
        sys.stderr.close()
        return 141
    except Exception as error:
        explained = circumstance(error)
        if explained is None:
            raise
        print(f"error: {safe(explained)}", file=sys.stderr)
        return 1
