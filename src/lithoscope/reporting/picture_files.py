"""Figure files for MLflow and for slides: ``report/figures/*.svg``."""

from lithoscope.reporting import confidence_figures
from lithoscope.reporting import learning_curves as figures
from lithoscope.reporting.assets import colours
from lithoscope.reporting.confusion_figure import confusion_figure
from lithoscope.reporting.inputs import ReportInputs
from lithoscope.reporting.learning_sections import best_epoch_mark, confusion
from lithoscope.reporting.svg import standalone


def figure_files(inputs: ReportInputs) -> dict[str, str]:
    """Return the content of each file by its name, such as ``figures/reliability.svg``."""
    best, mark = int(inputs.training["best_epoch"]), best_epoch_mark(inputs)
    scored = inputs.figures
    selective = scored["selective"]
    drawn = {
        "loss": figures.learning_curve(inputs.history, "loss", best, mark),
        "accuracy": figures.learning_curve(inputs.history, "accuracy", best, mark),
        "reliability": confidence_figures.reliability_diagram(inputs.reliability, calibrated=inputs.tempered),
        "selective": confidence_figures.selective_curve(
            inputs.selective, float(selective["target"]), selective["threshold"], selective.get("coverage")
        ),
    }
    table = confusion(inputs)
    if table["rows"] is not None:
        drawn["confusion"] = confusion_figure(table["classes"], table["rows"])
    return {f"figures/{name}.svg": standalone(svg, colours()) for name, svg in drawn.items()}
