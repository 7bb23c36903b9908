"""The full report: the report with what changes from run to run, which no tracked file may hold."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lithoscope.config.params import load_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.comparison import compare_runs, comparison_table
from lithoscope.experiments.comparison_page import draw_accuracies, draw_curves, line_style
from lithoscope.experiments.find_run import find_run
from lithoscope.reporting.inputs import ReportInputs, read_inputs
from lithoscope.reporting.page import RUN, SECTIONS, Section, render_page
from lithoscope.reporting.svg import to_svg
from lithoscope.tracking import environment, open_store

MARK = "made by lithoscope report --full"
CODE = ("src/", "stages/")
COMPARED = 12  # runs, the newest
CHECKOUT = {"git.commit": "git revision", "git.changed": "tracked files changed", "processor": "processor"}


def write_full_report(root: Path, output: Path | None = None) -> Path:
    """Write the full page and return where it lies.

    Args:
        root: A checkout in which the pipeline has run.
        output: The page; None for ``report-full/index.html``.

    Raises:
        LithoscopeError: The pipeline has not run, or the page would be written over another file.
    """
    target = output or root / "report-full" / "index.html"
    if target.suffix.lower() not in {".html", ".htm"}:
        raise LithoscopeError(f"--output {target}: must end in .html")
    if target.exists() and MARK not in target.read_text(encoding="utf-8", errors="replace")[:300]:
        raise LithoscopeError(f"--output {target}: another file, which is not written over: name a new one")
    parameters = load_parameters(root / "params.yaml", past=True)
    page = full_page(root, read_inputs(root, parameters.flat(), parameters.digest()))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8", newline="\n")
    return target


def full_page(root: Path, inputs: ReportInputs) -> str:
    """Return the report with its further sections, as an HTML document.

    Args:
        root: The checkout that the inputs were read from.
        inputs: Of the report.
    """
    further = (
        Section("run", "This run, and this machine", "Run", RUN, partial(run_facts, root), from_pictures=False),
        Section("compared", "Beside other runs", "Other runs", RUN, partial(compared, root)),
        Section("lock", "Every hash of dvc.lock", "Hashes", RUN, partial(lock, root), from_pictures=False),
    )
    page = render_page(inputs, (*SECTIONS, *further), full=True)
    return page.replace("<!doctype html>\n", f"<!doctype html>\n<!-- {MARK} -->\n", 1)


def run_facts(root: Path, inputs: ReportInputs) -> dict[str, Any]:
    """The MLflow run of these weights, how it was computed, and what this page was made on."""
    versions = environment()
    parameters = inputs.parameters
    return {
        **_mlflow_facts(root, inputs),
        "here": [(name, versions[tag]) for tag, name in CHECKOUT.items() if tag in versions]
        + [("processor threads of the machine", str(os.cpu_count())), ("python", versions["python"])],
        "versions": _versions(versions),
        "asked": [(name, str(parameters[name])) for name in ("precision", "threads", "device", "seed")],
    }


def _mlflow_facts(root: Path, inputs: ReportInputs) -> dict[str, Any]:
    nothing: dict[str, Any] = {"facts": [], "trained_on": {}, "metrics": []}
    try:
        store = open_store(root)[1]
        run = find_run(store, inputs.hashes.weights, inputs.hashes.parameters, inputs.hashes.data)
    except LithoscopeError as error:
        return {"missing": str(error), **nothing}
    if run is None:
        return {"missing": f"MLflow run: none of these weights and parameters in {store.shown}", **nothing}
    tags = run.tags
    names = {
        "mlflow.runName": "name",
        "dvc.experiment": "DVC experiment",
        "trained": "trained",
        "git.commit": "git revision",
        "git.changed": "tracked files changed",
        "device": "device",
        "precision": "precision",
        "processor": "processor",
        "python": "python",
    }
    facts = [("MLflow run", run.run_id), *((name, tags[tag]) for tag, name in names.items() if tag in tags)]
    if "seconds" in run.metrics:
        facts.append(("seconds of training", f"{run.metrics['seconds']:.0f}"))
    return {"missing": "", "facts": facts, "trained_on": _versions(tags), "metrics": sorted(run.metrics.items())}


def _versions(tags: Mapping[str, str]) -> dict[str, str]:
    return {tag.removeprefix("version."): value for tag, value in sorted(tags.items()) if tag.startswith("version.")}


def lock(root: Path, _: ReportInputs) -> dict[str, Any]:
    """Every hash that ``dvc.lock`` states, of what each stage read and of what it made."""
    path = root / "dvc.lock"
    if not path.is_file():
        return {"missing": "dvc.lock is missing: `dvc repro` writes it", "tables": []}
    rows = []
    for stage, entry in read_yaml(path).get("stages", {}).items():
        for kind, verb in (("deps", "reads"), ("outs", "makes")):
            for file in entry.get(kind) or []:
                digest = next((str(file[name]) for name in ("md5", "etag", "checksum") if name in file), "")
                rows.append(
                    {"stage": stage, "kind": verb, "path": _shown(str(file["path"])), "hash": digest}
                    | {"size": file.get("size"), "files": file.get("nfiles")}
                )
    code = [row for row in rows if row["path"].startswith(CODE)]
    data = [row for row in rows if not row["path"].startswith(CODE)]
    return {"missing": "", "tables": [("Data, models and figures", data), ("Code", code)]}


def _shown(path: str) -> str:
    return path if not Path(path).is_absolute() else f"…/{Path(path).name}"


def compared(root: Path, _: ReportInputs) -> dict[str, Any]:
    """The newest runs side by side, as ``lithoscope compare`` has them."""
    try:
        runs = compare_runs(root, last=COMPARED)
    except LithoscopeError as error:
        return {"missing": str(error)}
    head, table = comparison_table(runs)
    curves = {
        f"Validation {name}": to_svg(
            draw_curves(runs, name), f"runs{name}", f"validation {name} by epoch, a line a run"
        )
        for name in ("loss", "accuracy")
        if any(run.curves[f"val_{name}"] for run in runs)
    }
    # The figures' own markup, whose texts matplotlib escapes.
    accuracies = Markup(to_svg(draw_accuracies(runs), "runs", "accuracy of each run with its 95 % interval"))  # noqa: S704
    return {
        "missing": "",
        "head": head,
        "lines": table,
        "colours": [line_style(run.number)["color"] for run in runs],
        "accuracies": accuracies,
        "curves": [(name, Markup(figure)) for name, figure in curves.items()],  # noqa: S704
        "most": COMPARED,
    }
