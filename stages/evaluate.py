"""Stage `evaluate`: score the trained model on the split that `evaluate.on` names, and on no other."""

import json
from functools import partial
from pathlib import Path

import _checkout

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.stage_runner import run
from lithoscope.data.loading.augment import cut_windows
from lithoscope.data.packed.arrays import SPLIT_FILES, ArraySplit, Pixels, open_split
from lithoscope.evaluation.answered import METRICS as ANSWERS
from lithoscope.evaluation.answered import measure_answers
from lithoscope.evaluation.baselines import baseline_predictions
from lithoscope.evaluation.explanations.explain import explain
from lithoscope.evaluation.explanations.records import ScoredSplit
from lithoscope.evaluation.human_judgements.compare import FIGURES, TABLE, compare_with_people
from lithoscope.evaluation.metric_intervals import read_groups, read_specimens
from lithoscope.evaluation.metrics import flat
from lithoscope.evaluation.score import EvaluationResult, SplitLogits, score
from lithoscope.models.device import make_repeatable
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import weights_digest
from lithoscope.reporting.sheets.predictions import scored_sheet
from lithoscope.tracking import PARAMETERS_TAG, WEIGHTS_TAG, Store, open_store, run_name
from lithoscope.training.discriminant_head import standardised_discriminant

ARRAYS, MODEL, SPLITS = Path("build/arrays"), Path("build/model"), Path("build/splits.csv")
SHEET = Path("plots/photographs.png")


def main() -> None:
    """Evaluate."""
    params = load_parameters(Path("params.yaml"))
    make_repeatable(params.seed, params.threads)
    _, store = open_store(_checkout.ROOT, needed=False)  # what a server that is away does not take is kept for it
    on = params.evaluate.on
    split, validation, train = (open_split(ARRAYS, name) for name in (SPLIT_FILES[on], "val", "train"))
    if len(split.labels) == 0:
        raise LithoscopeError(f"evaluate.on = {on}: this split holds no photographs; see metrics/data.json")
    predictor = Predictor.load(MODEL)
    model = predictor.description
    images = cut_windows(split.images, split.ids, params.evaluate.crop, params.split.seed)
    own = int((train.copies == 0).sum())  # photographs stand before their augmented copies
    baselines = baseline_predictions(train.images[:own], train.labels[:own], images, params.seed)
    coarse = json.loads(Path("build/dataset.json").read_text(encoding="utf-8")).get("coarse_classes") or {}
    scored = ask(predictor, split, images)
    same = on == "validation" and images is split.images
    validated = scored if same else ask(predictor, validation, validation.images)
    scores = score(
        scored,
        validated,
        baselines,
        split=on,
        classes=model.classes,
        coarse=coarse,
        temperature=model.temperature,
        calibrated_on=model.calibrated_on,
    )
    files = scores.write(Path(), on)
    refit = partial(standardised_discriminant, classes=len(model.classes), shrinkage=params.train.shrinkage)
    pictures = {"validation": validation.images, "scored": images}
    said = {"validation": validated, "scored": scored}
    limited = measure_answers(Path(), params, predictor, train, said, pictures, coarse, refit)
    sheet = scored_sheet(images, split.labels, scores.probabilities, model.classes, on, synthetic=model.synthetic)
    sheet.save(SHEET, optimize=True)
    people, judged, lines = compare_with_people(Path(), params, predictor, scores.probabilities, on)
    shown = ScoredSplit(on, split.ids, images, split.labels, scores.probabilities)
    explained, line = explain(Path(), params, predictor, shown, judged)
    track(store, params, scores, people, [*files, SHEET, FIGURES, TABLE, ANSWERS, *explained])
    print(*lines, line, *scores.lines, *limited, sep="\n")


def ask(predictor: Predictor, split: ArraySplit, images: Pixels) -> SplitLogits:
    """Ask the model."""
    groups, specimens = read_groups(SPLITS, split.ids), read_specimens(SPLITS, split.ids)
    return SplitLogits(split.ids, groups, split.labels, predictor.logits(images), *specimens)


def track(
    store: Store, params: Parameters, scores: EvaluationResult, people: dict[str, float], files: list[Path]
) -> None:
    """Add the figures to the run that trained these weights, or to a new one that says where they came from.

    Those of windows stand beside those of the photographs as they are, which they must not replace.
    """
    crop, on = params.evaluate.crop, params.evaluate.on
    metrics = flat(scores.evaluation, f"{on}.crop{crop:g}." if crop else f"{on}.") | people
    hashes = {PARAMETERS_TAG: params.digest(), WEIGHTS_TAG: weights_digest(MODEL)}
    with store.trained(run_name(params), params, hashes) as tracked:
        tracked.log_metrics(metrics)
        if not crop:
            tracked.log_files(*files)


if __name__ == "__main__":
    run(main)
