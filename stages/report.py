"""Put what the stages before found into one page that opens by itself, and into a summary for a pull request."""

import shutil
from pathlib import Path

import _checkout

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.stage_runner import run
from lithoscope.reporting.inputs import Hashes, read_inputs
from lithoscope.reporting.markdown import markdown_summary
from lithoscope.reporting.page import render_page
from lithoscope.reporting.picture_files import figure_files
from lithoscope.tracking import PARAMETERS_TAG, WEIGHTS_TAG, open_store, run_name

FOLDER = Path("report")


def main() -> None:
    """Read what the other stages made and write the folder ``report``."""
    parameters = load_parameters(Path("params.yaml"))
    inputs = read_inputs(Path(), parameters.flat(), parameters.digest())
    files = {"index.html": render_page(inputs), "summary.md": markdown_summary(inputs), **figure_files(inputs)}
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in files.items():
        target = FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    print(f"report: {FOLDER / 'index.html'}")
    if not parameters.evaluate.crop:  # the run keeps the report of its photographs as they are
        track(parameters, inputs.hashes)


def track(parameters: Parameters, hashes: Hashes) -> None:
    """Keep the report with the run that trained these weights; the page is made, whatever becomes of that."""
    try:
        _, store = open_store(_checkout.ROOT, needed=False)
        if store.reachable and store.find(hashes.parameters, hashes.weights) is None:
            print("MLflow: there is no run of these weights and parameters, so it keeps no report of them")
            return
        wanted = {PARAMETERS_TAG: hashes.parameters, WEIGHTS_TAG: hashes.weights}
        with store.trained(run_name(parameters), parameters, wanted) as tracked:
            tracked.log_files(FOLDER)
    except LithoscopeError as error:
        print(f"the report is not kept in MLflow: {error}")


if __name__ == "__main__":
    run(main)
