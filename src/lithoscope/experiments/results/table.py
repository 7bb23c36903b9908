"""Table of recorded runs in ``docs/results.md``: a row a run, and one for the mean of several seeds."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from lithoscope.experiments.recipes import About, SourceFigure
from lithoscope.experiments.results.recorded_run import RecordedRun
from lithoscope.reporting.headline import photographs_in_words, share_in_words, short

ABSENT = "–"
COLUMNS = (
    ("run", "---"),
    ("photographs: training / validation / test", "---"),
    ("model", "---"),
    ("computed in", "---"),
    ("scored on", "---"),
    ("n", "---:"),
    ("accuracy", "---"),
    ("loss", "---"),
    ("macro F1", "---"),
    ("validation accuracy", "---:"),
    ("validation loss", "---:"),
    ("best epoch", "---:"),
    ("training, s", "---:"),
    ("stated by the source", "---"),
    ("made by", "---"),
)


def table_line(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def row(result: RecordedRun, stated: str, tried: str) -> list[str]:
    """Return a run's cells.

    Args:
        result: The run.
        stated: What the recipe's source states.
        tried: What a grid's member tried.
    """
    values, figures, training = result.values, result.figures, result.values["training"]
    accuracy, loss = result.validation("accuracy"), result.validation("loss")
    return [
        f"[{result.name}](../results/{result.name}.json){tried}",
        _photographs(values),
        _model(values),
        _computed_in(values),
        values["split"],
        str(figures["n"]),
        _accuracy(result),
        _with_interval(f"{figures['loss']:.3f}", [f"{end:.3f}" for end in result.intervals["loss"]]),
        _with_interval(short(figures["macro"]["f1"]), [short(end) for end in result.intervals["macro_f1"]]),
        ABSENT if accuracy is None else short(accuracy),
        ABSENT if loss is None else f"{loss:.3f}",
        _best_epoch(training),
        f"{values['seconds']:.0f}" if values.get("seconds") is not None else ABSENT,
        stated,
        f"`{values['command']}`" if values.get("command") else ABSENT,
    ]


def _accuracy(result: RecordedRun) -> str:
    """Write the accuracy, and beside it that per specimen, where specimens are named."""
    words = _with_interval(short(result.figures["accuracy"]), [short(end) for end in result.intervals["accuracy"]])
    each = result.specimens
    if not each:
        return words
    ends = [short(each["low"]), short(each["high"])]
    return f"{words}; per specimen {_with_interval(short(each['accuracy']), ends)} of {each['n']}"


def _best_epoch(training: Mapping[str, Any]) -> str:
    if "epochs" not in training:  # of the first results
        return str(training["best_epoch"])
    kept = [f"{one['best_epoch']} of {one['epochs']}" for one in training.get("members") or [training]]
    return kept[0] if len(set(kept)) == 1 else ", ".join(kept)


def _with_interval(value: str, ends: Sequence[str]) -> str:
    return f"{value} [{ends[0]}, {ends[1]}]"


def mean_row(recipe: str, results: Sequence[RecordedRun], stated: str) -> list[str]:
    """Return the cells of several seeds' mean; see :func:`row`."""
    accuracies = [result.figures["accuracy"] for result in results]
    # Seeds' splits may differ by a photograph, and specimens tell less than as many photographs: the wider interval.
    n = min(result.figures["n"] for result in results)
    effective = min(result.effective for result in results)
    moves = any(result.correct.keys() != results[0].correct.keys() for result in results)
    interval = share_in_words(mean(accuracies), effective, whole=False).partition(" ")[2]
    splits = sorted({result.values["split"] for result in results})
    return [
        f"**{recipe}, mean of {len(results)} seeds**",
        "each seed has a split of its own" if moves else "every seed reads the same photographs",
        "",
        "",
        ", ".join(splits),
        str(n),
        f"**{_spread(accuracies)}** {interval}",
        _spread([result.figures["loss"] for result in results], share=False),
        _spread([result.figures["macro"]["f1"] for result in results]),
        _spread([result.validation("accuracy") for result in results]),
        _spread([result.validation("loss") for result in results], share=False),
        "",
        "",
        stated,
        "",
    ]


def _spread(values: Sequence[float | None], *, share: bool = True) -> str:
    """Return mean ± standard deviation (of a sample)."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return ABSENT
    shown = [short(value) if share else f"{value:.3f}" for value in (mean(known), stdev(known))]
    return " ± ".join(shown)


def _photographs(values: dict[str, Any]) -> str:
    counts = values["data"]["splits"]
    seen = " / ".join(str(counts[name]["photographs"]) if name in counts else "0" for name in ("train", "val", "test"))
    synthetic = " (synthetic)" if values["dataset"]["synthetic"] else ""
    used = photographs_in_words(values["data"]["photographs"], values["dataset"]["published"])
    return f"{values['dataset']['name']}{synthetic}, {used}: {seen}"


def _model(values: dict[str, Any]) -> str:
    model, start = values["parameters"]["model"], values.get("pretrained")
    parts = [f"{model['name']} from {start['source'] if start else 'scratch'}"]
    parts += [f"{model[key]} {key}" for key in ("members", "views") if model.get(key, 1) > 1]
    return ", ".join(parts)


def _computed_in(values: dict[str, Any]) -> str:
    """Return the precision that was resolved when it ran and on what; earlier files only have what was asked for."""
    asked = values["parameters"].get("precision")
    precision = values.get("precision") or (asked if asked != "auto" else None) or ABSENT
    device = values.get("device") or values["parameters"].get("device") or ABSENT
    return ", ".join(filter(None, (precision, device, values.get("processor") if device in {"cpu", ABSENT} else None)))


def source_figures(about: About | None, *, what: bool = True) -> str:
    """Return what a recipe's source states, each figure under the name of its split.

    Args:
        about: The recipe's head.
        what: Whether to say what the figures were measured on.
    """
    if about is None or about.source is None or not about.source.figures:
        return ABSENT
    source = f"{about.source.who}: {about.source.what}" if what else about.source.who
    return f"{', '.join(map(_figure, about.source.figures))} ({source})"


def _figure(figure: SourceFigure) -> str:
    value = f"{figure.value:g}"
    return f"{figure.metric} {value if 'loss' in figure.metric else value.removeprefix('0')}"
