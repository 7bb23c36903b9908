"""Whether a tuned network's own features or the frozen backbone's tell better what is none of the classes."""

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _documents import DOCS, write_between
from _networks import network, parameters
from _open_set import HELD_AGAINST, NEIGHBOURS, PLAIN, RELATIVE, Floats, Labels, Round, figures, joined, mahalanobis
from _photograph_features import NETWORK, POOLING, SIDE, Described, described, squares
from _small_trainings import key_of
from _tuned_networks import Said, packed, tuned
from none_of_these import Rows, outer_fold, shown
from sklearn.model_selection import StratifiedGroupKFold

from lithoscope.config.params import Parameters
from lithoscope.data.packed.arrays import Pixels
from lithoscope.evaluation.answers.novelty import Reference, decidedness, familiarity
from lithoscope.models.frozen_features import frozen_blocks

PAGE = Path(__file__).with_suffix(".md")
COMMAND = "python benchmarks/none_of_these_tuned.py --minerals MINERALS --others OTHERS"
FROZEN = ", frozen backbone"
SINGLE = (NEIGHBOURS, RELATIVE)
BESIDE = {name + FROZEN: name for one in SINGLE for name in (one, joined(("GEN", one)))}
"""A score on the frozen backbone's features, and the same one on the tuned network's own."""
COLUMNS = (PLAIN, "GEN", NEIGHBOURS, NEIGHBOURS + FROZEN, HELD_AGAINST, HELD_AGAINST + FROZEN)
VALIDATED = 10
Table = dict[str, dict[str, float]]


def main() -> None:
    """Train, measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minerals", type=Path, required=True, help="a local copy of minerals")
    parser.add_argument("--others", type=Path, required=True, help="a folder of photographs of other things")
    parser.add_argument("--specimens", type=Path, default=Path("data/specimens"))
    parser.add_argument("--cache", type=Path, default=Path(".partial/none_of_these"), help="where answers are kept")
    parser.add_argument("--threads", type=int, help="of the processor; those of params.yaml unless given")
    parser.add_argument("--rounds", type=int, default=7, help="so many minerals are left out, in the alphabet's order")
    options = parser.parse_args()
    params = parameters().model_copy(update={"threads": options.threads} if options.threads else {})
    assert (params.model.name, params.model.pooling, params.image_size) == (NETWORK, POOLING, SIDE)
    minerals = described(options.minerals, "minerals", options.cache)
    sets = {
        "other things": (described(options.others, None, options.cache), squares(options.others, None)),
        "drawings": (
            described(options.specimens, "specimens", options.cache, every=4),
            squares(options.specimens, "specimens", every=4),
        ),
    }
    images = squares(options.minerals, "minerals")
    far, right = elsewhere(params, minerals, images, sets, options.cache)
    without = np.unique(minerals.labels)[: options.rounds]
    near = [left_out(params, minerals, images, options.cache, str(name)) for name in without]
    parts = [("classes left out", near), *((what, [one]) for what, one in far.items())]
    tables = {name: figures(rounds, "tuned", name, against=BESIDE) for name, rounds in parts}
    sizes = {what: len(one.labels) for what, (one, _) in sets.items()}
    text = page(tables, len(images), sizes, right, params, list(without))
    PAGE.write_text(text, encoding="utf-8")
    write_between(DOCS / "answers.md", Path(__file__).name, summary(tables))
    print(text)


def elsewhere(
    params: Parameters, minerals: Described, images: Pixels, sets: dict[str, tuple[Described, Pixels]], cache: Path
) -> tuple[dict[str, Round], str]:
    """Return a round for each set of what is no mineral, all seven learnt, and how many held-out minerals are right."""
    learnt, asked = outer_fold(minerals)
    everything = np.concatenate([images, *(pictures for _, pictures in sets.values())])
    frozen = np.concatenate([minerals.last, *(one.last for one, _ in sets.values())])
    said, fit, held = _learnt(params, minerals, images, learnt, everything, cache, "")
    classes = np.unique(minerals.labels)
    right = int((classes[said.probabilities[asked].argmax(axis=1)] == minerals.labels[asked]).sum())
    scores = scored(said, frozen, np.searchsorted(classes, minerals.labels[fit]), fit, held)
    rounds, start = {}, len(images)
    for what, (one, _) in sets.items():
        rows = np.arange(start, start + len(one.labels))
        rounds[what] = _round(scores, asked, rows, rows - start)
        start += len(rows)
    return rounds, f"{right} of {len(asked)}"


def left_out(params: Parameters, minerals: Described, images: Pixels, cache: Path, name: str) -> Round:
    """Return a round: the six other minerals are learnt from two thirds of the photographs; the rest is of seven."""
    learnt, asked = outer_fold(minerals)
    unknown = minerals.labels == name
    said, fit, held = _learnt(params, minerals, images, learnt[~unknown[learnt]], images, cache, name)
    scores = scored(said, minerals.last, np.unique(minerals.labels[fit], return_inverse=True)[1], fit, held)
    return _round(scores, asked[~unknown[asked]], asked[unknown[asked]], asked[unknown[asked]])


def _learnt(
    params: Parameters, minerals: Described, images: Pixels, learnt: Rows, asked: Pixels, cache: Path, without: str
) -> tuple[Said, Rows, Rows]:
    """Tune on nine tenths of the rows; return what is said, these, and one row of each group of the last tenth."""
    folds = StratifiedGroupKFold(VALIDATED, shuffle=True, random_state=0)  # type: ignore[no-untyped-call]
    labels, groups = minerals.labels[learnt], minerals.groups[learnt]
    fit, held = (learnt[rows] for rows in next(iter(folds.split(labels, labels, groups))))  # type: ignore[no-untyped-call]
    classes = sorted(set(labels.tolist()))
    started = time.perf_counter()
    said = tuned(
        params,
        packed(images, minerals.labels, fit, classes),
        packed(images, minerals.labels, held, classes),
        asked,
        cache / f"tuned-{key_of(params, {'without': without, 'asked': len(asked)})}.npz",
        "minerals",
    )
    print(f"without {without or 'none'}: {time.perf_counter() - started:.0f} s", flush=True)
    return said, fit, held[np.unique(minerals.groups[held], return_index=True)[1]]


def scored(said: Said, frozen: npt.NDArray[np.float32], labels: Labels, fit: Rows, held: Rows) -> dict[str, Floats]:
    """Score photographs by a tuned network, higher for what is more surely known.

    Args:
        said: Of all photographs, (n, …).
        frozen: Their features by the backbone as it was before training, (n, d).
        labels: Of those that were learnt, 0 … classes-1.
        fit: Their rows.
        held: The rows that pairs of scores are held against, as answers are.

    Returns:
        By the score's name, float (n,).
    """
    found = {PLAIN: said.probabilities.max(axis=1), "GEN": decidedness(said.probabilities)}
    for which, features in (("", said.features), (FROZEN, frozen)):
        found[NEIGHBOURS + which] = Reference.of(features[fit]).similarity(features)
        found[RELATIVE + which] = -mahalanobis(features[fit], labels, features)[1]
        for name in SINGLE:
            both = [found["GEN"], found[name + which]]
            found[joined(("GEN", name)) + which] = familiarity(both, [np.sort(one[held]) for one in both])
    return {name: np.asarray(one, dtype=np.float64) for name, one in found.items()}


def _round(scores: dict[str, Floats], known: Rows, others: Rows, ids: Rows) -> Round:
    return Round(
        {name: values[known] for name, values in scores.items()},
        {name: values[others] for name, values in scores.items()},
        known,
        ids,
    )


def page(
    tables: dict[str, Table],
    photographs: int,
    sizes: dict[str, int],
    right: str,
    params: Parameters,
    without: list[str],
) -> str:
    """Return the page in Markdown."""
    lines = [
        "# None of these, of a tuned network",
        "",
        f"Made by `{COMMAND} --rounds {len(without)}`, which takes local copies of the sets.",
        "",
        f"`{NETWORK}` at {SIDE} px as `params.yaml` tunes it ({params.epochs} epochs, first {params.train.frozen:g} "
        f"of its blocks frozen, {params.model.views} views, seed {params.seed}), on {photographs} of 956 photographs "
        f"of seven minerals: two thirds learnt, of which one in {VALIDATED} validates and is what pairs are held "
        f"against, one third asked; {sizes['other things']} photographs of other things; {sizes['drawings']} "
        f"synthetic specimens (drawings, not photographs). Of the minerals asked {right} are named rightly. Scores on "
        "features take the tuned network's own, or, where they say so, those of its backbone as it came.",
        "",
        late_blocks(params),
        "",
        "AUROC: how often a photograph of a known class scores higher than one of none. FPR: how many of none pass "
        f"where 95 % of the known do. Gain: the AUROC less that of the {PLAIN}, temperature-scaled. Beside the tuned "
        "features: the AUROC less that of the same score on these. Both in the same bootstrap resamples of "
        "photographs; 95 % intervals, which do not hold what another seed of training would change. Classes left out: "
        f"mean over {len(without)} rounds, one training each, without {', '.join(without)}.",
    ]
    for name, table in tables.items():
        lines += [
            *("", f"## {name[0].upper()}{name[1:]}", ""),
            "| score | AUROC | FPR | gain | beside the tuned features |",
            "| --- | --- | --- | --- | --- |",
        ]
        for score, row in sorted(table.items(), key=lambda item: -item[1]["auroc"]):
            gain = "" if score == PLAIN else shown(row, "gain", "+")
            more = shown(row, "more", "+") if score in BESIDE else ""
            lines.append(f"| {score} | {shown(row, 'auroc')} | {shown(row, 'fpr')} | {gain} | {more} |")
    return "\n".join(lines) + "\n"


def late_blocks(params: Parameters) -> str:
    """Say what an export would have to hold besides for scores on the features of the backbone as it came."""
    model = network(params.model.name, params.image_size, 7)
    later = model.blocks()[frozen_blocks(params.train.frozen, len(model.blocks())) :]
    count = sum(weights.numel() for block in later for weights in block.parameters())
    whole = sum(weights.numel() for weights in model.parameters())
    return (
        "Scores on the features of the backbone as it came need the blocks that are tuned a second time: "
        f"{count / 1e6:.1f} million weights beside the {whole / 1e6:.1f} million of the network."
    )


def summary(tables: dict[str, Table]) -> list[str]:
    """Return the lines of a table of the AUROC of :data:`COLUMNS`, and of what frozen features gain."""
    gains = (NEIGHBOURS, HELD_AGAINST)
    heads = [*COLUMNS, *(f"frozen less tuned, {name}" for name in gains)]
    rows = [f"| | {' | '.join(heads)} |", "| --- " * (len(heads) + 1) + "|"]
    for name, table in tables.items():
        cells = [shown(table[score], "auroc") for score in COLUMNS]
        cells += [shown(table[score + FROZEN], "more", "+") for score in gains]
        rows.append(f"| Minerals: {name} | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    main()
