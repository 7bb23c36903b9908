"""Which score tells known classes from rocks of other classes, other things and drawings; writes none_of_these.md."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _choice import CHOICE, choice, choice_lines
from _documents import DOCS, write_between
from _open_set import HELD_AGAINST, NEIGHBOURS, PAIR, PLAIN, RELATIVE, Round, figures, open_set_scores
from _photograph_features import NETWORK, POOLING, SIDE, Described, described
from rich.progress import track
from sklearn.model_selection import StratifiedGroupKFold

from lithoscope.core.random_streams import generator

PAGE = Path(__file__).with_suffix(".md")
COMMAND = "python benchmarks/none_of_these.py --rocks ROCKS --minerals MINERALS --others OTHERS"
SHOWN = (PLAIN, "GEN", NEIGHBOURS, RELATIVE, HELD_AGAINST, PAIR)
OUTER, LEFT_OUT = 3, 3
Rows = npt.NDArray[np.int64]


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rocks", type=Path, required=True, help="a local copy of osf-rocks")
    parser.add_argument("--minerals", type=Path, required=True, help="a local copy of minerals")
    parser.add_argument("--others", type=Path, required=True, help="a folder of photographs of other things")
    parser.add_argument("--specimens", type=Path, default=Path("data/specimens"))
    parser.add_argument("--cache", type=Path, default=Path(".partial/none_of_these"), help="where features are kept")
    options = parser.parse_args()
    rocks = described(options.rocks, "osf-rocks", options.cache)
    minerals = described(options.minerals, "minerals", options.cache)
    others = described(options.others, None, options.cache)
    drawn = described(options.specimens, "specimens", options.cache, every=4)
    chosen = choice_lines(choice(minerals.take(outer_fold(minerals)[0]), rocks.take(~rocks.test)))
    print("\n".join(chosen), flush=True)
    elsewhere = {"other things": others, "drawings": drawn}
    parts = [
        ("rocks: classes left out", list(track(left_out_rocks(rocks), "rocks", total=len(rocks_left_out(rocks))))),
        ("minerals: classes left out", list(track(left_out_minerals(minerals), "minerals", total=7))),
        *far("rocks", rocks, np.flatnonzero(~rocks.test), np.flatnonzero(rocks.test), elsewhere),
        *far("minerals", minerals, *outer_fold(minerals), elsewhere),
    ]
    text = page([(name, figures(rounds, name)) for name, rounds in parts], rocks, minerals, others, drawn)
    text += "\n".join(chosen) + "\n"
    PAGE.write_text(text, encoding="utf-8")
    write_between(DOCS / "answers.md", "none_of_these.py", summary(text))
    print(text)


def summary(text: str) -> list[str]:
    """Return the lines of a table of the AUROC of :data:`SHOWN`, out of the page."""
    rows = [f"| | {' | '.join(SHOWN)} |", "| --- " * (len(SHOWN) + 1) + "|"]
    for part in text.split("\n## ")[1:]:
        name, *lines = part.splitlines()
        if name == CHOICE:
            continue
        found = {cells[1].strip(): cells[2].strip() for line in lines if len(cells := line.split("|")) > 2}
        rows.append(f"| {name} | {' | '.join(found[score] for score in SHOWN)} |")
    return rows


def rocks_left_out(rocks: Described) -> npt.NDArray[np.str_]:
    """Return the classes that are left out in each round, three at a time, each class once, (rounds, 3)."""
    names = np.unique(rocks.labels)
    return (
        generator(0, "classes left out").permutation(names)[: len(names) // LEFT_OUT * LEFT_OUT].reshape(-1, LEFT_OUT)
    )


def left_out_rocks(rocks: Described) -> Iterator[Round]:
    """Yield rounds: a head learns 27 kinds from the training photographs; the test photographs are of 30."""
    for left in rocks_left_out(rocks):
        unknown = np.isin(rocks.labels, left)
        yield one_round(rocks, np.flatnonzero(~rocks.test & ~unknown), np.flatnonzero(rocks.test), unknown)[""]


def left_out_minerals(minerals: Described) -> Iterator[Round]:
    """Yield rounds: a head learns six minerals from two thirds of the photographs; the others are of seven."""
    learnt, asked = outer_fold(minerals)
    for left in np.unique(minerals.labels):
        unknown = minerals.labels == left
        yield one_round(minerals, learnt[~unknown[learnt]], asked, unknown)[""]


def outer_fold(minerals: Described) -> tuple[Rows, Rows]:
    """Return the rows that are learnt and those that are held out: the first of three folds."""
    folds = StratifiedGroupKFold(OUTER, shuffle=True, random_state=0)  # type: ignore[no-untyped-call]
    learnt, asked = next(iter(folds.split(minerals.labels, minerals.labels, minerals.groups)))  # type: ignore[no-untyped-call]
    return learnt, asked


def far(
    name: str, photographs: Described, learnt: Rows, asked: Rows, elsewhere: dict[str, Described]
) -> list[tuple[str, list[Round]]]:
    """Return the rounds in which nothing is left out, and what is no photograph of a rock stands for the unknown."""
    none = np.zeros(len(photographs.labels), bool)
    rounds = one_round(photographs, learnt, asked, none, elsewhere)
    return [(f"{name}: {what}", [rounds[what]]) for what in elsewhere]


def one_round(
    photographs: Described,
    learnt: Rows,
    asked: Rows,
    unknown: npt.NDArray[np.bool_],
    elsewhere: dict[str, Described] | None = None,
) -> dict[str, Round]:
    """Fit to some photographs and score others; a round for each set of others, or for those that are unknown."""
    labels = np.unique(photographs.labels[learnt], return_inverse=True)[1].astype(np.int64)
    extra = elsewhere or {}
    queries = np.concatenate([photographs.last[asked], *(one.last for one in extra.values())])
    scores = open_set_scores(photographs.last[learnt], labels, photographs.groups[learnt], queries)
    known, rounds, start = np.flatnonzero(~unknown[asked]), {}, len(asked)
    places = {"": (np.flatnonzero(unknown[asked]), asked[unknown[asked]])} if not extra else {}
    for what, one in extra.items():
        places[what] = np.arange(start, start + len(one.labels)), np.arange(len(one.labels))
        start += len(one.labels)
    for what, (rows, ids) in places.items():
        rounds[what] = Round(
            {name: values[known] for name, values in scores.items()},
            {name: values[rows] for name, values in scores.items()},
            asked[known],
            ids,
        )
    return rounds


def page(
    parts: list[tuple[str, dict[str, dict[str, float]]]],
    rocks: Described,
    minerals: Described,
    others: Described,
    drawn: Described,
) -> str:
    """Return the page in Markdown."""
    lines = [
        "# None of these",
        "",
        f"Made by `{COMMAND}`, which takes local copies of the sets.",
        "",
        f"Features of the frozen `{NETWORK}` at {SIDE} px, pooled as `{POOLING}`, one view, under a discriminant head "
        f"(shrinkage .5). {rocks.test.sum()} test photographs of 30 kinds of rock, learnt from {(~rocks.test).sum()}; "
        f"{len(minerals.labels)} of 956 photographs of seven minerals, learnt from two thirds, tested on one; "
        f"{len(others.labels)} photographs of other things; {len(drawn.labels)} synthetic specimens (drawings, "
        "not photographs).",
        "",
        "AUROC: how often a photograph of a known class scores higher than one of none. FPR: how many of none pass "
        "where 95 % of the known do. Gain: the AUROC less that of the plain confidence, temperature-scaled, in the "
        f"same bootstrap resamples of photographs; 95 % intervals; in the last column less that of {HELD_AGAINST}, "
        "which answers are held against. Classes left out: mean over "
        f"{len(rocks_left_out(rocks))} rounds of three kinds of rock, and over seven rounds of one mineral.",
    ]
    for name, table in parts:
        lines += [
            "",
            f"## {name[0].upper()}{name[1:]}",
            "",
            f"| score | AUROC | FPR | gain | beside {HELD_AGAINST} |",
            "| --- | --- | --- | --- | --- |",
        ]
        for score, row in sorted(table.items(), key=lambda item: -item[1]["auroc"]):
            gain = "" if score == PLAIN else shown(row, "gain", "+")
            more = "" if score == HELD_AGAINST else shown(row, "more", "+")
            lines.append(f"| {score} | {shown(row, 'auroc')} | {shown(row, 'fpr')} | {gain} | {more} |")
    return "\n".join(lines) + "\n"


def shown(row: dict[str, float], name: str, sign: str = "") -> str:
    """Return a figure of :func:`_open_set.figures` with its interval."""
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


if __name__ == "__main__":
    main()
