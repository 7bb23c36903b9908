"""How many exchanged labels the first tenth of the doubtful ones holds; writes doubtful_labels.md."""

import argparse
from pathlib import Path

import numpy as np
from _documents import DOCS, write_between
from _photograph_features import NETWORK, POOLING, SIDE, Described, described

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.experiments.doubtful_labels import rank_labels

PAGE = Path(__file__).with_suffix(".md")
SWAPPED, FIRST, REPEATS = 0.05, 0.1, 3


def found_in_first_tenth(photographs: Described, key: int) -> tuple[int, int]:
    """Exchange labels for others drawn evenly, and return how many the first tenth holds, of how many."""
    classes, labels = np.unique(photographs.labels, return_inverse=True)
    drawn = generator(key, "exchanged labels")
    swapped = drawn.choice(len(labels), round(SWAPPED * len(labels)), replace=False)
    wrong = labels.astype(np.int64)
    wrong[swapped] = (wrong[swapped] + drawn.integers(1, len(classes), len(swapped))) % len(classes)
    ranked = rank_labels(photographs.last, wrong, [str(group) for group in photographs.groups], len(classes))
    first = ranked.order[: round(FIRST * len(ranked.order))]
    return int(np.isin(swapped, first).sum()), len(swapped)


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rocks", type=Path, required=True, help="a local copy of osf-rocks")
    parser.add_argument("--minerals", type=Path, required=True, help="a local copy of minerals")
    parser.add_argument("--cache", type=Path, default=Path(".partial/none_of_these"), help="where features are kept")
    options = parser.parse_args()
    rocks = described(options.rocks, "osf-rocks", options.cache)
    sets = {
        "30 kinds of rock, the training photographs": rocks.take(~rocks.test),
        "seven minerals, 758 of 956 photographs": described(options.minerals, "minerals", options.cache),
    }
    lines = [
        "# Doubtful labels",
        "",
        "Made by `python benchmarks/doubtful_labels.py --rocks ROCKS --minerals MINERALS`, which takes local copies.",
        "",
        f"{SWAPPED:.0%} of the labels exchanged for others drawn evenly, {REPEATS} draws; features of the frozen "
        f"`{NETWORK}` at {SIDE} px, pooled as `{POOLING}`. 95 % Wilson intervals; by chance a tenth of them would lie "
        "there.",
        "",
        "| photographs | n | exchanged labels in the first tenth |",
        "| --- | ---: | --- |",
    ]
    for name, photographs in sets.items():
        counts = np.array([found_in_first_tenth(photographs, key) for key in range(REPEATS)]).sum(axis=0)
        low, high = wilson(int(counts[0]), int(counts[1]))
        share = counts[0] / counts[1]
        lines.append(
            f"| {name} | {len(photographs.labels)} | {counts[0]} of {counts[1]}: {share:.2f} [{low:.2f}, {high:.2f}] |"
        )
        print(lines[-1], flush=True)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_between(DOCS / "answers.md", PAGE.with_suffix(".py").name, [line for line in lines if line.startswith("|")])


if __name__ == "__main__":
    main()
