"""Human-judgement comparison as a part of the pipeline: its inputs and files."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.config.params import Parameters
from lithoscope.data.packed.arrays import open_split
from lithoscope.evaluation.human_judgements.confusions import naming_figures
from lithoscope.evaluation.human_judgements.embedded import JudgedEmbeddings, embed_photographs
from lithoscope.evaluation.human_judgements.figures import COLUMNS, FittedMaps, compare_test, compare_training, table
from lithoscope.evaluation.human_judgements.human_data import HumanData, NotComparable, read_people
from lithoscope.evaluation.metrics import flat
from lithoscope.models.predictor import Predictor

FIGURES, TABLE, EMBEDDINGS = Path("metrics/people.json"), Path("plots/people.csv"), Path("build/embeddings")
DIGITS = 6  # decimals kept in files
_HEADLINES = ("mean_r", "disparity", "spearman", "accuracy", "off_diagonal")


def compare_with_people(
    root: Path, parameters: Parameters, predictor: Predictor, probabilities: npt.NDArray[np.floating], on: str
) -> tuple[dict[str, float], JudgedEmbeddings | None, list[str]]:
    """Compare a trained model with people, where the set came with their judgements; write what is found.

    Writes ``metrics/people.json``, ``plots/people.csv`` and ``build/embeddings``, which say so where there is nothing
    to compare.

    Args:
        root: The checkout.
        parameters: Of the run.
        predictor: The trained model.
        probabilities: Of the photographs that are scored, (n, classes).
        on: ``test`` or ``validation``: with the latter no test photograph is looked at.

    Returns:
        The headline figures under dotted names, for MLflow; the photographs' embeddings; and the headline in lines.
        Where there is nothing to compare, no figures, None, and a line that says why.

    Raises:
        LithoscopeError: A table of human data is damaged, or the weights that training started from have changed.
    """
    shutil.rmtree(root / EMBEDDINGS, ignore_errors=True)  # an earlier model's are not to be taken for this one's
    try:
        data = read_people(root / "build")
    except NotComparable as reason:
        _write(root, {"status": "off", "note": str(reason)}, pd.DataFrame(columns=COLUMNS))
        (root / EMBEDDINGS).mkdir(parents=True, exist_ok=True)
        (root / EMBEDDINGS / "source.json").write_text(_text({"note": str(reason)}), encoding="utf-8")
        return {}, None, [f"people: {reason}"]
    seen = embed_photographs(root / "build", data, parameters, predictor, test=on == "test")
    seen.save(root / EMBEDDINGS)
    figures: dict[str, Any] = {"status": "compared", "embedding": seen.source}
    shown = pd.DataFrame(columns=COLUMNS)
    maps = seen.unsupervised
    if seen.train is not None:
        figures["training"], maps, predicted = compare_training(seen.train, seen.groups)
        shown = table("train", seen.train.space, predicted, None)
    if seen.test is not None:
        figures["test"], shown = _tested(root, data, seen, maps, predictor, probabilities)
    else:
        figures["note"] = "evaluate.on = validation: the test photographs are not looked at"
    _write(root, figures, shown)
    named = {name.replace(",", "").replace(" ", "_"): value for name, value in flat(figures, "people.").items()}
    headline = {name: value for name, value in named.items() if name.rpartition(".")[2] in _HEADLINES}
    return headline, seen, _lines(figures)


def _tested(
    root: Path,
    data: HumanData,
    seen: JudgedEmbeddings,
    maps: FittedMaps,
    predictor: Predictor,
    probabilities: npt.NDArray[np.floating],
) -> tuple[dict[str, Any], pd.DataFrame]:
    assert seen.test is not None
    space = seen.test.space
    authors = None
    if data.authors is not None:
        places = {identity: row for row, identity in enumerate(data.test.ids)}
        authors = data.authors[[places[identity] for identity in space.ids]]
    figures, predicted = compare_test(seen.test, maps, authors, seen.trained)
    if data.namings is None:
        figures["naming"] = {"note": "this copy lacks human_categorization_120.csv"}
    else:
        ids = open_split(root / "build" / "arrays", "test").ids
        coarse = json.loads((root / "build" / "dataset.json").read_text("utf-8"))["coarse_classes"]
        by_id = dict(zip(ids, np.asarray(probabilities, dtype=np.float64), strict=True))
        figures["naming"] = naming_figures(data.namings, space, by_id, predictor.description.classes, coarse)
    return figures, table("test", space, predicted, authors)


def _lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the headline: against people's dimensions, and against the people who named the same photographs."""
    lines = []
    for name, part in (("training, cross-validated", figures.get("training")), ("test", figures.get("test"))):
        if part and "ridge" in part:
            ridge = part["ridge"]
            line = f"people, {name}: mean r {ridge['mean_r']:.3f}, disparity {ridge['disparity']:.3f}"
            if "authors" in part:
                line += f"; the authors' network {part['authors']['mean_r']:.3f}, {part['authors']['disparity']:.3f}"
            lines.append(line)
    naming = figures.get("test", {}).get("naming", {})
    return lines + [
        f"people, {name}: named {one['people']['accuracy']:.3f} right, the model {one['model']['accuracy']:.3f}"
        for name, one in naming.items()
        if isinstance(one, dict) and "model" in one
    ]


def _write(root: Path, figures: Mapping[str, Any], shown: pd.DataFrame) -> None:
    for path in (FIGURES, TABLE):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / FIGURES).write_text(_text(figures), encoding="utf-8")
    # DVC's plots draw an empty cell as 0, and leave NaN out.
    shown.to_csv(root / TABLE, index=False, lineterminator="\n", encoding="utf-8", float_format="%.4f", na_rep="NaN")


def _text(figures: Mapping[str, Any]) -> str:
    return json.dumps(_rounded(figures), indent=2, ensure_ascii=False) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return round(float(value), DIGITS) if isinstance(value, float | np.floating) else value
